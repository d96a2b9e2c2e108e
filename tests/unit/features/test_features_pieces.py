"""The SentencePiece model: deterministic, small, and safe to read from a stranger."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.features.pieces import (
    PieceModel,
    check_model,
    clean,
    piece_features,
    train_pieces,
)

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
    texts = [SOURCES[0], "zq vx jk", "", "\x00", "漢字"]
    found = model.statistics([clean(text) for text in texts])
    assert found.means[0] > found.means[1]
    assert found.minima[0] <= found.means[0]
    assert found.counts[2:4].tolist() == [0, 0]
    assert np.isnan(found.means[2:4]).all()
    assert np.isnan(found.minima[2:4]).all()
    assert found.unknown[0] == 0
    assert found.unknown[4] > 0
    # What is unknown is rare too.
    assert found.rare[4] >= found.unknown[4]
    assert found.rare[0] / found.counts[0] < found.rare[1] / found.counts[1]


def test_the_draft_is_measured_by_models_of_both_sides(model):
    targets = [f"Das alte Haus in {place}" for place in ("Rom", "Wien", "Prag")] * 20
    sources, drafts = ["The house of Rom", "", "The mill"], ["Das Haus in Rom", "Das", ""]
    words = np.array([4.0, 0.0, 2.0])
    both = piece_features(model, train_pieces(targets), sources, drafts, words)
    assert both["draft_target_piece_logprob_mean"][0] > both["draft_piece_logprob_mean"][0]
    assert both["draft_target_unknown_share"][0] < 0.2
    counts = both["draft_target_pieces"], both["source_pieces"]
    assert both["length_ratio_pieces"][0] == pytest.approx(np.log(counts[0][0] / counts[1][0]))
    assert np.isnan(both["length_ratio_pieces"][1:]).all()
    assert np.isnan(both["draft_target_piece_logprob_min"][2])
    untranslated = piece_features(model, None, sources, sources, words)
    assert untranslated["draft_piece_logprob_mean"][0] > both["draft_piece_logprob_mean"][0]
    assert np.isnan(untranslated["draft_target_pieces"]).all()


@pytest.mark.parametrize("sources", [[], [""], [" ", "\n"], ["\x00"]])
def test_nothing_to_learn_from_gives_no_model(sources):
    assert train_pieces(sources) is None


@pytest.mark.parametrize(
    "sources", [["a"], ["same"] * 100, ["漢字仮名"] * 10, ["x" * 5_000], ["\ud800 ok ok ok"]]
)
def test_poor_sources_train_or_give_none(sources):
    trained = train_pieces(sources)
    if trained is not None:
        found = trained.statistics([clean(source) for source in sources])
        assert found.counts.shape == (len(sources),)


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
        PieceModel(bytes(changed)).statistics(["The old mill of Rom", "é"])
