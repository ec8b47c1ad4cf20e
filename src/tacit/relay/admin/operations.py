"""The table of what can be asked of a relay: by whom, with what, and who answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tacit.errors import TacitError
from tacit.log import EventLog
from tacit.relay.admin import invitations, people, rooms, shapes, upkeep
from tacit.relay.admin.desk import Desk
from tacit.relay.admin.diary import DIRECT, SOCKET, note
from tacit.relay.control_lines import Role
from tacit.relay.errors import ControlMalformed, ReadOnlySocket
from tacit.wire.errors import Internal


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked."""

    role: Role
    """The least that one must be for it."""
    asked: type[shapes.Question]
    run: Callable[[Desk, Any], Coroutine[Any, Any, shapes.Answer]]


OPERATIONS: Final = {
    "users": Operation(Role.MONITOR, shapes.Page, people.users),
    "account": Operation(Role.MONITOR, shapes.Who, people.held),
    "invites": Operation(Role.MONITOR, shapes.Question, invitations.list_all),
    "invite-uses": Operation(Role.MONITOR, shapes.WhichInvite, invitations.uses),
    "rooms": Operation(Role.MONITOR, shapes.Question, rooms.list_public),
    "stats": Operation(Role.MONITOR, shapes.Question, upkeep.stats),
    "invite": Operation(Role.ADMIN, shapes.NewInvite, invitations.create),
    "revoke-invite": Operation(Role.ADMIN, shapes.WhichInvite, invitations.revoke),
    "suspend": Operation(Role.ADMIN, shapes.Suspension, people.suspend),
    "resume": Operation(Role.ADMIN, shapes.Who, people.resume),
    "revoke-device": Operation(Role.ADMIN, shapes.WhichDevice, people.revoke_device),
    "delete": Operation(Role.ADMIN, shapes.Who, people.delete),
    "close-room": Operation(Role.ADMIN, shapes.WhichRoom, rooms.close),
    "gc": Operation(Role.ADMIN, shapes.Sweep, upkeep.gc),
    "drain": Operation(Role.ADMIN, shapes.Drain, upkeep.drain),
    "backup-made": Operation(Role.ADMIN, shapes.Question, upkeep.note_backup),
}


async def perform(desk: Desk, role: Role, name: str, asked: object) -> dict[str, Any]:
    """Do what is asked and return the answer as plain values; raises why not.

    What is for an ``ADMIN`` leaves a word in the log once it is done: what, by which way, and never to whom.
    """
    operation = OPERATIONS.get(name)
    if operation is None:
        raise ControlMalformed("no such operation")
    if operation.role is Role.ADMIN and role is not Role.ADMIN:
        raise ReadOnlySocket
    try:
        question = msgspec.convert(asked, operation.asked)
    except msgspec.ValidationError:
        raise ControlMalformed(f"what {name} is asked with") from None
    try:
        answer = await operation.run(desk, question)
    except TacitError:
        raise
    except Exception as error:
        EventLog("relay").warning("operation-failed", kind=name, error=type(error).__name__)
        raise Internal from error
    if operation.role is Role.ADMIN:
        note(name, SOCKET if desk.live is not None else DIRECT)
    plain: dict[str, Any] = msgspec.to_builtins(answer)
    return plain
