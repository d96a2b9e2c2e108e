"""``routelmt models add``: a card for a file of the user's, and where cards are found by name."""

from __future__ import annotations

import json

import pytest
from made_gguf import STRING, UINT32, Value, gguf

from routelmt_cli.translators.card import load_card

CHATML = (
    "{% for m in messages %}<s>{{ m.role }}\n{{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)
THINKING = CHATML + "{% if enable_thinking is false %}<think></think>{% endif %}"
FREE = "no price is named, so the model counts as free"


@pytest.fixture
def config(shell):
    """The user's folder of configuration."""
    folder = shell.folder / "config"
    shell.environment["ROUTELMT_CONFIG"] = str(folder)
    return folder


@pytest.fixture
def write(shell):
    """Write ``Some Model Q8.gguf`` with metadata as ``made_gguf.gguf`` takes them."""

    def make(**changes):
        (shell.folder / "Some Model Q8.gguf").write_bytes(gguf(**changes))

    return make


def texts(**values):
    return {name: Value(STRING, value) for name, value in values.items()}


def test_a_card_is_written_from_what_the_file_says(shell, config, write):
    write(
        llama__context_length=Value(UINT32, 1024),
        **texts(
            general__name="Some Model",
            general__license="mit",
            tokenizer__chat_template=CHATML,
        ),
    )
    command = ["models", "add", "Some Model Q8.gguf", "--input-usd", "0.1", "--output-usd", "0.25"]
    result = shell.run(*command)
    assert (result.code, result.stderr) == (0, "")
    path = config / "models" / "some-model-q8.toml"
    first, second, third = result.text.splitlines()
    assert first == f"some-model-q8: {path}"
    assert second == "chat in its own template, 1024 tokens, licence mit"
    card = load_card(path)
    assert third == f"sha256 {card.weights.sha256}"
    assert (card.name, card.license) == ("some-model-q8", "mit")
    assert card.description == "Some Model, added from Some Model Q8.gguf"
    assert card.weights.path == shell.folder / "Some Model Q8.gguf"
    assert card.price.request(10**6, 10**6) == 350_000_000
    assert (card.prompt.kind, card.decoding.context_tokens) == ("chat", 1024)
    assert shell.run("models", "check", "some-model-q8").text.endswith("(as its card says)\n")
    rows = [line.split("\t") for line in shell.run("models", "list").text.splitlines()]
    assert ["some-model-q8", card.description, "mit", "here"] in rows


def test_thinking_is_turned_off(shell, config, write):
    write(**texts(tokenizer__chat_template=THINKING))
    result = shell.run("models", "add", "Some Model Q8.gguf", "--name", "mine")
    assert "chat in its own template, thinking off" in result.text
    assert load_card(config / "models" / "mine.toml").prompt.template_options == {
        "enable_thinking": False
    }


@pytest.mark.parametrize(
    ("template", "remark"),
    [
        (None, "no example translations are in the card"),
        ("{{ raise_exception('never') }}", "the model's chat template fails: never: prompted by"),
    ],
)
def test_without_a_chat_template_a_model_completes(shell, config, write, template, remark):
    write(**(texts(tokenizer__chat_template=template) if template else {}))
    result = shell.run("models", "add", "Some Model Q8.gguf", "--json")
    made = json.loads(result.text)
    assert (made["prompt"], made["license"]) == ("completion", "unknown")
    assert result.error_lines[0].startswith(remark)
    assert result.error_lines[-1].startswith(FREE)
    assert load_card(config / "models" / "some-model-q8.toml").prompt.kind == "completion"


def test_a_card_is_only_replaced_where_asked(shell, config, write, fails):
    write()
    assert shell.run("models", "add", "Some Model Q8.gguf").code == 0
    error, hint = fails("models", "add", "Some Model Q8.gguf")
    assert error.endswith("some-model-q8.toml exists already")
    assert "--overwrite" in hint
    again = ["models", "add", "Some Model Q8.gguf", "--overwrite", "--input-usd", "1"]
    assert shell.run(*again).code == 0
    card = load_card(config / "models" / "some-model-q8.toml")
    assert card.price.request(10**6, 0) == 10**9


REFUSED = {
    "no file": (["none.gguf"], "none.gguf: no such file"),
    "no model": (["text.gguf"], "not a GGUF file"),
    "a shipped card's name": (["Some Model Q8.gguf", "--name", "qwen3-8b"], "a shipped card is"),
    "no name": (["Some Model Q8.gguf", "--name", "../x"], "'../x' is no name for a card"),
    "no price": (["Some Model Q8.gguf", "--input-usd", "much"], "--input-usd"),
    "a part of a model": (["a-00001-of-00002.gguf"], "one part of a model in several files"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(shell, config, write, fails, arguments, message):
    write()
    (shell.folder / "text.gguf").write_text("no model")
    (shell.folder / "a-00001-of-00002.gguf").write_bytes(gguf())
    error, _ = fails("models", "add", *arguments)
    assert message in error
    assert not config.exists()


def test_a_broken_card_of_the_users_hides_no_other(shell, config, write):
    write()
    assert shell.run("models", "add", "Some Model Q8.gguf").code == 0
    (config / "models" / "broken.toml").write_text("name = ")
    result = shell.run("models", "list")
    assert "some-model-q8\t" in result.text and "smollm2-135m\t" in result.text
    (warning,) = result.error_lines
    assert warning.startswith("warning: left out: ") and "broken.toml" in warning


def test_cards_as_json(shell, config):
    found = json.loads(shell.run("models", "list", "--json").text)
    rows = {row["name"]: row for row in found["cards"]}
    assert rows["qwen3-8b"]["repo"] == "Qwen/Qwen3-8B-GGUF"
    assert not rows["qwen3-8b"]["weights_are_here"]
    assert found["routers"][0]["languages"] == ["es-en"]
    shown = json.loads(shell.run("models", "show", "qwen3-8b", "--json").text)
    assert shown["weights"]["repo"] == "Qwen/Qwen3-8B-GGUF"
    assert shown["card"] == rows["qwen3-8b"]["card"]


def test_a_stand_in_as_json(shell, stand_ins):
    result = shell.run("models", "check", stand_ins.small, "--json")
    assert json.loads(result.text) == {"name": "stand-in-small", "card": str(stand_ins.small)}
