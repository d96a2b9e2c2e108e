"""What a nanodollar buys in traffic beyond memory: a mergeable histogram of densities.

Values and costs of items go in, block by block, in any order and on any number of machines; the
dual price of a capacity comes out: the value per nanodollar from which on items are worth buying.
Always: adding blocks and merging sketches give the same sums in every order, up to the rounding of
float64; a sketch has a few thousand numbers, however many items it has seen. An item is in the bin
of its density (value per cost), of which there are 32 to the octave, so that the price is within
2.2% of the exact one, and what it selects costs the capacity up to one bin's share.

The price is that of the linear relaxation (see ``knapsack``): with the exact one, buying all items
of a higher density is the optimum of the cost that this takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

_BINS_PER_OCTAVE = 32
_LOWEST_OCTAVE, _OCTAVES = -96, 160  # any gain in points and price in nanodollars, and far beyond
_BINS = _OCTAVES * _BINS_PER_OCTAVE


class PriceSketch:
    """A histogram of costs over densities.

    Attributes
    ----------
    items
        How many items it has seen, worthless ones too; a share of that where it was faded.
    """

    def __init__(self) -> None:
        self.items = 0.0
        self._cost = np.zeros(_BINS)

    def add(
        self,
        values: npt.NDArray[np.float64],
        costs_nanousd: npt.NDArray[np.int64],
        *,
        of_items: int | None = None,
    ) -> None:
        """Count items.

        Parameters
        ----------
        values
            float64 of shape (n,), finite; what is not positive is worth nothing and never bought.
        costs_nanousd
            int64 of shape (n,), zero or more; free items need no price.
        of_items
            Among how many items these are, the others being worth nothing; n by default.

        Raises
        ------
        ValueError
            If the shapes differ, a value is not finite or a cost is negative.
        """
        if values.shape != costs_nanousd.shape or values.ndim != 1:
            raise ValueError("values and costs must be of one shape (n,)")
        if not np.isfinite(values).all() or (costs_nanousd < 0).any():
            raise ValueError("values must be finite and costs not negative")
        self.items += len(values) if of_items is None else of_items
        counted = (values > 0) & (costs_nanousd > 0)
        costs = costs_nanousd[counted].astype(np.float64)
        octave = np.log2(values[counted] / costs) - _LOWEST_OCTAVE
        bins = np.clip((octave * _BINS_PER_OCTAVE).astype(np.int64), 0, _BINS - 1)
        np.add.at(self._cost, bins, costs)

    def merge(self, other: PriceSketch) -> None:
        """Count what another sketch has counted."""
        self.items += other.items
        self._cost += other._cost

    def fade(self, share: float) -> None:
        """Let all that was seen so far count a share of what it did, 0 to 1."""
        if not 0 <= share <= 1:
            raise ValueError("a share lies between 0 and 1")
        self.items *= share
        self._cost *= share

    def dual_price(self, capacity_nanousd: float) -> float:
        """Return the value per nanodollar from which on items fit a capacity together.

        Parameters
        ----------
        capacity_nanousd
            What all items that it has seen may cost together.

        Returns
        -------
        float
            0 where all that have any value fit, infinity where the capacity is 0 or less.
        """
        if capacity_nanousd <= 0:
            return math.inf
        dearest_first = np.cumsum(self._cost[::-1])
        fitting = int(np.searchsorted(dearest_first, capacity_nanousd, side="right"))
        if fitting == _BINS:
            return 0.0
        before = float(dearest_first[fitting - 1]) if fitting else 0.0
        # As if the costs in a bin were spread evenly over it.
        share = (capacity_nanousd - before) / (float(dearest_first[fitting]) - before)
        edge = _BINS - fitting - share
        return float(2.0 ** (edge / _BINS_PER_OCTAVE + _LOWEST_OCTAVE))

    def as_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads."""
        filled = np.flatnonzero(self._cost)
        return {"items": self.items, "bins": filled.tolist(), "cost": self._cost[filled].tolist()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PriceSketch:
        """Read what ``as_json`` returned."""
        sketch = cls()
        sketch.items = float(data["items"])
        sketch._cost[np.array(data["bins"], np.int64)] = np.array(data["cost"], np.float64)
        return sketch
