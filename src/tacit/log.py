"""Logging for the shells: an event name and allow-listed fields, nothing else.

Only ``net``, ``relay``, ``cli`` and the outer rooms of ``client`` log. A field that is not on the list raises, so
content, keys, names, addresses and stable IDs cannot slip into a line by a careless call.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
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
        "way",
    }
)


@dataclass(frozen=True, slots=True)
class LogEvent:
    """What a log record holds as its message: whoever formats it may take it apart."""

    name: str
    fields: Mapping[str, str | int | float]

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{name}={value!r}" for name, value in self.fields.items())])


def place_of(error: BaseException) -> str:
    """Where an exception was raised, as ``module.py:line``. Its own text stays out of logs: it may quote anything."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return ""
    return f"{PurePath(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}"


def stack_of(error: BaseException) -> list[str]:
    """The stack of an exception and of those before it, line by line, with their types and not their texts."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = stack_of(before) if before is not None else []
    for frame in traceback.extract_tb(error.__traceback__):
        lines.append(f"{frame.filename}:{frame.lineno} in {frame.name}: {frame.line}")
    return [*lines, type(error).__name__]


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

    def fault(self, error: BaseException) -> None:
        """Record a mistake of this program itself, after which it goes on."""
        self.warning("fault", error=type(error).__name__, reason=place_of(error))

    def _write(self, level: int, event: str, fields: dict[str, str | int | float]) -> None:
        unknown = fields.keys() - ALLOWED_FIELDS
        if unknown:
            raise ValueError(f"log field not allowed: {sorted(unknown)[0]}")
        if self._logger.isEnabledFor(level):
            self._logger.log(level, LogEvent(event, fields))
