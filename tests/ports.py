"""Ports for programs that have to be told theirs, or that come back to the one that they had."""

from __future__ import annotations

import itertools
import os
import socket
from typing import Final

FIRST: Final = 12_000
"""Far below the ports that systems hand out to whoever asks for any: nobody gets one of these by chance."""

EACH: Final = 2_000
"""For each of the parallel workers."""

_first = FIRST + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10 * EACH
_numbers = itertools.count(os.getpid())


def free_port() -> int:
    """A port that nobody has, nor will have before it has come round to it again."""
    while True:
        port = _first + next(_numbers) % EACH
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
