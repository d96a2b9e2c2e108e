"""What a run works with once everything is opened, and the time that its stages take.

Nothing is read, decided or spent here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from routelmt_cli.protection.glossary import Glossary
from routelmt_cli.run.corpus_input import CorpusInput
from routelmt_cli.run.deadline import Deadline
from routelmt_cli.run.engines.engine import Engine
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.memory import Memory
from routelmt_cli.run.options import TranslateOptions
from routelmt_cli.run.owed_drafts import OwedDrafts
from routelmt_cli.run.pair import Pair
from routelmt_cli.run.prediction import ReadTable
from routelmt_cli.run.probes import what_is_looked_at
from routelmt_cli.run.progress import Progress
from routelmt_cli.run.route import Route
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.spending import Spender
from routelmt_cli.run.tiers import Tier
from routelmt_cli.run.wishes import Wishes


@dataclass
class Clock:
    """Wall seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of a block."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begun


@dataclass(frozen=True)
class Run:
    """What a run works with.

    Attributes
    ----------
    small, routes
        The tier that drafts, and those that retranslate.
    budget_nanousd
        What bounds the run's spend: its options' budget, or less where that is the most; or the
        worst case of everything, where the options name none.
    wishes
        What the options ask of single segments.
    memory
        Translations that are known.
    glossary
        Terms that translations must use; None for none.
    output
        The output file; None for standard output.
    engine
        Where the models run.
    probing
        The tier that segments are probed with; None where routing looks at their drafts.
    """

    source: CorpusInput
    pair: Pair
    segments: Segments
    small: Tier
    routes: Sequence[Route]
    wishes: Wishes
    memory: Memory
    glossary: Glossary | None
    journal: Journal
    budget_nanousd: int
    deadline: Deadline
    options: TranslateOptions
    progress: Progress
    clock: Clock
    output: Path | None
    engine: Engine
    probing: Tier | None = None

    @property
    def tiers(self) -> list[Tier]:
        """All tiers; the first drafts."""
        return [self.small, *(route.tier for route in self.routes)]

    @property
    def read(self) -> ReadTable:
        """What reads the columns that routing looks at, of items that are drafted, or probed."""
        return what_is_looked_at(self.journal, self.segments, self.small, self.probing)

    def owed(self) -> OwedDrafts:
        """Return the drafts that this run owes, if it is one that probes."""
        large = self.routes[0].tier
        return OwedDrafts(self.journal, self.segments, self.pair, self.small, large)

    def spender(self, budget_nanousd: int, owed: OwedDrafts | None = None) -> Spender:
        """Return who buys for this run, within a budget, while drafts are owed or not."""
        return Spender(
            self.journal,
            self.segments,
            budget_nanousd=budget_nanousd,
            deterministic=self.options.pair.deterministic,
            progress=self.progress,
            deadline=self.deadline,
            engine=self.engine,
            owed=owed,
        )
