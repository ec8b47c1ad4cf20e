"""The word that every waiting entry has been sent: where the relay says each log stands, against where this store is.

A difference has few causes: this store is an old copy, the relay's data is an old copy, or the log is gone. Each is
told in the chat; none of them is passed over. A relay that says itself that it was restored is another matter: see
``returning``.
"""

from __future__ import annotations

from dataclasses import replace

from tacit.client import returning
from tacit.client.batch import Batch
from tacit.client.core.heads import UNKNOWN_HEAD
from tacit.client.core.notices import notice_line
from tacit.client.core.state import GroupState
from tacit.client.holes import note_listening
from tacit.client.incoming import READ, note_inbox_hole
from tacit.client.model import ConversationStatus, GroupId, Notice
from tacit.wire import relay_pb2 as pb


def take_listening(batch: Batch, told: pb.LogState) -> None:
    """Compare a log that was named; one that agrees is ready to be written to."""
    only_asked = batch.books.asked_after.get(told.log_id) == returning.ASK_ONLY
    if told.log_id == batch.books.me.device_id:
        _take_inbox(batch, told, only_asked=only_asked)
        return
    state = batch.state(GroupId(told.log_id))
    if state is None or state.conversation.status not in READ:
        return
    if told.readable and only_asked and state.conversation.group_id in batch.books.returning:
        returning.begin_return(batch, state, told)
    elif told.readable and only_asked and told.held and _has_joined(state):
        # The commit that let this device in may have yet to come back; this may be of an earlier membership.
        batch.bring_back.add(state.conversation.group_id)
        returning.ask_again(batch, state.conversation.group_id)
    elif told.readable and only_asked:
        if _has_joined(state):
            batch.put_state(_begin_at(batch, state, told))
        batch.listen.add(state.conversation.group_id)
    elif told.readable:
        if note_listening(batch, state, told):
            _catch_up(batch, state, told)
    elif not returning.is_missing(batch, state):
        note_lost(batch, state)


def _take_inbox(batch: Batch, told: pb.LogState, *, only_asked: bool) -> None:
    if only_asked:
        returning.begin_inbox(batch, told)
        return
    if told.last_seq < batch.books.asked_after.get(told.log_id, 0):
        batch.move_inbox(told.last_seq)  # the relay's data is an old copy: take what comes from there on
    note_inbox_hole(batch, told.last_seq)
    batch.inbox_caught_up = True


def _catch_up(batch: Batch, state: GroupState, told: pb.LogState) -> None:
    if _has_joined(state):
        state = _begin_at(batch, state, told)
    state = _check_rollback(batch, state, told)
    state = _check_hole(batch, state, told)
    state = _check_missed(batch, state, told)
    conversation = state.conversation
    if conversation.last_commit == 0 and state.group.epoch > 0:
        # The commit that added this device lies before everything that it may read.
        state = replace(state, conversation=replace(conversation, last_commit=told.last_commit_seq))
    if told.held or state.conversation.group_id in batch.books.returning:
        batch.put_state(state)
        if told.held:
            batch.bring_back.add(state.conversation.group_id)
            returning.ask_again(batch, state.conversation.group_id)
        return
    state = returning.note_read(batch, state)
    batch.put_state(state)
    conversation = state.conversation
    if told.room_stale:
        batch.books.stale_rooms.add(conversation.group_id)
    batch.readable[conversation.group_id] = True
    batch.caught_up.add(conversation.group_id)
    batch.dirty.add(conversation.chat_id)


def _has_joined(state: GroupState) -> bool:
    """Whether this device came in by an invitation and has not read anything yet."""
    return state.conversation.cursor == 0 and state.group.epoch > 0


def _begin_at(batch: Batch, state: GroupState, told: pb.LogState) -> GroupState:
    """A device that joined begins to read behind the commit that added it.

    That is the last one that did, unless an invitation waits until this group has ended here.
    """
    conversation = state.conversation
    first = told.first_seq - 1
    cursor = first if batch.changes.deferred else max(first, told.since_seq)
    begun = replace(conversation, cursor=cursor, joined_seq=cursor, last_commit=told.last_commit_seq)
    return replace(state, conversation=begun)


def note_lost(batch: Batch, state: GroupState) -> None:
    """The relay has lost the log, or has never made this device its reader: say so, once."""
    conversation = state.conversation
    if state.is_room and conversation.status is ConversationStatus.ACTIVE:
        # A member's word is enough to cut a reader off; by the door it comes back, if it may.
        state = replace(state, conversation=replace(conversation, status=ConversationStatus.BEHIND))
        batch.put_state(state)
    if conversation.group_id not in batch.books.unreadable:
        last = batch.books.store.last_message(conversation.chat_id)
        if last is None or last.notice is None or last.notice.reason != "log-lost":
            notice = Notice("behind", reason="log-lost")
            batch.add(notice_line(state, notice, batch.ctx), conversation.group_id, state)
    batch.readable[conversation.group_id] = False
    batch.dirty.add(conversation.chat_id)


def _check_rollback(batch: Batch, state: GroupState, told: pb.LogState) -> GroupState:
    """A log that ends before the place reached here was restored from a backup, or is another log."""
    conversation = state.conversation
    # Entries that came after the question may have been processed already, so it is the question that is compared.
    lost = batch.books.asked_after.get(conversation.group_id, 0) - told.last_seq
    if lost <= 0:
        return state
    conversation = replace(
        conversation,
        cursor=told.last_seq,
        last_commit=told.last_commit_seq,
        own_last=told.own_last_seq,
        head=UNKNOWN_HEAD,
        in_doubt=True,
    )
    after = replace(state, conversation=conversation)
    notice = Notice("gap", count=lost, reason="relay-went-back")
    batch.add(notice_line(after, notice, batch.ctx), conversation.group_id, after)
    batch.listen.add(conversation.group_id)
    return after


def _check_hole(batch: Batch, state: GroupState, told: pb.LogState) -> GroupState:
    """Entries that are gone before they were read here: they were too old, or an earlier self has read them."""
    conversation = state.conversation
    missing = told.first_seq - 1 - conversation.cursor
    if missing <= 0:
        return state
    conversation = replace(conversation, cursor=told.first_seq - 1, head=UNKNOWN_HEAD, in_doubt=True)
    after = replace(state, conversation=conversation)
    notice = Notice("gap", count=missing, reason="relay-hole")
    batch.add(notice_line(after, notice, batch.ctx), conversation.group_id, after)
    return after


def _check_missed(batch: Batch, state: GroupState, told: pb.LogState) -> GroupState:
    """Everything readable has been read. What the log says of more is what this store will never see.

    Own entries among it mean that the store is an old copy: sending now could use a place in the ratchet twice. A
    commit among it means that the epoch has moved on without us.
    """
    conversation = state.conversation
    own_missed = told.own_last_seq > conversation.own_last
    commit_missed = 0 < conversation.last_commit < told.last_commit_seq
    conversation = replace(
        conversation,
        own_last=max(conversation.own_last, told.own_last_seq),
        last_commit=max(conversation.last_commit, told.last_commit_seq if commit_missed else 0),
    )
    after = replace(state, conversation=conversation)
    if not (own_missed or commit_missed) or conversation.status is not ConversationStatus.ACTIVE:
        return after
    after = replace(after, conversation=replace(conversation, status=ConversationStatus.BEHIND))
    notice = Notice("behind", reason="missed-commit" if commit_missed else "restored")
    batch.add(notice_line(after, notice, batch.ctx), conversation.group_id, after)
    return after
