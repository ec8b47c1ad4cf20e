"""What other users of this machine see of a command line: not the secrets in it.

A link lets in whoever reads it, and a command such as ``tacit room join`` runs as long as somebody stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

_SECRET: Final = re.compile(rb"tacit[+a-z]*://[^\0#]*#([^\0]+)|://([^\0/@]+)@")
"""What stands behind ``#`` in a link; user and password in the address of a proxy."""

_STAT: Final = Path("/proc/self/stat")
_ARG_START: Final = 48
"""Which field says where the arguments lie in this process, the next one where they end. Source: proc(5)"""


def hide_secrets(arguments: Sequence[str]) -> None:
    """Put stars in the place of secrets in the process's own arguments, where the system lets it."""
    if not any("://" in argument for argument in arguments):
        return
    with suppress(OSError, ValueError, IndexError):
        # Behind the name, which may hold anything.
        fields = _STAT.read_text("ascii", "replace").rpartition(")")[2].split()
        begin, end = (int(number) for number in fields[_ARG_START - 3 : _ARG_START - 1])
        if 0 < begin < end:
            _overwrite(begin, end - begin)


def _overwrite(begin: int, size_bytes: int) -> None:
    # Loaded here, since only commands with a link or a proxy need it.
    import ctypes

    for found in _SECRET.finditer(ctypes.string_at(begin, size_bytes)):
        at, to = found.span(found.lastindex or 0)
        ctypes.memset(begin + at, ord("*"), to - at)
