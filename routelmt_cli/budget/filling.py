"""Spend along an order: take each item that still fits, skip each that does not.

Costs in spending order and a limit go in, a mask of what is taken comes out. The sum of the taken
costs never exceeds the limit, sums are exact in 64 bits, and the same input gives the same mask.
The knapsack fills with it, and comparisons at equal spend use it for every ordering, so that no
ordering is favoured by another rule. It does not decide the order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BLOCK_SIZE = 65_536
"""Items looked at in one vectorised step."""

_LARGEST_TOTAL = 2.0**62
_LARGEST_INT64 = 2**63 - 1


def fill_in_order(
    costs: npt.NDArray[np.int64],
    capacity: int,
    taken: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.bool_]:
    """Take items in the order given while they fit.

    Parameters
    ----------
    costs
        int64 (n,), zero or more, in spending order.
    capacity
        The limit of the sum of all taken costs, zero or more.
    taken
        bool (n,): items taken beforehand, whose costs count; none where absent.

    Returns
    -------
    numpy.ndarray of bool, (n,)
        The items taken, those of ``taken`` among them.

    Raises
    ------
    ValueError
        If what is taken beforehand exceeds the capacity.
    OverflowError
        If the costs sum to more than 64 bits hold.

    Notes
    -----
    A block whose items all fit, or of which none fits, costs one vectorised pass; only the few
    blocks in between are walked item by item, so the work is linear in every case.
    """
    check_total(costs)
    mask = np.zeros(len(costs), dtype=np.bool_) if taken is None else taken.copy()
    # A larger capacity buys no more than all of what 64 bits hold, and numpy compares in 64 bits.
    remaining = min(capacity, _LARGEST_INT64) - int(costs[mask].sum())
    if remaining < 0:
        raise ValueError(f"what is taken beforehand exceeds the capacity {capacity}")
    for start in range(0, len(costs), BLOCK_SIZE):
        block = slice(start, start + BLOCK_SIZE)
        fitting = start + np.flatnonzero((costs[block] <= remaining) & ~mask[block])
        if not len(fitting):
            continue
        sums = np.cumsum(costs[fitting])
        count = int(np.searchsorted(sums, remaining, side="right"))
        if count:
            mask[fitting[:count]] = True
            remaining -= int(sums[count - 1])
        positions = fitting[count:]
        for position, cost in zip(positions.tolist(), costs[positions].tolist(), strict=True):
            if cost <= remaining:
                mask[position] = True
                remaining -= cost
    return mask


def check_total(costs: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> None:
    """Check that costs can be summed exactly in int64.

    Parameters
    ----------
    costs
        int64 (n,), or whole numbers that are still to become that; zero or more.

    Raises
    ------
    OverflowError
        If their sum may exceed 2^62.
    """
    if float(np.sum(costs, dtype=np.float64)) > _LARGEST_TOTAL:
        raise OverflowError("the costs sum to more than 64 bits hold")
