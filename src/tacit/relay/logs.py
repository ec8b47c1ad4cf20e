"""Logs as clients meet them: made, appended to, listened to and acknowledged.

Appends and acknowledgements do not wait: they join the queue to the disk, and their answers leave when the transaction
that they shared is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from tacit.errors import RelayError
from tacit.log import EventLog
from tacit.relay import rooms
from tacit.relay.context import Context
from tacit.relay.hub import Flow
from tacit.relay.outgoing import Outgoing
from tacit.relay.rates import ROOM_INFO, ROOM_MADE
from tacit.relay.store import damage, logs, making_room, reading, returns
from tacit.relay.store.entries import RETRY_S, is_held
from tacit.relay.store.rows import Appended, DeviceAddress, LogRow, LogState, NewEntry, Session
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import NoSuchAccount, NoSuchDevice, QuotaExceeded, RateLimited, Restoring, UnknownLog
from tacit.wire.frames import ResponseBody, encode_response

Answer: TypeAlias = Callable[[ResponseBody | RelayError], None]


async def create_log(context: Context, session: Session, body: pb.CreateLog) -> pb.LogCreated:
    """Make a log whose only reader is the device, and perhaps a room.

    Raises ``LogTaken``, ``RoomNameTaken``, ``BadRoomName``; ``UnknownLog`` where none can be lost.
    """
    if body.again and not context.store.waits_until:
        raise UnknownLog
    room = rooms.room_state(body.room) if body.HasField("room") else None
    await context.store.change(
        partial(logs.create_log, maker=session, log_id=body.log_id, now_s=context.now_s(), room=room)
    )
    if body.again:
        await context.store.change(partial(returns.make_again, maker=session, log_id=body.log_id))
    return pb.LogCreated(log_id=body.log_id)


def append(context: Context, session: Session, body: pb.Append, answer: Answer) -> None:
    """Queue an entry; once it is on the disk, answer and hand it to those who listen."""
    entry = _new_entry(context, session, body)
    if entry.room is not None:
        size_bytes = len(entry.room.group_info)
        context.buckets_of(session.account).take(ROOM_INFO, context.clock.monotonic_s(), size_bytes)
    author = session if context.config.when_full == "drop-oldest" else None
    # No closure that could refer to itself: a cycle for each message would be the collector's work.
    context.store.append(entry, partial(_appended, context, entry, answer, author))


def _appended(
    context: Context, entry: NewEntry, answer: Answer, author: Session | None, outcome: Appended | RelayError
) -> None:
    """Answer; an ``author`` is there while older entries may still make room."""
    if isinstance(outcome, QuotaExceeded) and author is not None:
        _append_dropping(context, entry, author, outcome, partial(_appended, context, entry, answer, None))
    elif isinstance(outcome, RelayError):
        answer(_while_waiting(context, entry, outcome))
    else:
        answer(pb.Appended(seq=outcome.seq))
        if outcome.fresh:
            context.metrics.appends += 1
            context.hub.publish(entry, outcome)
            if entry.join_token:
                context.doors.entered(outcome.log, entry.author)


def _append_dropping(
    context: Context,
    entry: NewEntry,
    author: Session,
    refused: QuotaExceeded,
    done: Callable[[Appended | RelayError], None],
) -> None:
    """Append an entry that was refused for want of room, in the place of older ones; but not too often."""
    try:
        context.buckets_of(author.account).take(ROOM_MADE, context.clock.monotonic_s())
    except RateLimited:
        done(refused)
        return
    try:
        context.store.submit(partial(making_room.append_dropping, entry=entry), done, len(entry.payload))
    except RelayError as refusal:
        done(refusal)


def acknowledge(context: Context, session: Session, body: pb.Acknowledge, answer: Answer) -> None:
    """Queue what a reader has stored; without any, it is a ping."""
    if not body.positions:
        answer(pb.Acknowledged())
        return
    positions = [(position.log_id, position.seq) for position in body.positions]
    change = partial(reading.acknowledge, session=session, positions=positions, now_s=context.now_s())

    def done(outcome: RelayError | None) -> None:
        answer(pb.Acknowledged() if outcome is None else outcome)

    context.store.submit(change, done)


async def bring_back(context: Context, session: Session, body: pb.BringBack) -> pb.BroughtBack:
    """Put an entry back that a restored relay lacks, or note that there are no more. Raises the refusal."""
    if not body.message_id:
        await context.store.change(partial(returns.end, session=session, log_id=body.log_id))
        return pb.BroughtBack()
    lost = returns.LostEntry(
        log_id=body.log_id,
        seq=body.seq,
        author=_address(body.author) if body.HasField("author") else None,
        message_id=body.message_id,
        kind=body.kind,
        payload=body.payload,
        received_at_ms=context.steady.received_at_ms(),
        readers_added=_addresses(body.readers_added),
        readers_removed=_addresses(body.readers_removed),
    )
    entry, appended = await context.store.change(partial(returns.bring_back, session=session, lost=lost))
    if appended.fresh:
        context.hub.publish(entry, appended)
    return pb.BroughtBack(seq=appended.seq)


async def listen(context: Context, session: Session, outgoing: Outgoing, request_id: int, body: pb.Listen) -> None:
    """Begin the flow of the logs that are named; ``outgoing`` answers when all have caught up."""
    after = {position.log_id: position.seq for position in body.after}
    states = await context.store.query(partial(reading.log_states, session=session, log_ids=tuple(after)))
    flows: dict[Flow, int] = {}
    for (log_id, seq), state in zip(after.items(), states, strict=True):
        if state is not None:
            flows[Flow(outgoing, session.device, state.log, log_id, seq)] = state.last_seq
    now_s = context.now_s()
    answer = pb.Listening(logs=[_wire_state(log_id, state, now_s) for log_id, state in zip(after, states, strict=True)])
    outgoing.listen(flows, encode_response(request_id, answer))


def report_damage(context: Context, log: LogRow, seqs: list[int]) -> None:
    """Tell the operator about entries that the disk has spoilt, each of them once."""

    def done(outcome: int | RelayError) -> None:
        if isinstance(outcome, int) and outcome:
            context.metrics.damaged += outcome
            EventLog("relay").warning("damaged", kind=damage.ENTRY, count=outcome)

    with suppress(RelayError):  # a relay that has no time for this now finds them again
        context.store.submit(partial(damage.note_entries, log=log, seqs=seqs, now_s=context.now_s()), done)


def _while_waiting(context: Context, entry: NewEntry, refusal: RelayError) -> RelayError:
    """A refusal as it is to be told: an inbox that a restored relay does not know may be one that comes back."""
    if isinstance(refusal, NoSuchAccount | NoSuchDevice) and is_held(
        context.store.waits_until, entry.received_at_ms // 1000
    ):
        return Restoring(retry_after_s=RETRY_S)
    return refusal


def _new_entry(context: Context, session: Session, body: pb.Append) -> NewEntry:
    to_inbox = body.WhichOneof("target") == "inbox"
    if body.join_token:
        rooms.check_newcomer(session, body)
    if body.kind != pb.ENTRY_KIND_COMMIT and body.readers_removed:
        rooms.check_leaver(session, body)
    return NewEntry(
        author=session.device,
        log_id=None if to_inbox else body.log_id,
        inbox=_address(body.inbox) if to_inbox else None,
        message_id=body.message_id,
        kind=body.kind,
        payload=body.payload,
        received_at_ms=context.steady.received_at_ms(),
        after_commit=body.after_commit,
        # Asked first, because to look through an empty field costs more than all the rest.
        readers_added=_addresses(body.readers_added) if body.readers_added else (),
        readers_removed=_addresses(body.readers_removed) if body.readers_removed else (),
        room=rooms.room_state(body.room) if body.HasField("room") else None,
        join_token=body.join_token,
    )


def _address(device: pb.Device) -> DeviceAddress:
    return DeviceAddress(device.account_id, device.device_id)


def _addresses(devices: Iterable[pb.Device]) -> tuple[DeviceAddress, ...]:
    return tuple([_address(device) for device in devices])


def _wire_state(log_id: bytes, state: LogState | None, now_s: int) -> pb.LogState:
    if state is None:
        return pb.LogState(log_id=log_id, readable=False)
    return pb.LogState(
        log_id=log_id,
        first_seq=state.first_seq,
        last_seq=state.last_seq,
        last_commit_seq=state.last_commit_seq,
        own_last_seq=state.own_last_seq,
        readable=True,
        restored_seq=state.restored_seq,
        held=is_held(state.held_until, now_s),
        since_seq=state.since_seq,
        room_stale=state.room_stale,
    )
