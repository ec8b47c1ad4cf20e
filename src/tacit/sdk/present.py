"""Rows of the client into the values that programs see. Called on the store's thread."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

from tacit.client.books import Books
from tacit.client.core.direct import primary
from tacit.client.core.policy import admins_of
from tacit.client.events import (
    ChatChanged,
    ClientEvent,
    ConnectionChanged,
    LineAdded,
    Problem,
    RequestArrived,
    StateMoved,
)
from tacit.client.model import Chat, ChatId, ChatStatus, Contact, ContactStatus, Message, Notice
from tacit.identity import format_id
from tacit.sdk.types import (
    ChatEvent,
    ChatInfo,
    Connection,
    Event,
    MessageEvent,
    MessageInfo,
    NoticeInfo,
    Person,
    PersonStatusWord,
    ProblemEvent,
    RequestEvent,
    StateEvent,
)


def self_person(books: Books) -> Person:
    """The owner of the profile."""
    profile = books.profile
    account = format_id(profile.account_id)
    name = f"@{profile.handle}" if profile.handle else account[:8]
    return Person(id=account, handle=profile.handle, name=name, verified=True, status="self")


def person(books: Books, account_id: bytes, nick: str = "") -> Person:
    """An account as it is shown, in rooms under its nickname; one that is not a contact has its ID only."""
    if account_id not in books.contacts and account_id != books.me.account_id:
        return _stranger(account_id, nick)
    shown = _person(books, account_id)
    return replace(shown, name=nick) if nick else shown


@lru_cache(maxsize=4096)
def _stranger(account_id: bytes, nick: str) -> Person:
    """Somebody who is no contact; a full room has hundreds, and is looked at whenever one more comes in."""
    account = format_id(account_id)
    return Person(id=account, handle="", name=nick or account[:8], verified=False, status="known")


def _person(books: Books, account_id: bytes) -> Person:
    if account_id == books.me.account_id:
        return self_person(books)
    contact = books.contacts[account_id]
    return Person(
        id=format_id(account_id),
        handle=contact.handle,
        name=display_name(contact),
        verified=contact.verified_at is not None,
        status=_STATUS_WORDS[contact.status],
    )


def display_name(contact: Contact) -> str:
    """The local name, else the handle, else the beginning of the ID."""
    return contact.name or (f"@{contact.handle}" if contact.handle else format_id(contact.account_id)[:8])


def message_info(books: Books, message: Message) -> MessageInfo:
    """One line of history."""
    mine = message.sender == books.me.account_id
    return MessageInfo(
        id=message.id.hex(),
        row=message.row,
        chat=message.chat_id,
        kind=message.kind.value,
        sender=None if message.sender is None else person(books, message.sender, message.nick),
        mine=mine,
        text=message.text,
        sent_at_ms=message.sent_at_ms,
        received_at_ms=message.received_at_ms,
        state=message.state.value,
        notice=None if message.notice is None else notice_info(books, message.notice),
    )


def notice_info(books: Books, notice: Notice) -> NoticeInfo:
    """The content of a line that nobody wrote."""
    nicks = dict(notice.nicks)
    return NoticeInfo(
        code=notice.code,
        by=None if notice.by is None else person(books, notice.by, nicks.get(notice.by, "")),
        who=tuple(person(books, account, nicks.get(account, "")) for account in notice.who),
        name=notice.name,
        count=notice.count,
        reason=notice.reason,
    )


def chat_info(books: Books, chat: Chat) -> ChatInfo:
    """A chat with its members; nothing that a stranger chose is in a request."""
    states = books.chat_states(chat.id)
    state = primary(states, books.me) or (states[0] if states else None)
    last = books.store.last_message(chat.id)
    peer = None if chat.peer is None else person(books, chat.peer)
    closed = state is None or chat.status is ChatStatus.REQUESTED
    accounts = frozenset[bytes]() if state is None or closed else state.roster.accounts
    nicks = state.roster.nicks if state is not None and state.is_room else {}
    return ChatInfo(
        id=chat.id,
        kind=chat.kind.value,
        status=chat.status.value,
        title=peer.name if peer else chat.title,
        peer=peer,
        members=tuple(
            sorted((person(books, a, nicks.get(a, "")) for a in accounts), key=lambda p: (p.status != "self", p.name))
        ),
        admins=() if state is None or closed else tuple(format_id(a) for a in sorted(admins_of(state.info, accounts))),
        unread=books.store.unread(chat.id),
        last_at_ms=last.received_at_ms if last else chat.created_at * 1000,
        invited_by=None if chat.invited_by is None else person(books, chat.invited_by),
        suite="" if state is None else state.group.suite.name,
        epoch=0 if state is None else state.group.epoch,
        nicks={person(books, account, nick).id: nick for account, nick in nicks.items()},
        locked=state is not None and state.info.locked,
    )


def event(books: Books, happened: ClientEvent) -> Event | None:
    """An event as programs see it; None when what it is about is gone."""
    match happened:
        case ConnectionChanged() | Problem():
            return bare_event(happened)
        case LineAdded(message):
            return MessageEvent(message_info(books, message))
        case StateMoved(chat_id, message_id, state):
            return StateEvent(chat_id, message_id.hex(), state.value)
        case ChatChanged(chat_id):
            chat = books.chats.get(chat_id)
            return None if chat is None else ChatEvent(chat_info(books, chat))
        case RequestArrived(chat_id, account_id):
            return _request(books, chat_id, account_id)


def bare_event(happened: ConnectionChanged | Problem) -> Connection | ProblemEvent:
    """An event that is about nothing in the books."""
    match happened:
        case ConnectionChanged(state, error, retry_in_s):
            code, sentence = ("", "") if error is None else (error.code, error.sentence)
            return Connection(state.value, code, sentence, retry_in_s)
        case Problem(code, sentence, hint):
            return ProblemEvent(code, sentence, hint)


def _request(books: Books, chat_id: ChatId, account_id: bytes) -> RequestEvent | None:
    chat = books.chats.get(chat_id)
    return None if chat is None else RequestEvent(chat_info(books, chat), person(books, account_id))


_STATUS_WORDS: Final[dict[ContactStatus, PersonStatusWord]] = {
    ContactStatus.KNOWN: "known",
    ContactStatus.REQUESTED: "requested",
    ContactStatus.ACCEPTED: "accepted",
    ContactStatus.BLOCKED: "blocked",
}
