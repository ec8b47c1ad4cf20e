"""What programs ask of an open profile without changing it. Called on the store's thread."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tacit.client.books import Books
from tacit.client.errors import AwaitsAnswer
from tacit.client.model import Chat, ChatId, ChatStatus, MessageId
from tacit.client.paths import ProfilePaths
from tacit.client.store.keys import is_protected
from tacit.errors import NotFound, UsageError
from tacit.identity import AccountId, format_link, parse_link, safety_number
from tacit.sdk import present, targets
from tacit.sdk.present import chat_info, message_info
from tacit.sdk.types import ChatInfo, ConnectionWord, MessageInfo, Person, SafetyNumberInfo, StatusInfo

MAX_LINES = 10_000


@dataclass(frozen=True, slots=True)
class Summary:
    """What stays the same while a profile is open."""

    me: Person
    relay: str
    contact_link: str
    encrypted_at_rest: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """What changes."""

    queued: int
    chats: int
    requests: int
    receipts: bool


def summary(books: Books, paths: ProfilePaths) -> Summary:
    """Who the profile is."""
    link = replace(parse_link(books.profile.relay_link), invite="")
    return Summary(
        me=present.self_person(books),
        relay=format_link(link),
        contact_link=format_link(replace(link, account_id=AccountId(books.profile.account_id))),
        encrypted_at_rest=is_protected(paths.key_file),
    )


def counts(books: Books) -> Counts:
    """How much there is of each."""
    requested = sum(chat.status is ChatStatus.REQUESTED for chat in books.chats.values())
    return Counts(
        queued=books.store.queued(),
        chats=len(books.chats) - requested,
        requests=requested,
        receipts=books.profile.receipts,
    )


def status(profile: str, same: Summary, now: Counts, connection: ConnectionWord, key_packages: int) -> StatusInfo:
    """How the profile stands."""
    return StatusInfo(
        profile=profile,
        me=same.me,
        relay=same.relay,
        contact_link=same.contact_link,
        connection=connection,
        queued=now.queued,
        chats=now.chats,
        requests=now.requests,
        key_packages=key_packages,
        receipts=now.receipts,
        encrypted_at_rest=same.encrypted_at_rest,
    )


def parse_message_id(text: str) -> MessageId:
    """The ID of a message as programs see it; raises ``NotFound``."""
    try:
        return MessageId(bytes.fromhex(text))
    except ValueError:
        raise NotFound("no message has that ID") from None


def history(books: Books, target: str, limit: int, before_row: int | None) -> list[MessageInfo]:
    """Lines of a chat in order of display."""
    if not 0 < limit <= MAX_LINES:
        raise UsageError(f"between 1 and {MAX_LINES} lines at once")
    found = targets.find_chat(books, target)
    return [message_info(books, m) for m in books.store.messages(found.id, limit, before_row)]


def contacts(books: Books) -> list[Person]:
    """Everyone who is known, by name."""
    people = (present.person(books, account) for account in books.contacts)
    return sorted(people, key=lambda p: (p.name.casefold().lstrip("@"), p.id))


def known_account(books: Books, target: str) -> bytes:
    """The account of somebody who is known here."""
    found = targets.find_account(books, target)
    if found.account_id is None:
        raise targets.nearest(books, target)
    return found.account_id


def known_person(books: Books, target: str) -> Person:
    """Somebody who is known here."""
    return present.person(books, known_account(books, target))


def requests(books: Books) -> list[ChatInfo]:
    """Chats that wait for a yes."""
    return [chat_info(books, chat) for chat in books.chats.values() if chat.status is ChatStatus.REQUESTED]


def request_of(books: Books, target: str) -> ChatId:
    """The request that a chat or a person stands for; raises ``NotFound``, ``UsageError`` when there are several."""
    found = targets.find(books, target)
    waiting = [chat for chat in books.chats.values() if chat.status is ChatStatus.REQUESTED]
    by_chat = [chat for chat in waiting if chat.id == found.chat_id]
    by_person = [chat for chat in waiting if found.account_id and chat.invited_by == found.account_id]
    matching = by_chat or by_person
    if not matching:
        raise NotFound(f"no request by {target}")
    if len(matching) > 1:
        raise AwaitsAnswer(f"several wait, name one: {', '.join(chat.id for chat in matching)}")
    return matching[0].id


def safety_number_of(books: Books, target: str) -> SafetyNumberInfo:
    """The number of this account and somebody who is known here."""
    account = known_account(books, target)
    contact = books.contacts.get(account)
    if contact is None:
        raise UsageError("that is this profile itself")
    number = safety_number(books.me.account_key, contact.account_key)
    return SafetyNumberInfo(
        person=present.person(books, account),
        digits=number.groups,
        qr=number.qr,
        verified=contact.verified_at is not None,
    )


def open_chats(books: Books) -> list[ChatInfo]:
    """Chats but requests, the latest first."""
    shown = [chat_info(books, c) for c in books.chats.values() if c.status is not ChatStatus.REQUESTED]
    return sorted(shown, key=lambda c: c.last_at_ms, reverse=True)


def chat(books: Books, target: str) -> ChatInfo:
    """One chat."""
    return chat_info(books, targets.find_chat(books, target))


def chat_id(books: Books, target: str) -> ChatId:
    """The ID of one chat."""
    found: Chat = targets.find_chat(books, target)
    return found.id
