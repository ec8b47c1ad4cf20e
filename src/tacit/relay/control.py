"""The control sockets of a running relay, in its data folder: ``control.sock`` for all, ``monitor.sock`` to look only.

Whoever can connect may ask: the sockets are readable and writable by the relay's own user, and ``monitor.sock`` by a
group that the operator has let into the folder. What is said there is in ``control_lines``, what can be asked in
``admin.operations``.
"""

from __future__ import annotations

import stat
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from tacit.errors import TacitError
from tacit.log import EventLog
from tacit.net.local import LocalListener
from tacit.relay.admin.desk import Desk
from tacit.relay.admin.operations import perform
from tacit.relay.control_lines import MAX_REQUEST_BYTES, SOCKETS, VERSION, Failure, Reply, Request, Role
from tacit.relay.data_dir import LET_THROUGH
from tacit.relay.errors import ControlMalformed, ControlVersion

_OWN: Final = 0o600
_GROUP: Final = 0o660


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
