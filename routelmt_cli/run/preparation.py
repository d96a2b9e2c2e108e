"""What a ``translate`` and its dry run settle before a segment is read, and how both count tokens.

A corpus and options go in; models, router, memory, glossary, places and the run's identity come
out, then the tiers. Always: what cannot be done is refused here, and a dry run is prepared in the
very way of the run that it speaks of. Nothing is written or spent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.gain.conformal import GuardLimit
from routelmt_cli.protection.glossary import Glossary
from routelmt_cli.run import folder as run_folder
from routelmt_cli.run import output, writing
from routelmt_cli.run.corpus_input import CorpusInput
from routelmt_cli.run.glossary_input import read_glossary
from routelmt_cli.run.identity import translate_identity
from routelmt_cli.run.memory import Memory, read_memory
from routelmt_cli.run.notes import note_sources, with_notes
from routelmt_cli.run.options import RouteBy, TranslateOptions
from routelmt_cli.run.pair import Pair
from routelmt_cli.run.probes import open_probing
from routelmt_cli.run.progress import Progress
from routelmt_cli.run.route import Route
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.setup import Routers, find_limit, find_pair_and_routers
from routelmt_cli.run.source_language import translated_from
from routelmt_cli.run.tiers import Tier, open_tiers


@dataclass(frozen=True)
class Preparation:
    """What is known of a run before its segments are.

    Attributes
    ----------
    routers, limits
        The routers, and the limits by the tiers that retranslate.
    output
        The output file; None for standard output.
    identity
        What the run must be continued with.
    folder
        Where the run folder is, or would be.
    """

    options: TranslateOptions
    pair: Pair
    routers: Routers
    limits: Mapping[str, GuardLimit | None]
    memory: Memory
    glossary: Glossary | None
    output: Path | None
    identity: dict[str, Any]
    folder: Path

    @property
    def probes(self) -> bool:
        """Whether routing looks at probes."""
        return self.options.route_by is RouteBy.PROBE

    def open_tiers(self, corpus: Corpus, segments: Segments) -> list[Tier]:
        """Count what every item costs, with each model; the first drafts.

        Raises
        ------
        UsageError
            As of ``open_tier`` and ``note_sources``.
        """
        told = note_sources(corpus, segments, self.pair, self.options, self.glossary, self.memory)
        # Hidden states where a router looks at them; what is adapted to other languages does not.
        # Drafts that are made first are probes too, for a plan or a run that goes on by these.
        with_states = not self.probes and (
            self.routers.probing_router is not None
            or any(
                router.needs_states and router.knows(self.pair.label)
                for router in self.routers.by_tier.values()
            )
        )
        return open_tiers(self.pair.models, segments, with_states=with_states, notes=told)

    def routes(self, tiers: Sequence[Tier]) -> list[Route]:
        """Return where segments can be sent beside their drafts, given the tiers."""
        routers, limits = self.routers, self.limits
        asked, blends = routers.asked(self.options.route_by), routers.blends
        return [
            Route(
                tier,
                asked[tier.name],
                limits[tier.name],
                blends.get(tier.name),
                routers.probing_router,
            )
            for tier in tiers[1:]
        ]

    def open_probing(self, segments: Segments) -> Tier | None:
        """Count what probing every item costs; None where drafts are looked at.

        Raises
        ------
        UsageError
            As of ``open_tier``.
        """
        return open_probing(self.pair, segments) if self.probes else None


def reserved_columns(options: TranslateOptions) -> list[str]:
    """Return the columns that the output adds, which the input must not have."""
    with_terms = options.glossary is not None
    added = writing.added_columns(explain=options.explain, with_terms=with_terms)
    return [column.name for column in added]


def prepare(source: CorpusInput, options: TranslateOptions, progress: Progress) -> Preparation:
    """Settle all that a run needs to know before it reads its segments.

    Raises
    ------
    UsageError
        A model, router, memory or glossary is missing or does not fit.
    """
    pair, routers = find_pair_and_routers(
        options, progress, partial(translated_from, source, options, progress)
    )
    limits = {
        tier: find_limit(options, pair, tier, router, progress)
        for tier, router in routers.asked(options.route_by).items()
    }
    path = output.output_path(options, pair.target_language)
    memory = read_memory(options.memory, pair)
    for remark in memory.remarks:
        progress.note(remark)
    glossary = None if options.glossary is None else read_glossary(options.glossary)
    pair = with_notes(pair, options, glossary, memory, progress)
    identity = translate_identity(
        source,
        pair,
        routers.fingerprint,
        options,
        memory.fingerprint,
        None if glossary is None else glossary.fingerprint,
    )
    folder = run_folder.in_cache(identity) if path is None else run_folder.beside(path)
    return Preparation(options, pair, routers, limits, memory, glossary, path, identity, folder)
