"""Prices of requests by hand-made figures, and where arrays could overflow."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.budget.price import Price

CHEAP = Price(150_000_000, 600_000_000)


def test_a_request_by_hand():
    # 1000 x 0.15 USD / 10^6 + 500 x 0.60 USD / 10^6 = 0.00045 USD
    assert CHEAP.request(1000, 500) == 450_000


def test_rounding_is_up_and_once():
    price = Price(1, 1)
    assert price.request(0, 0) == 0
    assert price.request(1, 0) == 1
    assert price.request(500_000, 500_000) == 1
    assert price.request(500_000, 500_001) == 2


def test_free_is_only_what_never_costs():
    assert Price(0, 0).request(10**9, 10**9) == 0
    assert Price(0, 1).request(0, 1) == 1
    assert Price(0, 0).requests([10, 20], 5).tolist() == [0, 0]


def test_numpy_scalars_do_not_overflow():
    price = Price(np.int64(10**15), np.int64(0))
    assert price.request(np.int64(10**6), np.int64(0)) == 10**15
    assert price.request(np.int32(10**9), np.int32(0)) == 10**18


def test_arrays_beyond_the_fast_range_are_still_exact():
    price = Price(10**18, 3)
    assert price.requests([10, 2], [0, 1]).tolist() == [10**13, 2 * 10**12 + 1]
    # The largest prompt and the largest output together would not fit; no request has both.
    assert Price(9 * 10**18, 9 * 10**18).requests([10**6, 0], [0, 10**6]).tolist() == [
        9 * 10**18,
        9 * 10**18,
    ]
    assert Price(10**30, 1).requests([0, 0], [0, 10**6]).tolist() == [0, 1]
    with pytest.raises(OverflowError):
        price.requests([10**8], [0])


def test_shapes_broadcast_and_empty_is_empty():
    assert CHEAP.requests([[1], [2]], [0, 10]).shape == (2, 2)
    assert CHEAP.requests([], []).tolist() == []
    assert CHEAP.requests(np.zeros(2, dtype=np.uint16), np.uint64(1)).tolist() == [600, 600]


def test_wrong_counts_and_prices_are_refused():
    with pytest.raises(ValueError, match="negative"):
        CHEAP.request(-1, 0)
    with pytest.raises(ValueError, match="negative"):
        CHEAP.requests([1, -1], [0, 0])
    with pytest.raises(TypeError, match="integers"):
        CHEAP.requests([1.5], [0])
    with pytest.raises(ValueError, match="input_nanousd_per_million_tokens"):
        Price(-1, 0)
    with pytest.raises(TypeError):
        Price(0.5, 0)
