"""After its relay was restored from a backup: what this client brings back, and how it finds its place again.

Log by log: ask where the backup ended, set aside what was read behind it, bring that back, read on from there, and only
then write. The inbox is read again from there, too, and Welcomes that may be lost are sent once more.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from tacit.client.batch import Batch
from tacit.client.books import Books
from tacit.client.core.again import go_back
from tacit.client.core.effects import AddOutbox, DropAside, Report
from tacit.client.core.heads import UNKNOWN_HEAD
from tacit.client.core.lives import may_seal, with_keys_from
from tacit.client.core.notices import notice_line
from tacit.client.core.receipts import forget_told
from tacit.client.core.state import EntryKind, GroupState
from tacit.client.model import Aside, ConversationStatus, GroupId, KeptEntry, Notice, OutboxRow
from tacit.wire import relay_pb2 as pb

ASK_ONLY: Final = 2**32 - 2
"""A place that no log reaches: whoever listens from there is only told where the log stands."""

ASK_AGAIN_S: Final = (1.0, 30.0)
"""When to ask again for a log that somebody else has to bring back: soon after the login, and then ever less often."""


def begin_connection(batch: Batch) -> dict[bytes, int]:
    """From where to listen to the inbox and to every log that is read, and what to bring back."""
    books = batch.books
    listen: dict[bytes, int] = {books.me.device_id: batch.inbox_cursor}
    if books.inbox_incarnation == b"":
        batch.changes.incarnation = books.incarnation
    elif _is_other(batch, books.inbox_incarnation):
        listen[books.me.device_id] = ASK_ONLY
    for group_id, status in books.statuses.items():
        conversation = books.store.conversation(group_id)
        if conversation is None or status in (ConversationStatus.CREATING, ConversationStatus.REMOVED):
            continue
        if batch.is_blocked(conversation.chat_id):
            continue  # it may have something to bring back when it is read again, so nothing is said of it
        other = _is_other(batch, conversation.incarnation)
        if is_waited_for(batch) or group_id in books.aside:
            batch.bring_back.add(group_id)
        if status is ConversationStatus.REQUESTED:
            continue
        joined = conversation.cursor == 0 and conversation.joined_epoch > 0
        listen[group_id] = ASK_ONLY if other or joined else conversation.cursor
        if other:
            batch.bring_back.discard(group_id)
        if other or group_id in books.aside:
            books.returning.add(group_id)
    return listen


def read_on(batch: Batch, state: GroupState) -> None:
    """Listen to a log that was not read for a while; the relay may have been restored meanwhile."""
    group_id = state.conversation.group_id
    if _is_other(batch, state.conversation.incarnation):
        batch.books.returning.add(group_id)
        batch.ask_first.add(group_id)
    else:
        batch.listen.add(group_id)


def begin_inbox(batch: Batch, told: pb.LogState) -> None:
    """Read the inbox from where the backup ended, and send again what may be missing in those of others."""
    batch.changes.inbox_cursor = min(batch.inbox_cursor, max(told.restored_seq, told.first_seq - 1))
    batch.changes.incarnation = batch.books.incarnation
    batch.listen_inbox = True
    for message_id, inbox, payload in batch.books.store.kept_welcomes():
        if message_id not in batch.books.outbox:
            batch.add(AddOutbox(OutboxRow(0, message_id, None, inbox, EntryKind.WELCOME, payload)))
    batch.add(
        Report(
            "relay-restored",
            "The relay was restored from a backup. What it lacks is brought back by those who have it.",
            "For some minutes what you write may wait.",
        )
    )


def begin_return(batch: Batch, state: GroupState, told: pb.LogState) -> None:
    """Go back to where the backup of a log ended, if this device has read further, and bring back what it has."""
    conversation = state.conversation
    group_id = conversation.group_id
    if told.since_seq < conversation.joined_seq and is_waited_for(batch):
        # What the relay remembers is an earlier membership; the commit that let this device in has yet to come back.
        batch.ask.add(group_id)
        return
    aside_after = cut = min(conversation.cursor, max(told.restored_seq, told.first_seq - 1, told.since_seq))
    if told.since_seq > conversation.cursor and not batch.changes.deferred:
        # The commit that let this device in has come back under a later number, and so will what followed it.
        aside_after, cut = 0, told.since_seq
    if cut != conversation.cursor:
        kept = batch.books.store.kept_after(group_id, aside_after)
        whole = len(kept) == conversation.cursor - cut
        head = batch.books.store.head_at(group_id, cut) if whole else None
        state = batch.take(go_back(state, cut, head or UNKNOWN_HEAD, aside_after=aside_after))
        batch.books.aside[group_id] = {entry.message_id: _aside(entry) for entry in kept}
    # Receipts speak of the numbers of one incarnation: one that has still to be read by others is passed over by them.
    state = forget_told(state, batch.ctx.me)
    found = replace(state.conversation, incarnation=batch.books.incarnation, joined_seq=told.since_seq)
    batch.put_state(replace(state, conversation=found))
    batch.listen.add(group_id)
    batch.bring_back.add(group_id)


def is_missing(batch: Batch, state: GroupState) -> bool:
    """Whether a log that cannot be read may come back: its maker makes it again, the others wait for a while."""
    conversation = state.conversation
    group_id = conversation.group_id
    if group_id in batch.books.returning and group_id not in batch.books.made_again:
        nothing_said = conversation.cursor == 0 and state.group.epoch == 0
        if nothing_said or batch.books.store.has_first_entry(group_id):
            batch.books.made_again.add(group_id)
            batch.make_again.add(group_id)
            return True
    if is_waited_for(batch):
        batch.ask.add(group_id)
        return True
    return False


def is_waited_for(batch: Batch) -> bool:
    """Whether the relay still waits for what its backup lacks."""
    return batch.books.clock.monotonic_s() < batch.books.waits_until_s


def ask_after_s(books: Books, now_s: float) -> float:
    """How long to wait before asking for logs once more."""
    first_s, longest_s = ASK_AGAIN_S
    return min(longest_s, max(first_s, (now_s - books.connected_at_s) / 4))


def note_made_again(batch: Batch, group_id: GroupId) -> None:
    """The relay has answered a wish to make a log again: what it says of it now decides."""
    batch.ask_first.add(group_id)


def ask_again(batch: Batch, group_id: GroupId) -> None:
    """Ask for a log once more after a while."""
    batch.ask.add(group_id)


def give_up(batch: Batch, group_id: GroupId, from_seq: int) -> None:
    """Others have gone on with another commit in the place of one that this device has merged: it cannot follow."""
    state = batch.state(group_id)
    if state is None:
        return
    batch.add(DropAside(from_seq), group_id)
    aside = batch.books.aside.get(group_id, {})
    batch.books.aside[group_id] = {m: known for m, known in aside.items() if known.seq < from_seq}
    behind = replace(state, conversation=replace(state.conversation, status=ConversationStatus.BEHIND))
    batch.put_state(behind)
    batch.add(notice_line(behind, Notice("behind", reason="relay-restored"), batch.ctx), group_id, behind)
    batch.dirty.add(behind.conversation.chat_id)


def note_brought_back(batch: Batch, group_id: GroupId) -> None:
    """The relay has all that this device had: once the log has been read, it may be written to."""
    if group_id in batch.books.returning:
        batch.books.returning.discard(group_id)
        batch.listen.add(group_id)


def note_read(batch: Batch, state: GroupState) -> GroupState:
    """A log has been read to its end, and nothing is left to bring back: what it has not shown by now it never will."""
    group_id = state.conversation.group_id
    if batch.books.aside.pop(group_id, None):
        batch.add(DropAside(), group_id)
    batch.tell.add(group_id)
    if may_seal(state, batch.ctx):
        state = with_keys_from(state, batch.ctx.incarnation)  # true of the next process, too
    if state.conversation.incarnation == b"":
        return replace(state, conversation=replace(state.conversation, incarnation=batch.books.incarnation))
    return state


def _is_other(batch: Batch, incarnation: bytes) -> bool:
    """Whether a place was reached at a relay that has forgotten something since."""
    return bool(incarnation and batch.books.incarnation) and incarnation != batch.books.incarnation


def _aside(entry: KeptEntry) -> Aside:
    return Aside(entry.seq, hashlib.sha256(entry.payload).digest(), entry.head)
