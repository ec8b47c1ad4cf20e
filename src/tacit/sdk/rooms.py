"""What programs ask of rooms; see ``Client``."""

from __future__ import annotations

from functools import partial

from tacit.client import rooms
from tacit.client.books import Books
from tacit.client.entering import create_room, enter_room
from tacit.client.errors import OtherRelay
from tacit.client.model import ChatId
from tacit.client.runtime import Runtime
from tacit.errors import UsageError
from tacit.identity import RelayLink, parse_link
from tacit.sdk import present, targets
from tacit.sdk.types import Person

LINK_PREFIXES = ("tacit://", "tacit+")


async def create(runtime: Runtime, name: str, nick: str, *, public: bool) -> ChatId:
    """Make a room and wait until the relay has it."""
    return await create_room(runtime, name, nick, public=public)


async def join(runtime: Runtime, where: str, nick: str) -> ChatId:
    """Come in by a link, by the name of a public room, or again into one that is known here."""
    target: RelayLink | str = where.strip()
    if where.strip().startswith(LINK_PREFIXES):
        target = await runtime.read(partial(_checked_link, text=where))
    elif where.strip().startswith("room:"):
        target = await runtime.read(partial(_link_of, text=where))
    return await enter_room(runtime, target, nick)


def link(books: Books, target: str) -> str:
    """The link to a room."""
    return rooms.room_link(books, targets.find_chat(books, target))


async def member_of(runtime: Runtime, chat_id: ChatId, nick: str) -> Person:
    """Whoever is called that in a room."""
    account, shown = await runtime.do(partial(rooms.meet, chat_id=chat_id, nick=nick))
    return await runtime.read(partial(present.person, account_id=account, nick=shown))


def _checked_link(books: Books, text: str) -> RelayLink:
    link = parse_link(text)
    if not link.room_id:
        raise UsageError("that link leads to no room")
    if not rooms.is_same_relay(books, link):
        raise OtherRelay("that room is at another relay")
    return link


def _link_of(books: Books, text: str) -> RelayLink:
    return parse_link(link(books, text))
