r"""Find the spans of a text that a translation must keep letter by letter.

A text goes in, its protected spans come out: placeholders (printf, Python, ICU, ``${shell}``,
``{{template}}``, ``#NAME#``), HTML and XML tags, character references, URLs, e-mail addresses,
Markdown's code, links and pairs of ``**``, and written-out escapes such as ``\n``. Always: spans
do not overlap and rise; a per cent sign behind a digit is a percentage. An ICU argument with
choices, ``{n, plural, ...}``, is one span with the texts in it, which stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]
"""Start and end of a protected stretch of a text."""

_LONGEST_ARGUMENT = 1000
_TRAILING = ".,;:!?)'’\"»”"

_SIMPLE = re.compile(
    r"(?P<url>(?:https?|ftp)://[^\s<>\"`]+|\bmailto:[^\s<>\"`]+|\bwww\.[\w-]+\.[^\s<>\"`]+)"
    r"|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,4}"  # name@example.org
    r"|<!--.{0,1000}?-->"
    r"|</?[A-Za-z][\w:.-]{0,40}(?:\s[^<>]{0,1000})?/?>"  # <b>, </b>, <a href="...">, <br/>
    r"|&(?:[A-Za-z][A-Za-z0-9]{1,30}|\#\d{1,7}|\#[xX][0-9A-Fa-f]{1,6});"  # &amp; &#160;
    r"|(?<![\d%])%(?:\(\w{1,40}\)|\{\w{1,40}\}|\d{1,2}\$)?[-+0#']{0,3}(?:\*|\d{1,3})?(?:\.(?:\*|\d{1,3}))?"
    r"(?:hh|h|ll|l|L|q|j|z|t)?[diouxXeEfFgGaAcsSpnm@%](?![A-Z]+%)"  # %s %1$s %(name)s %-10.2f
    r"|%[A-Z_]{2,40}%"  # %PATH%
    r"|%\d(?!\d|\$)"  # %1, as Qt has it
    r"|\$[A-Z_][A-Z0-9_]{1,40}\b"  # $HOME
    r"|\#[A-Z][A-Z_0-9]{1,40}\#"  # #NAME#
    r"|`(?=\S)[^`\n]{1,1000}(?<=\S)`"
    r"|\\[ntr\"'\\]"  # an escape that is written out
)
_LINK = re.compile(r"(!?\[)(?:[^\[\]]{0,1000})(\]\([^()\s]{1,1000}(?:\s\"[^\"]{0,200}\")?\))")
_EMPHASIS = re.compile(r"(\*\*|~~)(?=\S)(?:.{1,1000}?)(?<=\S)(\1)")


def find_spans(text: str) -> list[Span]:
    """Find what of a text is protected.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    list of Span
        Rising, without overlaps; of two that overlap the one that begins first, then the longer.
    """
    if not _MAY_HOLD.search(text):
        return []
    spans: list[Span] = []
    end = 0
    for span in sorted(_candidates(text), key=lambda span: (span[0], -span[1])):
        if span[0] >= end:
            spans.append(span)
            end = span[1]
    return spans


_MAY_HOLD = re.compile(r"[%{<&@#`\\$\[~]|://|www\.|mailto:|\*\*")


def _candidates(text: str) -> Iterator[Span]:
    for match in _SIMPLE.finditer(text):
        start, end = match.span()
        if match["url"] is not None:
            end = start + len(match[0].rstrip(_TRAILING))
        yield start, end
    for pair in (_LINK, _EMPHASIS):
        for match in pair.finditer(text):
            yield match.span(1)
            yield match.span(2)
    yield from _arguments(text)


def _arguments(text: str) -> Iterator[Span]:
    """Yield stretches in balanced braces, with a dollar sign before them."""
    start, depth = 0, 0
    for match in re.finditer(r"[{}]", text):
        place = match.start()
        if match[0] == "{":
            if depth == 0:
                start = place
            depth += 1
        elif depth:
            depth -= 1
            is_argument = text[start + 1 : start + 2].strip() != ""  # { a shell's block; }
            if depth == 0 and is_argument and place + 1 - start <= _LONGEST_ARGUMENT:
                has_dollar = start > 0 and text[start - 1] in "$#"
                yield start - has_dollar, place + 1
