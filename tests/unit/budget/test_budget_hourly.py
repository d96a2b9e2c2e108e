"""Token prices of a machine that is paid by the hour."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.budget.hourly import hourly_price
from routelmt_cli.budget.price import Price

RATES = st.floats(0.01, 1e6)


def test_an_example():
    # 0.36 dollars an hour are 0.0001 a second, and a million tokens take 1,000 or 10,000 seconds.
    assert hourly_price(360_000_000, 1000, 100) == Price(100_000_000, 1_000_000_000)


@given(st.integers(0, 10**15), RATES, RATES)
def test_an_hour_of_tokens_pays_for_the_hour(nanousd, read, written):
    price = hourly_price(nanousd, read, written)
    for rate, side in ((read, (1, 0)), (written, (0, 1))):
        tokens = int(rate * 3600) + 1
        assert price.request(*(tokens * one for one in side)) >= nanousd
