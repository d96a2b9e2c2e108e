"""Money and prices are exact for every amount, not only for round ones."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.budget.money import (
    LARGEST_USD,
    NANODOLLARS_PER_USD,
    format_usd,
    parse_price,
    parse_usd,
    usd_decimal,
)
from routelmt_cli.budget.price import Price
from routelmt_cli.errors import UsageError

AMOUNTS = st.integers(1, LARGEST_USD * NANODOLLARS_PER_USD)
PRICES = st.one_of(st.integers(0, 10**11), st.integers(0, 10**18))
COUNTS = st.lists(st.tuples(st.integers(0, 10**5), st.integers(0, 10**5)), min_size=1, max_size=20)


@given(AMOUNTS)
def test_what_is_written_is_read_back(nanousd):
    text = format_usd(nanousd)
    assert parse_usd(text) == parse_usd(f" {text[1:]}\n") == nanousd
    assert usd_decimal(nanousd) * NANODOLLARS_PER_USD == nanousd
    decimals = text.partition(".")[2]
    assert len(decimals) == 2 or (len(decimals) > 2 and not decimals.endswith("0"))


@given(AMOUNTS, st.integers(-30, 30))
def test_an_amount_in_scientific_notation_is_the_same_amount(nanousd, shift):
    shifted = Decimal(nanousd).scaleb(-9 - shift)
    assert parse_usd(f"{shifted:f}e{shift}") == nanousd


@given(st.text(alphabet="0123456789.eE+-$_, naif\n٣", max_size=12))
def test_any_text_is_an_amount_in_range_or_one_line_with_a_hint(text):
    try:
        nanousd = parse_usd(text)
    except UsageError as error:
        assert error.message.startswith("--budget '")
        assert "\n" not in error.message
        assert error.hint
    else:
        assert 0 < nanousd <= LARGEST_USD * NANODOLLARS_PER_USD
        exact = Fraction(text.strip().replace("$", "", 1))
        assert nanousd == exact * NANODOLLARS_PER_USD


@given(st.integers(0, 10**6).map(lambda millionths: millionths / 10**6))
def test_a_price_as_float_is_the_price_as_text(price):
    assert parse_price(price) == parse_price(repr(price)) == round(price * 10**6) * 1000


@given(PRICES, PRICES, COUNTS)
def test_a_request_is_rounded_up_once_and_arrays_agree(input_price, output_price, counts):
    price = Price(input_price, output_price)
    exact = [
        ceil(Fraction(prompt * input_price + output * output_price, 10**6))
        for prompt, output in counts
    ]
    assert [price.request(*pair) for pair in counts] == exact
    prompt, output = np.array(counts).T
    if max(exact) > np.iinfo(np.int64).max:
        with pytest.raises(OverflowError):
            price.requests(prompt, output)
    else:
        priced = price.requests(prompt, output)
        assert priced.dtype == np.int64
        assert priced.tolist() == exact
