"""The word table learns a toy dictionary, and a broken one is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from routelmt_cli.features import word_training
from routelmt_cli.features.characters import Texts
from routelmt_cli.features.word_table import (
    MAX_WORDS,
    NAMES,
    Cells,
    Tokens,
    WordTable,
    row_blocks,
    word_features,
)
from routelmt_cli.features.word_training import learn_words
from routelmt_cli.features.words import Words

DICTIONARY = {"haus": "house", "baum": "tree", "hund": "dog", "rot": "red", "alt": "old"}
SOURCES = [" ".join(pair) for pair in itertools.permutations(DICTIONARY, 2)] * 2
TARGETS = [" ".join(DICTIONARY[word] for word in reversed(text.split())) for text in SOURCES]


def words_of(texts):
    return Words.of(Texts.of(texts))


@pytest.fixture(scope="module")
def toy():
    table = learn_words(SOURCES, TARGETS)
    assert table is not None
    return table


def probability(table, source, target):
    numbers = [
        int(np.searchsorted(vocabulary, words_of([word]).hashes[0]))
        for vocabulary, word in ((table.source_words, source), (table.target_words, target))
    ]
    key = np.array([numbers[0] * table.target_words.size + numbers[1]])
    found, places = table.find(key)
    if not found.size:
        return 0.0, 0.0
    return float(table.forward[places[0]]), float(table.backward[places[0]])


def test_a_toy_dictionary_is_learnt_in_both_directions(toy):
    for source, target in DICTIONARY.items():
        assert min(probability(toy, source, target)) > 0.8
        others = [word for word in DICTIONARY.values() if word != target]
        assert max(max(probability(toy, source, word)) for word in others) < 0.1


def test_the_same_texts_give_the_same_table_and_it_survives_storage(toy):
    again = learn_words(SOURCES, TARGETS)
    stored = WordTable.from_arrays(toy.arrays())
    for name, values in toy.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], values)
        np.testing.assert_array_equal(stored.arrays()[name], values)


def features(table, source, draft):
    columns = word_features(table, words_of([source]), words_of([draft]))
    assert set(columns) == set(NAMES)
    return {name: column[0] for name, column in columns.items()}


def test_good_drafts_cover_their_source_and_bad_ones_do_not(toy):
    good, bad = features(toy, "Haus rot", "red house"), features(toy, "Haus rot", "tree dog")
    assert good["coverage_source"] > 0.8 > 0.2 > bad["coverage_source"]
    assert good["coverage_draft"] > 0.8 > 0.2 > bad["coverage_draft"]
    assert (good["coverage_source_min_share"], bad["coverage_source_min_share"]) == (0, 1)
    assert good["alignment_logprob"] > bad["alignment_logprob"] + 1
    assert good["alignment_logprob_reverse"] > bad["alignment_logprob_reverse"] + 1
    half = features(toy, "Haus rot", "house")
    assert half["coverage_source_min_share"] == 0.5
    assert half["coverage_draft"] == pytest.approx(probability(toy, "haus", "house")[1])
    alone = probability(toy, "haus", "house")[0] + probability(toy, "rot", "house")[0]
    null = toy.null_forward[np.searchsorted(toy.target_words, words_of(["house"]).hashes[0])]
    assert half["alignment_logprob"] == pytest.approx(np.log((alone + null) / 3), rel=1e-5)


def test_unknown_words_are_left_out(toy):
    known = features(toy, "Haus rot", "red house")
    more = features(toy, "Haus Qux rot", "red foo house")
    assert more["unknown_source_word_share"] == pytest.approx(1 / 3)
    for name in set(NAMES) - {"unknown_source_word_share"}:
        assert more[name] == pytest.approx(known[name])


def test_empty_and_unknown_texts(toy):
    no_draft = features(toy, "haus", "")
    assert no_draft["coverage_source"] == 0
    assert np.isnan(no_draft["coverage_draft"])
    assert np.isnan(no_draft["alignment_logprob"])
    no_source = features(toy, "", "house")
    assert np.isnan(no_source["coverage_source"])
    assert np.isnan(no_source["unknown_source_word_share"])
    assert np.isnan(features(toy, "qux", "house")["coverage_source"])
    assert all(np.isnan(one) for one in features(None, "haus", "house").values())


@pytest.mark.parametrize(
    ("source", "target"),
    [("你好世界", "hello world"), ("שלום עולם", "hello"), ("слово", "word"), ("\ud800 a", "b")],
)
def test_every_script_has_words(source, target):
    table = learn_words([source, source], [target, target])
    assert features(table, source, target)["coverage_source"] > 0.1


def test_a_word_beside_an_empty_text_teaches_nothing(toy):
    more = learn_words([*SOURCES, "", "solo"], [*TARGETS, "nothing", ""])
    for name, values in toy.arrays().items():
        np.testing.assert_allclose(more.arrays()[name], values, rtol=1e-6)


@pytest.mark.parametrize(
    ("sources", "targets"), [([], []), ([""], ["a"]), (["a"], [""]), (["a", ""], ["", "b"])]
)
def test_nothing_to_learn_from_gives_no_table(sources, targets):
    assert learn_words(sources, targets) is None


def test_a_table_stays_within_its_bounds(monkeypatch):
    whole = learn_words(SOURCES, TARGETS)
    monkeypatch.setattr(word_training, "MAX_ENTRIES", 4)
    small = learn_words(SOURCES, TARGETS)
    assert small.pairs.size == 4 < whole.pairs.size
    WordTable.from_arrays(small.arrays())
    monkeypatch.undo()
    monkeypatch.setattr(word_training, "_MAX_CELLS", 60)
    fewer = learn_words(SOURCES, TARGETS)
    assert probability(fewer, "haus", "house") != probability(whole, "haus", "house")
    monkeypatch.setattr(word_training, "MAX_PAIRS", 3)
    assert learn_words(SOURCES, TARGETS).source_words.size <= 5


def test_only_the_first_words_of_a_text_are_looked_at(toy):
    long = " ".join(["haus"] * MAX_WORDS + ["rot"] * 50)
    assert features(toy, long, "house")["coverage_source_min_share"] == 0


def test_cells_pair_every_word_of_a_row_and_blocks_hold_them_all(toy):
    sources = Tokens.of(words_of(["haus rot", "", "alt", "hund baum alt"]), toy.source_words)
    targets = Tokens.of(words_of(["red", "dog", "", "tree dog"]), toy.target_words)
    cells = Cells.of(sources, targets, 0, 4)
    assert list(zip(cells.source.tolist(), cells.target.tolist(), strict=True)) == [
        (0, 0),
        (1, 0),
        *itertools.product((3, 4, 5), (2,)),
        *itertools.product((3, 4, 5), (3,)),
    ]
    for limit in (1, 2, 5, 100):
        blocks = list(row_blocks(sources, targets, limit))
        assert [start for start, _ in blocks[1:]] == [stop for _, stop in blocks[:-1]]
        assert (blocks[0][0], blocks[-1][1]) == (0, 4)


def broken_arrays():
    def changed(name, change):
        def make(arrays):
            return arrays | {name: change(arrays[name].copy())}

        return make

    def put(place, value):
        def change(values):
            values[place] = value
            return values

        return change

    yield "missing", lambda arrays: {k: v for k, v in arrays.items() if k != "pairs"}
    yield "more", lambda arrays: arrays | {"more": arrays["pairs"]}
    for name in ("source_words", "pairs", "forward", "null_backward"):
        yield f"{name} dtype", changed(name, lambda values: values.astype(np.float64))
        yield f"{name} shape", changed(name, lambda values: values[None])
        yield f"{name} length", changed(name, lambda values: values[:-1])
        yield f"{name} empty", changed(name, lambda values: values[:0])
    yield "objects", changed("pairs", lambda values: values.astype(object))
    yield "big end", changed("pairs", lambda values: values.astype(">i8"))
    yield "too many", changed("pairs", lambda values: np.arange(200_001))
    for value in (np.nan, np.inf, -0.1, 1.5):
        yield f"forward {value}", changed("forward", put(0, value))
        yield f"null {value}", changed("null_forward", put(-1, value))
    yield "negative pair", changed("pairs", put(0, -1))
    yield "pair beyond", changed("pairs", put(-1, 10_000))
    for name in ("source_words", "target_words", "pairs"):
        yield f"{name} order", changed(name, lambda values: values[::-1])
        yield f"{name} twice", changed(name, lambda values: put(0, values[1])(values))


@pytest.mark.parametrize("change", [pytest.param(make, id=name) for name, make in broken_arrays()])
def test_a_broken_table_is_refused(toy, change):
    with pytest.raises(ValueError, match="word table"):
        WordTable.from_arrays(change(toy.arrays()))
