"""Finds the way to a relay's desk: a running relay by its sockets, a stopped one by its store.

For programs without an event loop of their own, such as commands.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

from tacit.clock import Clock, SystemClock
from tacit.entropy import Entropy, system_entropy
from tacit.errors import TacitError, TransportError
from tacit.limits import RETENTION_S
from tacit.net.errors import LocalForbidden, LocalUnreachable
from tacit.relay.admin.desk import stopped_desk
from tacit.relay.admin.operations import OPERATIONS, perform
from tacit.relay.control_lines import SOCKETS, Role, ask
from tacit.relay.errors import AlreadyRunning, ControlUnavailable, NoStore, StoreUnusable
from tacit.relay.store.database import FILE_NAME

ANSWER_TIMEOUT_S: Final = 60.0
"""How long a running relay may take; a sweep and a count of millions take seconds."""

SLOW_TIMEOUT_S: Final = 3_600.0
SLOW: Final = frozenset({"gc", "delete"})

SETTLE_S: Final = 5.0
"""How long a relay may be starting or stopping: its folder is locked and its sockets are not there."""

_TRY_AGAIN_S: Final = 0.1


def ask_relay(
    folder: Path,
    operation: str,
    args: dict[str, Any] | None = None,
    *,
    retention_s: int = RETENTION_S,
    clock: Clock | None = None,
    entropy: Entropy = system_entropy,
) -> dict[str, Any]:
    """Have an operation done on the relay of a folder, whether it runs or not.

    Raises what it refused with, ``NoStore``, ``ControlUnavailable``, or a ``TransportError`` or ``StorageError``.
    """
    asked, clock = args or {}, clock or SystemClock()
    until_s = time.monotonic() + SETTLE_S
    while True:
        try:
            return _ask_running(folder, operation, asked)
        except LocalUnreachable:
            pass
        if not (folder / FILE_NAME).is_file():
            raise NoStore
        try:
            return asyncio.run(_do_stopped(folder, operation, asked, retention_s, clock, entropy))
        except AlreadyRunning:
            if time.monotonic() > until_s:
                raise ControlUnavailable from None
        except StoreUnusable as error:
            raise (LocalForbidden() if isinstance(error.__cause__, PermissionError) else error) from error.__cause__
        time.sleep(_TRY_AGAIN_S)


def tell_relay(folder: Path, operation: str) -> bool:
    """Have the relay of a folder take note of something; returns whether one runs that did."""
    try:
        _ask_running(folder, operation, {})
    except TacitError:  # what was done is done, whether the relay hears of it or not
        return False
    return True


def _ask_running(folder: Path, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
    """By the first socket that this user may use and that will do. Raises ``LocalUnreachable`` when nobody listens."""
    timeout_s = SLOW_TIMEOUT_S if operation in SLOW else ANSWER_TIMEOUT_S
    roles = [Role.ADMIN, Role.MONITOR] if OPERATIONS[operation].role is Role.MONITOR else [Role.ADMIN]
    failure: TransportError = LocalUnreachable()
    for role in roles:
        try:
            return ask(folder / SOCKETS[role], operation, asked, timeout_s=timeout_s)
        except (LocalForbidden, LocalUnreachable) as error:
            failure = failure if isinstance(failure, LocalForbidden) else error
    raise failure


async def _do_stopped(
    folder: Path, operation: str, asked: dict[str, Any], retention_s: int, clock: Clock, entropy: Entropy
) -> dict[str, Any]:
    async with stopped_desk(folder, retention_s=retention_s, clock=clock, entropy=entropy) as desk:
        return await perform(desk, Role.ADMIN, operation, asked)
