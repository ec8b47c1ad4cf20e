"""What is printed, before it is printed: rows of styled parts, and the two ways to paint them.

Rows hold only cleaned text. A style is a word, so the same row can be plain, coloured or drawn by another toolkit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Style: TypeAlias = Literal[
    "", "dim", "you", "name0", "name1", "name2", "name3", "notice", "alarm", "key", "good", "code"
]
Part: TypeAlias = tuple[Style, str]
Row: TypeAlias = tuple[Part, ...]

NAME_STYLES: Final[tuple[Style, ...]] = ("name0", "name1", "name2", "name3")

_SGR: Final[dict[Style, str]] = {
    "": "",
    "dim": "2",
    "you": "1",
    "name0": "36",
    "name1": "33",
    "name2": "35",
    "name3": "34",
    "notice": "2",
    "alarm": "1;31",
    "key": "1",
    "good": "32",
    "code": "97;40",
}
_COLOURS: Final = frozenset({"name0", "name1", "name2", "name3", "good", "code"})


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The few characters that draw the frame of a chat."""

    bar: str
    notice: str
    alarm: str
    talk: str
    error: str
    rule: str
    sent: str
    arrived: str
    dash: str
    to: str


UNICODE_GLYPHS: Final = Glyphs("│", "●", "▲", "·", "!", "─", "✓", "✓✓", "·", "→")
ASCII_GLYPHS: Final = Glyphs("|", "*", "!", "-", "!", "-", "+", "++", "-", ">")


def glyphs_for(encoding: str | None) -> Glyphs:
    """Return the glyphs that a stream of that encoding can carry."""
    try:
        "".join((UNICODE_GLYPHS.bar, UNICODE_GLYPHS.notice, UNICODE_GLYPHS.arrived)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII_GLYPHS
    return UNICODE_GLYPHS


def plain(row: Row) -> str:
    """Return the row as text alone."""
    return "".join(text for _, text in row).rstrip(" ")


def ansi(row: Row, *, colour: bool = True) -> str:
    """Return the row with SGR sequences; without ``colour`` only bold and dim are used."""
    painted: list[str] = []
    for style, text in row:
        code = _sgr(style, colour)
        painted.append(f"\x1b[{code}m{text}\x1b[0m" if code and text.strip() else text)
    return "".join(painted).rstrip(" ")


def ptk_style(style: Style, *, colour: bool = True) -> str:
    """Return the style in the words of prompt_toolkit."""
    words = {"1": "bold", "2": "dim", "31": "fg:ansired", "32": "fg:ansigreen"}
    words |= {"33": "fg:ansiyellow", "34": "fg:ansiblue", "35": "fg:ansimagenta", "36": "fg:ansicyan"}
    words |= {"97": "fg:ansiwhite", "40": "bg:ansiblack"}
    return " ".join(words[code] for code in _sgr(style, colour).split(";") if code)


def painted(rows: Sequence[Row], *, styled: bool, colour: bool) -> list[str]:
    """Return rows as lines for a stream."""
    return [ansi(row, colour=colour) if styled else plain(row) for row in rows]


def _sgr(style: Style, colour: bool) -> str:
    if colour:
        return _SGR[style]
    if style in _COLOURS:
        return ""
    return "1" if style == "alarm" else _SGR[style]
