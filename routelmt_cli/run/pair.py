"""A language pair and the models that translate it: one that drafts, one or more that retranslate.

Names of cards go in, verified models come out. Always: no two of them have one name, and what a
model cannot do for this pair is refused here. No model is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from routelmt_cli.corpus.added import MEMORY, NO_TIER
from routelmt_cli.errors import UsageError
from routelmt_cli.gain.metadata import ModelIdentity, pair_label
from routelmt_cli.run.options import PairOptions
from routelmt_cli.run.tiers import LARGE, PROBE, SMALL
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.languages import canonical_code
from routelmt_cli.translators.models import Model, find_model


@dataclass(frozen=True)
class Pair:
    """A language pair and its models.

    Attributes
    ----------
    models
        By the names of their tiers, two or more; the first drafts, the others retranslate.
    source_language, target_language
        Codes.
    """

    models: Mapping[str, Model]
    source_language: str
    target_language: str

    @property
    def label(self) -> str:
        """The language pair as a router names it, such as ``de-en``."""
        return pair_label(self.source_language, self.target_language)

    @property
    def drafting(self) -> str:
        """The name of the tier that drafts."""
        return next(iter(self.models))

    @property
    def small(self) -> Model:
        """The model that drafts."""
        return self.models[self.drafting]

    @property
    def retranslating(self) -> dict[str, Model]:
        """The other models, by their tiers, in order."""
        return dict(list(self.models.items())[1:])


def find_pair(options: PairOptions, source_language: str, target_language: str) -> Pair:
    """Find all models and verify their weights.

    Raises
    ------
    UsageError
        Where a card or its weights are missing or wrong, two have one name, a prompt cannot name
        the languages, or a server cannot keep a promise of ``--deterministic``.
    """
    cards = [find_card(name) for name in options.cards]
    for card in cards:
        if options.deterministic and card.endpoint is not None:
            raise UsageError(
                f"{card.card_path}: what a server answers cannot be promised to be the same again",
                hint="leave --deterministic out, or name a model that runs here",
            )
    names = _tier_names(cards) if options.tiers else [SMALL, LARGE]
    if any(card.backend != "stand-in" for card in cards):
        # Before weights are read, which takes longer.
        source_language, target_language = map(canonical_code, (source_language, target_language))
    models = {
        name: find_model(card, source_language, target_language, protects=options.protects)
        for name, card in zip(names, cards, strict=True)
    }
    return Pair(models, source_language, target_language)


def _tier_names(cards: Sequence[ModelCard]) -> list[str]:
    """Name tiers by their cards, where each can be told from the others."""
    names = [card.name for card in cards]
    for number, card in enumerate(cards):
        if card.name in names[:number]:
            raise UsageError(
                f"{card.card_path}: two tiers are named '{card.name}'",
                hint="name every model once; tiers go by the names in their cards",
            )
        if card.name in (NO_TIER, MEMORY, PROBE):
            raise UsageError(
                f"{card.card_path}: a tier cannot be named '{card.name}', which routelmt itself "
                "says of segments or of spend",
                hint="change 'name' in a copy of the card",
            )
    return names


def cheaper_than_drafts(pair: Pair) -> str | None:
    """Name a model that costs less than the one that drafts, None where there is none."""
    own = pair.small.card.price
    for model in pair.retranslating.values():
        price = model.card.price
        if (
            price.input_nanousd_per_million_tokens <= own.input_nanousd_per_million_tokens
            and price.output_nanousd_per_million_tokens < own.output_nanousd_per_million_tokens
        ):
            return model.card.name
    return None


def model_identity(model: Model) -> ModelIdentity:
    """Identify a run's model as a router records it."""
    return ModelIdentity(model.card.name, model.fingerprint)
