"""The SDK's values as JSON for scripts: stable names, one object on one line, nothing but printable ASCII.

Every character outside ASCII is escaped, so whatever a peer wrote cannot steer a terminal that shows the output.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Final

from tacit.errors import TacitError
from tacit.sdk.types import (
    ChatEvent,
    Connection,
    Event,
    MessageEvent,
    ProblemEvent,
    RequestEvent,
    StateEvent,
)

_EVENT_NAMES: Final[dict[type, str]] = {
    Connection: "connection",
    MessageEvent: "message",
    StateEvent: "state",
    RequestEvent: "request",
    ChatEvent: "chat",
    ProblemEvent: "problem",
}


def line(value: Any) -> str:
    """Return a value as one line of JSON."""
    return json.dumps(_plain(value), ensure_ascii=True, separators=(", ", ": "), allow_nan=False)


def event(value: Event) -> dict[str, Any]:
    """Return an event as an object: ``event`` names its kind, the rest are its fields."""
    return {"event": _EVENT_NAMES[type(value)], **_plain(value)}


def error(failure: TacitError) -> dict[str, Any]:
    """Return an error as an object with a stable ``code``."""
    words: dict[str, Any] = {"code": failure.code, "sentence": failure.sentence, "hint": failure.hint}
    if failure.retry_after_s is not None:
        words["retry_after_s"] = failure.retry_after_s
    return {"error": words}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value
