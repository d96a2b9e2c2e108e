"""The script that the letters of a Unicode block are written in.

A code point goes in, the number of a script comes out. What always holds: it rests on the blocks
of the standard alone, not on the Unicode version of this Python. It does not know which scripts a
language uses, and takes signs that several scripts share for those of the block they stand in.
"""

from __future__ import annotations

from bisect import bisect_right

SCRIPTS: tuple[str, ...] = (
    "common",
    "latin",
    "greek",
    "cyrillic",
    "armenian",
    "hebrew",
    "arabic",
    "indic",
    "thai",
    "lao",
    "tibetan",
    "myanmar",
    "georgian",
    "hangul",
    "ethiopic",
    "khmer",
    "kana",
    "han",
    "other",
)
"""Names of the scripts, by number."""

# First code point of each run of blocks and the script of its letters.
_SCRIPT_RUNS: tuple[tuple[int, str], ...] = (
    (0x0000, "latin"),
    (0x0370, "greek"),
    (0x0400, "cyrillic"),
    (0x0530, "armenian"),
    (0x0590, "hebrew"),
    (0x0600, "arabic"),
    (0x0780, "other"),
    (0x0900, "indic"),
    (0x0E00, "thai"),
    (0x0E80, "lao"),
    (0x0F00, "tibetan"),
    (0x1000, "myanmar"),
    (0x10A0, "georgian"),
    (0x1100, "hangul"),
    (0x1200, "ethiopic"),
    (0x13A0, "other"),
    (0x1780, "khmer"),
    (0x1800, "other"),
    (0x1C80, "cyrillic"),
    (0x1C90, "georgian"),
    (0x1CC0, "other"),
    (0x1D00, "latin"),
    (0x1F00, "greek"),
    (0x2000, "latin"),
    (0x2C60, "latin"),
    (0x2C80, "other"),
    (0x2D00, "georgian"),
    (0x2D30, "other"),
    (0x2D80, "ethiopic"),
    (0x2DE0, "cyrillic"),
    (0x2E00, "han"),
    (0x3040, "kana"),
    (0x3100, "han"),
    (0x3130, "hangul"),
    (0x3190, "han"),
    (0x31F0, "kana"),
    (0x3200, "han"),
    (0xA000, "other"),
    (0xA640, "cyrillic"),
    (0xA6A0, "other"),
    (0xA720, "latin"),
    (0xA800, "other"),
    (0xA8E0, "indic"),
    (0xA900, "other"),
    (0xA960, "hangul"),
    (0xA980, "other"),
    (0xAB30, "latin"),
    (0xAB70, "other"),
    (0xAC00, "hangul"),
    (0xD800, "other"),
    (0xF900, "han"),
    (0xFB00, "latin"),
    (0xFB13, "armenian"),
    (0xFB1D, "hebrew"),
    (0xFB50, "arabic"),
    (0xFE00, "other"),
    (0xFE70, "arabic"),
    (0xFF00, "latin"),
    (0xFF66, "kana"),
    (0xFFA0, "hangul"),
    (0xFFE0, "other"),
    (0x1B000, "kana"),
    (0x1B170, "other"),
    (0x20000, "han"),
    (0x323B0, "other"),
)
_RUN_STARTS = [start for start, _ in _SCRIPT_RUNS]
_RUN_SCRIPTS = [SCRIPTS.index(name) for _, name in _SCRIPT_RUNS]
SCRIPTS_WITHOUT_SPACES = frozenset({"thai", "lao", "tibetan", "myanmar", "khmer", "kana", "han"})
"""Scripts in which a letter is taken for a word."""


def script_of(code: int) -> int:
    """Give the number in ``SCRIPTS`` of the script that a letter belongs to.

    Parameters
    ----------
    code
        A code point.
    """
    return _RUN_SCRIPTS[bisect_right(_RUN_STARTS, code) - 1]
