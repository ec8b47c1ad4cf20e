"""The one place where text that others wrote becomes safe to print, and where its width is measured.

Everything that a peer, a relay or a file chose (messages, names, titles, reasons) passes through ``clean`` or
``clean_line`` before it reaches a terminal. What is taken out stays visible as an escape, so nobody can hide that
they tried. Refuses to know what the text is about.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

MAX_MARKS: Final = 6
"""Combining marks kept on one character; more would paint over the lines above and below."""

TAB_CELLS: Final = 4

_ZWJ: Final = "\u200d"  # joins emoji and Indic letters; harmless between visible characters
_BLANKS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")  # letters that show nothing
_EMOJI_STYLE: Final = "\ufe0f"  # makes the character before it two cells wide in many terminals
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SAFE_ASCII: Final = frozenset(map(chr, range(0x20, 0x7F))) | {"\n"}


def clean(text: str) -> str:
    r"""Return the text with every character that could steer a terminal or hide spelled out, such as ``\x1b``.

    Keeps line feeds (CR LF becomes one), turns tabs into spaces. The result holds no control or format character but
    the line feed and U+200D, no line or paragraph separator and no lone surrogate. ``clean(clean(t)) == clean(t)``.
    """
    text = text.replace("\r\n", "\n").replace("\t", " " * TAB_CELLS)
    if _SAFE_ASCII.issuperset(text):
        return text
    return _cap_marks("".join(_visible(character) for character in text))


def clean_line(text: str, max_cells: int = 0) -> str:
    """Return the text cleaned, on one line, without outer or doubled blanks; cut to ``max_cells`` unless that is 0."""
    line = " ".join(clean(text).split())
    return cut(line, max_cells) if max_cells else line


def cells(text: str) -> int:
    """Return an upper bound of the terminal cells that cleaned text takes."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def cut(text: str, max_cells: int) -> str:
    """Return the text, shortened with an ellipsis when it is wider than ``max_cells``."""
    if cells(text) <= max_cells:
        return text
    kept: list[str] = []
    room = max_cells - 1
    for character in text:
        room -= _cell(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"


def wrap(text: str, width: int) -> list[str]:
    """Break cleaned text into rows of at most ``width`` cells, at blanks where there are any; at least one row."""
    rows: list[str] = []
    for line in text.split("\n"):
        rows.extend(_wrap_line(line, max(width, 2)))
    return rows


def _wrap_line(line: str, width: int) -> list[str]:
    if cells(line) <= width:
        return [line]
    rows: list[str] = []
    start, blank, used, index = 0, -1, 0, 0
    while index < len(line):
        size = _cell(line[index])
        if used + size > width:
            if line[index] == " ":
                blank = index
            end = blank if blank > start else index
            rows.append(line[start:end].rstrip(" "))
            start = end + 1 if blank > start else index
            index = max(index, start)
            used, blank = cells(line[start:index]), -1
            continue
        if line[index] == " ":
            blank = index
        used += size
        index += 1
    rows.append(line[start:])
    return rows


@lru_cache(maxsize=4096)
def _visible(character: str) -> str:
    if character in ("\n", _ZWJ):
        return character
    if unicodedata.category(character) in _HIDDEN or character in _BLANKS:
        code = ord(character)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character


def _cap_marks(text: str) -> str:
    kept: list[str] = []
    run = dropped = 0
    for character in text:
        if unicodedata.category(character) in ("Mn", "Me"):
            run += 1
            if run > MAX_MARKS:
                dropped += 1
                continue
        else:
            if dropped:
                kept.append(f"[+{dropped} marks]")
            run = dropped = 0
        kept.append(character)
    if dropped:
        kept.append(f"[+{dropped} marks]")
    return "".join(kept)


@lru_cache(maxsize=4096)
def _cell(character: str) -> int:
    from rich.cells import get_character_cell_size

    if character == _EMOJI_STYLE:
        return 1
    if unicodedata.category(character) == "Cn" or 0x1F1E6 <= ord(character) <= 0x1F1FF:
        return 2  # newer than our tables, or half a flag: terminals disagree, so the larger
    return get_character_cell_size(character)
