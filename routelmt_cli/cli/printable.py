"""Text that a terminal may be shown, whatever it quotes.

Names of files, columns and models, and what errors quote of a corpus, may hold anything: escape
sequences that move the cursor or ask the terminal to answer, or signs that turn the reading
direction. In goes any text, out comes one line of printable characters. It is for messages; data
on standard output is never changed.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """Replace every character that is not printable, line breaks included."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
