"""Rooms as clients meet them: made with their log, changed by commits, entered by whoever holds the link."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tacit.errors import RelayError
from tacit.identity import BadHandle, parse_handle
from tacit.limits import ROOM_LEASE_S
from tacit.relay.context import Context
from tacit.relay.outgoing import Outgoing
from tacit.relay.store import rooms
from tacit.relay.store.rooms import Entrance
from tacit.relay.store.rows import DeviceAddress, RoomState, Session
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import BadRequest, BadRoomName, NoSuchRoom, RateLimited, RoomStale
from tacit.wire.frames import ResponseBody


async def enter_room(
    context: Context,
    session: Session,
    outgoing: Outgoing,
    body: pb.EnterRoom,
    answer: Callable[[ResponseBody | RelayError], None],
) -> None:
    """Take a place at the door of a room, and answer when the turn comes.

    Raises ``NoSuchRoom``, ``RoomLocked``, ``RoomStale`` or ``RateLimited``.
    """
    where: bytes | str = body.log_id
    if body.WhichOneof("where") == "name":
        try:
            where = parse_handle(body.name)
        except BadHandle:
            raise NoSuchRoom from None
    token, visitor = body.join_token, session.device

    async def look_in() -> Entrance:
        entrance = await context.store.query(partial(rooms.look_in, where=where, join_token=token, visitor=visitor))
        if entrance.stale:
            raise RoomStale
        if outgoing.is_full:
            # The turn comes at each of many doors, whether what was shown at the others has been read or not.
            raise RateLimited(retry_after_s=1)
        return entrance

    def let_on(outcome: Entrance | RelayError) -> None:
        answer(outcome if isinstance(outcome, RelayError) else _wire_entrance(outcome))

    log = await context.store.query(partial(rooms.find, where=where, join_token=token, visitor=visitor))
    context.doors.wait(log, visitor, look_in, let_on, context.clock)


def room_state(room: pb.Room) -> RoomState:
    """What is to be kept of a room. Raises ``BadRoomName``."""
    try:
        name = parse_handle(room.name) if room.name else ""
    except BadHandle:
        raise BadRoomName from None
    named = tuple(DeviceAddress(device.account_id, device.device_id) for device in room.readers)
    return RoomState(room.join_token_hash, room.group_info, name, room.link_secret, named)


def check_newcomer(session: Session, body: pb.Append) -> None:
    """Raise ``BadRequest`` unless a commit with a join token lets its author in and changes nobody else."""
    myself = [(session.account_id, session.device_id)]
    added = [(device.account_id, device.device_id) for device in body.readers_added]
    if body.kind != pb.ENTRY_KIND_COMMIT or added != myself or body.readers_removed:
        raise BadRequest("a join token lets in whoever shows it, and nobody else")


def check_leaver(session: Session, body: pb.Append) -> None:
    """Raise ``BadRequest`` unless a message that names somebody who goes names its author, in a log."""
    going = [(device.account_id, device.device_id) for device in body.readers_removed]
    if going != [(session.account_id, session.device_id)] or body.WhichOneof("target") != "log_id":
        raise BadRequest("whoever goes says so itself")


def _wire_entrance(entrance: Entrance) -> pb.RoomEntrance:
    return pb.RoomEntrance(
        log_id=entrance.log_id,
        group_info=entrance.group_info,
        last_commit_seq=entrance.last_commit_seq,
        link_secret=entrance.link_secret,
        lease_s=ROOM_LEASE_S,
    )
