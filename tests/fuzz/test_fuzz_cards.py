"""Any model card: refused in one line that names it, or good for all that is done with one."""

from __future__ import annotations

import contextlib
import json

import pytest
from fuzz_cases import cases, edited, edits, refusal
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.budget.price import Price
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.catalogue import models_folder
from routelmt_cli.translators.prompt import render_prompt
from routelmt_cli.translators.stand_in import StandInTranslator
from routelmt_cli.translators.weights import find_weights

LLAMA = {
    "name": "tiny",
    "description": "a card",
    "license": "none",
    "backend": "llama.cpp",
    "weights": {"path": "w.gguf", "file": "w.gguf", "sha256": "0" * 64},
    "price": {"usd_per_million_tokens": {"input": 0.1, "output": "0.40"}, "note": "illustrative"},
    "decoding": {
        "stop": ["\n"],
        "cap_ratio": 1.5,
        "cap_extra": 16,
        "context_tokens": 512,
        "parallel_sequences": 4,
    },
    "prompt": {
        "kind": "completion",
        "instruction": "",
        "template": "{source}={target};",
        "examples": {"es-en": [["hola", "hello"]]},
    },
}
PACKAGE = {**LLAMA, "weights": {"package": "p", "parts": ["json/__init__.py"], "file": "w.gguf"}}
HUB = {
    **LLAMA,
    "weights": {"repo": "a/b", "file": "c/d.gguf", "revision": "main", "sha256": "0" * 64},
    "prompt": {
        "kind": "chat",
        "template": "{source}",
        "template_options": {"enable_thinking": False, "n": 1, "s": ""},
    },
}
STAND_IN = {
    "name": "s",
    "backend": "stand-in",
    "price": {"usd_per_million_tokens": {"input": 0, "output": 0}},
    "stand_in": {"skill": 0.5, "seed": 1, "seconds_per_request": 0, "fail_on": "", "die_on": ""},
    "ray": {"num_cpus": 4, "num_gpus": 0.5, "replicas": 2},
}
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(0, 2**20).map(lambda n: 10**n if n < 5000 else n),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(
        ["..", "/", "", "~nobody/w.gguf", "../../etc/passwd", "\0", "\x1b[2J", "{source}", "chat"]
    ),
    st.dates().map(lambda date: date.isoformat()).map(lambda text: f"@{text}"),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cards")
    (folder / "w.gguf").write_bytes(b"GGUF" + bytes(64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTELMT_CACHE", str(folder / "cache"))
        yield folder


def toml(value):
    """Write a value as TOML; a text '@2020-01-01' is a date."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**18:
        return f"{'-' * (value < 0)}{abs(value):#x}"  # as long as one likes, where decimals are not
    if isinstance(value, str) and value.startswith("@"):
        return value[1:]
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def use(path):
    """Load a card and do with it what commands do before a model is loaded."""
    card = load_card(path)
    assert card.name.isprintable()
    assert isinstance(card.price, Price)
    card.price.request(10**6, 10**6)
    sha256 = ""
    if card.backend == "stand-in":
        translator = StandInTranslator(card)
        translator.count(["a b"])
    else:
        assert card.weights is not None
        with contextlib.suppress(FileNotFoundError):
            sha256 = find_weights(card).sha256
        render_prompt(card.prompt, "es", "en", chat_template="{{ messages[-1].content }}")
    assert len(card.fingerprint(sha256, "es", "en")) == 64


def paths(value, path=()):
    yield path
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from paths(inner, (*path, key))


CARDS = [LLAMA, PACKAGE, HUB, STAND_IN]
PLACES = [(number, path) for number, card in enumerate(CARDS) for path in paths(card) if path]


def test_the_cards_are_good(folder):
    for card in CARDS:
        path = folder / "card.toml"
        path.write_text("\n".join(f"{key} = {toml(value)}" for key, value in card.items()), "utf-8")
        load_card(path)
    assert use(path) is None


@cases(400)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_any_value_anywhere(folder, place, value):
    number, keys = place
    card = json.loads(json.dumps(CARDS[number]))
    inner = card
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path = folder / "card.toml"
    text = "\n".join(f"{json.dumps(key)} = {toml(part)}" for key, part in card.items())
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    refusal(lambda: use(path))


SHIPPED = (models_folder() / "smollm2-135m.toml").read_bytes()[:1500]


@cases(300)
@given(changes=edits())
def test_a_damaged_card(folder, changes):
    path = folder / "card.toml"
    path.write_bytes(edited(SHIPPED, changes))
    error = refusal(lambda: use(path))
    assert error is None or str(path) in error.message or "SmolLM2" in error.message


@pytest.mark.parametrize(
    "text",
    [
        "a." * 200_000 + "b = 1",
        "[" + "a." * 200_000 + "b]",
        "\n".join(f"{'a.' * 900}b{n} = 1" for n in range(500)),
        "a = " + "[" * 500_000,
        'name = "x"\nbackend = "stand-in"\n[price]\nusd_per_million_tokens = { input = "1.'
        + "1" * 900_000
        + '", output = 1 }',
        "#" * (2 << 20),
    ],
    ids=["a dotted key", "a dotted table", "many dotted keys", "brackets", "a long price", "size"],
)
def test_a_card_that_would_take_all_memory_or_time(folder, text):
    path = folder / "card.toml"
    path.write_text(text)
    assert refusal(lambda: use(path))
