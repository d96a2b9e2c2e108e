"""Read a corpus that already has its hypotheses, with references or scores: calibrate, evaluate.

In: which columns hold what. Out: the usable rows as columns of one length, in document order.
What always holds: a row without a source is left out, and so is one without a reference where
the metric needs it, which is said in ``warnings``; every score is finite; whatever is wrong with a
row names file, line and column. No model is run and nothing is scored here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation.metrics import DEFAULT_METRIC, open_metric
from routelmt_cli.features.compute import DraftTable
from routelmt_cli.run.corpus_input import open_input
from routelmt_cli.run.options import CorpusOptions

DEFAULT_REFERENCE_COLUMN = "reference"
ID_COLUMN = "id"
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True)
class LabelledOptions:
    """Which corpus, and which of its columns hold what; names, or numbers without a header.

    Attributes
    ----------
    draft_column, retranslation_column
        The hypotheses; both are needed.
    reference_column
        The references; None for ``reference`` where they are needed, and for none elsewhere.
    draft_score, retranslation_score
        Scores of both hypotheses, both or none; with them no metric is computed.
    document_column, language_column
        Labels of each row; None for none.
    metric
        What scores where there are no score columns, as ``evaluation.metrics.open_metric`` reads
        it; None where nothing is to be scored.
    """

    corpus: CorpusOptions
    draft_column: str | None
    retranslation_column: str | None
    reference_column: str | None = None
    draft_score: str | None = None
    retranslation_score: str | None = None
    document_column: str | None = None
    language_column: str | None = None
    metric: str | None = DEFAULT_METRIC

    @property
    def needs_references(self) -> bool:
        """Whether a row without a reference is of no use."""
        scored = self.draft_score is not None or self.metric is None
        return not scored and open_metric(str(self.metric)).needs_references


@dataclass(frozen=True)
class LabelledCorpus:
    """The usable rows of a corpus; every column has one entry a row.

    Attributes
    ----------
    name
        The file's name in errors.
    ids
        The column ``id``, or the row numbers as text.
    rows
        int64, shape (n,): the number of each row in the input, from 1.
    places
        What errors call each row, such as ``line 8`` (the header is line 1 of a TSV).
    sources, drafts, retranslations
        Texts.
    references
        Texts, or None where they were neither needed nor asked for.
    draft_scores, retranslation_scores
        float64, shape (n,), finite, higher is better; None where there are no score columns.
    documents, languages
        Labels as they stand in the file, or None.
    warnings
        What the user should be told, one line each.
    """

    name: str
    ids: list[str]
    rows: npt.NDArray[np.int64]
    places: list[str]
    sources: list[str]
    drafts: list[str]
    retranslations: list[str]
    references: list[str] | None
    draft_scores: npt.NDArray[np.float64] | None
    retranslation_scores: npt.NDArray[np.float64] | None
    documents: list[str] | None
    languages: list[str] | None
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, rows: npt.NDArray[np.int64]) -> LabelledCorpus:
        """Take some of the rows, in the order given.

        Parameters
        ----------
        rows
            int64: positions in this corpus, from 0; not numbers of rows in the input.
        """
        columns: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                columns[field.name] = value[rows]
            elif isinstance(value, list):
                columns[field.name] = [value[row] for row in rows.tolist()]
        return replace(self, **columns)

    def table(self) -> DraftTable:
        """Give sources and drafts as what a router reads, with estimated token counts.

        The hypotheses were made elsewhere: there are no log-probabilities, nothing counts as
        truncated, and tokens are :func:`estimated_tokens`.
        """
        return DraftTable(
            sources=self.sources,
            drafts=self.drafts,
            source_tokens=estimated_tokens(self.sources),
            draft_tokens=estimated_tokens(self.drafts),
            token_logprobs=None,
            truncated=np.zeros(len(self), np.bool_),
        )


def estimated_tokens(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Estimate the tokens of texts whose model is not at hand: a token for four UTF-8 bytes.

    One estimate serves sources, drafts and retranslations, so that lengths predicted from them
    are in one unit. Bytes, since characters of scripts beyond Latin take more tokens each.

    Returns
    -------
    numpy.ndarray
        int64, shape (n,), at least 1.
    """
    return np.array(
        [max(1, -(-len(text.encode()) // _BYTES_PER_TOKEN)) for text in texts], np.int64
    )


def read_labelled(options: LabelledOptions) -> LabelledCorpus:
    """Read a corpus with its hypotheses.

    Raises
    ------
    UsageError
        Where a column is not named or not there, a score is missing or no finite number, or no
        row is usable.
    """
    _check(options)
    with open_input(options.corpus, every_unit=True) as source:
        return _read(source.corpus, options)


def join_labelled(corpora: Sequence[LabelledCorpus]) -> LabelledCorpus:
    """Put several corpora behind one another.

    Parameters
    ----------
    corpora
        At least one, read with the same columns. Documents of different corpora stay different.

    Returns
    -------
    LabelledCorpus
        ``rows`` and ``ids`` stay those of each file, so they can repeat.
    """
    if len(corpora) == 1:
        return corpora[0]
    columns: dict[str, Any] = {"warnings": tuple(w for one in corpora for w in one.warnings)}
    for field in fields(LabelledCorpus):
        values = [getattr(one, field.name) for one in corpora]
        if isinstance(values[0], np.ndarray):
            columns[field.name] = np.concatenate(values)
        elif isinstance(values[0], list):
            columns[field.name] = [value for one in values for value in one]
    if columns.get("documents") is not None:
        columns["documents"] = [
            f"{number}/{document}"
            for number, one in enumerate(corpora, 1)
            for document in one.documents or ()
        ]
    return replace(corpora[0], name=", ".join(one.name for one in corpora), **columns)


def _check(options: LabelledOptions) -> None:
    for column, option in (
        (options.draft_column, "--draft-column"),
        (options.retranslation_column, "--retranslation-column"),
    ):
        if column is None:
            raise UsageError(
                "the columns of both hypotheses must be named", hint=f"add {option} NAME"
            )
    if options.draft_column == options.retranslation_column:
        raise UsageError(
            f"draft and retranslation are the same column {options.draft_column!r}",
            hint="name two columns with --draft-column and --retranslation-column",
        )
    scores = (options.draft_score, options.retranslation_score)
    if (scores[0] is None) != (scores[1] is None):
        raise UsageError(
            "only one of both score columns is named",
            hint="add --draft-score or --retranslation-score, or neither for --metric",
        )
    if scores[0] is not None and scores[0] == scores[1]:
        raise UsageError(
            f"both scores are the same column {scores[0]!r}",
            hint="name two columns with --draft-score and --retranslation-score",
        )


def _read(corpus: Corpus, options: LabelledOptions) -> LabelledCorpus:
    sources = [text for batch in corpus.batches() for text in batch.sources.to_pylist()]
    used = np.array([bool(source.strip()) for source in sources], np.bool_)
    references, warnings = None, corpus.remarks()
    needed = options.needs_references
    if needed or options.reference_column is not None:
        references = read_texts(corpus, options.reference_column or DEFAULT_REFERENCE_COLUMN)
    if needed and references is not None:
        given = np.array([bool(text.strip()) for text in references], np.bool_)
        missing = int((used & ~given).sum())
        warnings += missing_references(corpus.display_name, missing, int(used.sum()))
        used &= given
    if not used.any():
        what = "both a source and a reference" if needed else "a source"
        raise UsageError(
            f"{corpus.display_name}: no segment has {what}",
            hint="name the columns with --source-column and --reference-column",
        )
    rows = np.flatnonzero(used) + 1
    documents, languages = options.document_column, options.language_column
    return LabelledCorpus(
        name=str(corpus.display_name),
        ids=_ids(corpus, len(sources)),
        rows=np.arange(1, len(sources) + 1),
        places=[corpus.layout.place(row) for row in range(1, len(sources) + 1)],
        sources=sources,
        drafts=read_texts(corpus, str(options.draft_column)),
        retranslations=read_texts(corpus, str(options.retranslation_column)),
        references=references,
        draft_scores=_scores(corpus, options.draft_score, rows),
        retranslation_scores=_scores(corpus, options.retranslation_score, rows),
        documents=None if documents is None else read_labels(corpus, documents),
        languages=None if languages is None else read_labels(corpus, languages),
        warnings=tuple(warnings),
    ).take(rows - 1)


def missing_references(name: str, missing: int, rows: int) -> list[str]:
    """Word the warning about rows without a reference; none where every row has one."""
    if not missing:
        return []
    return [f"{name}: {missing} of {rows} rows have no reference and were left out"]


def read_texts(corpus: Corpus, column: str) -> list[str]:
    """Read a whole column of texts; a missing value is ''."""
    return [text for texts in corpus.texts(column) for text in texts.to_pylist()]


def read_labels(corpus: Corpus, column: str) -> list[str]:
    """Read a whole column of labels, such as documents, which may be numbers."""
    try:
        return read_texts(corpus, column)
    except UsageError as no_text:
        try:
            values = [value for part in corpus.numbers(column) for value in part.tolist()]
        except UsageError:
            raise no_text from None
    return [_number_label(value) for value in values]


def _scores(
    corpus: Corpus, column: str | None, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64] | None:
    """Read a column of scores and refuse what a used row cannot have."""
    if column is None:
        return None
    values = np.concatenate(list(corpus.numbers(column)))
    wrong = rows[~np.isfinite(values[rows - 1])]
    if len(wrong):
        row = int(wrong[0])
        value = values[row - 1]
        what = "no score" if np.isnan(value) else f"the score {value:g}"
        raise UsageError(
            f"{corpus.display_name} {corpus.layout.place(row)} has {what} in column {column!r}",
            hint="score the row, or remove it from the corpus",
        )
    return values


def _number_label(value: float) -> str:
    if value != value:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(value)


def _ids(corpus: Corpus, rows: int) -> list[str]:
    """Read the column ``id`` where there is one that can be read, else number the rows."""
    if ID_COLUMN in corpus.column_names:
        try:
            return read_labels(corpus, ID_COLUMN)
        except UsageError:
            pass  # nothing depends on ids: such as objects that lack the key
    return [str(row) for row in range(1, rows + 1)]
