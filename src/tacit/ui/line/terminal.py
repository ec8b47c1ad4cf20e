"""Line mode on a terminal: rows scroll by above one line that is being typed and is never torn.

prompt_toolkit edits the line. A terminal that can do nothing (``TERM=dumb``) gets plain rows, after which the line
being typed is repeated.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Final, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.plain_text import PlainTextOutput
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import is_dumb_terminal

from tacit.sdk.types import Event
from tacit.ui.layout import Layout
from tacit.ui.line.completer import NameCompleter, Names
from tacit.ui.rows import Row, glyphs_for, plain, ptk_style
from tacit.ui.text import cells, cut

_NO_STYLE: Final = Style([])
"""No class has a look of its own, but rows say theirs."""


class TerminalFace:
    """A terminal with a prompt."""

    interactive = True

    def __init__(self, names: Names) -> None:
        self._dumb = is_dumb_terminal()
        self._colour = not self._dumb and not os.environ.get("NO_COLOR")
        self._glyphs = glyphs_for(sys.stdout.encoding)
        self._prompt, self._status = "> ", ""
        self._rows: list[Row] = []
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._typing: asyncio.Task[None] | None = None
        self._patched = ExitStack()
        if not self._dumb:
            self._patched.enter_context(patch_stdout())
        # prompt_toolkit knows dumb terminals only where it finds the output by itself, so that is told what to find.
        with create_app_session(output=PlainTextOutput(_stream()) if self._dumb else _output()):
            self._session = self._make_session(names)
        self.echoes = self._dumb

    @property
    def layout(self) -> Layout:
        """The frame, as wide as the terminal is now."""
        return Layout(width=max(self._output.get_size().columns, 20), glyphs=self._glyphs)

    async def read(self) -> str | None:
        """Wait for the next line that was typed; the prompt stays there meanwhile."""
        if self._typing is None:
            self._typing = asyncio.create_task(self._type())
        return await self._lines.get()

    def show(self, rows: Sequence[Row]) -> None:
        """Print rows above the line being typed; rows that come close together are printed at once."""
        if not self._rows:
            asyncio.get_running_loop().call_soon(self._flush)
        self._rows.extend(rows)

    def say(self, rows: Sequence[Row]) -> None:
        """Print rows like any others."""
        self.show(rows)

    def event(self, event: Event) -> None:
        """Do nothing: people read rows."""

    def refresh(self, prompt: str, status: str) -> None:
        """Change what stands around the line being typed."""
        if (prompt, status) == (self._prompt, self._status):
            return
        self._prompt, self._status = prompt, status
        self._session.app.invalidate()

    def clear(self) -> None:
        """Clear the screen, where a terminal can."""
        if not self._dumb:
            self._session.app.renderer.clear()

    async def close(self) -> None:
        """Print what is left, end the prompt, and give the terminal back."""
        if self._typing is not None:
            self._typing.cancel()
            with suppress(asyncio.CancelledError):
                await self._typing
        self._flush()
        self._patched.close()

    @property
    def _output(self) -> Output:
        return self._session.output

    async def _type(self) -> None:
        # Between two prompts, too, the terminal shows nothing of what is typed: it would stand there for good.
        with self._session.app.input.raw_mode():
            while True:
                try:
                    self._lines.put_nowait(await self._session.prompt_async())
                except (EOFError, KeyboardInterrupt):
                    self._lines.put_nowait(None)
                    return

    def _flush(self) -> None:
        """Erase the prompt, print the rows, and let the prompt be drawn again: no mode of the terminal changes."""
        if not self._rows:
            return
        app = self._session.app
        if app.is_running:
            app.renderer.erase()
            self._print()
            app.invalidate()
        elif self._dumb and self._typing is not None and not self._typing.done():
            self._output.write("\n")
            self._print()
            self._output.write(self._prompt + self._session.default_buffer.text)
            self._output.flush()
        else:
            self._print()

    def _print(self) -> None:
        rows, self._rows = self._rows, []
        if self._dumb:
            self._output.write("".join(f"{plain(row)}\n" for row in rows))
            self._output.flush()
            return
        parts = [(ptk_style(style, colour=self._colour), text) for row in rows for style, text in (*row, ("", "\n"))]
        print_formatted_text(self._output, FormattedText(parts), _NO_STYLE, color_depth=self._depth)

    def _make_session(self, names: Names) -> PromptSession[str]:
        style = Style.from_dict({"bottom-toolbar": "noreverse dim"})
        return PromptSession(
            message=lambda: self._prompt,
            completer=NameCompleter(names),
            complete_while_typing=False,
            complete_style=CompleteStyle.COLUMN,
            reserve_space_for_menu=5,
            history=InMemoryHistory(),
            bottom_toolbar=None if self._dumb else self._toolbar,
            prompt_continuation=lambda width, number, wrapped: " " * width,
            erase_when_done=True,
            multiline=True,
            enable_suspend=True,
            key_bindings=_keys(),
            style=style,
            color_depth=self._depth,
        )

    @property
    def _depth(self) -> ColorDepth:
        return ColorDepth.DEPTH_4_BIT if self._colour else ColorDepth.DEPTH_1_BIT

    def _toolbar(self) -> FormattedText:
        width = self._output.get_size().columns - 1
        status = cut(self._status, width)
        return FormattedText([("", status + " " * max(0, width - cells(status)))])


class _Vt100(Vt100_Output):
    """A terminal that is never asked where its cursor is: those that do not answer would earn the user a warning."""

    def get_rows_below_cursor_position(self) -> int:
        """Claim room for the prompt and the status line; printing makes it where there is none."""
        return 2


def _stream() -> TextIO:
    return sys.__stdout__ or sys.stdout


def _output() -> Output:
    stream = _stream()

    def size() -> Size:
        try:
            columns, rows = os.get_terminal_size(stream.fileno())
        except OSError:
            columns, rows = 0, 0
        return Size(rows=rows or 24, columns=columns or 80)

    return _Vt100(stream, size, term=os.environ.get("TERM"), enable_cpr=False)


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    def _drop_or_end(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt)

    return keys
