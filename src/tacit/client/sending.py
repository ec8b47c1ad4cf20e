"""What the relay answers to what was sent: done, try again, or never."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tacit.client.batch import Batch
from tacit.client.core.commits import change_failed
from tacit.client.core.effects import DropIntent, DropOutbox, KeepWelcome, Report, SetMessage
from tacit.client.core.notices import notice_line
from tacit.client.core.state import EntryKind, GroupState
from tacit.client.incoming import forget_own_commit
from tacit.client.model import ConversationStatus, GroupId, MessageState, Notice, OutboxRow
from tacit.errors import RelayError
from tacit.wire.errors import (
    CommitConflict,
    Internal,
    NotAReader,
    NotLoggedIn,
    QuotaExceeded,
    RateLimited,
    Restoring,
    ShuttingDown,
    StorageFailed,
    StorageFull,
)

TRY_AGAIN: Final = (
    RateLimited,
    QuotaExceeded,
    StorageFull,
    StorageFailed,
    Internal,
    ShuttingDown,
    NotLoggedIn,
    Restoring,
)
"""Refusals that pass; the same bytes go out again later."""

WORTH_TELLING: Final = (QuotaExceeded, StorageFull, StorageFailed)
"""Those among them that pass only when somebody does something about it."""

RETRY_S: Final = 5.0
"""When to try again where the relay does not say."""


def retry_after_s(error: RelayError) -> float | None:
    """When to send the same bytes again; None when that is of no use."""
    if not isinstance(error, TRY_AGAIN):
        return None
    return error.retry_after_s or RETRY_S


def take_appended(batch: Batch, row: OutboxRow) -> None:
    """The relay has it on its disk. What went into a log stays in the outbox until it comes back in order."""
    if row.inbox is not None and row.message_id in batch.books.outbox:
        batch.add(DropOutbox(row.row))
        if row.kind == EntryKind.WELCOME:
            batch.add(KeepWelcome(row))


def take_refused(batch: Batch, row: OutboxRow, error: RelayError) -> None:
    """The relay will not take it, now or ever."""
    if row.message_id not in batch.books.outbox:
        return
    if row.group_id is None:
        batch.add(DropOutbox(row.row))
        batch.add(Report("invitation-undelivered", error.sentence, error.hint))
        return
    state = batch.state(row.group_id)
    if state is not None and state.is_room and isinstance(error, NotAReader):
        batch.ask_first.add(row.group_id)  # cut off, and not told of it
    if state is None:
        batch.add(DropOutbox(row.row))
    elif row.kind == EntryKind.COMMIT:
        _commit_refused(batch, state, row, error)
    else:
        _message_refused(batch, state, row, error)


def created(batch: Batch, group_id: GroupId) -> None:
    """The log is at the relay: it can be listened to, and then written to."""
    state = batch.state(group_id)
    if state is None or state.conversation.status is not ConversationStatus.CREATING:
        return
    conversation = replace(state.conversation, status=ConversationStatus.ACTIVE)
    batch.put_state(replace(state, conversation=conversation))
    batch.listen.add(group_id)
    batch.dirty.add(conversation.chat_id)


def look_again(batch: Batch, group_id: GroupId) -> None:
    """See what can be done in a conversation's chat now."""
    state = batch.state(group_id)
    if state is not None:
        batch.dirty.add(state.conversation.chat_id)


def _commit_refused(batch: Batch, state: GroupState, row: OutboxRow, error: RelayError) -> None:
    group_id = state.conversation.group_id
    free = replace(state, own_commit=None)
    if isinstance(error, CommitConflict):
        batch.books.stale_rooms.discard(group_id)  # what came first has set it right, or will be judged when it comes
        conversation = state.conversation
        if error.last_commit_seq <= conversation.cursor:
            # What came first has been processed already, valid or not: the next try counts from there.
            conversation = replace(conversation, last_commit=max(error.last_commit_seq, conversation.last_commit))
        forget_own_commit(batch, state)
        batch.put_state(replace(free, conversation=conversation))
        return
    batch.put_state(free)
    batch.add(DropOutbox(row.row))
    intent = batch.intent(row.intent_row) if row.intent_row else None
    if intent is not None:
        batch.add(DropIntent(intent.row))
        batch.add(change_failed(free, intent, error.code, batch.ctx), group_id, free)
        batch.dirty.add(state.conversation.chat_id)
    else:
        # Nobody asked for it, so it is made anew by itself; not at once, or a relay that refuses would never have rest.
        batch.add(Report(error.code, error.sentence, error.hint))
        batch.impatient_later.add(group_id)


def _message_refused(batch: Batch, state: GroupState, row: OutboxRow, error: RelayError) -> None:
    conversation = state.conversation
    batch.add(DropOutbox(row.row))
    if row.content_id is not None:
        batch.add(SetMessage(conversation.chat_id, row.content_id, MessageState.FAILED), conversation.group_id)
        notice = Notice("not-sent", count=1, reason=error.code)
        batch.add(notice_line(state, notice, batch.ctx), conversation.group_id, state)
