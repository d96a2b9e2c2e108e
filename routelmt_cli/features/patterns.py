"""Numbers, URLs and placeholders in a text, and how many of them another text kept.

Texts go in, multisets of normalised items come out. What always holds: a number is compared by
its digits alone, so '1.234,5', '1,234.5' and '1234.5' in full-width digits are the same. It does
not know number words ('three') or units.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.characters import DIGIT, LETTER, TRIGGER, Texts

_NUMBER = re.compile(r"\d+(?:[.,'’٫٬\u00a0\u202f]\d+)*")
_URL = re.compile(r"https?://[^\s<>\"]+|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]+")
_PLACEHOLDER = re.compile(
    r"\$?\{\{?[^{}\s]{0,60}\}?\}"  # {name} {{name}} ${name}
    r"|(?<![\d%])%(?:\(\w{1,40}\))?(?:\d\$)?[-+0#]?\d{0,3}(?:\.\d{1,2})?[sdifuxXcg@](?![^\W\d_])"
    r"|</?[A-Za-z][^<>]{0,200}>"  # <tag> </tag>
    r"|&(?:[A-Za-z]{2,10}|\#\d{1,6});"  # &amp;
    r"|\#[A-Z][A-Z_0-9]{1,30}\#"  # #NAME#
)
# Signs after which '%', '<', '&' and '#' may still begin a placeholder.
_INSIDE_ITEMS = np.array(sorted(map(ord, "/#(+-.@")), dtype=np.int64)


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
    if "://" not in text and "@" not in text:
        return Counter()
    return Counter(match.rstrip(".,;:!?)'’") for match in _URL.findall(text))


def placeholders(text: str) -> Counter[str]:
    """Count the placeholders and tags of a text, such as ``{name}``, ``%s`` and ``<b>``."""
    return Counter(_PLACEHOLDER.findall(text))


def kept(items: Counter[str], others: Counter[str]) -> int:
    """Count the items that another text has as often."""
    return (items & others).total()


@dataclass(frozen=True)
class Items:
    """The URLs and placeholders of a text.

    Parameters
    ----------
    urls, placeholders
        As :func:`urls` and :func:`placeholders` count them.
    """

    urls: Counter[str]
    placeholders: Counter[str]


def find_items(texts: Texts) -> dict[int, Items]:
    """Find the URLs and placeholders of a column.

    Parameters
    ----------
    texts
        The column; only texts with a sign that may begin such an item are searched.

    Returns
    -------
    dict
        Items by row, for every row that has any.
    """
    found = {}
    for row in np.unique(texts.segment_of[_item_signs(texts)]).tolist():
        text = texts.rows[row]
        items = Items(urls(text), placeholders(text))
        if items.urls or items.placeholders:
            found[row] = items
    return found


def _item_signs(texts: Texts) -> NDArray[np.int64]:
    """Find the signs that may begin an item, by what stands next to them."""
    signs = np.flatnonzero(texts.is_any(TRIGGER))
    if not signs.size:
        return signs
    last = texts.codes.size - 1
    own = texts.codes[signs]
    # What stands in the next or the previous row only makes a row be searched in vain.
    after, before = np.minimum(signs + 1, last), np.maximum(signs - 1, 0)
    word_after = (texts.flags[after] & np.uint16(LETTER | DIGIT)) != 0
    joined = word_after | np.isin(texts.codes[after], _INSIDE_ITEMS)
    slash, percent = own == ord("/"), own == ord("%")
    digit_before = ((texts.flags[before] & np.uint16(DIGIT)) != 0) & (texts.places[signs] > 0)
    useful = np.where(slash, texts.codes[before] == ord("/"), joined & ~(percent & digit_before))
    found: NDArray[np.int64] = signs[useful | (own == ord("{")) | (own == ord("@"))]
    return found
