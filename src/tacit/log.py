"""Logging for the shells: an event name and allow-listed fields, nothing else.

Only ``net``, ``relay``, ``client.runtime``, ``ui`` and ``cli`` log. A field that is not on the list raises, so content,
keys, names, addresses and stable IDs cannot slip into a line by a careless call.
"""

from __future__ import annotations

import logging
from typing import Final

ALLOWED_FIELDS: Final = frozenset(
    {
        "attempt",
        "bytes",
        "code",
        "connections",
        "count",
        "delay_s",
        "duration_ms",
        "error",
        "kind",
        "port",
        "reason",
        "request",
        "schema",
        "signal",
        "state",
        "transport",
        "version",
    }
)


class EventLog:
    """Writes events of one room to the standard ``logging`` tree below ``tacit``."""

    __slots__ = ("_logger",)

    def __init__(self, room: str) -> None:
        self._logger = logging.getLogger(f"tacit.{room}")

    def debug(self, event: str, **fields: str | int | float) -> None:
        """Record an event that matters to developers."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: str | int | float) -> None:
        """Record an event that matters to the operator."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: str | int | float) -> None:
        """Record an event that the operator should look at."""
        self._write(logging.WARNING, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, str | int | float]) -> None:
        unknown = fields.keys() - ALLOWED_FIELDS
        if unknown:
            raise ValueError(f"log field not allowed: {sorted(unknown)[0]}")
        if self._logger.isEnabledFor(level):
            words = " ".join(f"{name}={value!r}" for name, value in fields.items())
            self._logger.log(level, "%s %s", event, words)
