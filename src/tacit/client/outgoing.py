"""What this client wants to say and change, brought into the outbox as soon as the state of each chat allows.

``advance`` looks at one chat and does what can be done now: begin its group, commit, or seal what waits. It is called
whenever something may have changed; calling it too often does no harm.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

from tacit import limits
from tacit.client.batch import Batch
from tacit.client.content import check_text
from tacit.client.core import commits, receipts
from tacit.client.core.direct import primary
from tacit.client.core.effects import AddMessage, DropIntent
from tacit.client.core.group_info import GroupKind
from tacit.client.core.lives import may_seal
from tacit.client.core.outbound import seal_receipt, seal_text
from tacit.client.core.policy import Rejected
from tacit.client.core.state import GroupState, Step
from tacit.client.core.welcome import begin_group
from tacit.client.endings import fail_waiting
from tacit.client.errors import AwaitsAnswer, ChatEnded
from tacit.client.model import (
    Chat,
    ChatId,
    ChatKind,
    ChatStatus,
    ConversationStatus,
    GroupId,
    Intent,
    IntentKind,
    Message,
    MessageId,
    MessageKind,
    MessageState,
)
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.errors import PeerError, UsageError

MAX_SEALED_AT_ONCE: Final = 200
"""Texts of one chat sealed in one turn; bounds how long a turn takes."""

PATIENCE_S: Final = limits.MINUTE_S
"""How long a device waits for the one whose turn it is to commit what others have proposed."""

PLACE_S: Final = 2.0
MOST_PLACES: Final = 30
"""In a room not all lose patience at once: each leaf waits so much longer than the one before, up to this many."""

_LAST_ROW: Final = 2**62


def queue_text(batch: Batch, chat_id: ChatId, text: str) -> MessageId:
    """Write a text down, and seal it at once if nothing stands before it."""
    check_text(text)
    chat = batch.chat(chat_id)
    if chat is None or chat.status is ChatStatus.ENDED or chat.status is ChatStatus.LEAVING:
        raise ChatEnded
    if chat.status is ChatStatus.REQUESTED:
        raise AwaitsAnswer
    state = writable(batch, chat)
    message = _line(batch, chat, text)
    if state is not None and not batch.has_intents(chat_id) and _may_seal(batch, state):
        batch.take(seal_text(state, message, batch.ctx))
    else:
        batch.add(AddMessage(message))
        batch.add_intent(_intent(batch, chat_id, IntentKind.TEXT, message_id=message.id))
    batch.dirty.add(chat_id)
    return message.id


def advance(batch: Batch, chat_id: ChatId) -> None:
    """Do what can be done in a chat now."""
    chat = batch.chat(chat_id)
    if chat is None or chat.status in (ChatStatus.REQUESTED, ChatStatus.ENDED) or is_blocked(batch, chat):
        return
    states = [s for s in batch.states_of(chat_id) if batch.is_readable(s.conversation.group_id)]
    state = primary(states, batch.ctx.me)
    if state is None:
        if chat.kind is ChatKind.DIRECT and batch.intents(chat_id):
            begin_direct(batch, chat)
        return
    if state.conversation.status is ConversationStatus.CREATING:
        batch.create.add(state.conversation.group_id)
        return
    for other in states:  # the others are only read, but what their members propose is committed there too
        if other.group_id != state.group_id and other.is_active:
            _commit_pending_elsewhere(batch, other)
    if state.conversation.group_id in batch.books.astray:
        return  # what is to be said waits until it is clear where the others are
    if batch.is_ready(state.conversation.group_id) and state.is_active:
        _work_through(batch, chat, state)


def begin_direct(batch: Batch, chat: Chat) -> None:
    """Begin a group for a direct chat; earlier ones that cannot be written to any more stay behind it."""
    if chat.peer is None:
        raise UsageError("not a direct chat")
    earlier = min((g for g in batch.books.groups_of.get(chat.id, ())), default=None)
    state = begin_group(GroupKind.DIRECT, "", chat.peer, DEFAULT_SUITE, batch.ctx, below=earlier)
    batch.put_state(state)
    batch.create.add(state.conversation.group_id)
    if not any(i.kind is IntentKind.INVITE for i in batch.intents(chat.id)):
        batch.add_intent(_intent(batch, chat.id, IntentKind.INVITE, who=(chat.peer,)))
    batch.dirty.add(chat.id)


def tell_receipts(batch: Batch, group_id: GroupId) -> bool:
    """Tell the members of a group what has arrived here; False when that is not possible just now."""
    state = batch.state(group_id)
    if state is None or not batch.profile.receipts or state.is_room:
        return True  # in a room, everybody would tell everybody of every line
    chat = batch.chat(state.conversation.chat_id)
    if chat is None or chat.status is not ChatStatus.ACTIVE or is_blocked(batch, chat):
        return True
    if not batch.is_ready(group_id):
        return True  # asked again when the log has been caught up with
    if not may_seal(state, batch.ctx):
        return True  # asked again when somebody's fresh keys are there: nobody is waiting for this alone
    if not _is_free(batch, state) or any(_was_sealed(intent) for intent in batch.intents(chat.id)):
        return False
    store = batch.books.store
    delivered = store.last_text_seq(group_id, _LAST_ROW)
    read = store.last_text_seq(group_id, chat.read_through)
    receipt = receipts.due_receipt(state, delivered, read, batch.ctx.me)
    if receipt is not None:
        batch.take(seal_receipt(state, receipt, batch.ctx))
    return True


def writable(batch: Batch, chat: Chat) -> GroupState | None:
    """The conversation that a chat is written to, if it can be written to now."""
    states = [s for s in batch.states_of(chat.id) if batch.is_readable(s.conversation.group_id)]
    state = primary(states, batch.ctx.me)
    if state is None or not state.is_active or not batch.is_ready(state.conversation.group_id):
        return None
    if state.conversation.group_id in batch.books.astray:
        return None
    return None if is_blocked(batch, chat) else state


def is_blocked(batch: Batch, chat: Chat) -> bool:
    """Whether a direct chat is with somebody who is blocked."""
    return batch.is_blocked(chat.id)


def patience_s(batch: Batch, group_id: GroupId) -> float:
    """How long to wait for others to commit what is due: in a room the longer, the more could do it before."""
    state = batch.books.state(group_id)
    if state is None or not state.is_room:
        return PATIENCE_S
    before = sum(member.leaf < state.group.own_leaf for member in state.roster.members)
    return max(batch.wait_s(("mend", group_id)), PATIENCE_S + PLACE_S * min(before, MOST_PLACES))


def add_wish(batch: Batch, chat_id: ChatId, kind: IntentKind, *, who: tuple[bytes, ...] = (), text: str = "") -> None:
    """Note a change that a person wants."""
    batch.add_intent(_intent(batch, chat_id, kind, who=who, text=text))


def _work_through(batch: Batch, chat: Chat, state: GroupState) -> None:
    waiting = deque(_in_order(batch, chat))
    for _ in range(MAX_SEALED_AT_ONCE):
        if state.own_commit is not None or not state.is_active:
            return
        step = _next_step(batch, chat, state, waiting)
        if step is None:
            return
        state = batch.take(step)
    batch.dirty.add(chat.id)
    batch.again = True


def _next_step(batch: Batch, chat: Chat, state: GroupState, waiting: deque[Intent]) -> Step | None:
    """The next thing that can be done; what it does is taken off ``waiting``."""
    if state.group.pending_proposals and not commits.has_proposed_leaving(state):
        return _commit_pending(batch, state, now=bool(waiting))
    if state.conversation.group_id in batch.books.stale_rooms:
        step = _mend_door(batch, state, now=bool(waiting))
        if step is not None:
            return step
    passed_over = False
    while waiting:
        intent = waiting.popleft()
        if intent.kind is IntentKind.LEAVE:
            return _leave(batch, chat, state, intent)
        if intent.kind is IntentKind.TEXT:
            return _seal(batch, state, intent)
        unclaimed = intent.kind is IntentKind.INVITE and not intent.key_packages
        if unclaimed and chat.kind is ChatKind.GROUP and intent.row in batch.books.parked:
            passed_over = True
            continue  # nobody can be reached there at the moment: go on with what comes after
        if unclaimed and not state.roster.accounts.issuperset(intent.who):
            return None
        return _change(batch, state, intent)
    if state.conversation.committed_at == 0 and state.conversation.own_counter > 1 and not passed_over:
        return commits.make_commit(state, (), batch.ctx)
    return None


def _in_order(batch: Batch, chat: Chat) -> list[Intent]:
    """What waits, oldest first, but what was said once before anything newer.

    In a direct chat nothing can be said before the other side is in.
    """
    intents = batch.intents(chat.id)
    intents.sort(key=lambda i: not _was_sealed(i))
    if chat.kind is ChatKind.DIRECT:
        intents.sort(key=lambda i: i.kind is not IntentKind.INVITE)
    return intents


def _was_sealed(intent: Intent) -> bool:
    """Whether it is a text that has its counter already: until it is sealed again, nothing may show a later one."""
    return intent.kind is IntentKind.TEXT and intent.attempts > 0


def _change(batch: Batch, state: GroupState, intent: Intent) -> Step:
    """A commit for a wish, or its end when it has lost its meaning or cannot be."""
    dropped = DropIntent(intent.row)
    needs_admin = state.info.kind is not GroupKind.DIRECT and intent.kind is not IntentKind.NICK
    if needs_admin and not commits.may_change(state, batch.ctx.me):
        return Step(state, (dropped, commits.change_failed(state, intent, "not-allowed", batch.ctx)))
    try:
        step = commits.commit_intent(state, intent, batch.ctx)
    except (PeerError, UsageError) as error:
        return Step(state, (dropped, commits.change_failed(state, intent, error.code, batch.ctx)))
    except Rejected as refused:
        return Step(state, (dropped, commits.change_failed(state, intent, refused.reason, batch.ctx)))
    return Step(state, (dropped,)) if step is None else step


def _seal(batch: Batch, state: GroupState, intent: Intent) -> Step | None:
    if commits.keys_are_stale(state, batch.ctx) or not may_seal(state, batch.ctx):
        return commits.make_commit(state, (), batch.ctx)
    if intent.row < 0 or not _may_seal(batch, state):
        batch.again = batch.again or intent.row < 0
        return None
    message = batch.books.store.message_by_id(intent.chat_id, intent.message_id)
    if message is None or message.state is not MessageState.QUEUED:
        return Step(state, (DropIntent(intent.row),))
    sealed = seal_text(state, message, batch.ctx)
    return Step(sealed.state, (*sealed.effects, DropIntent(intent.row)))


def _leave(batch: Batch, chat: Chat, state: GroupState, intent: Intent) -> Step | None:
    if not state.others(batch.ctx.me):
        if state.is_room and not state.info.locked:
            return commits.end_room(state, batch.ctx)
        batch.put_chat(replace(chat, status=ChatStatus.ENDED))
        fail_waiting(batch, chat.id, "left")
        removed = replace(state.conversation, status=ConversationStatus.REMOVED)
        return Step(replace(state, conversation=removed), (DropIntent(intent.row),))
    if not may_seal(state, batch.ctx):
        return commits.make_commit(state, (), batch.ctx)
    return None if commits.has_proposed_leaving(state) else commits.propose_leaving(state, batch.ctx)


def _commit_pending(batch: Batch, state: GroupState, *, now: bool) -> Step | None:
    """Commit what others have proposed: at once if it is our turn or we have something to say, else after a while."""
    group_id = state.conversation.group_id
    if now or commits.first_to_commit(state) or group_id in batch.books.impatient:
        batch.books.impatient.discard(group_id)
        return commits.make_commit(state, (), batch.ctx)
    batch.impatient_later.add(group_id)
    return None


def _mend_door(batch: Batch, state: GroupState, *, now: bool) -> Step | None:
    """A commit for its own sake, which tells the relay how a room stands; ever less often if it must be done again."""
    group_id = state.conversation.group_id
    if group_id in batch.books.alone:
        return None
    if batch.wait_s(("mend", group_id)) > 0:
        batch.impatient_later.add(group_id)
        return None
    step = _commit_pending(batch, state, now=now)
    if step is not None:
        batch.note_done(("mend", group_id))
    return step


def _commit_pending_elsewhere(batch: Batch, state: GroupState) -> None:
    ready = batch.is_ready(state.conversation.group_id)
    if ready and state.own_commit is None and state.group.pending_proposals:
        step = _commit_pending(batch, state, now=False)
        if step is not None:
            batch.take(step)


def _may_seal(batch: Batch, state: GroupState) -> bool:
    """Whether a text can go out in this state; in a direct chat the other side must be in."""
    alone_in_direct = state.info.kind is GroupKind.DIRECT and not state.others(batch.ctx.me)
    return _is_free(batch, state) and not alone_in_direct and not commits.keys_are_stale(state, batch.ctx)


def _is_free(batch: Batch, state: GroupState) -> bool:
    free = state.is_active and state.own_commit is None and not state.group.pending_proposals
    return free and may_seal(state, batch.ctx)


def _line(batch: Batch, chat: Chat, text: str) -> Message:
    nicks = next((s.roster.nicks for s in batch.states_of(chat.id)), {}) if chat.kind is ChatKind.ROOM else {}
    return Message(
        row=0,
        id=batch.ctx.fresh_id(),
        chat_id=chat.id,
        nick=nicks.get(batch.ctx.me.account_id, ""),
        group_id=GroupId(b""),
        kind=MessageKind.TEXT,
        state=MessageState.QUEUED,
        sender=batch.ctx.me.account_id,
        text=text,
        sent_at_ms=batch.ctx.now_ms,
        received_at_ms=batch.ctx.now_ms,
        seq=0,
    )


def _intent(
    batch: Batch,
    chat_id: ChatId,
    kind: IntentKind,
    *,
    message_id: MessageId | None = None,
    who: tuple[bytes, ...] = (),
    text: str = "",
) -> Intent:
    message_id = message_id or batch.ctx.fresh_id()
    return Intent(0, chat_id, kind, message_id, who=who, text=text, created_at=int(batch.ctx.now_s))
