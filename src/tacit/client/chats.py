"""What a person does to chats: open, make, invite, remove, rename, leave. Each call changes a batch or raises.

Roles are checked here so that the person hears at once; the commit itself is judged again by everyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tacit import limits
from tacit.client.batch import Batch
from tacit.client.core.commits import may_change
from tacit.client.core.direct import primary
from tacit.client.core.effects import DropIntent
from tacit.client.core.group_info import GroupKind
from tacit.client.core.notices import notice_line
from tacit.client.core.state import GroupState
from tacit.client.core.welcome import begin_group, direct_chat_id
from tacit.client.endings import fail_waiting
from tacit.client.errors import AwaitsAnswer, ChatEnded, NotAllowed
from tacit.client.invitations import refuse
from tacit.client.model import (
    Chat,
    ChatId,
    ChatKind,
    ChatStatus,
    ContactStatus,
    ConversationStatus,
    IntentKind,
    Notice,
)
from tacit.client.outgoing import add_wish, begin_direct
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.errors import NotFound, UsageError


class BadTitle(UsageError):
    """A group needs a name of at most 256 bytes."""

    code = "bad-title"


class Yourself(UsageError):
    """That is this profile itself."""

    code = "yourself"


class Blocked(UsageError):
    """That person is blocked here."""

    code = "blocked"
    hint = "Unblock them first: tacit contacts unblock, or /unblock where you talk."


def open_direct(batch: Batch, account_id: bytes) -> ChatId:
    """The direct chat with a contact, begun if there is none; opening it accepts the contact."""
    if account_id == batch.ctx.me.account_id:
        raise Yourself
    contact = batch.contact(account_id)
    if contact is None:
        raise NotFound
    if contact.status is ContactStatus.BLOCKED:
        raise Blocked
    chat_id = direct_chat_id(account_id)
    chat = batch.chat(chat_id)
    if chat is not None and chat.status is ChatStatus.REQUESTED:
        raise AwaitsAnswer
    if chat is not None and chat.status is ChatStatus.LEAVING:
        raise ChatEnded
    if contact.status is not ContactStatus.ACCEPTED:
        batch.put_contact(replace(contact, status=ContactStatus.ACCEPTED))
    if chat is None:
        now = int(batch.ctx.now_s)
        chat = Chat(chat_id, ChatKind.DIRECT, ChatStatus.ACTIVE, "", account_id, now)
        batch.put_chat(chat)
    elif chat.status is ChatStatus.ENDED:
        chat = replace(chat, status=ChatStatus.ACTIVE)
        batch.put_chat(chat)
    if primary(batch.states_of(chat_id), batch.ctx.me) is None:
        begin_direct(batch, chat)
    return chat_id


def create_group(batch: Batch, title: str, members: Sequence[bytes]) -> ChatId:
    """A group with this account as its admin; the members are invited in one commit."""
    _check_title(title)
    others = tuple(dict.fromkeys(m for m in members if m != batch.ctx.me.account_id))
    _check_people(batch, others)
    state = begin_group(GroupKind.GROUP, title, None, DEFAULT_SUITE, batch.ctx)
    chat_id = state.conversation.chat_id
    now = int(batch.ctx.now_s)
    batch.put_chat(Chat(chat_id, ChatKind.GROUP, ChatStatus.ACTIVE, title, None, now))
    batch.put_state(state)
    batch.create.add(state.conversation.group_id)
    notice = Notice("created", by=batch.ctx.me.account_id, name=title)
    batch.add(notice_line(state, notice, batch.ctx), state.conversation.group_id, state)
    if others:
        add_wish(batch, chat_id, IntentKind.INVITE, who=others)
    batch.dirty.add(chat_id)
    return chat_id


def invite(batch: Batch, chat_id: ChatId, account_id: bytes) -> None:
    """Ask for a person to be added; one who is being removed comes back after that."""
    _check_people(batch, (account_id,))
    state = _managed(batch, chat_id)
    if state.is_room:
        raise UsageError("into a room one comes by its link: hand that out")
    going = any(i.kind is IntentKind.REMOVE and account_id in i.who for i in batch.intents(chat_id))
    if going or account_id not in state.roster.accounts:
        add_wish(batch, chat_id, IntentKind.INVITE, who=(account_id,))


def remove(batch: Batch, chat_id: ChatId, account_id: bytes) -> None:
    """Ask for a person to be removed; an invitation that has not gone out is taken back."""
    state = _managed(batch, chat_id)
    if account_id == batch.ctx.me.account_id:
        raise Yourself("to go yourself, leave the group")
    waiting = [i for i in batch.intents(chat_id) if i.kind is IntentKind.INVITE and i.who == (account_id,)]
    in_flight = {row.intent_row for row in batch.books.outbox.values()}
    for intent in waiting:
        if intent.row not in in_flight:
            batch.add(DropIntent(intent.row))
    if account_id in state.roster.accounts or any(i.row in in_flight for i in waiting):
        add_wish(batch, chat_id, IntentKind.REMOVE, who=(account_id,))
    elif not waiting:
        raise NotFound("not a member of this group")


def rename(batch: Batch, chat_id: ChatId, title: str) -> None:
    """Ask for another title."""
    _check_title(title)
    _managed(batch, chat_id)
    add_wish(batch, chat_id, IntentKind.RENAME, text=title)


def leave(batch: Batch, chat_id: ChatId) -> None:
    """Ask to be removed; where nobody else is in the group, or nobody knows of it yet, it ends at once."""
    chat = _chat(batch, chat_id)
    if chat.status is ChatStatus.REQUESTED:
        refuse(batch, chat_id, block=False)
        return
    if chat.status is not ChatStatus.ACTIVE:
        raise ChatEnded
    states = batch.states_of(chat_id)
    living = [s for s in states if s.others(batch.ctx.me) or s.own_commit is not None or _has_a_door(s)]
    for state in states:
        if state not in living:
            removed = replace(state.conversation, status=ConversationStatus.REMOVED)
            batch.put_state(replace(state, conversation=removed))
    if living:
        batch.put_chat(replace(chat, status=ChatStatus.LEAVING))
        add_wish(batch, chat_id, IntentKind.LEAVE)
        return
    fail_waiting(batch, chat_id, "left")
    batch.put_chat(replace(chat, status=ChatStatus.ENDED))


def _has_a_door(state: GroupState) -> bool:
    """Whether others could still come in: a room is locked before its last member goes."""
    return state.is_room and state.is_active and not state.info.locked


def mark_read(batch: Batch, chat_id: ChatId, row: int | None) -> None:
    """Note that everything up to a line, or the last one, was shown; never goes back."""
    chat = _chat(batch, chat_id)
    last = batch.books.store.last_message(chat_id)
    shown = min(row, last.row) if row is not None and last is not None else (last.row if last else 0)
    if shown <= chat.read_through or chat.status is ChatStatus.REQUESTED:
        return
    batch.put_chat(replace(chat, read_through=shown))
    batch.tell |= {s.conversation.group_id for s in batch.states_of(chat_id) if s.is_active}


def _managed(batch: Batch, chat_id: ChatId) -> GroupState:
    """The group of a chat that this account may change."""
    chat = _chat(batch, chat_id)
    if chat.kind is ChatKind.DIRECT:
        raise UsageError("a direct chat has two people and no name; make a group instead")
    if chat.status is ChatStatus.REQUESTED:
        raise AwaitsAnswer
    state = next(iter(batch.states_of(chat_id)), None)
    if state is None or chat.status is not ChatStatus.ACTIVE:
        raise ChatEnded
    if not may_change(state, batch.ctx.me):
        raise NotAllowed
    return state


def _chat(batch: Batch, chat_id: ChatId) -> Chat:
    chat = batch.chat(chat_id)
    if chat is None:
        raise NotFound
    return chat


def _check_people(batch: Batch, accounts: Sequence[bytes]) -> None:
    for account_id in accounts:
        if account_id == batch.ctx.me.account_id:
            raise Yourself
        contact = batch.contact(account_id)
        if contact is None:
            raise NotFound
        if contact.status is ContactStatus.BLOCKED:
            raise Blocked
        if contact.status is ContactStatus.KNOWN:
            batch.put_contact(replace(contact, status=ContactStatus.ACCEPTED))


def _check_title(title: str) -> None:
    try:
        size = len(title.encode())
    except UnicodeEncodeError:
        raise BadTitle from None
    if not title.strip() or size > limits.MAX_GROUP_NAME_BYTES:
        raise BadTitle
