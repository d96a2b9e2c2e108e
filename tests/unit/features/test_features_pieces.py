"""The SentencePiece model: deterministic, small, and safe to read from a stranger."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.features.pieces import PieceModel, check_model, train_pieces

SOURCES = [
    f"The {noun} of {place} is old"
    for noun in ("house", "bridge", "mill")
    for place in ("Lyon", "Prag", "Wien", "Rom")
] * 5


@pytest.fixture(scope="module")
def model():
    trained = train_pieces(SOURCES)
    assert trained is not None
    return trained


def test_the_same_sources_give_the_same_bytes(model):
    again = train_pieces(SOURCES)
    assert again is not None
    assert again.content == model.content


def test_usual_text_is_more_likely_than_unusual(model):
    counts, means, minima, unknown = model.log_probabilities(
        [SOURCES[0], "zq vx jk", "", "\x00", "漢字"]
    )
    assert means[0] > means[1]
    assert minima[0] <= means[0]
    assert counts[2] == 0
    assert np.isnan(means[2])
    assert unknown[0] == 0
    assert unknown[4] > 0


@pytest.mark.parametrize("sources", [[], [""], [" ", "\n"], ["\x00"]])
def test_nothing_to_learn_from_gives_no_model(sources):
    assert train_pieces(sources) is None


@pytest.mark.parametrize(
    "sources", [["a"], ["same"] * 100, ["漢字仮名"] * 10, ["x" * 5_000], ["\ud800 ok ok ok"]]
)
def test_poor_sources_train_or_give_none(sources):
    trained = train_pieces(sources)
    if trained is not None:
        trained.log_probabilities(sources)


def test_a_model_of_another_form_is_refused(model):
    content = model.content
    first = content.index(b"\x15")
    tampered = [
        b"",
        content[:-1],
        content + b"\x0a",
        # A normaliser of the attacker's choice: field 3 with a compiled character map.
        content + b"\x1a\x04\x12\x02\xff\xff",
        content[: first + 1] + b"\x00\x00\xc0\x7f" + content[first + 5 :],
        content.replace(b"\x18\x01", b"\x18\x02", 1),
        b"\x0a\xff\xff\xff\xff\x0f" + content,
        b"\x0a" * 100,
    ]
    for one in tampered:
        with pytest.raises(UsageError, match="SentencePiece model"):
            PieceModel(one)


def test_no_single_byte_can_be_changed_into_a_crash(model):
    random = np.random.default_rng(1)
    for _ in range(300):
        changed = bytearray(model.content)
        changed[random.integers(len(changed))] = random.integers(256)
        try:
            check_model(bytes(changed))
        except UsageError:
            continue
        PieceModel(bytes(changed)).log_probabilities(["The old mill of Rom", "é"])
