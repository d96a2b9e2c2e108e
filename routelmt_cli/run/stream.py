"""``translate --stream``: endless input, chunk by chunk, at a price that lets the budget last.

Each chunk of lines is a small corpus: read, drafted, predicted; what is worth the dual price is
retranslated; chosen, written. The price comes from all traffic so far (``budget.price_sketch``) and
what the pace leaves (``stream_pace``), so it rises when money is short and falls when there is
more. Always: spend never exceeds the budget, and what the coming drafts are expected to cost is not
spent on retranslations; a chunk is written before the next one is read. A stream that was cut off
goes on with what its budget has left; what was under way then is charged in full.
"""

from __future__ import annotations

import io
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.money import format_usd
from routelmt_cli.budget.online import worth_buying
from routelmt_cli.budget.price_sketch import PriceSketch
from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.errors import BudgetError, MidRunError, UsageError
from routelmt_cli.gain.conformal import GuardLimit
from routelmt_cli.gain.router import Router
from routelmt_cli.run import folder as run_folder
from routelmt_cli.run.choice import Choice, SecondOpinion, choose
from routelmt_cli.run.continuing import open_journal
from routelmt_cli.run.folder import RunFolder
from routelmt_cli.run.identity import stream_identity
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.kept_model import KeptModel
from routelmt_cli.run.options import TranslateOptions
from routelmt_cli.run.pair import Pair
from routelmt_cli.run.planning import RunPlan
from routelmt_cli.run.prediction import draft_table, knowing, predict
from routelmt_cli.run.preparation import reserved_columns
from routelmt_cli.run.progress import Progress, Silent
from routelmt_cli.run.route import Route
from routelmt_cli.run.segments import Segments, scan
from routelmt_cli.run.setup import find_limit, find_pair_and_routers
from routelmt_cli.run.shielding import shielded
from routelmt_cli.run.spending import Spender, left_nanousd, needed_nanousd
from routelmt_cli.run.stream_input import StreamInput
from routelmt_cli.run.stream_limits import refuse_unsuited, stream_layout
from routelmt_cli.run.stream_pace import Pace, Span
from routelmt_cli.run.stream_report import StreamReport
from routelmt_cli.run.streams import discard
from routelmt_cli.run.tiers import Tier, open_tier
from routelmt_cli.run.whole_file import write_whole
from routelmt_cli.run.writing import write_corpus

MOST_LINES = 256
"""In one chunk."""

_STATE = "stream"
_MOST_REPEATED = 1 << 16  # sources whose translations are remembered
_NO_SKETCH: dict[str, Any] = {"items": 0, "bins": [], "cost": []}


def stream(options: TranslateOptions, span: Span, progress: Progress) -> StreamReport:
    """Translate standard input to standard output as it comes.

    Parameters
    ----------
    options
        What to do; their corpus is standard input.
    span
        What the budget is to last for.
    progress
        Told what there is to say.

    Raises
    ------
    UsageError, BudgetError, MidRunError
        As their texts say; the stream can be continued after each of them.
    """
    budget = refuse_unsuited(options)
    pair, routers = find_pair_and_routers(options, progress, lambda _: None)
    for model in pair.models.values():
        if model.card.endpoint is not None and model.card.endpoint.batch is not None:
            raise UsageError(f"{model.card.card_path}: a stream does not wait for batches")
    ((tier, router),) = routers.by_tier.items()  # a stream has one, or is refused
    limit = find_limit(options, pair, tier, router, progress)
    layout = stream_layout(options.corpus)
    if sys.stdin is None or sys.stdout is None:
        raise UsageError("-: a standard stream is closed", hint="pipe a stream in and out")
    identity = stream_identity(pair, routers.fingerprint, options, layout, str(span))
    with RunFolder(run_folder.in_cache(identity)) as folder:
        restart = options.restart or _is_over(folder)
        with (
            open_journal(folder, identity, budget, restart=restart, input_name="-") as journal,
            ExitStack() as opened,
        ):
            if lost := journal.forget():
                progress.note(f"what was under way is charged in full: {format_usd(lost)}")
            models = {
                name: opened.enter_context(KeptModel.of(model))
                for name, model in pair.models.items()
            }
            pair = replace(pair, models=models)
            running = _Stream(options, span, budget, pair, router, limit, layout, folder, journal)
            try:
                for lines in running.chunks(StreamInput(sys.stdin.buffer)):
                    running.work(lines)
            finally:
                report = running.report()
                with write_whole(folder.stream_report) as file:
                    file.write(report.as_json().encode())
    return report


class _Stream:
    """A stream under way."""

    def __init__(
        self,
        options: TranslateOptions,
        span: Span,
        budget_nanousd: int,
        pair: Pair,
        router: Router,
        limit: GuardLimit | None,
        layout: Layout,
        folder: RunFolder,
        journal: Journal,
    ) -> None:
        self._options, self._span, self._budget = options, span, budget_nanousd
        self._pair, self._router, self._limit = pair, router, limit
        self._layout, self._folder, self._journal = layout, folder, journal
        state = journal.meta(_STATE) or {}
        self._figures: dict[str, int] = dict(state.get("figures", {}))
        self._kept: dict[str, int] = dict(state.get("kept_drafts", {}))
        self._sketch = PriceSketch.from_json(state.get("sketch", _NO_SKETCH))
        self._pace = Pace(span, seen=state.get("seen", 0), seconds=state.get("seconds", 0.0))
        self._price: float | None = None
        self._repeated: OrderedDict[str, str] = OrderedDict()
        self._header: bytes | None = None
        self._has_written = False
        self._lines = 0  # of this process

    def chunks(self, lines: StreamInput) -> Iterator[list[bytes]]:
        """Yield what comes, without the header that a table has."""
        if self._layout.format is Format.TSV and self._layout.has_header:
            header = lines.chunk(1)
            if not header:
                return
            self._header = header[0]
            self._lines += 1
        while chunk := lines.chunk(MOST_LINES):
            yield chunk

    def work(self, lines: list[bytes]) -> None:
        """Translate and write a chunk.

        Raises
        ------
        BudgetError
            The budget does not bear the drafts any more; as many as it bears are written.
        """
        with ExitStack() as opened:
            try:
                corpus = opened.enter_context(self._corpus(lines))
                segments = scan(corpus, self._folder.sources, self._repeated)
            except UsageError:
                if len(lines) == 1:
                    raise
                opened.close()
                half = len(lines) // 2
                self.work(lines[:half])  # whatever can be read before it is answered
                self.work(lines[half:])
                return
            small = self._tier(self._pair.drafting, segments)
            rows = self._rows_that_fit(small, segments)
            if rows == segments.rows:
                self._translate(corpus, segments, small)
                self._lines += len(lines)
                return
        if rows:
            self.work(lines[:rows])
        needed = needed_nanousd(None, small, np.arange(1))
        raise BudgetError(
            f"the budget of {format_usd(self._budget)} does not bear line {self._lines + 1} any "
            f"more; {self._pace.seen:,} segments are translated",
            hint="a larger --budget goes on from there; a draft may cost up to "
            f"{format_usd(needed)}",
        )

    def report(self) -> StreamReport:
        """Count everything up."""
        tiers = list(self._pair.models)
        unmetered = [self._journal.unmetered(tier) for tier in tiers]
        return StreamReport(
            span=str(self._span),
            budget_nanousd=self._budget,
            segments=self._pace.seen,
            kept_drafts=dict(self._kept),
            spend_nanousd=self._journal.spend_nanousd(),
            spend_by_tier_nanousd={tier: self._journal.spend_nanousd(tier) for tier in tiers},
            unmetered=sum(count for count, _ in unmetered),
            unmetered_nanousd=sum(spend for _, spend in unmetered),
            dual_price=self._price if self._price and np.isfinite(self._price) else None,
            seconds=round(self._pace.seconds, 3),
            **self._figures,
        )

    # -- a chunk --------------------------------------------------------------------------------

    @contextmanager
    def _corpus(self, lines: list[bytes]) -> Iterator[Corpus]:
        path = Path(f"{self._folder.sources}.chunk")
        path.write_bytes((self._header or b"") + b"".join(lines))
        try:
            yield open_corpus(
                path,
                self._layout,
                display_name=f"- (after {self._lines:,} lines)",
                reserved=reserved_columns(self._options),
            )
        finally:
            path.unlink(missing_ok=True)

    def _tier(self, name: str, segments: Segments) -> Tier:
        drafts = name == self._pair.drafting
        is_needed = self._router.needs_states and self._router.knows(self._pair.label)
        return open_tier(
            name,
            self._pair.models[name],
            segments,
            with_logprobs=drafts,
            with_states=is_needed and drafts,
        )

    def _rows_that_fit(self, small: Tier, segments: Segments) -> int:
        """Return the rows before the first whose draft the budget might not bear."""
        left = left_nanousd(self._journal, small, self._budget)
        total = 0
        for item, worst in enumerate(small.worst_nanousd.tolist()):
            total += worst
            if total > left:
                return int(segments.first_row[item])
        return segments.rows

    def _translate(self, corpus: Corpus, segments: Segments, small: Tier) -> None:
        items = np.arange(segments.items, dtype=np.int64)
        self._spender(segments, self._budget).buy(small, items, "drafting")
        (name,) = self._pair.retranslating
        large = self._tier(name, segments)
        plan = self._plan(segments, small, large)
        coming = plan.facts["coming_drafts_nanousd"]
        spender = self._spender(segments, self._budget - coming)
        spender.buy(large, plan.order, "retranslating", expected=len(plan.order))
        choice = self._choose(segments, small)
        written = io.BytesIO()
        write_corpus(
            written,
            corpus,
            segments,
            self._journal,
            choice,
            plan,
            memory=self._repeated,
            glossary=None,
            pinned=np.zeros(segments.items, np.bool_),
            explain=self._options.explain,
        )
        self._write(written.getvalue())
        self._remember(segments, choice)
        self._count(segments, choice)
        self._journal.forget()

    def _plan(self, segments: Segments, small: Tier, large: Tier) -> RunPlan:
        """Find the price of this moment, and what of a chunk is worth it."""
        read, every = partial(draft_table, self._journal, segments, small), segments.every
        if not self._router.knows(self._pair.label) and segments.items:
            # Once: the same drafts have the same gain as long as the stream lasts.
            self._router = knowing(self._router, self._pair.label, read, every)
        route = Route(large, self._router, self._limit)
        (prediction,) = predict(read, [route], self._pair.label, every)
        weight = segments.repeats.astype(np.float64)
        if self._options.weight == "length":
            weight *= small.source_tokens
        nowhere = np.zeros(segments.items, np.int8)
        none, nothing = np.zeros(0, np.bool_), np.zeros(0, np.int64)
        plan = RunPlan([prediction], weight, nowhere, none, nothing, {}, [self._limit])
        values = np.where(plan.allowed, np.maximum(prediction.gain, 0.0) * weight, 0.0)
        cost = prediction.cost_nanousd
        left_segments = self._pace.take(segments.rows)
        draft = self._journal.spend_nanousd(small.name) / self._pace.seen
        coming = int(draft * (left_segments - segments.rows))
        self._price, order = worth_buying(
            self._sketch,
            values,
            cost,
            of_items=segments.rows,
            items_left=left_segments,
            available_nanousd=self._budget - self._journal.committed_nanousd() - coming,
        )
        chosen = np.zeros(segments.items, np.bool_)
        chosen[order] = True
        facts = {"share": None, "coming_drafts_nanousd": coming, "dual_price": self._price}
        return replace(plan, chosen=chosen, order=order, facts=facts)

    def _spender(self, segments: Segments, budget_nanousd: int) -> Spender:
        return Spender(
            self._journal,
            segments,
            budget_nanousd=budget_nanousd,
            deterministic=False,
            progress=Silent(),
        )

    def _choose(self, segments: Segments, small: Tier) -> Choice:
        (name,) = self._pair.retranslating
        opinion = SecondOpinion(self._router, self._pair.label, small)
        choice = choose(
            self._journal,
            segments,
            self._pair.target_language,
            list(self._pair.models),
            {name: opinion},
        )
        if not self._options.pair.protects:
            return choice
        return shielded(choice, self._journal, segments)

    def _remember(self, segments: Segments, choice: Choice) -> None:
        """Keep translations for sources that come again; the oldest go."""
        good = np.flatnonzero(~(choice.failed | choice.left))
        texts = choice.texts(self._journal, good)
        sources = segments.sources.take(good)
        for item, source in zip(good.tolist(), sources, strict=True):
            self._repeated[source] = texts[item]
        while len(self._repeated) > _MOST_REPEATED:
            self._repeated.popitem(last=False)

    def _count(self, segments: Segments, choice: Choice) -> None:
        repeats: npt.NDArray[np.int64] = segments.repeats
        kept = choice.counts(repeats)
        counts = {
            "repeated": segments.remembered,
            "blank_segments": segments.rows - segments.remembered - int(repeats.sum()),
            "retranslated": int(repeats[choice.taken].sum()),
            "failed": kept.pop("failed", 0),
            "left": int(repeats[choice.left].sum()),
        }
        for total, more in ((self._figures, counts), (self._kept, kept)):
            for name, count in more.items():
                total[name] = total.get(name, 0) + count
        self._journal.set_meta(
            {
                _STATE: {
                    "seen": self._pace.seen,
                    "seconds": self._pace.seconds,
                    "sketch": self._sketch.as_json(),
                    "figures": self._figures,
                    "kept_drafts": self._kept,
                }
            }
        )

    # -- standard output ------------------------------------------------------------------------

    def _write(self, content: bytes) -> None:
        """Write at once; whoever pays for a stream wants to know that nobody reads it any more."""
        if self._header is not None and self._has_written:
            content = content.partition(b"\n")[2]  # each chunk has it
        self._has_written = True
        try:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        except OSError as error:
            discard(sys.stdout)
            raise MidRunError(
                f"standard output: cannot be written: {error.strerror or error}",
                hint="run the same command again; the stream goes on with what its budget has left",
            ) from error


def _is_over(folder: RunFolder) -> bool:
    """Say whether the stream before this one ended with its input, so that a new one begins."""
    if not folder.journal.exists():
        return False
    with Journal(folder.journal) as journal:
        return journal.is_finished
