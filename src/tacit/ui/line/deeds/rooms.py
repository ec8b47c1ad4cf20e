"""Commands about rooms: come in, be called something, let others in or not, put somebody out, talk to one alone."""

from __future__ import annotations

import asyncio
from typing import Final

from tacit.errors import NotFound, TacitError
from tacit.sdk.types import ChatInfo
from tacit.ui import words
from tacit.ui.layout import link_row
from tacit.ui.line.session import Session
from tacit.ui.patience import patiently

LINKS: Final = ("tacit://", "tacit+")
GOODBYE_S: Final = 5.0
"""How long the end waits for the relay to take that one leaves a room."""

STILL_S: Final = 1.0


async def join(session: Session, args: tuple[str, ...]) -> None:
    """Come into a room; a chat that is known already is gone to."""
    where, nick = args[0], args[1] if len(args) > 1 else ""
    if not where.startswith(LINKS):
        try:
            known = await session.me.chat(where)
        except NotFound:
            if where.startswith("@"):
                raise
        else:
            if known.kind != "room" or known.status == "active":
                await session.open(known)
                if nick and known.kind == "room" and nick != words.own_nick(known):
                    await session.me.change_nick(known.id, nick)
                return
    nick = nick or _usual_nick(session)
    try:
        chat = await patiently(session.me.join_room(where, nick=nick), words.WAITING_FOR_ROOM, session.say)
    except TacitError as error:
        session.trouble(error)
        if free := getattr(error, "suggestion", ""):
            session.say(words.NICK_IS_FREE.format(where="LINK" if where.startswith(LINKS) else where, nick=free))
        return
    await session.open(chat)


async def create(session: Session, args: tuple[str, ...]) -> None:
    """Make a room, go there and show its link."""
    if len(args) > 1 and args[1] != "public":
        session.refuse('Type it as /room NAME [public]; a name of several words goes in quotes: /room "the den"')
        return
    public = len(args) > 1
    making = session.me.create_room(args[0], nick=_usual_nick(session), public=public)
    chat = await patiently(making, words.MAKING_ROOM, session.say)
    await session.open(chat)
    session.say(words.ROOM_LINK)
    session.face.say([link_row(session.for_others(await session.me.room_link(chat.id)))])
    if public:
        session.say(words.PUBLIC_ROOM.format(name=words.title(chat)))


async def change_nick(session: Session, args: tuple[str, ...]) -> None:
    """Be called something else in the open room."""
    chat = _room(session)
    if chat is not None:
        await session.me.change_nick(chat.id, args[0])


async def lock(session: Session, args: tuple[str, ...]) -> None:
    """Let nobody else in."""
    chat = _room(session)
    if chat is not None:
        await session.me.lock_room(chat.id, locked=True)


async def unlock(session: Session, args: tuple[str, ...]) -> None:
    """Let people in again."""
    chat = _room(session)
    if chat is not None:
        await session.me.lock_room(chat.id, locked=False)


async def put_out(session: Session, chat: ChatInfo, nick: str) -> None:
    """Remove somebody from a room; its link changes with that."""
    await session.me.kick(chat.id, nick)
    session.say("A line tells when it is done; the room has another link from then on: /link.", "dim")


async def send_link(session: Session, chat: ChatInfo, who: str) -> None:
    """Send somebody the link of a room, in the chat with them."""
    link = session.for_others(await session.me.room_link(chat.id))
    message = await session.me.send(who, words.room_invitation(chat, link))
    session.own.setdefault(message.id, message.state)
    person = (await session.me.chat(message.chat)).peer
    session.say(f"{words.name(person)} gets the link of the room in your chat with them.", "dim")


async def write_alone(session: Session, chat: ChatInfo, nick: str, text: str) -> bool:
    """Write to one member alone; False when nobody in the room is called that."""
    try:
        person = await session.me.member_of(chat.id, nick)
    except NotFound:
        return False
    if person.status == "self":
        session.refuse("That is you.")
        return True
    message = await session.me.send(person.id, text)
    session.own.setdefault(message.id, message.state)
    await session.learn_names()
    return True


async def leave_for_good(session: Session, chat: ChatInfo) -> None:
    """Leave a room on the way out, and give the relay a moment to take it."""
    session.say(words.LEAVING_ROOM)
    await session.me.leave(chat.id)
    try:
        async with asyncio.timeout(GOODBYE_S):
            await patiently(_gone(session, chat.id), words.WAITING_FOR_RELAY, session.say)
    except TimeoutError:
        session.say("The relay has not heard of it yet; it does when tacit next runs for this profile.")


async def _gone(session: Session, chat_id: str) -> None:
    """Wait until another member has fulfilled the wish, or until the wish alone is left here and nothing moves."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    while (await session.me.chat(chat_id)).status != "ended":
        status = await session.me.status()
        if status.queued > 1 or status.connection != "online":
            since = loop.time()
        elif loop.time() - since > STILL_S:
            return
        await asyncio.sleep(0.05)


def _usual_nick(session: Session) -> str:
    """What one is called in another room, else the own handle as a nickname."""
    for chat in session.names.chats:
        if chat.kind == "room" and words.own_nick(chat):
            return words.own_nick(chat)
    return words.nick_from(session.me.me)


def _room(session: Session) -> ChatInfo | None:
    if session.chat is not None and session.chat.kind == "room":
        return session.chat
    session.refuse("This works in a room: /join LINK comes into one, tacit room create NAME makes one.")
    return None
