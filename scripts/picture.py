"""Draw docs/picture.svg: two real terminals, one `tacit up`, one `tacit join`, and what the relay stored.

Run as `.venv/bin/python scripts/picture.py`. Nothing in the picture is written by hand but its titles, and that the
account ID is always the same one. The bytes are those of the last line, read from the relay's database while the
program that was to fetch it was stopped.
"""

from __future__ import annotations

import html
import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte

from tacit.cli.demo.evidence import Relay

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "picture.svg"
COLUMNS, ROWS = 56, 24
CELL_W, CELL_H, PAD, TITLE_H, GAP = 8.4, 18, 14, 30, 18
BLANK, INK, FRAME, TITLE = "#14181f", "#d7dde8", "#2b313c", "#8a93a5"
COLOURS = {
    "brightblack": TITLE,
    "green": "#7fd18b",
    "brown": "#e0c070",
    "red": "#f07a7a",
    "cyan": "#6fc9d8",
    "blue": "#82aaff",
    "magenta": "#d6a0e8",
}
HEX_BYTES = 18
PATIENCE_S = 30


class Screen(pyte.Screen):
    """Shows what is dim in grey, which pyte knows nothing of."""

    def select_graphic_rendition(self, *attributes: int, **how: bool) -> None:
        """Take over colours and the like."""
        super().select_graphic_rendition(*(90 if attribute == 2 else attribute for attribute in attributes), **how)


class Terminal:
    """One process on a pseudo-terminal, and the screen that it draws."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.screen = Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self._child = pexpect.spawn(
            str(ROOT / "tacit"), arguments, env=environment, dimensions=(ROWS, COLUMNS), timeout=1
        )
        self.raw = ""

    def until(self, seen: Callable[[str], bool]) -> None:
        """Read until the screen is as wanted; raises ``TimeoutError``."""
        deadline = time.monotonic() + PATIENCE_S
        while not seen("\n".join(self.screen.display)):
            if time.monotonic() > deadline:
                raise TimeoutError("\n".join(self.screen.display))
            try:
                data = self._child.read_nonblocking(4096, timeout=0.2)
            except pexpect.TIMEOUT:
                continue
            self.raw += data.decode(errors="replace")
            self._stream.feed(data)

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        self._child.send(line + "\r")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the process stand still, as a machine that sleeps."""
        os.kill(self._child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._child.pid, signal.SIGCONT)

    def end(self) -> None:
        """Leave with Ctrl+D and wait for the process."""
        self._child.sendeof()
        self._child.expect(pexpect.EOF, timeout=PATIENCE_S)
        self._child.close()


@contextmanager
def conversation() -> Iterator[tuple[Terminal, Terminal, bytes]]:
    """Two people at the end of a short talk, and what the relay kept of its last line before it was fetched."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TACIT_DATA_DIR": folder, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        environment.pop("NO_COLOR", None)
        base = ["up", "--name", "ada", "--no-passphrase", "--public-host", "127.0.0.1", "--port", str(_free_port())]
        ada = Terminal(base, environment)
        ada.until(lambda screen: "Waiting for people" in screen)
        link = re.findall(r"tacit://[0-9a-z.:/#-]+", ada.raw)[-1]
        bob = Terminal(["-P", "bob", "join", link, "--name", "bob", "--no-passphrase"], environment)
        ada.until(lambda screen: "wants to talk" in screen)
        ada.type("y")
        bob.until(lambda screen: "online" in screen)
        bob.type("found your link. who can read this?")
        ada.until(lambda screen: "who can read this?" in screen)
        ada.type("you and me. the relay is this laptop")
        bob.until(lambda screen: "this laptop" in screen)
        bob.type("and if I am offline for a week?")
        ada.until(lambda screen: "for a week?" in screen)
        with bob.stopped():
            ada.type("then it waits, still encrypted")
            ada.until(
                lambda screen: re.search(r"still encrypted\s+@bob>\s+online · ✓ on the relay", screen) is not None
            )
            kept = Relay(Path(folder, "relay"), Path(os.devnull), 0).newest_message("ada", frozenset())
        if kept is None:
            raise LookupError("the relay has nothing of a line that nobody has fetched")
        bob.until(lambda screen: re.search(r"still encrypted\s+@ada>\s+online · ✓✓ read", screen) is not None)
        ada.until(lambda screen: re.search(r"still encrypted\s+@bob>\s+online · ✓✓ read", screen) is not None)
        yield ada, bob, kept.payload
        bob.end()
        ada.end()


def draw(ada: Terminal, bob: Terminal, kept: bytes) -> str:
    """The picture: who began on the left, who joined on the right, and below him the bytes."""
    width = PAD * 2 + COLUMNS * CELL_W
    left, right = _rows(ada.screen), _rows(bob.screen)
    height, above = _height(len(left)), _height(len(right))
    told = f"the relay — the last line, as stored: {len(kept)} bytes"
    parts = [
        *_pane(0, 0, height, "ada — ./tacit up"),
        *_lines(ada.screen, left),
        "</g>",
        *_pane(width + GAP, 0, above, "bob — ./tacit join LINK"),
        *_lines(bob.screen, right),
        "</g>",
        *_pane(width + GAP, above + GAP, height - above - GAP, told),
        *_bytes(kept, (height - above - GAP - _height(0)) // CELL_H),
    ]
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * width + GAP:.0f} {height}" '
        f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">'
    )
    return "\n".join([opening, *parts, "</g>", "</svg>", ""])


def _height(rows: int) -> int:
    return TITLE_H + PAD + rows * CELL_H + PAD


def _pane(x: float, y: float, height: int, title: str) -> list[str]:
    """The beginning of a frame with its title."""
    return [
        f'<g transform="translate({x:.0f} {y:.0f})">',
        f'<rect width="{PAD * 2 + COLUMNS * CELL_W:.0f}" height="{height}" rx="8" fill="{BLANK}" stroke="{FRAME}"/>',
        f'<text x="{PAD}" y="20" fill="{TITLE}">{html.escape(title)}</text>',
    ]


def _bytes(kept: bytes, rows: int) -> Iterator[str]:
    for row in range(rows):
        told = kept[row * HEX_BYTES : (row + 1) * HEX_BYTES].hex(" ")
        yield _text(PAD, row, told + (" …" if row == rows - 1 else ""), COLOURS["brown"])


def _text(x: float, row: int, text: str, colour: str, weight: str = "") -> str:
    y = TITLE_H + PAD + row * CELL_H + 10
    return (
        f'<text x="{x:.1f}" y="{y}" fill="{colour}"{weight} '
        f'xml:space="preserve" textLength="{len(text) * CELL_W:.1f}">{html.escape(text)}</text>'
    )


def _rows(screen: pyte.Screen) -> list[int]:
    """Rows with something on them, without what is left of the QR code at the top."""
    return [row for row, text in enumerate(screen.display) if text.strip() and not re.fullmatch(r"[█▀▄ ]+", text)]


def _lines(screen: pyte.Screen, rows: list[int]) -> Iterator[str]:
    for place, row in enumerate(rows):
        cells = [screen.buffer[row][column] for column in range(COLUMNS)]
        start = 0
        while start < COLUMNS:
            stop = start
            while stop < COLUMNS and cells[stop][1:] == cells[start][1:]:
                stop += 1
            text = _shorten("".join(cell.data for cell in cells[start:stop]))
            if text.strip():
                weight = ' font-weight="bold"' if cells[start].bold else ""
                yield _text(PAD + start * CELL_W, place, text, COLOURS.get(cells[start].fg, INK), weight)
            start = stop


def _shorten(text: str) -> str:
    return re.sub(r"\([0-9a-f]{8}\)", "(6b1f0c2e)", text)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def main() -> int:
    """Draw it anew."""
    with conversation() as (ada, bob, kept):
        PICTURE.write_text(draw(ada, bob, kept), encoding="utf-8")
    print(f"drawn: {PICTURE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
