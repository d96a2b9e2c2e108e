"""What a person can type as an amount, and what is said about the rest."""

from __future__ import annotations

import pytest

from routelmt_cli.budget.money import format_usd, parse_price, parse_usd, usd_decimal
from routelmt_cli.errors import ExitCode, UsageError


@pytest.mark.parametrize(
    ("text", "nanousd"),
    [
        ("5", 5_000_000_000),
        ("5.00", 5_000_000_000),
        ("$5", 5_000_000_000),
        (" 5 \t", 5_000_000_000),
        ("+5", 5_000_000_000),
        ("5.", 5_000_000_000),
        (".5", 500_000_000),
        ("0.003", 3_000_000),
        ("1e-3", 1_000_000),
        ("1E3", 1_000_000_000_000),
        ("0.000000001", 1),
        ("1.0000000000000000000000000000000000000000", 1_000_000_000),
        ("1000000000", 10**18),
        ("0.1", 100_000_000),
    ],
)
def test_amounts(text, nanousd):
    assert parse_usd(text) == nanousd


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("abc", "--budget 'abc' is not an amount of US dollars"),
        ("", "--budget '' is not an amount of US dollars"),
        ("$", "--budget '$' is not an amount of US dollars"),
        ("5 USD", "--budget '5 USD' is not an amount of US dollars"),
        ("1,000", "--budget '1,000' is not an amount of US dollars"),
        ("1_000", "--budget '1_000' is not an amount of US dollars"),
        ("٣", "--budget '٣' is not an amount of US dollars"),
        ("0x10", "--budget '0x10' is not an amount of US dollars"),
        ("5\n6", r"--budget '5\n6' is not an amount of US dollars"),
        ("0", "--budget '0' is zero"),
        ("$0.00", "--budget '$0.00' is zero"),
        ("-0", "--budget '-0' is zero"),
        ("-1", "--budget '-1' is negative"),
        ("-$1", "--budget '-$1' is negative"),
        ("$-1", "--budget '$-1' is negative"),
        ("NaN", "--budget 'NaN' is not a finite amount"),
        ("inf", "--budget 'inf' is not a finite amount"),
        ("-Infinity", "--budget '-Infinity' is not a finite amount"),
        ("0.0000000001", "finer than a nanodollar"),
        ("1.0000000001", "finer than a nanodollar"),
        ("1e-400", "finer than a nanodollar"),
        ("1e-99999999999999999999", "finer than a nanodollar"),
        ("1000000000.000000001", "is above 1,000,000,000 USD"),
        ("1e400", "--budget '1e400' is above 1,000,000,000 USD"),
        ("1e999999999", "is above 1,000,000,000 USD"),
        ("1e99999999999999999999", "is above 1,000,000,000 USD"),
    ],
)
def test_refused_amounts_say_why_on_one_line(text, message):
    with pytest.raises(UsageError) as caught:
        parse_usd(text)
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert not caught.value.message.endswith(".")
    assert caught.value.hint == "write US dollars such as 5, 5.00, $5 or 0.003"
    assert caught.value.exit_code is ExitCode.USAGE


def test_the_option_is_named_and_long_text_is_cut():
    with pytest.raises(UsageError) as caught:
        parse_usd("x" * 10_000, option="--max-usd")
    assert caught.value.message.startswith("--max-usd 'xxx")
    assert len(caught.value.message) < 120


@pytest.mark.parametrize(
    ("value", "nanousd"),
    [(0, 0), (0.0, 0), ("0", 0), (0.15, 150_000_000), ("$2.50", 2_500_000_000), (3, 3 * 10**9)],
)
def test_prices(value, nanousd):
    assert parse_price(value) == nanousd


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "input True is not a price"),
        (None, "input None is not a price"),
        ([1], "input [1] is not a price"),
        (-1, "input -1 is negative"),
        (-0.5, "input -0.5 is negative"),
        (float("nan"), "input nan is not a finite amount"),
        (float("inf"), "input inf is not a finite amount"),
        (1e-10, "input 1e-10 is finer than a nanodollar"),
        ("free", "input 'free' is not an amount of US dollars"),
    ],
)
def test_refused_prices(value, message):
    with pytest.raises(UsageError) as caught:
        parse_price(value, option="input")
    assert caught.value.message.startswith(message)
    assert "0 is allowed" in caught.value.hint


def test_integers_too_long_to_write_are_refused_as_prices():
    with pytest.raises(UsageError, match=r"^input is above 1,000,000,000 USD$"):
        parse_price(10**5000, option="input")
    with pytest.raises(UsageError, match=r"^input is negative$"):
        parse_price(-(10**5000), option="input")


@pytest.mark.parametrize(
    ("nanousd", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (3_100_000, "$0.0031"),
        (500_000_000, "$0.50"),
        (5_000_000_000, "$5.00"),
        (1_234_567_000_000_000, "$1234567.00"),
    ],
)
def test_written_amounts(nanousd, text):
    assert format_usd(nanousd) == text
    assert f"{usd_decimal(nanousd):f}" == text[1:]


def test_a_negative_amount_is_a_bug_of_the_caller():
    with pytest.raises(ValueError, match="negative"):
        format_usd(-1)
    with pytest.raises(ValueError, match="negative"):
        usd_decimal(-1)
