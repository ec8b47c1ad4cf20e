"""What is said at the control sockets of a relay, and how one asks there; the relay's side is ``control``.

One line of JSON asks, one line answers: ``{"v": 1, "op": "users", "args": {}}`` gets ``{"v": 1, "ok": {}}`` or
``{"v": 1, "error": {"code": "", "sentence": "", "detail": ""}}``. Loads little, so that a shell can ask while somebody
waits for a completion.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any, Final

import msgspec

from tacit.net.local_asking import ask_line
from tacit.relay.errors import ControlVersion


class Role(Enum):
    """What somebody who asks may do."""

    MONITOR = "monitor"
    """Ask for what changes nothing."""
    ADMIN = "admin"


VERSION: Final = 1
MAX_REQUEST_BYTES: Final = 16 * 1024
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""Lists come in parts; this is for an account with many devices, and to spare."""

SOCKETS: Final = {Role.ADMIN: "control.sock", Role.MONITOR: "monitor.sock"}


class Request(msgspec.Struct, frozen=True):
    """What is asked."""

    v: int
    op: str
    args: dict[str, Any] = {}


class Failure(msgspec.Struct, frozen=True):
    """Why it was not done."""

    code: str
    sentence: str
    detail: str = ""


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of it: one of the two."""

    v: int
    ok: dict[str, Any] | None = None
    error: Failure | None = None


def ask(path: Path, operation: str, args: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Ask a relay at one of its sockets. Raises what it refused with, or a ``TransportError``."""
    line = msgspec.json.encode(Request(VERSION, operation, args))
    told = ask_line(path, line, timeout_s=timeout_s, max_answer_bytes=MAX_ANSWER_BYTES)
    try:
        reply = msgspec.json.decode(told, type=Reply)
    except msgspec.DecodeError:
        raise ControlVersion from None
    if reply.error is not None:
        # Here, since the errors of every room come along.
        from tacit.relay.refusals import refused

        raise refused(reply.error)
    if reply.v != VERSION or reply.ok is None:
        raise ControlVersion
    return reply.ok
