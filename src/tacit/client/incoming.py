"""Entries that the relay brings, laid into a batch: those of logs, and the invitations in the inbox.

An entry is acknowledged to the relay only after the batch that took it in has been saved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from typing import Final

from tacit.client.batch import Batch
from tacit.client.core.again import pass_over
from tacit.client.core.commits import try_again
from tacit.client.core.effects import DropOutbox, Report, SetMessage
from tacit.client.core.heads import UNKNOWN_HEAD
from tacit.client.core.inbound import process_entry, refuse_entry
from tacit.client.core.lives import may_seal
from tacit.client.core.notices import notice_line
from tacit.client.core.state import EntryKind, GroupState, LogEntry, Sent, Step
from tacit.client.endings import fail_waiting
from tacit.client.faults import Blame, blaming
from tacit.client.holes import may_take, next_early
from tacit.client.invitations import admit_neighbours, take_deferred, take_welcome
from tacit.client.model import ChatStatus, ConversationStatus, GroupId, MessageId, MessageState, Notice
from tacit.client.outgoing import is_blocked
from tacit.client.rooms import take_own_join
from tacit.log import EventLog
from tacit.wire import relay_pb2 as pb

log = EventLog("client.incoming")

READ: Final = frozenset({ConversationStatus.ACTIVE, ConversationStatus.BEHIND})
"""Conversations whose logs are read."""


def take_entry(batch: Batch, entry: pb.Entry, blamed: Collection[Blame] = ()) -> None:
    """Take an entry of a log or of the inbox in, and those that waited for it; one taken in before changes nothing.

    One of the ``blamed`` is passed over, and said to be.
    """
    following: pb.Entry | None = entry
    while following is not None:
        blame = Blame("entry", (following.log_id, following.seq))
        with blaming(blame):
            _take_entry(batch, following, as_bad=blame in blamed)
        following = next_early(batch, entry.log_id)


def _take_entry(batch: Batch, entry: pb.Entry, *, as_bad: bool) -> None:
    if entry.log_id == batch.books.me.device_id:
        _take_inbox_entry(batch, entry, as_bad=as_bad)
        return
    if not as_bad and take_own_join(batch, entry.log_id, entry.message_id, entry.seq):
        return
    state = batch.state(GroupId(entry.log_id))
    if state is None or state.conversation.status not in READ:
        return  # nothing of a request is read before a yes, whatever the relay sends
    chat = batch.chat(state.conversation.chat_id)
    if chat is not None and is_blocked(batch, chat):
        return
    if entry.seq > state.conversation.cursor:
        if not may_take(batch, state, entry):
            return
        known = batch.books.aside.get(state.conversation.group_id, {}).get(MessageId(entry.message_id))
        if as_bad:
            state = batch.take(refuse_entry(state, _log_entry(entry), batch.ctx))
        elif known is not None and (entry.damaged or known.digest == hashlib.sha256(entry.payload).digest()):
            del batch.books.aside[state.conversation.group_id][MessageId(entry.message_id)]
            state = batch.take(pass_over(state, _log_entry(entry), known))
        elif entry.damaged:
            _take_damaged(batch, state, entry)
        else:
            _take_log_entry(batch, state, entry)
    batch.acknowledge[entry.log_id] = max(entry.seq, state.conversation.cursor)


def forget_own_commit(batch: Batch, before: GroupState) -> None:
    """Another commit came first: the own one goes out of the outbox, and its intent waits for its next turn."""
    own = before.own_commit
    row = batch.books.outbox.get(own.message_id) if own else None
    if row is None:
        return
    batch.add(DropOutbox(row.row))
    intent = batch.intent(row.intent_row) if row.intent_row else None
    if intent is not None:
        for effect in try_again(before, intent, batch.ctx):
            batch.add(effect, before.conversation.group_id, before)
    batch.dirty.add(before.conversation.chat_id)


def end_conversation(batch: Batch, state: GroupState, reason: str) -> None:
    """A group has ended for this device: what was to be said in it will not be."""
    conversation = state.conversation
    for row in batch.books.outbox.values():
        if row.group_id == conversation.group_id:
            batch.add(DropOutbox(row.row))
            if row.content_id is not None:
                batch.add(SetMessage(conversation.chat_id, row.content_id, MessageState.FAILED))
    chat = batch.chat(conversation.chat_id)
    if chat is not None and chat.status is ChatStatus.ENDED:
        fail_waiting(batch, chat.id, reason)
    take_deferred(batch)


def _take_log_entry(batch: Batch, state: GroupState, pushed: pb.Entry) -> None:
    entry = _log_entry(pushed)
    sent = _sent(batch, state, entry)
    after = batch.take(_step(batch, state, entry, sent))
    moved = after.group.epoch != state.group.epoch
    if sent is None and (moved or after.conversation.group_id in batch.texts_taken):
        batch.books.alone.discard(after.conversation.group_id)
    if moved and may_seal(after, batch.ctx) and not may_seal(state, batch.ctx):
        batch.tell.add(after.conversation.group_id)
    if sent is not None and sent.row.kind == EntryKind.COMMIT and not moved:
        # It came back spoilt. Whoever spoils one commit may spoil them all: it is made again, but not at once.
        batch.impatient_later.add(after.conversation.group_id)
    elif sent is not None or moved or after.group.pending_proposals != state.group.pending_proposals:
        batch.dirty.add(after.conversation.chat_id)
    if after.is_room and entry.kind == EntryKind.COMMIT and (moved or sent is None):
        _note_entrance(batch, after, moved=moved)
        admit_neighbours(batch, after.roster.accounts - state.roster.accounts)
    if state.own_commit is not None and after.own_commit is None and sent is None:
        forget_own_commit(batch, state)
    if after.conversation.status is ConversationStatus.REMOVED:
        end_conversation(batch, after, "removed")


def _note_entrance(batch: Batch, state: GroupState, *, moved: bool) -> None:
    """After a commit the relay shows newcomers what it says; if nobody follows it, somebody has to set that right."""
    group_id = state.conversation.group_id
    if moved:
        batch.books.stale_rooms.discard(group_id)
    else:
        batch.books.stale_rooms.add(group_id)
        batch.dirty.add(state.conversation.chat_id)


def _log_entry(pushed: pb.Entry) -> LogEntry:
    return LogEntry(pushed.seq, MessageId(pushed.message_id), pushed.kind, pushed.payload, pushed.own)


def _take_damaged(batch: Batch, state: GroupState, pushed: pb.Entry) -> None:
    """The relay's disk has spoilt an entry: a gap with its cause, unless it is an own one, whose bytes are here."""
    conversation = state.conversation
    row = batch.books.outbox.get(MessageId(pushed.message_id))
    if row is not None and row.group_id == conversation.group_id:
        kind = pb.EntryKind.ValueType(row.kind)
        own = pb.Entry(seq=pushed.seq, message_id=row.message_id, kind=kind, payload=row.payload, own=True)
        _take_log_entry(batch, state, own)
        return
    last_commit = pushed.seq if int(pushed.kind) == EntryKind.COMMIT else conversation.last_commit
    passed = replace(conversation, cursor=pushed.seq, last_commit=last_commit, head=UNKNOWN_HEAD, in_doubt=True)
    after = replace(state, conversation=passed)
    notice = Notice("gap", count=1, reason="relay-damaged")
    batch.add(notice_line(after, notice, batch.ctx, seq=pushed.seq), conversation.group_id, after)
    batch.put_state(after)


def _step(batch: Batch, state: GroupState, entry: LogEntry, sent: Sent | None) -> Step:
    try:
        again = bool(batch.books.aside.get(state.conversation.group_id))
        return process_entry(state, entry, sent, batch.ctx, again=again)
    except Exception as error:  # noqa: BLE001 - one poisoned entry must not stop the client for ever; it becomes a line
        log.warning("entry-failed", error=type(error).__name__)
        return refuse_entry(state, entry, batch.ctx)


def _sent(batch: Batch, state: GroupState, entry: LogEntry) -> Sent | None:
    """What this store knows of an entry that it sent itself."""
    row = batch.books.outbox.get(entry.message_id)
    if row is None or row.group_id != state.conversation.group_id:
        return None
    if row.content_id is None:
        return Sent(row)
    line = batch.books.under_way.get(row.content_id)
    return Sent(row, line or batch.books.store.message_by_id(state.conversation.chat_id, row.content_id))


def note_inbox_hole(batch: Batch, last_seq: int) -> None:
    """Tell of what the relay dropped from the inbox, for age or for want of room, if it lies before this number."""
    if last_seq > batch.inbox_cursor:
        batch.add(Report("inbox-hole", "The relay has dropped something that was sent to this device."))
        batch.move_inbox(last_seq)


def _take_inbox_entry(batch: Batch, entry: pb.Entry, *, as_bad: bool) -> None:
    if entry.seq > batch.inbox_cursor:
        note_inbox_hole(batch, entry.seq - 1)
        if as_bad:
            what = "Something that was sent to this device could not be processed."
            batch.report_seldom(Report("inbox-not-processed", what))
        elif entry.message_id in batch.changes.inbox_seen or batch.books.store.was_in_inbox(entry.message_id):
            pass  # the inbox is being read again, or its sender has sent it again
        elif entry.damaged:
            batch.add(Report("inbox-damaged", "The relay's disk has spoilt something that was sent to this device."))
        elif int(entry.kind) == EntryKind.WELCOME:
            take_welcome(batch, entry.payload)
        else:
            what = "Something arrived in the inbox that this version does not know."
            batch.report_seldom(Report("inbox-unknown", what))
        batch.changes.inbox_seen.append(entry.message_id)
    batch.move_inbox(max(entry.seq, batch.inbox_cursor))
