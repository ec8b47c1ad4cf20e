"""Line mode without a terminal: lines from standard input are sent, lines of the chat go to standard output.

Standard output carries data alone, plain or as JSON Lines; everything else goes to standard error.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Final, TextIO

from tacit.sdk.types import Event
from tacit.ui import data
from tacit.ui.layout import Layout
from tacit.ui.rows import Row, glyphs_for, plain

_LINES_AHEAD: Final = 64
"""Lines read before they are sent; a long file waits in its pipe and not in memory."""


class PipeFace:
    """Reads one stream and writes two."""

    interactive = False
    echoes = True

    def __init__(self, lines: TextIO, out: TextIO, err: TextIO, *, json: bool = False) -> None:
        self._out, self._err, self._json = out, err, json
        self._layout = Layout(width=0, glyphs=glyphs_for(out.encoding))
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._room = threading.Semaphore(_LINES_AHEAD)
        # A thread, since no event loop can wait for regular files; a daemon, since a read cannot be called off.
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._pump, args=(lines, loop), name="tacit-stdin", daemon=True).start()

    @property
    def layout(self) -> Layout:
        """Nothing is wrapped."""
        return self._layout

    async def read(self) -> str | None:
        """Wait for the next line that is not blank."""
        while True:
            line = await self._lines.get()
            self._room.release()
            if line is None or line.strip():
                return line

    def show(self, rows: Sequence[Row]) -> None:
        """Write lines of the chat to standard output, unless events are written there as JSON."""
        if not self._json:
            self._write(self._out, rows)

    def say(self, rows: Sequence[Row]) -> None:
        """Write talk to standard error."""
        self._write(self._err, rows)

    def event(self, event: Event) -> None:
        """Write an event as one line of JSON, when that was asked for."""
        if self._json:
            self._out.write(data.line(data.event(event)) + "\n")
            self._out.flush()

    def refresh(self, prompt: str, status: str) -> None:
        """Do nothing: there is no prompt."""

    def clear(self) -> None:
        """Do nothing: there is no screen."""

    async def close(self) -> None:
        """Hand everything over."""
        self._out.flush()
        self._err.flush()

    def _write(self, stream: TextIO, rows: Sequence[Row]) -> None:
        stream.write("".join(f"{plain(row)}\n" for row in rows))
        stream.flush()

    def _pump(self, lines: TextIO, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for line in lines:
                self._room.acquire()
                loop.call_soon_threadsafe(self._lines.put_nowait, line.rstrip("\r\n"))
            loop.call_soon_threadsafe(self._lines.put_nowait, None)
        except (RuntimeError, ValueError):
            return  # the loop or the stream has been closed: the session is over and nobody waits for lines
