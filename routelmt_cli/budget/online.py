"""Choose what to buy of items that come in blocks, without knowing those to come.

A block's values and costs go in, with what may be spent on it and all that follow; what of it is
worth buying comes out. Always: decided by one price for the whole block, that at which the traffic
so far would use up what there is, so that a block which is worth more than others gets more of the
money; older traffic counts less and less.

References
----------
.. [1] S. Agrawal, Z. Wang and Y. Ye, "A dynamic near-optimal algorithm for online linear
   programming", Operations Research 62(4), 2014: prices learnt from the items so far, again and
   again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.knapsack import density_order
from routelmt_cli.budget.price_sketch import PriceSketch

_FADED_ITEMS = 200_000  # what came before counts half then


def worth_buying(
    sketch: PriceSketch,
    values: npt.NDArray[np.float64],
    costs_nanousd: npt.NDArray[np.int64],
    *,
    of_items: int,
    items_left: float,
    available_nanousd: float,
) -> tuple[float, npt.NDArray[np.int64]]:
    """Count a block as traffic, and find what of it is worth the price.

    Parameters
    ----------
    sketch
        The traffic so far, which becomes that with this block.
    values, costs_nanousd
        Of the block's items, float64 and int64 of shape (n,); see ``PriceSketch.add``.
    of_items
        How many the block has with those that are worth nothing.
    items_left
        How many are expected from the block on, with it.
    available_nanousd
        What may be spent on all of these.

    Returns
    -------
    price : float
        Value per nanodollar; 0 where money is no matter, infinity where there is none.
    order : numpy.ndarray of int64, (k,)
        What is worth it, by falling density; free items always are.
    """
    if sketch.items > _FADED_ITEMS:
        sketch.fade(0.5)
    sketch.add(values, costs_nanousd, of_items=of_items)
    price = sketch.dual_price(available_nanousd / items_left * sketch.items)
    order = density_order(values, costs_nanousd)
    costs = costs_nanousd[order]
    # Free items first: nothing times infinity is no number.
    return price, order[(costs == 0) | (values[order] >= price * np.maximum(costs, 1))]
