"""What a relay tells about itself is blurred: monitoring keeps figures for years, and must not become a diary.

Who reads every figure every few seconds shall not read from them that one person came, wrote or left. So counts of what
people do grow in steps of ten, and counts of people are rounded up and follow the truth only when it has moved on by
several: somebody who comes and goes at a border moves nothing. On a relay of fifteen, that count never changes.
What remains: every tenth deed shows that one was done at about that time, not by whom.
"""

from __future__ import annotations

from typing import Final

STEP: Final = 10
"""Fewer would show single friends on a small relay; more would hide from the operator of one what is going on."""

SLACK: Final = STEP // 2
"""How far a count of people may leave what is shown for it."""

SIZE_STEP_BYTES: Final = 1024 * 1024
"""One message moves a file by four KiB; a file of many of them tells nothing of one."""


def deeds(count: int) -> int:
    """A count of what people have done, rounded down; never falls when the count does not."""
    return count - count % STEP


def size(size_bytes: int) -> int:
    """The size of a file, of free space or of a queue, rounded up so that something is not nothing."""
    return -(-size_bytes // SIZE_STEP_BYTES) * SIZE_STEP_BYTES


class Crowd:
    """A count of people as it is shown: a multiple of ten that the truth does not exceed by more than ``SLACK``."""

    __slots__ = ("_shown",)

    def __init__(self) -> None:
        self._shown = STEP

    def show(self, count: int) -> int:
        """What to say of this many; nobody at all looks like ten."""
        if not self._shown - STEP - SLACK < count <= self._shown + SLACK:
            self._shown = max(STEP, -(-count // STEP) * STEP)
        return self._shown
