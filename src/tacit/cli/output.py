"""What commands print: data on standard output, talk on standard error, JSON where it was asked for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from tacit.ui import data
from tacit.ui.layout import Layout, table_rows
from tacit.ui.qr import qr_rows
from tacit.ui.rows import Row, glyphs_for, painted
from tacit.ui.text import clean, clean_line, wrap


class Output:
    """Prints for one command."""

    def __init__(self, *, json: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.json = json
        self._out, self._err = out or sys.stdout, err or sys.stderr
        self.layout = layout_of(self._out)

    def data(self, value: Any, rows: Sequence[Row] = ()) -> None:
        """Print a value as JSON, or the rows that say the same to a person."""
        if self.json:
            self._print(self._out, [data.line(value)])
        else:
            self.rows(rows)

    def pairs(self, value: Any, pairs: Sequence[tuple[str, str]]) -> None:
        """Print a value as JSON, or labels and words."""
        self.data(value, [] if self.json else [row[1:] for row in table_rows(pairs, self.layout)])

    def rows(self, rows: Sequence[Row]) -> None:
        """Print rows to standard output, in style where it is a terminal."""
        self._print(self._out, painted(rows, **_style(self._out)))

    def talk(self, text: str) -> None:
        """Say something to the person; no data."""
        self._print(self._err, wrapped(text, self._err))

    def code(self, content: str | bytes) -> None:
        """Show a QR code on standard error, if that is a terminal wide enough and a person is reading."""
        layout = layout_of(self._err)
        if self.json or not layout.width:
            return
        rows: list[Row] = [(("code", row),) for row in qr_rows(content, layout.width - 1)]
        self._print(self._err, painted(rows, **_style(self._err)))

    def _print(self, stream: TextIO, lines: Sequence[str]) -> None:
        stream.write("".join(f"{line}\n" for line in lines))
        stream.flush()


def talk(text: str) -> None:
    """Say something to the person on standard error."""
    sys.stderr.write("".join(f"{line}\n" for line in wrapped(text, sys.stderr)))
    sys.stderr.flush()


def wrapped(text: str, stream: TextIO) -> list[str]:
    """Break talk into rows that fit the terminal, if the stream is one."""
    width = layout_of(stream).width
    return wrap(clean(text), width - 1) if width else [clean(text)]


def beneath(label: str, texts: Sequence[str], stream: TextIO) -> list[str]:
    """Texts behind a label, each from a line of its own on, broken at blanks where the stream is a terminal."""
    lines = behind([clean_line(text) for text in texts], len(label), layout_of(stream).width)
    return [f"{label if index == 0 else ' ' * len(label)}{line}" for index, line in enumerate(lines)]


def behind(texts: Sequence[str], cells: int, width: int) -> list[str]:
    """The lines of texts that stand behind so many cells, each from a line of its own on; a width of 0 breaks none."""
    room = max(width - 1 - cells, 20)
    return [line for text in texts if text for line in (wrap(text, room) if width else [text])]


def indented(text: str, width: int) -> list[str]:
    """Lines broken at blanks to fit a width, 0 for any; a line that is indented goes on further in."""
    lines: list[str] = []
    for line in text.split("\n"):
        pad = " " * (len(line) - len(line.lstrip(" ")))
        more = f"{pad}     " if pad else ""
        first, *rest = wrap(line[len(pad) :], width - 1 - len(more)) if width else [line[len(pad) :]]
        lines += [pad + first, *(more + part for part in rest)]
    return lines


def layout_of(stream: TextIO) -> Layout:
    """The frame for a stream: as wide as the terminal, or without any wrapping."""
    width = shutil.get_terminal_size().columns if stream.isatty() else 0
    return Layout(width=width, glyphs=glyphs_for(stream.encoding), max_rows=1 << 30)


def _style(stream: TextIO) -> dict[str, bool]:
    styled = stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
    return {"styled": styled, "colour": styled and not os.environ.get("NO_COLOR")}
