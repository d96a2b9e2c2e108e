"""Read and write amounts of money exactly.

Text or TOML values go in, whole nanodollars (1 USD = 10^9) come out, and back again. No binary
floating point takes part in an amount, so what a user types is what is bounded, to the last
digit. A text that is no usable amount is a `UsageError` of one line with a hint. This module does
not know what an amount is for: zero is refused for a budget and allowed for a price, nothing more.
"""

from __future__ import annotations

import math
import operator
import re
from decimal import Decimal, InvalidOperation

from routelmt_cli.errors import UsageError

NANODOLLARS_PER_USD = 10**9
"""Nanodollars in one US dollar."""

LARGEST_USD = 10**9
"""Amounts above this many US dollars are refused: they are slips, and 64 bits are finite."""

_NUMBER = re.compile(
    r"(?P<before>[+-]?)\$?(?P<after>[+-]?)"
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?P<exponent>[eE][+-]?[0-9]+)?)"
)
_NOT_FINITE = re.compile(r"[+-]?\$?[+-]?(?:s?nan|inf|infinity)", re.IGNORECASE)
_LONGEST_AMOUNT = 1000
_LONGEST_QUOTE = 40
_BUDGET_HINT = "write US dollars such as 5, 5.00, $5 or 0.003"
_PRICE_HINT = 'write US dollars per million tokens such as 0.15 or "0.15"; 0 is allowed'


def parse_usd(text: str, option: str = "--budget") -> int:
    """Read an amount above zero in US dollars.

    Parameters
    ----------
    text
        ``5``, ``5.00``, ``$5``, ``0.003`` or ``1e-3``; surrounding blanks are ignored.
    option
        The option that the text was given to, for the error message.

    Returns
    -------
    int
        Nanodollars, at least 1 and at most ``LARGEST_USD * NANODOLLARS_PER_USD``.

    Raises
    ------
    UsageError
        If the text is not a number, or is zero, negative, not finite, finer than a nanodollar or
        above `LARGEST_USD`.
    """
    subject = f"{option} {_quote(text)}"
    amount_nanousd = _read_amount(text, subject, _BUDGET_HINT)
    if amount_nanousd == 0:
        raise UsageError(f"{subject} is zero", hint=_BUDGET_HINT)
    return amount_nanousd


def parse_price(value: object, option: str = "usd_per_million_tokens") -> int:
    """Read the price of a model card, in US dollars per million tokens.

    Parameters
    ----------
    value
        A TOML integer, float or string; a float stands for its shortest decimal form, so that
        ``0.1`` is a tenth and not the binary number next to it.
    option
        The key that the value was given to, for the error message.

    Returns
    -------
    int
        Nanodollars per million tokens, zero or more.

    Raises
    ------
    UsageError
        As `parse_usd`, except that zero is allowed; also if the value is of another type.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise UsageError(f"{option} {_quote(value)} is not a price", hint=_PRICE_HINT)
    if isinstance(value, int) and abs(value) > LARGEST_USD:
        # Not quoted: Python refuses to write integers of thousands of digits, which TOML can hold.
        fault = "negative" if value < 0 else f"above {LARGEST_USD:,} USD"
        raise UsageError(f"{option} is {fault}", hint=_PRICE_HINT)
    text = value if isinstance(value, str) else repr(value)
    return _read_amount(text, f"{option} {_quote(value)}", _PRICE_HINT)


def format_usd(nanousd: int) -> str:
    """Write an amount exactly, with at least two decimals and no zeros beyond them.

    Parameters
    ----------
    nanousd
        Nanodollars, zero or more.

    Returns
    -------
    str
        Such as ``$5.00`` or ``$0.0031``; `parse_usd` reads it back to the same amount.

    Raises
    ------
    ValueError
        If the amount is negative: nothing in routelmt owes money.
    """
    return f"${_decimal_text(nanousd)}"


def format_about_usd(usd: float) -> str:
    """Write a rate or an estimate in US dollars with three significant digits.

    Parameters
    ----------
    usd
        US dollars, zero or more; infinity is beyond price.

    Returns
    -------
    str
        Such as ``$0.000123``; not an amount that was or will be paid.
    """
    return "beyond price" if math.isinf(usd) else f"${Decimal(f'{usd:.3g}'):f}"


def usd_decimal(nanousd: int) -> Decimal:
    """Convert an amount to US dollars exactly.

    Parameters
    ----------
    nanousd
        Nanodollars, zero or more.

    Returns
    -------
    Decimal
        US dollars with the decimals of `format_usd`.

    Raises
    ------
    ValueError
        If the amount is negative.
    """
    return Decimal(_decimal_text(nanousd))


def _decimal_text(nanousd: int) -> str:
    """Write nanodollars as US dollars without a sign or symbol."""
    amount = operator.index(nanousd)
    if amount < 0:
        raise ValueError(f"an amount cannot be negative: {amount} nanodollars")
    whole, fraction = divmod(amount, NANODOLLARS_PER_USD)
    return f"{whole}.{f'{fraction:09d}'.rstrip('0').ljust(2, '0')}"


def _read_amount(text: str, subject: str, hint: str) -> int:
    """Read nanodollars, zero or more, or raise a `UsageError` that starts with the subject."""
    stripped = text.strip()
    if len(stripped) > _LONGEST_AMOUNT:
        # The exact ratio of a number of a million digits takes half a minute.
        raise UsageError(f"{subject} is longer than {_LONGEST_AMOUNT} characters", hint=hint)
    if _NOT_FINITE.fullmatch(stripped):
        raise UsageError(f"{subject} is not a finite amount", hint=hint)
    match = _NUMBER.fullmatch(stripped)
    if match is None:
        raise UsageError(f"{subject} is not an amount of US dollars", hint=hint)
    too_fine = UsageError(f"{subject} is finer than a nanodollar (0.000000001 USD)", hint=hint)
    too_large = UsageError(f"{subject} is above {LARGEST_USD:,} USD", hint=hint)
    try:
        amount = Decimal(match["number"])
    except InvalidOperation:
        # Only an exponent beyond what Decimal holds gets here: the pattern has vetted the rest.
        raise (too_fine if "-" in (match["exponent"] or "") else too_large) from None
    if not amount:
        return 0
    if "-" in match["before"] + match["after"]:
        raise UsageError(f"{subject} is negative", hint=hint)
    # The magnitude is checked before the exact ratio is made: 1e999999 would fill the memory.
    if amount.adjusted() > 9 or amount > LARGEST_USD:
        raise too_large
    if amount.adjusted() < -9:
        raise too_fine
    numerator, denominator = amount.as_integer_ratio()
    nanousd, remainder = divmod(numerator * NANODOLLARS_PER_USD, denominator)
    if remainder:
        raise too_fine
    return nanousd


def _quote(value: object) -> str:
    """Quote a value on one line, cut where it is long."""
    quoted = repr(value)
    return quoted if len(quoted) <= _LONGEST_QUOTE else f"{quoted[:_LONGEST_QUOTE]}..."
