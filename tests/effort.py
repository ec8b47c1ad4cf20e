"""What something costs a processor, for claims that a hostile message costs next to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

GOES: Final = 3


def effort_s(doing: Callable[[], object]) -> float:
    """The least that one of a few goes takes of a processor; ``doing`` does the same each time.

    A collection of garbage that others have left, or a machine that stands still, falls on one of them.
    """
    took = []
    for _ in range(GOES):
        began_s = time.thread_time()
        doing()
        took.append(time.thread_time() - began_s)
    return min(took)
