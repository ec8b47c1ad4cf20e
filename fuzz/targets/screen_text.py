"""Text of others on its way to a terminal: nothing that a terminal obeys comes through, and no row is too wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from tacit.ui.text import cells, clean, clean_line, wrap

WIDTH = 60
MAX_BYTES = 200
"""The text of a message is far longer, but length alone finds nothing here and costs most of the time."""

KEPT = {"\n", "\u200d"}


def seeds() -> Iterator[bytes]:
    """Escapes, marks, wide and hidden characters."""
    for text in (
        "hello",
        "\x1b]52;c;aGk=\x07",
        "a" + "\u0301" * 50,
        "表" * 80,
        "x\u202egpj.exe",
        "👩‍👩‍👧 \ufe0f",
        "\ud800",
    ):
        yield text.encode("utf-8", "surrogatepass")


def check(data: bytes) -> None:
    """Safe, the same when cleaned twice, and never wider than asked for."""
    text = data[:MAX_BYTES].decode("utf-8", "surrogateescape")
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    steering = {c for c in cleaned if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - KEPT
    assert not steering
    assert all(cells(row) <= WIDTH for row in wrap(cleaned, WIDTH))
    assert cells(clean_line(text, WIDTH)) <= WIDTH
    assert "\n" not in clean_line(text)
