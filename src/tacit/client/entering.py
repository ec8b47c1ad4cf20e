"""The way into a room: a place at its door, a commit, and another try when somebody else's came first.

The commit is on disk before it leaves. Whatever cuts the way short, the next connection sends the same bytes again: the
relay then says that they are in, or that they never will be, and then it is as if nothing had been.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from tacit import limits
from tacit.client import rooms
from tacit.client.books import Books
from tacit.client.bringing_back import PASSING
from tacit.client.connection import Connection
from tacit.client.core.joining import Entrance, RoomDamaged, RoomSuite
from tacit.client.core.room_keys import LINK_SECRET_BYTES, join_token
from tacit.client.core.welcome import room_chat_id
from tacit.client.errors import Crowded, NickTaken, RoomFull
from tacit.client.loop import Loop
from tacit.client.model import ChatId, GroupId, JoinRow
from tacit.client.room_requests import create_log_of
from tacit.client.sending import RETRY_S, created
from tacit.clock import Clock
from tacit.errors import NotFound, RelayError, TransportError
from tacit.identity import RelayLink
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import CommitConflict, NoSuchRoom, RoomLocked, RoomStale

AT_THE_DOOR_S: Final = 10 * limits.MINUTE_S
"""How long one waits at a door where many are before one."""

ONLINE_S: Final = 30.0
RECONNECTED_S: Final = 1.0
"""When to look for another connection after one was lost."""


MENDED_S: Final = limits.MINUTE_S
"""How long one waits for somebody in the room to tell a restored relay how it stands."""

LATER: Final = (*PASSING, RoomStale)
"""Refusals after which one asks again."""

NO_WAY_BACK: Final = (NoSuchRoom, RoomLocked, RoomDamaged, RoomSuite, RoomFull, NickTaken)
"""What a device cannot help by trying again: somebody in the room has to let it in."""


async def enter_room(loop: Loop, where: RelayLink | str, nick: str) -> ChatId:
    """Come into a room by its link, or into a public one by its name, under a nickname.

    Raises ``NickTaken``, ``BadNick``, ``NoSuchRoom``, ``RoomLocked``, ``RoomDamaged``, ``Offline`` or ``Crowded``.
    """
    return await _enter(loop, where, nick, back=False)


async def _enter(loop: Loop, where: RelayLink | str, nick: str, *, back: bool) -> ChatId:
    rooms.checked_nick(nick)
    if isinstance(where, RelayLink):
        room_id = GroupId(where.room_id)
        if await loop.do(partial(rooms.is_in, group_id=room_id, link_secret=where.room_secret)):
            return room_chat_id(room_id)
    deadline = loop.clock.monotonic_s() + AT_THE_DOOR_S
    for _ in range(limits.MAX_COMMIT_ATTEMPTS):
        try:
            waiting = await loop.read(partial(_asked_before, where=where))
            if waiting is not None:
                return await _send(loop, waiting, deadline)
            entrance = await _wait_at_the_door(loop, where, deadline)
            room_id, secret = GroupId(entrance.room_id), where.room_secret if isinstance(where, RelayLink) else b""
            if await loop.do(partial(rooms.is_in, group_id=room_id, link_secret=secret)):
                return room_chat_id(room_id)
            join = await loop.do(partial(rooms.ask, entrance=entrance, nick=nick, back=back))
            return await _send(loop, join, deadline)
        except CommitConflict:
            continue
        except NoSuchRoom:
            # An older link than the one that this device knows leads where it is.
            if isinstance(where, RelayLink) and not back and await loop.do(partial(rooms.is_member, group_id=room_id)):
                return room_chat_id(room_id)
            raise
    raise Crowded


async def resume(loop: Loop) -> None:
    """Send what an earlier connection, or an earlier process, has left open."""
    for join in await loop.read(lambda books: list(books.joins.values())):
        try:
            await _send(loop, join, loop.clock.monotonic_s() + AT_THE_DOOR_S)
        except RelayError:
            continue  # nobody waits for it any more, or whoever does has heard it


async def come_back(loop: Loop, group_id: GroupId) -> None:
    """Take a place anew in a room in which this device has lost its own; where that fails, the chat has said why."""
    way = await loop.read(partial(rooms.way_back, group_id=group_id))
    if way is None:
        return
    try:
        await _enter(loop, *way, back=True)
    except NO_WAY_BACK as refusal:
        await loop.do(partial(rooms.tell_no_way_back, group_id=group_id, refusal=refusal))
        raise
    finally:
        loop.later(partial(rooms.stay, group_id=group_id))


async def create_room(loop: Loop, title: str, nick: str, *, public: bool) -> ChatId:
    """Make a room, at the relay too, so that its link is good; raises what the relay has against it."""
    await loop.uplink.wait_online(ONLINE_S)
    chat_id = await loop.do(partial(rooms.create_room, title=title, nick=nick, public=public))
    request = await loop.read(partial(log_to_create, chat_id=chat_id))
    deadline = loop.clock.monotonic_s() + ONLINE_S
    while True:
        try:
            await (await _online(loop, deadline)).request(request, pb.LogCreated)
            await loop.do(partial(created, group_id=GroupId(request.log_id)))
        except (TransportError, *LATER) as error:
            if loop.clock.monotonic_s() > deadline:
                raise
            await _pause(loop.clock, error)
        except RelayError:
            await loop.do(partial(rooms.give_up_room, chat_id=chat_id))
            raise
        else:
            return chat_id


def log_to_create(books: Books, chat_id: ChatId) -> pb.CreateLog:
    """The request that makes a new room at the relay."""
    (state,) = books.chat_states(chat_id)
    return create_log_of(state, books.context())


def _asked_before(books: Books, where: RelayLink | str) -> JoinRow | None:
    """The wish to come into that room that is still open, of an earlier call or of an earlier process."""
    return books.joins.get(GroupId(where.room_id)) if isinstance(where, RelayLink) else None


async def _wait_at_the_door(loop: Loop, where: RelayLink | str, deadline: float) -> Entrance:
    mended_by = min(deadline, loop.clock.monotonic_s() + MENDED_S)
    while True:
        connection = await _online(loop, deadline)
        try:
            return await _knock(connection, where)
        except (TransportError, *LATER) as error:
            if loop.clock.monotonic_s() > (mended_by if isinstance(error, RoomStale) else deadline):
                raise
            await _pause(loop.clock, error)


async def _knock(connection: Connection, where: RelayLink | str) -> Entrance:
    if isinstance(where, RelayLink):
        token = join_token(where.room_secret, where.room_id)
        request = pb.EnterRoom(log_id=where.room_id, join_token=token)
    else:
        request = pb.EnterRoom(name=where)
    shown = await connection.request(request, pb.RoomEntrance, patience_s=AT_THE_DOOR_S)
    secret = where.room_secret if isinstance(where, RelayLink) else shown.link_secret
    room_id = where.room_id if isinstance(where, RelayLink) else shown.log_id
    if len(room_id) != len(shown.log_id) or len(secret) != LINK_SECRET_BYTES:
        raise NotFound("the relay shows no room")
    return Entrance(room_id, shown.group_info, shown.last_commit_seq, secret)


async def _send(loop: Loop, join: JoinRow, deadline: float) -> ChatId:
    """Send the commit until the relay has taken or refused it; raises ``CommitConflict``."""
    while True:
        connection = await _online(loop, deadline)
        try:
            return await _send_once(loop, connection, join)
        except (TransportError, *PASSING) as error:
            if loop.clock.monotonic_s() > deadline:
                raise
            await _pause(loop.clock, error)


async def _send_once(loop: Loop, connection: Connection, join: JoinRow) -> ChatId:
    me = await loop.read(lambda books: books.me.device)
    try:
        appended = await connection.request(append_of(join, me), pb.Appended)
    except PASSING:
        raise
    except RelayError:
        await loop.do(partial(rooms.forget, join=join))
        raise
    return await loop.do(partial(rooms.enter, join=join, seq=appended.seq))


def append_of(join: JoinRow, newcomer: tuple[bytes, bytes]) -> pb.Append:
    """The request that a wish to come in is, the same at every try."""
    account, device = newcomer
    return pb.Append(
        log_id=join.group_id,
        message_id=join.message_id,
        kind=pb.ENTRY_KIND_COMMIT,
        payload=join.payload,
        after_commit=join.after_commit,
        readers_added=[pb.Device(account_id=account, device_id=device)],
        room=pb.Room(group_info=join.group_info),
        join_token=join_token(join.link_secret, join.group_id),
    )


async def _online(loop: Loop, deadline: float) -> Connection:
    await loop.uplink.wait_online(max(0.0, min(ONLINE_S, deadline - loop.clock.monotonic_s())))
    return loop.uplink.require()


async def _pause(clock: Clock, error: TransportError | RelayError) -> None:
    await clock.sleep(error.retry_after_s or (RETRY_S if isinstance(error, RelayError) else RECONNECTED_S))
