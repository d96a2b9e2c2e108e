"""A group of requests that is reserved, sent and settled together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Wave:
    """A group of reserved requests of one tier, in sending order.

    Attributes
    ----------
    number
        Counted from 0 in each tier.
    items
        int64 of shape (n,), in sending order, those already settled included.
    worst_nanousd
        int64 of shape (n,), what each may cost at most.
    """

    tier: str
    number: int
    items: npt.NDArray[np.int64]
    worst_nanousd: npt.NDArray[np.int64]

    @cached_property
    def worst_by_item(self) -> dict[int, int]:
        """What each item may cost at most."""
        return dict(zip(self.items.tolist(), self.worst_nanousd.tolist(), strict=True))
