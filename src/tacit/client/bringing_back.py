"""Bringing back to a relay that was restored from a backup what it lacks of a log and this device has kept.

Entries go in their order, a portion at a time. Where somebody else's commit has come back in the place of one of them,
what follows it here belongs to an epoch that the others never had, and stays.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from tacit.client.connection import Connection
from tacit.client.core.state import EntryKind
from tacit.client.loop import Loop
from tacit.client.model import GroupId, KeptEntry
from tacit.client.returning import ASK_ONLY, give_up, note_brought_back
from tacit.client.sending import RETRY_S
from tacit.errors import RelayError
from tacit.log import EventLog
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import (
    CommitConflict,
    Internal,
    RateLimited,
    Restoring,
    ShuttingDown,
    StorageFailed,
    StorageFull,
)

log = EventLog("client.bringing_back")

PASSING: Final = (Restoring, RateLimited, StorageFull, StorageFailed, Internal, ShuttingDown)
"""Refusals after which an entry is brought back once more; any other ends the bringing back to its log."""

PORTION: Final = 32
PORTION_BYTES: Final = 1024 * 1024
"""Entries brought back at once, and their payloads: less than half a minute on a slow line."""


async def bring_back(loop: Loop, connection: Connection, group_id: GroupId) -> None:
    """Bring back what a log lacks, and then say that there is no more. Raises ``TransportError``."""
    entries = await loop.read(lambda books: books.store.kept_after(group_id, ASK_ONLY))
    while entries:
        brought, refusal = await _bring_portion(connection, group_id, first_portion(entries))
        entries = entries[brought:]
        if refusal is None:
            continue
        if isinstance(refusal, PASSING):
            await loop.clock.sleep(refusal.retry_after_s or RETRY_S)
        elif isinstance(refusal, CommitConflict) and not entries[0].head:
            entries = entries[1:]  # it began no epoch here, so nobody is lost without it
        elif isinstance(refusal, CommitConflict):
            await loop.do(partial(give_up, group_id=group_id, from_seq=entries[0].seq))
            break
        else:
            log.warning("not-brought-back", code=refusal.code)
            if any(entry.head for entry in entries):  # without these changes the others stay where they are
                await loop.do(partial(give_up, group_id=group_id, from_seq=entries[0].seq))
            break
    await _say_there_is_no_more(loop, connection, group_id)
    await loop.do(partial(note_brought_back, group_id=group_id))


def first_portion(entries: list[KeptEntry]) -> list[KeptEntry]:
    """As many of these as are brought back at once; at least one, and a commit alone.

    The relay may have no time for one of them and take those behind it: what was said in an epoch would then lie before
    the commit that begins it, and who has still to read both could not open it.
    """
    size_bytes = 0
    for count, entry in enumerate(entries):
        size_bytes += len(entry.payload)
        is_apart = EntryKind.COMMIT in (entry.kind, entries[0].kind)
        if count and (is_apart or size_bytes > PORTION_BYTES or count == PORTION):
            return entries[:count]
    return entries


async def _bring_portion(
    connection: Connection, group_id: GroupId, entries: list[KeptEntry]
) -> tuple[int, RelayError | None]:
    """Bring entries back at once; returns how many are there before the first that is refused, and why that one is."""
    answers = [connection.begin(_request_of(group_id, entry)) for entry in entries]
    for brought, outcome in enumerate(await asyncio.gather(*answers, return_exceptions=True)):
        if isinstance(outcome, RelayError):
            return brought, outcome
        if isinstance(outcome, BaseException):
            raise outcome
    return len(entries), None


async def _say_there_is_no_more(loop: Loop, connection: Connection, group_id: GroupId) -> None:
    while True:
        try:
            await connection.request(pb.BringBack(log_id=group_id), pb.BroughtBack)
        except PASSING as refusal:  # the chat takes nothing until this was heard
            await loop.clock.sleep(refusal.retry_after_s or RETRY_S)
        else:
            return


def _request_of(group_id: GroupId, entry: KeptEntry) -> pb.BringBack:
    """The request that brings an entry back, the same at every try."""
    request = pb.BringBack(
        log_id=group_id,
        message_id=entry.message_id,
        seq=entry.seq,
        kind=pb.EntryKind.ValueType(entry.kind),
        payload=entry.payload,
        readers_added=[pb.Device(account_id=a, device_id=d) for a, d in entry.readers_added],
        readers_removed=[pb.Device(account_id=a, device_id=d) for a, d in entry.readers_removed],
    )
    if entry.author is not None:
        request.author.CopyFrom(pb.Device(account_id=entry.author[0], device_id=entry.author[1]))
    return request
