"""What people type, into what is meant: handles, IDs, links, names, titles.

Names of this profile come first and need no relay. An answer is one thing or an error that names the nearest ones.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from tacit.client.books import Books
from tacit.client.core.welcome import direct_chat_id
from tacit.client.directory import Asked
from tacit.client.errors import Ambiguous, OtherRelay
from tacit.client.model import Chat, ChatId, ChatKind, ChatStatus, Contact
from tacit.errors import NotFound, UsageError
from tacit.identity import BadHandle, BadId, parse_handle, parse_id, parse_link
from tacit.sdk.present import display_name

_LINKS: Final = ("tacit://", "tacit+")
"""How links begin, whichever transport they name."""


@dataclass(frozen=True, slots=True)
class Target:
    """What was meant: a chat, or an account that may have none yet, or somebody to ask the relay for."""

    chat_id: ChatId | None = None
    account_id: bytes | None = None
    ask: Asked | None = None


def find(books: Books, text: str) -> Target:
    """What ``text`` means; raises ``NotFound``, ``Ambiguous``, ``BadLink``."""
    text = text.strip()
    if not text:
        raise UsageError("nobody is named")
    if text.lower().startswith(_LINKS):
        return _by_link(books, text)
    if text.startswith(("direct:", "group:", "room:")):
        if ChatId(text) not in books.chats:
            raise NotFound(text)
        return _of_chat(books.chats[ChatId(text)])
    if text.startswith("@"):
        return _by_handle(books, text)
    try:
        return _by_account(books, parse_id(text))
    except BadId:
        return _by_name(books, text)


def find_account(books: Books, text: str) -> Target:
    """As ``find``, for a person: a direct chat stands for the other side of it."""
    target = find(books, text)
    if target.account_id is None and target.ask is None:
        raise UsageError("that is a group, not a person")
    return target


def find_chat(books: Books, text: str) -> Chat:
    """A chat that exists; raises ``NotFound`` for a person without one."""
    target = find(books, text)
    chat_id = target.chat_id or (direct_chat_id(target.account_id) if target.account_id else None)
    chat = books.chats.get(chat_id) if chat_id else None
    if chat is None:
        raise nearest(books, text)
    return chat


def nearest(books: Books, text: str) -> NotFound:
    """The error for a name that is nobody's, with the ones that come near."""
    names = sorted({*_names(books), *(f"@{c.handle}" for c in books.contacts.values() if c.handle)})
    near = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
    return NotFound(f"{text} (near: {', '.join(near)})" if near else text)


def _by_link(books: Books, text: str) -> Target:
    link = parse_link(text)
    if link.account_id is None:
        if link.room_id:
            raise UsageError("that link leads into a room: tacit room join comes in, or /join where you talk")
        raise UsageError("that link leads to a relay, not to a person")
    if link.fingerprint != parse_link(books.profile.relay_link).fingerprint:
        raise OtherRelay
    return _by_account(books, link.account_id)


def _by_account(books: Books, account_id: bytes) -> Target:
    if account_id in books.contacts or account_id == books.me.account_id:
        return _of_account(books, account_id)
    return Target(ask=Asked(account_id=account_id))


def _by_handle(books: Books, text: str) -> Target:
    handle = parse_handle(text)
    if handle == books.profile.handle:
        return Target(account_id=books.me.account_id)
    contact = books.store.contact_by_handle(handle)
    return Target(ask=Asked(handle=handle)) if contact is None else _of_account(books, contact.account_id)


def _by_name(books: Books, text: str) -> Target:
    people = [c for c in books.contacts.values() if _called(c, text)]
    groups = [c for c in _open_groups(books) if c.title.casefold() == text.casefold()]
    if len(people) + len(groups) > 1:
        raise Ambiguous(", ".join([*(f"{display_name(c)}" for c in people), *(c.id for c in groups)]))
    if people:
        return _of_account(books, people[0].account_id)
    if groups:
        return _of_chat(groups[0])
    try:
        known = books.store.contact_by_handle(parse_handle(text))
    except BadHandle:
        known = None
    if known is not None:
        return _of_account(books, known.account_id)
    raise nearest(books, text)


def _called(contact: Contact, text: str) -> bool:
    return bool(contact.name) and contact.name.casefold() == text.casefold()


def _open_groups(books: Books) -> list[Chat]:
    """Groups by title; of several that bear it, those that have not ended go first."""
    groups = [c for c in books.chats.values() if c.kind is not ChatKind.DIRECT]
    living = [c for c in groups if c.status is not ChatStatus.ENDED]
    titles = {c.title.casefold() for c in living}
    return living + [c for c in groups if c.status is ChatStatus.ENDED and c.title.casefold() not in titles]


def _of_account(books: Books, account_id: bytes) -> Target:
    chat_id = direct_chat_id(account_id)
    return Target(chat_id if chat_id in books.chats else None, account_id)


def _of_chat(chat: Chat) -> Target:
    return Target(chat.id, chat.peer)


def _names(books: Books) -> list[str]:
    names = [c.name for c in books.contacts.values() if c.name]
    return names + [c.title for c in books.chats.values() if c.title]
