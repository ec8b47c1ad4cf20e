"""What a process that is a relay and nothing else asks of the interpreter."""

from __future__ import annotations

import gc
import sys
from typing import Final

YOUNG_OBJECTS: Final = 100_000
"""New objects before the collector looks for cycles. The relay makes none for messages and connections (a test counts),
and at Python's 700 every message paid a tenth of its time for looking."""

SWITCH_S: Final = 0.001
"""How long one thread may keep another waiting for the interpreter: the writer that comes back from the disk, above
all, with answers for everybody."""


def settle() -> None:
    """To be called once, when the relay has started: what is there by now stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
    sys.setswitchinterval(SWITCH_S)
