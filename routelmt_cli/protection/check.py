"""Say whether a translation has the protected spans of its source.

Two texts go in, an answer comes out. Always: it reads the two texts alone, so it is the same for
drafts, retranslations and what came from elsewhere. A span may be said again only where that does
no harm: a second ``%s`` does, a second URL does not.
"""

from __future__ import annotations

from collections import Counter

from routelmt_cli.protection.spans import find_spans

_HARMLESS = ("http", "ftp", "www.", "mailto:")


def protected(text: str) -> Counter[str]:
    """Count the protected spans of a text."""
    return Counter(text[start:end] for start, end in find_spans(text))


def is_intact(source: str, translation: str) -> bool:
    """Tell whether a translation holds every protected span of its source, and no other.

    Parameters
    ----------
    source, translation
        Both texts. Where the source has no span nothing is looked for, since nothing was promised.

    Returns
    -------
    bool
        True where all are there as often as in the source, or more often if harmless, and tags
        close as they do there.
    """
    wanted = protected(source)
    if not wanted:
        return True
    found = protected(translation)
    if wanted - found:
        return False
    return all(_is_harmless(span) for span in found - wanted) and _nests_alike(source, translation)


def _is_harmless(span: str) -> bool:
    return span.startswith(_HARMLESS) or "@" in span.strip("@%")


def _nests_alike(source: str, translation: str) -> bool:
    """Tell whether tags close in a translation if they do in the source."""
    return _unclosed(translation) <= _unclosed(source)


def _unclosed(text: str) -> int:
    """Count tags that close nothing; those that are left open need no end in HTML."""
    opened: Counter[str] = Counter()
    wrong = 0
    for start, end in find_spans(text):
        span = text[start:end]
        if not (span.startswith("<") and span.endswith(">")) or span.endswith("/>"):
            continue
        name = span.strip("</>").split(maxsplit=1)[0].lower() if span.strip("</> ") else ""
        if not span.startswith("</"):
            opened[name] += 1
        elif opened[name]:
            opened[name] -= 1
        else:
            wrong += 1
    return wrong
