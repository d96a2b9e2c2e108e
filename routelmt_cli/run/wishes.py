"""What the user asks of single segments and of the whole beside money: weights, pins, a share.

The options go in, and columns of the corpus where they name some; arrays of shape (items,) come
out. What always holds: a weight is finite and not below zero; identical segments, which are bought
once, are pinned alike; whatever is wrong with a row names file, line and column. It decides
nothing, and no model is run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.errors import BudgetError, UsageError
from routelmt_cli.run.options import TranslateOptions, column_of
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.tiers import Tier

FREE = -1
"""The pin of an item that is not pinned."""

_LARGEST_WEIGHT = 1e12
_SHOWN = 40


@dataclass(frozen=True, eq=False)
class Wishes:
    """Arrays of shape (items,), and the limit that a share makes.

    Attributes
    ----------
    weight
        float64, what an item counts in the knapsack, its repeats included.
    tokens
        int64, source tokens of all the segments that are this item.
    pin
        int8: the number of the tier that an item is pinned to, ``FREE`` for none.
    tiers
        The names of the tiers; the first drafts.
    share
        The share of the source tokens that may be retranslated; None for any.
    """

    weight: npt.NDArray[np.float64]
    tokens: npt.NDArray[np.int64]
    pin: npt.NDArray[np.int8]
    tiers: Sequence[str]
    share: float | None

    @property
    def pinned(self) -> npt.NDArray[np.bool_]:
        """Which items are pinned to a tier."""
        return np.not_equal(self.pin, FREE)

    @property
    def to_retranslate(self) -> npt.NDArray[np.bool_]:
        """Which items are pinned to a tier that retranslates."""
        return np.greater(self.pin, 0)

    def pinned_to(self, tier: str) -> npt.NDArray[np.bool_]:
        """Say which items are pinned to a tier."""
        return np.equal(self.pin, self.tiers.index(tier))

    @property
    def token_limit(self) -> int | None:
        """The most source tokens that may be retranslated; None for any number."""
        if self.share is None:
            return None
        # Of the number as it is written: 0.29 is a little less than that in binary.
        return int(Fraction(repr(self.share)) * int(self.tokens.sum()))

    def tokens_left(self, sent: npt.NDArray[np.bool_]) -> int | None:
        """Return how many tokens may still be retranslated; None for any number."""
        limit = self.token_limit
        return None if limit is None else limit - int(self.tokens[sent].sum())

    def refuse_share(self, sent: npt.NDArray[np.bool_]) -> None:
        """Refuse a share that what is sent, or pinned to be sent, is more than.

        Raises
        ------
        UsageError
            More was sent before than the share allows.
        BudgetError
            The pins alone are more, with the share that would do.
        """
        limit = self.token_limit
        if limit is None or self.share is None:
            return
        total = max(int(self.tokens.sum()), 1)
        already, needed = (
            int(self.tokens[mask].sum()) for mask in (sent, sent | self.to_retranslate)
        )
        if already > limit:
            raise UsageError(
                f"{already / total:.2%} of the source tokens were retranslated before, more than "
                f"--share {self.share:.2%}",
                hint="give a larger --share; --restart begins anew (and pays again)",
            )
        if needed > limit:
            enough = math.ceil(needed / total * 10_000) / 100
            raise BudgetError(
                f"the segments pinned to '{self.tiers[1]}' need {enough:.2f}% of the source "
                f"tokens, more than --share {self.share:.2%}",
                hint=f"give --share {enough:.2f}% or more, or pin fewer segments",
            )


def read_wishes(
    corpus: Corpus, segments: Segments, tiers: Sequence[Tier], options: TranslateOptions
) -> Wishes:
    """Read what the options ask of each item; lengths are in tokens of the tier that drafts.

    Raises
    ------
    UsageError
        A column is not there, or a row holds what it must not.
    """
    tokens = segments.repeats * tiers[0].source_tokens
    names = [tier.name for tier in tiers]
    return Wishes(
        weight=_weights(corpus, segments, tokens, options.weight),
        tokens=tokens,
        pin=_read_pins(corpus, segments, names, options.pin),
        tiers=names,
        share=options.share,
    )


def _weights(
    corpus: Corpus, segments: Segments, tokens: npt.NDArray[np.int64], rule: str
) -> npt.NDArray[np.float64]:
    if rule == "length":
        return tokens.astype(np.float64)
    if rule == "segment":
        return segments.repeats.astype(np.float64)
    column = column_of(rule)
    parts = list(corpus.numbers(column))
    values = np.concatenate(parts) if parts else np.zeros(0)
    items = segments.item_of_row
    counted = items >= 0
    wrong = np.flatnonzero(counted & ~((values >= 0) & (values <= _LARGEST_WEIGHT)))
    if len(wrong):
        value = float(values[wrong[0]])
        what = "no number" if np.isnan(value) else f"{value:g}"
        raise UsageError(
            f"{_place(corpus, int(wrong[0]))} has {what} in column {column!r}",
            hint=f"a weight is a number from 0 to {_LARGEST_WEIGHT:g}",
        )
    if counted.any() and not values[counted].any():
        raise UsageError(
            f"{corpus.display_name}: every weight in column {column!r} is 0",
            hint="give some segments a weight, or leave --weight out",
        )
    # Of no rows at all numpy counts integers.
    return np.bincount(items[counted], weights=values[counted], minlength=segments.items).astype(
        np.float64
    )


def _read_pins(
    corpus: Corpus, segments: Segments, names: Sequence[str], pin: str | None
) -> npt.NDArray[np.int8]:
    """Read which tier each item is pinned to, int8 of shape (items,)."""
    pins = np.full(segments.items, FREE, np.int8)
    if pin is None:
        return pins
    codes = {"": FREE, **{name: number for number, name in enumerate(names)}}
    column, row = column_of(pin), 0
    by_row = np.full(segments.rows, FREE, np.int8)
    for texts in corpus.texts(column):
        for text in texts.to_pylist():
            code = codes.get(text.strip())
            if code is None:
                raise UsageError(
                    f"{_place(corpus, row)} has {text[:_SHOWN]!r} in column {column!r}",
                    hint=f"a pin is {', '.join(names)} or empty",
                )
            by_row[row] = code
            row += 1
    rows = np.flatnonzero((segments.item_of_row >= 0) & (by_row != FREE))
    items = segments.item_of_row[rows]
    # The last row of an item that is written stays; a row that differs from it contradicts it.
    pins[items] = by_row[rows]
    wrong = rows[pins[items] != by_row[rows]]
    if len(wrong):
        item = segments.item_of_row[wrong[0]]
        other = int(rows[(items == item) & (by_row[rows] != by_row[wrong[0]])][0])
        raise UsageError(
            f"{_place(corpus, int(wrong[0]))} is pinned to '{names[by_row[wrong[0]]]}', but "
            f"{corpus.layout.place(other + 1)} holds the same text and is pinned to "
            f"'{names[by_row[other]]}'",
            hint="identical segments are translated once: pin them alike",
        )
    return pins


def _place(corpus: Corpus, row: int) -> str:
    return f"{corpus.display_name} {corpus.layout.place(row + 1)}"
