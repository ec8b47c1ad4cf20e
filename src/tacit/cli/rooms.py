"""Into a room: the identity where there is none yet, the nickname, and another one where it is taken."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from tacit.cli import passphrases
from tacit.cli.asking import ask_line
from tacit.cli.identities import NOTHING_SHOWN, Shown
from tacit.cli.output import Output, talk
from tacit.cli.running import client, say
from tacit.cli.settings import Settings
from tacit.errors import NotFound, TacitError, UsageError
from tacit.ui import words
from tacit.ui.patience import patiently

if TYPE_CHECKING:
    from tacit.sdk import Client
    from tacit.sdk.types import ChatInfo

ONLINE_TIMEOUT_S: Final = 15.0
ASKED_AGAIN: Final = ("nick-taken", "bad-nick")
"""Codes after which a person may try another nickname."""

PREFIXES: Final = ("tacit://", "tacit+")
"""How links begin; anything else is the name of a public room."""


class SeveralRooms(UsageError):
    """You are in more than one room: say which."""

    code = "several-rooms"


class NoRoom(NotFound):
    """You are in no room of that name, or in none at all."""

    code = "no-room"
    hint = "tacit room list shows those that you are in; tacit room join LINK comes into one."


@dataclasses.dataclass(frozen=True, slots=True)
class Newcomer:
    """What to make an identity with, if there is none."""

    relay: str | None = None
    name: str | None = None
    no_passphrase: bool = False
    shown: Shown = NOTHING_SHOWN


def newcomer_of(relay: str | None, name: str | None, no_passphrase: bool, **shown: Any) -> Newcomer:
    """The same from the options of a command."""
    return Newcomer(relay, name, no_passphrase, Shown(**shown))


@asynccontextmanager
async def identity(settings: Settings, newcomer: Newcomer) -> AsyncIterator[Client]:
    """Open the profile, making it first where there is none, and wait until the relay has let it in."""
    from tacit.cli.identities import ask, create
    from tacit.cli.relay_choice import chosen_relay
    from tacit.sdk import Client

    passphrase = None
    if not Client.exists(settings.profile, settings.root):
        relay = chosen_relay(settings, newcomer.relay)
        answers = ask(settings, name=newcomer.name, no_passphrase=newcomer.no_passphrase, shown=newcomer.shown)
        await create(settings, answers, relay, newcomer.shown)
        passphrase = answers.passphrase
    async with client(settings, passphrase=passphrase) as me:
        await patiently(me.wait_caught_up(ONLINE_TIMEOUT_S), "Waiting for the relay.", say)
        yield me


def relay_of(where: str) -> str | None:
    """The relay that a room link names, without the room, which is no business of a profile."""
    from tacit.identity import format_link, parse_link

    if not where.startswith(PREFIXES):
        return None
    return format_link(dataclasses.replace(parse_link(where), room_id=b"", room_secret=b""))


async def enter(settings: Settings, where: str, nick: str | None, newcomer: Newcomer) -> int:
    """Come into a room and talk there."""
    from tacit.cli.lines import talk as open_lines

    newcomer = dataclasses.replace(newcomer, relay=relay_of(where) or newcomer.relay)
    async with identity(settings, newcomer) as me:
        chat = await _known(me, where)
        if chat is None:
            wanted = nick or _ask_nick(settings, words.nick_from(me.me))
            chat = await with_nick(settings, wanted, lambda chosen: me.join_room(where, nick=chosen))
        elif nick and nick != words.own_nick(chat):
            room = chat.id
            chat = await with_nick(settings, nick, lambda chosen: me.change_nick(room, chosen))
        if settings.json:
            Output(json=True).data({"event": "entered", "chat": chat})
        return await open_lines(settings, me, chat.id)


async def create(settings: Settings, name: str, nick: str | None, *, public: bool, newcomer: Newcomer) -> int:
    """Make a room, print its link and, on a terminal, go in."""
    from tacit.cli.lines import talk as open_lines
    from tacit.cli.standing_invite import link_for_others

    out = Output(json=settings.json)
    async with identity(settings, newcomer) as me:
        wanted = nick or words.nick_from(me.me)
        chat = await with_nick(
            settings, wanted, lambda chosen: me.create_room(name, nick=chosen, public=public), words.MAKING_ROOM
        )
        link = link_for_others(settings, await me.room_link(chat.id))
        out.code(link)
        out.talk(words.ROOM_LINK)
        if public:
            out.talk(words.PUBLIC_ROOM.format(name=words.title(chat)))
        out.data({"link": link, "chat": chat}, [(("key", link),)])
        if settings.json or not is_seated(settings):
            return 0
        return await open_lines(settings, me, chat.id)


async def with_nick(
    settings: Settings, nick: str, do: Callable[[str], Awaitable[ChatInfo]], waiting: str = words.WAITING_FOR_ROOM
) -> ChatInfo:
    """Do something under a nickname; a person at a terminal is asked for another where it is taken."""
    suggestion = ""
    while True:
        try:
            return await patiently(do(nick), waiting, say)
        except TacitError as error:
            if error.code not in ASKED_AGAIN or not is_seated(settings):
                raise
            talk(f"{error.sentence} {error.hint}".rstrip())
            suggestion = str(getattr(error, "suggestion", suggestion))
            line = ask_line(f"Nickname{f' [{suggestion}]' if suggestion else ''}: ")
            if line is None:
                raise
            nick = line or suggestion


async def _known(me: Client, name: str) -> ChatInfo | None:
    """The room of that name that one is in already, unless there are several; a link is left to the relay."""
    rooms = [chat for chat in await me.chats() if chat.kind == "room" and chat.status == "active"]
    found = [chat for chat in rooms if chat.title.casefold() == name.casefold()]
    return found[0] if len(found) == 1 else None


async def find_room(me: Client, name: str | None) -> ChatInfo:
    """The room of that name, or the only one. Raises ``NoRoom``, ``SeveralRooms``, ``NotARoom``."""
    if name is not None and (name.startswith(("room:", "group:", "direct:"))):
        return await me.chat(name)
    rooms = [chat for chat in await me.chats() if chat.kind == "room"]
    living = [chat for chat in rooms if chat.status != "ended"]
    found = [chat for chat in living if name is None or chat.title.casefold() == name.casefold()]
    if len(found) > 1:
        raise SeveralRooms(", ".join(words.title(chat) if name is None else chat.id for chat in found))
    if not found:
        raise NoRoom(name or "")
    return found[0]


def is_seated(settings: Settings) -> bool:
    """Whether somebody sits at a terminal on both ends of this process."""
    return not settings.json and sys.stdin.isatty() and sys.stdout.isatty() and passphrases.can_ask(settings)


def _ask_nick(settings: Settings, suggestion: str) -> str:
    """Ask for a nickname where somebody can be asked; else the suggestion."""
    if not is_seated(settings):
        return suggestion
    talk(words.NICK_QUESTION)
    return ask_line(f"Nickname [{suggestion}]: ") or suggestion
