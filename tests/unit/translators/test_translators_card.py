"""Model cards: what is read, and every way in which a card can be wrong."""

from __future__ import annotations

import dataclasses

import pytest

from routelmt_cli.budget.price import Price
from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.catalogue import list_cards

CARD = """\
name = "tiny"
description = "a card"
license = "Apache-2.0"
backend = "llama.cpp"

[weights]
package = "some-weights"
parts = ["some_weights/model.gguf"]

[price]
note = "illustrative"
usd_per_million_tokens = { input = 0.10, output = "0.40" }

[decoding]
cap_ratio = 1.5

[prompt]
kind = "completion"
template = "{source}={target};"

[prompt.examples]
es-en = [["hola", "hello"]]
"""
STAND_IN = (
    'name = "s"\nbackend = "stand-in"\n[price]\nusd_per_million_tokens = {input=0,output=0}\n'
)


@pytest.fixture
def write(tmp_path):
    def write(text=CARD, *replacements):
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "tiny.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_card_is_read_with_its_defaults(write):
    path = write()
    card = load_card(path)
    assert (card.name, card.backend, card.license) == ("tiny", "llama.cpp", "Apache-2.0")
    assert card.price == Price(100_000_000, 400_000_000)
    assert card.charge_prefix == "once"
    assert card.card_path == path
    assert card.weights.file_name == "model.gguf"
    assert card.weights.path is None
    assert card.weights.sha256 is None
    assert card.prompt.examples == {"es-en": (("hola", "hello"),)}
    decoding = card.decoding
    assert (decoding.stop, decoding.cap_ratio, decoding.cap_extra) == (("\n",), 1.5, 16)
    assert (decoding.context_tokens, decoding.parallel_sequences) == (2048, 16)
    assert decoding.n_gpu_layers == -1


def test_a_path_is_beside_the_card(write, tmp_path):
    path = write(CARD, ('package = "some-weights"', 'path = "here/w.gguf"'), ("parts", "# parts"))
    assert load_card(path).weights.path == tmp_path / "here" / "w.gguf"


def test_what_the_machine_costs_may_be_named(write):
    assert load_card(write()).nanousd_per_hour is None
    path = write(CARD, ("[price]", "[price]\nusd_per_hour = 0.08"))
    assert load_card(path).nanousd_per_hour == 80_000_000


def test_a_stand_in_needs_no_more_than_a_price(write):
    card = load_card(write(STAND_IN))
    assert card.weights is None
    assert card.price.request(10**6, 10**6) == 0


def test_the_shipped_cards_are_valid_and_named_as_their_files():
    cards = list_cards()
    assert {"gemma3-270m", "smollm2-135m"} <= {card.name for card in cards}
    for card in cards:
        assert card.card_path.stem == card.name
        assert card.license
        # What routelmt could not fetch itself is not vouched for.
        unverified = card.weights.repo is not None and "not verified" in card.description
        assert (card.weights.sha256 is None) == unverified
        assert card.price.request(10**6, 10**6) > 0
        assert "illustrative" in card.price_note


def test_a_card_of_the_hub(write):
    weights = load_card(write(CARD, (PACKAGE, HUB))).weights
    assert (weights.repo, weights.file_name, weights.revision) == ("a/b", "c/d.gguf", "v1")
    assert load_card(
        write(CARD, (PACKAGE, HUB.replace('revision = "v1"', "")))
    ).weights.revision == ("main")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("x = 1.5", "'x' must be true, false, a whole number or text"),
        ("x = 0xffffffffffffffffff", "'x' must be true, false, a whole number or text"),
        ("messages = 1", "'messages' is routelmt's own to give"),
    ],
)
def test_a_wrong_option_of_a_chat_template(write, option, message):
    chat = ("[prompt.examples]", f"[prompt.template_options]\n{option}\n[prompt.examples]")
    with pytest.raises(UsageError, match=message):
        load_card(write(CARD, ('"completion"', '"chat"'), chat))


PACKAGE = 'package = "some-weights"'
PART = "some_weights/model.gguf"
HUB = 'repo = "a/b"\nfile = "c/d.gguf"\nrevision = "v1"'
# What is wrong: a text of CARD, what stands in its place, what the error says.
WRONG = {
    "not TOML": ('name = "tiny"', "name = tiny", "not a valid TOML"),
    "a number of thousands of digits": (
        "cap_ratio = 1.5",
        f"cap_extra = {'9' * 5000}",
        "not a valid TOML",
    ),
    "nested without end": ("cap_ratio = 1.5", "x = " + "[" * 20_000, "not a valid TOML"),
    "no name": ('name = "tiny"', "", "'name' is missing"),
    "a name that is no text": ('name = "tiny"', "name = 3", "'name' has the wrong type"),
    "an unknown backend": ('"llama.cpp"', '"torch"', "unknown backend 'torch'"),
    "no amount for an hour": ("[price]", "[price]\nusd_per_hour = -1", "usd_per_hour"),
    "no price": ("[price]", "[prices]", r"section \[price\] is missing"),
    "no token prices": ("usd_per_million_tokens", "usd", r"\[usd_per_million_tokens\] is missing"),
    "no output price": (', output = "0.40"', "", "'output' is missing"),
    "a negative price": ("input = 0.10", "input = -0.10", "negative"),
    "a price that is not finite": ("input = 0.10", "input = nan", "not a finite amount"),
    "a price that is true": ("input = 0.10", "input = true", "'input' has the wrong type"),
    "a price finer than a nanodollar": ("input = 0.10", "input = 1e-10", "finer"),
    "a table as price": (
        "usd_per_million_tokens = {",
        "usd_per_million_tokens = 3 # {",
        "must be a table",
    ),
    "an unknown way to charge the prefix": (
        'note = "illustrative"',
        'shared_prefix = "twice"',
        "'shared_prefix' must be",
    ),
    "no weights": ("[weights]", "[weight]", r"section \[weights\] is missing"),
    "no source of weights": (PACKAGE, "", "one of 'path', 'package' and 'repo'"),
    "both path and package": (PACKAGE, PACKAGE + '\npath = "x.gguf"', "name one of 'path'"),
    "both package and repo": (PACKAGE, PACKAGE + '\nrepo = "a/b"', "name one of 'path'"),
    "a repo without an owner": (PACKAGE, HUB.replace("a/b", "b"), "OWNER/NAME"),
    "a repo of three names": (PACKAGE, HUB.replace("a/b", "a/b/c"), "OWNER/NAME"),
    "a repo that climbs": (PACKAGE, HUB.replace("a/b", "../b"), "OWNER/NAME"),
    "a repo without a file": (PACKAGE, 'repo = "a/b"', "'file' is missing"),
    "a file of the hub that climbs": (PACKAGE, HUB.replace("c/d", "c/../../d"), "'file' must be"),
    "a file of the hub that starts anew": (PACKAGE, HUB.replace("c/d", "/d"), "'file' must be"),
    "a file of the hub that is no GGUF": (PACKAGE, HUB.replace(".gguf", ".bin"), "end in .gguf"),
    "a revision that is none": (PACKAGE, HUB.replace("v1", "v 1"), "'revision' must be a name"),
    "options of a completion": (
        "[prompt.",
        "[prompt.template_options]\nx = 1\n[prompt.",
        "only a chat",
    ),
    "a package without parts": (f'parts = ["{PART}"]', "", "'parts' must list"),
    "parts that are no texts": (f'["{PART}"]', "[1]", "'parts' must be a list of texts"),
    "an absolute part": (PART, "/etc/passwd", "MODULE/FILE"),
    "an empty part": (f'"{PART}"', '""', "MODULE/FILE"),
    "a part without a file": (PART, "some_weights", "MODULE/FILE"),
    "a part of no module": (PART, "./model.gguf", "MODULE/FILE"),
    "a part that starts anew": (PART, "some_weights//etc/passwd", "MODULE/FILE"),
    "a part that climbs": (PART, "some_weights/../../secret", "stay inside its package"),
    "a file name with a folder": (PACKAGE, PACKAGE + '\nfile = "../x.gguf"', "plain file name"),
    "a checksum that is none": (PACKAGE, PACKAGE + '\nsha256 = "ABC"', "64 lower-case"),
    "no prompt": ("[prompt]", "[prompts]", r"'kind' is missing"),
    "an unknown prompt": ('"completion"', '"poem"', "'kind' must be"),
    "no template": ('template = "{source}={target};"', "", "'template' is missing"),
    "a template without the source": ("{source}=", "", "must hold"),
    "a completion without the target": ("={target}", "", "must hold"),
    "examples that are no pairs": ('["hola", "hello"]', '["hola"]', "pairs"),
    "examples that are no list": ('[["hola", "hello"]]', '"hola"', "pairs"),
    "an empty stop": ("cap_ratio = 1.5", 'stop = [""]', "'stop' must not hold"),
    "a cap ratio out of range": ("cap_ratio = 1.5", "cap_ratio = 0", "must lie between 0.1 and 20"),
    "a cap ratio that is not finite": ("cap_ratio = 1.5", "cap_ratio = nan", "must lie between"),
    "a cap that is no number": (
        "cap_ratio = 1.5",
        'cap_extra = "8"',
        "'cap_extra' has the wrong type",
    ),
    "a context out of range": ("cap_ratio = 1.5", "context_tokens = 1", "must lie between"),
    "no sequences": ("cap_ratio = 1.5", "parallel_sequences = 0", "must lie between"),
    "less than no layer": ("cap_ratio = 1.5", "n_gpu_layers = -2", "must lie between"),
    "half a sequence": ("cap_ratio = 1.5", "parallel_sequences = 2.5", "must be a whole number"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_card_is_an_error_that_names_it(write, fault):
    old, new, message = WRONG[fault]
    path = write(CARD, (old, new))
    with pytest.raises(UsageError, match=message) as caught:
        load_card(path)
    assert str(path) in caught.value.message


def test_a_card_that_cannot_be_read_is_an_error(write, tmp_path):
    with pytest.raises(UsageError, match="cannot read this model card"):
        load_card(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="cannot read this model card"):
        load_card(tmp_path)
    with pytest.raises(UsageError, match="not a valid TOML"):
        load_card(write(b'name = "\xff"'))
    with pytest.raises(UsageError, match="too large"):
        load_card(write(b"#" * (1 << 20) + b"#"))


def test_the_fingerprint_is_of_what_makes_the_hypotheses(write):
    card = load_card(write())

    def fingerprint(of=card, weights="0" * 64, source="es", target="en"):
        return of.fingerprint(weights, source, target)

    decoding = dataclasses.replace(card.decoding, cap_extra=17)
    prompt = dataclasses.replace(card.prompt, instruction="Translate.")
    examples = dataclasses.replace(card.prompt, examples={"es-en": (("sí", "yes"),)})
    others = [
        fingerprint(weights="1" * 64),
        fingerprint(source="fr"),
        fingerprint(target="de"),
        fingerprint(dataclasses.replace(card, decoding=decoding)),
        fingerprint(dataclasses.replace(card, prompt=prompt)),
        fingerprint(dataclasses.replace(card, prompt=examples)),
        fingerprint(dataclasses.replace(card, stand_in={"skill": 1})),
    ]
    assert len({fingerprint(), *others}) == len(others) + 1

    together = dataclasses.replace(card.decoding, parallel_sequences=2, n_gpu_layers=0)
    other_examples = {**card.prompt.examples, "de-en": (("ja", "yes"),)}
    same = [
        dataclasses.replace(card, price=Price(1, 2), charge_prefix="every request", name="other"),
        dataclasses.replace(card, decoding=together),
        dataclasses.replace(card, prompt=dataclasses.replace(card.prompt, examples=other_examples)),
    ]
    assert {fingerprint(one) for one in same} == {fingerprint()}
