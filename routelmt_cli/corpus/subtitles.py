r"""Subtitles: SubRip (SRT) and WebVTT.

A row is what a cue says, its lines joined to one text, since a sentence runs over them; of a cue in
which several people speak ("- Yes."), each line. Always: every byte outside of what cues say is
kept: numbers, times, cue settings, notes, styles. Tags and codes (``<i>``, ``<v Ann>``, ``{\an8}``)
stay in their order around the stretches of text, each of which is a row. A translation is broken
into as many lines as the cue had, or fewer. No library is used: those for SRT and WebVTT write
times, numbers or settings anew.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.errors import UsageError

_TIME = r"(?:\d+:)?\d+:\d+(?:[.,]\d+)?"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s|$)")
_CODE = re.compile(r"(<[^<>]*>|\{\\[^{}]*\})")
_SPEAKER = re.compile(r"\s*(?:<[^<>]*>)*\s*[-\u2013\u2014]\s*\S")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_HARD_BLANK = "\ue000"  # stands for a blank inside a tag, where no line may be broken


@dataclass(frozen=True)
class _Part:
    """A part of the file: text to be translated, or what is kept as it is.

    Attributes
    ----------
    kept
        What is kept; for what a cue says, the text as it stands.
    pieces
        Of what a cue says: codes and stretches in turn, beginning with a stretch; else empty.
    lines
        How many lines the cue has.
    end
        The terminator of its lines.
    """

    kept: str
    pieces: tuple[str, ...] = ()
    lines: int = 1
    end: str = "\n"


class SubtitleDocument:
    """A ``Document`` of cues.

    Parameters
    ----------
    data
        The file's content.
    layout
        Says whether it is SRT or WebVTT.
    display_name
        The file's name in errors.

    Raises
    ------
    UsageError
        It is not UTF-8, or has no cue.
    """

    references: list[str] | None = None

    def __init__(self, data: bytes, layout: Layout, display_name: str) -> None:
        self._is_vtt = layout.format is Format.VTT
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise UsageError(
                f"{display_name} line {line} is not valid UTF-8",
                hint="convert the file first, such as iconv -f LATIN1 -t UTF-8 IN > OUT",
            ) from None
        if self._is_vtt and not text.startswith("WEBVTT"):
            raise UsageError(f"{display_name} is not WebVTT: it does not begin with WEBVTT")
        self._parts = list(_parts(_LINES.findall(text)))
        if not any(part.pieces for part in self._parts) and "-->" not in text:
            raise UsageError(
                f"{display_name} has no cue: no line such as 00:00:01,000 --> 00:00:02,000"
            )
        self.texts = [self._plain(piece) for part in self._parts for piece in _stretches(part)]

    def remarks(self) -> list[str]:
        """Say nothing: every cue is translated."""
        return []

    def write(self, translations: Sequence[str]) -> bytes:
        """Put translations into the cues; see ``Document.write``."""
        given = iter(translations)
        written = []
        for part in self._parts:
            own = [next(given) for _ in _stretches(part)]
            complete = own and all(text.strip() for text in own)
            written.append(self._filled(part, own) if complete else part.kept)
        return "".join(written).encode()

    def _filled(self, part: _Part, translations: Sequence[str]) -> str:
        given = iter(translations)
        pieces = []
        for number, piece in enumerate(part.pieces):
            if number % 2:
                pieces.append(piece.replace(" ", _HARD_BLANK))
            elif piece.strip():
                before = piece[: len(piece) - len(piece.lstrip())]
                after = piece[len(piece.rstrip()) :]
                pieces.append(before + self._marked(next(given)) + after)
            else:
                pieces.append(piece)
        lines = _broken("".join(pieces), part.lines)
        return part.end.join(lines).replace(_HARD_BLANK, " ")

    def _plain(self, piece: str) -> str:
        text = piece.strip()
        if self._is_vtt:
            for sign, name in _ENTITIES:
                text = text.replace(name, sign)
        return text

    def _marked(self, translation: str) -> str:
        # A blank line would end the cue, an arrow begin another.
        text = " ".join(translation.replace("-->", "\u2192").split())
        if self._is_vtt:
            for sign, name in reversed(_ENTITIES):
                text = text.replace(sign, name)
        return text


_ENTITIES = (("<", "&lt;"), (">", "&gt;"), ("\u00a0", "&nbsp;"), ("&", "&amp;"))


def parse_subtitles(data: bytes, layout: Layout, display_name: str) -> SubtitleDocument:
    """Take a file of subtitles apart; see ``document.Parser``."""
    return SubtitleDocument(data, layout, display_name)


def _stretches(part: _Part) -> list[str]:
    return [piece for piece in part.pieces[::2] if piece.strip()]


def _parts(lines: Sequence[str]) -> list[_Part]:
    """Take lines, with their terminators, apart into what is kept and what cues say."""
    parts: list[_Part] = []
    at = 0
    while at < len(lines):
        parts.append(_Part(lines[at]))
        is_time = _TIMES.match(lines[at])
        at += 1
        if is_time:
            end = _end_of_cue(lines, at)
            parts += _said(lines[at:end])
            at = end
    return parts


def _end_of_cue(lines: Sequence[str], start: int) -> int:
    """Find where a cue ends: at a blank line, or where the next one begins without one."""
    for at in range(start, len(lines)):
        if not lines[at].strip():
            return at
        if _TIMES.match(lines[at]):
            return at - 1 if at > start and lines[at - 1].strip().isdigit() else at
    return len(lines)


def _said(lines: Sequence[str]) -> list[_Part]:
    """Make parts of the lines of a cue, and of the terminator after the last one."""
    if not lines:
        return []
    bodies = [line.rstrip("\r\n") for line in lines]
    end = lines[0][len(bodies[0]) :] or "\n"
    last = lines[-1][len(bodies[-1]) :]
    if len(lines) > 1 and any(_SPEAKER.match(body) for body in bodies):
        parts = []
        for body, line in zip(bodies, lines, strict=True):
            parts += [_cue(body, 1, end), _Part(line[len(body) :])]
        return parts
    cue = _cue(" ".join(body.strip() for body in bodies), len(lines), end)
    return [_Part(end.join(bodies), cue.pieces, cue.lines, end), _Part(last)]


def _cue(text: str, lines: int, end: str) -> _Part:
    mark = re.match(r"\s*[-\u2013\u2014]\s*", text)
    head = mark.group() if mark else ""
    pieces = _CODE.split(text[len(head) :])
    # A speaker's dash is kept as a code is.
    return _Part(text, ("", head, *pieces) if head else tuple(pieces), lines, end)


def _broken(text: str, lines: int) -> list[str]:
    """Break a text into at most so many lines of about the same length."""
    if lines == 1 or " " not in text.strip():
        return [text]
    for width in range(max(1, len(text) // lines), len(text) + 1):
        wrapped = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
        if len(wrapped) <= lines:
            return wrapped
    return [text]
