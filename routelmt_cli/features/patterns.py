"""Numbers, URLs and placeholders in a text, and how many of them another text kept.

Texts go in, multisets of normalised items come out. What always holds: a number is compared by
its digits alone, so '1.234,5', '1,234.5' and '1234.5' in full-width digits are the same. It does
not know number words ('three') or units.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_NUMBER = re.compile(r"\d+(?:[.,'’٫٬\u00a0\u202f]\d+)*")
_URL = re.compile(r"https?://[^\s<>\"]+|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]+")
_PLACEHOLDER = re.compile(
    r"\$?\{\{?[^{}\s]{0,60}\}?\}"  # {name} {{name}} ${name}
    r"|(?<![\d%])%(?:\(\w{1,40}\))?(?:\d\$)?[-+0#]?\d{0,3}(?:\.\d{1,2})?[sdifuxXcg@](?![^\W\d_])"
    r"|</?[A-Za-z][^<>]{0,200}>"  # <tag> </tag>
    r"|&(?:[A-Za-z]{2,10}|\#\d{1,6});"  # &amp;
    r"|\#[A-Z][A-Z_0-9]{1,30}\#"  # #NAME#
)


def numbers(text: str) -> Counter[str]:
    """Count the numbers of a text by their digits.

    Parameters
    ----------
    text
        Any text.
    """
    return Counter(map(all_digits, _NUMBER.findall(text)))


def all_digits(text: str) -> str:
    """Put all digits of a text together, those of other scripts as ASCII digits."""
    if text.isascii():
        return "".join(filter(str.isdigit, text))
    return "".join(str(unicodedata.decimal(sign)) for sign in text if sign.isdecimal())


def urls(text: str) -> Counter[str]:
    """Count the URLs and e-mail addresses of a text."""
    return Counter(match.rstrip(".,;:!?)'’") for match in _URL.findall(text))


def placeholders(text: str) -> Counter[str]:
    """Count the placeholders and tags of a text, such as ``{name}``, ``%s`` and ``<b>``."""
    return Counter(_PLACEHOLDER.findall(text))


def kept(items: Counter[str], others: Counter[str]) -> int:
    """Count the items that another text has as often."""
    return (items & others).total()


def select(rows: Sequence[str], mask: NDArray[np.bool_]) -> Iterable[tuple[int, str]]:
    """Go through the marked rows, each with its number."""
    for row in np.flatnonzero(mask).tolist():
        yield row, rows[row]
