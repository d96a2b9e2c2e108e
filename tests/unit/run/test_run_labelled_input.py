"""Reading corpora that have their hypotheses."""

from __future__ import annotations

import json

import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.run.labelled_input import (
    LabelledOptions,
    estimated_tokens,
    join_labelled,
    read_labelled,
)
from routelmt_cli.run.options import CorpusOptions


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Write a corpus and read it with its columns a and b as hypotheses."""
    monkeypatch.setenv("ROUTELMT_CACHE", str(tmp_path / "cache"))

    def run(text, name="in.tsv", **options):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        has_header = options.pop("has_header", True)
        columns = {"draft_column": "a", "retranslation_column": "b", **options}
        return read_labelled(
            LabelledOptions(corpus=CorpusOptions(path, has_header=has_header), **columns)
        )

    return run


TSV = "id\tsource\ta\tb\treference\ts\tt\nx\tone\tA1\tB1\tR1\t1\t2\n"


def test_columns_and_row_numbers(read):
    corpus = read(TSV + "y\t \tA2\tB2\tR2\tnan\t\nz\tthree\t\tB3\tR3\t5\t6\n", document_column="s")
    assert corpus.ids == ["x", "z"]
    assert corpus.rows.tolist() == [1, 3]
    assert corpus.places == ["line 2", "line 4"]
    assert (corpus.sources, corpus.drafts) == (["one", "three"], ["A1", ""])
    assert (corpus.retranslations, corpus.references) == (["B1", "B3"], ["R1", "R3"])
    assert corpus.draft_scores is corpus.retranslation_scores is corpus.languages is None
    assert corpus.documents == ["1", "5"]
    assert corpus.warnings == ()
    assert len(corpus) == 2


def test_scores_need_no_references(read):
    text = TSV + "y\ttwo\tA2\tB2\t\t3\t-4.5\n"
    scores = {"draft_score": "s", "retranslation_score": "t"}
    corpus = read(text, **scores)
    assert corpus.references is None
    assert corpus.draft_scores.tolist() == [1, 3]
    assert corpus.retranslation_scores.tolist() == [2, -4.5]
    # Asked for, they are read, and a row may lack its own.
    assert read(text, **scores, reference_column="reference").references == ["R1", ""]


def test_references_where_they_are_needed(read):
    text = TSV + "y\ttwo\tA2\tB2\t\t3\t4\n"
    corpus = read(text)
    assert corpus.sources == ["one"]
    assert corpus.warnings[0].endswith("in.tsv: 1 of 2 rows have no reference and were left out")
    assert read(text, metric=None).sources == ["one", "two"]
    with pytest.raises(UsageError, match="has no column 'nope'"):
        read(text, reference_column="nope")


def test_nothing_usable(read):
    with pytest.raises(UsageError, match="no segment has both a source and a reference"):
        read("source\ta\tb\treference\none\tA\tB\t\n\tA\tB\tR\n")
    with pytest.raises(UsageError, match=r"no segment has a source$"):
        read("source\ta\tb\n\tA\tB\n", metric=None)


def test_numbers_as_labels_and_ids(read):
    lines = [
        {"id": 7, "source": "one", "a": "A", "b": "B", "doc": 3, "lp": "de-en"},
        {"id": 8, "source": "two", "a": "A", "b": "B", "doc": None, "lp": "fr-en"},
        {"id": 9, "source": "two", "a": "A", "b": "B", "doc": 3.5, "lp": ""},
    ]
    text = "\n".join(map(json.dumps, lines))
    columns = {"document_column": "doc", "language_column": "lp", "metric": None}
    corpus = read(text, "in.jsonl", **columns)
    assert corpus.ids == ["7", "8", "9"]
    assert corpus.documents == ["3", "", "3.5"]
    assert corpus.languages == ["de-en", "fr-en", ""]
    assert read(text.replace('"id": 8, ', ""), "in.jsonl", metric=None).ids == ["1", "2", "3"]


def test_without_a_header(read):
    columns = {"draft_column": "2", "retranslation_column": "3", "reference_column": "4"}
    corpus = read("one\tA\tB\tR\n", has_header=False, **columns)
    assert (corpus.ids, corpus.places) == (["1"], ["line 1"])
    assert (corpus.drafts, corpus.references) == (["A"], ["R"])


def test_joined_corpora_keep_their_documents_apart(read):
    one = read(TSV, document_column="id")
    other = read(TSV.replace("one", "two"), "other.tsv", document_column="id")
    joined = join_labelled([one, other])
    assert joined.sources == ["one", "two"]
    assert joined.rows.tolist() == [1, 1]
    assert joined.documents == ["1/x", "2/x"]
    assert joined.name == f"{one.name}, {other.name}"
    assert join_labelled([one]) is one


def test_tokens_are_estimated_alike_for_all_texts(read):
    assert estimated_tokens(["", "abcd", "abcde", "四字"]).tolist() == [1, 1, 2, 2]
    table = read(TSV).table()
    assert (table.source_tokens.tolist(), table.draft_tokens.tolist()) == ([1], [1])
    assert table.token_logprobs is None
