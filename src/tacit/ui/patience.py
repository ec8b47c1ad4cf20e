"""Waiting that is never silent: after a second a person is told what is being waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

SILENT_S: Final = 1.0
"""How long a wait may last before it is explained."""


async def patiently(waiting: Awaitable[T], sentence: str, say: Callable[[str], None]) -> T:
    """Wait, and say why when it takes longer than ``SILENT_S``."""
    timer = asyncio.get_running_loop().call_later(SILENT_S, say, sentence)
    try:
        return await waiting
    finally:
        timer.cancel()
