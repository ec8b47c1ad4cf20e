"""QR codes for terminals: half blocks, a quiet zone, and nothing when the window is too narrow."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import Final

_QUIET: Final = 2
_HALVES: Final = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
"""Ink as absence: light modules are drawn, so the code is dark on light in the usual bright-on-dark terminal."""


def qr_rows(content: str | bytes, width: int) -> list[str]:
    """Return the rows of a QR code of the content, empty when they do not fit into ``width`` cells."""
    import segno

    code = segno.make(content, error="l", micro=False, boost_error=False)
    modules = [[bool(module) for module in row] for row in code.matrix_iter(border=_QUIET)]
    if len(modules[0]) > width:
        return []
    return [_paint(upper, lower) for upper, lower in zip_longest(modules[::2], modules[1::2])]


def _paint(upper: Iterable[bool], lower: Iterable[bool] | None) -> str:
    rows = zip(upper, lower, strict=True) if lower is not None else ((module, True) for module in upper)
    return "".join(_HALVES[pair] for pair in rows)
