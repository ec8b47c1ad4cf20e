"""The control sockets of a running relay, in its data folder: ``control.sock`` for all, ``monitor.sock`` to look only.

One line of JSON asks, one line answers: ``{"v": 1, "op": "users", "args": {}}`` gets ``{"v": 1, "ok": {}}`` or
``{"v": 1, "error": {"code": "", "sentence": "", "detail": ""}}``. Whoever can connect may ask: the sockets are readable
and writable by the relay's own user, and ``monitor.sock`` by a group that the operator has let into the folder. What
can be asked stands in ``admin.operations``.
"""

from __future__ import annotations

import stat
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from tacit.errors import TacitError
from tacit.identity import BadHandle, BadId
from tacit.log import EventLog
from tacit.net.local import LocalListener, ask_line
from tacit.relay import errors as relay_errors
from tacit.relay.admin.desk import Desk
from tacit.relay.admin.operations import Role, perform
from tacit.relay.data_dir import LET_THROUGH
from tacit.relay.errors import ControlMalformed, ControlVersion
from tacit.wire import errors as wire_errors
from tacit.wire.errors import UnknownRefusal

VERSION: Final = 1
MAX_REQUEST_BYTES: Final = 16 * 1024
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""Lists come in parts; this is for an account with many devices, and to spare."""

SOCKETS: Final = {Role.ADMIN: "control.sock", Role.MONITOR: "monitor.sock"}

_OWN: Final = 0o600
_GROUP: Final = 0o660


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


class Control:
    """The sockets of one relay."""

    def __init__(self, listeners: list[LocalListener]) -> None:
        self._listeners = listeners

    @classmethod
    async def open(cls, desk: Desk) -> Control:
        """Listen in the desk's folder; where that cannot be, the relay runs without and its log says so."""
        listeners: list[LocalListener] = []
        for role, name in SOCKETS.items():
            try:
                listener = await LocalListener.open(
                    desk.folder / name,
                    partial(answer, desk, role),
                    mode=_mode(desk.folder, role),
                    max_line_bytes=MAX_REQUEST_BYTES,
                )
            except OSError as error:
                EventLog("relay").warning("no-control-socket", kind=role.value, error=type(error).__name__)
            else:
                listeners.append(listener)
        return cls(listeners)

    async def close(self) -> None:
        """Take the sockets away."""
        for listener in self._listeners:
            await listener.close()


async def answer(desk: Desk, role: Role, line: bytes) -> bytes:
    """Answer one line."""
    try:
        reply = Reply(VERSION, ok=await _perform(desk, role, line))
    except TacitError as error:
        reply = Reply(VERSION, error=Failure(error.code, error.sentence, error.detail))
    return msgspec.json.encode(reply)


def ask(path: Path, operation: str, args: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Ask a relay at one of its sockets. Raises what it refused with, or a ``TransportError``."""
    line = msgspec.json.encode(Request(VERSION, operation, args))
    told = ask_line(path, line, timeout_s=timeout_s, max_answer_bytes=MAX_ANSWER_BYTES)
    try:
        reply = msgspec.json.decode(told, type=Reply)
    except msgspec.DecodeError:
        raise ControlVersion from None
    if reply.error is not None:
        raise refused(reply.error)
    if reply.v != VERSION or reply.ok is None:
        raise ControlVersion
    return reply.ok


def refused(failure: Failure) -> TacitError:
    """The error that an answer stands for, as this program words it."""
    known = KNOWN.get(failure.code)
    return UnknownRefusal(failure.code) if known is None else known(failure.detail)


async def _perform(desk: Desk, role: Role, line: bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(line, type=Request)
    except msgspec.DecodeError:
        raise ControlMalformed from None
    if request.v != VERSION:
        raise ControlVersion
    return await perform(desk, role, request.op, request.args)


def _mode(folder: Path, role: Role) -> int:
    let_in = stat.S_IMODE(folder.stat().st_mode) == LET_THROUGH
    return _GROUP if role is Role.MONITOR and let_in else _OWN


KNOWN: Final[dict[str, type[TacitError]]] = {
    error.code: error
    for module in (wire_errors, relay_errors)
    for error in (*vars(module).values(), BadId, BadHandle)
    if isinstance(error, type) and issubclass(error, TacitError)
}
"""Errors by the code that they go by in an answer."""
