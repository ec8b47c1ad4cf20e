"""Commands about chats as such: go to one, write into one, list them."""

from __future__ import annotations

from tacit.errors import NotFound
from tacit.ui import words
from tacit.ui.line.deeds.rooms import write_alone
from tacit.ui.line.session import HISTORY_LINES, MAX_UNREAD_LINES, Session


async def write(session: Session, args: tuple[str, ...]) -> None:
    """Write to somebody; without a text, go there."""
    if len(args) == 1:
        await open_chat(session, args)
        return
    room = session.chat if session.chat is not None and session.chat.kind == "room" else None
    if room is not None and await write_alone(session, room, args[0], args[1]):
        return
    message = await session.me.send(args[0], args[1])
    session.own.setdefault(message.id, message.state)
    if session.chat is None or message.chat != session.chat.id:
        chat = await session.me.chat(message.chat)
        session.say(f"To {words.title(chat)}: {words.state(message.state, session.face.layout.glyphs)}.", "dim")


async def open_chat(session: Session, args: tuple[str, ...]) -> None:
    """Go to a chat, beginning a direct one where there is none."""
    await go(session, args[0])


async def go(session: Session, target: str) -> None:
    """Go to the chat that is meant: one that exists, or a new direct one."""
    try:
        chat = await session.me.chat(target)
    except NotFound:
        chat = await session.me.open_direct(target)
        await session.open(chat)
        session.say(words.ASKED.format(name=words.title(chat)))
    else:
        await session.open(chat)


async def close(session: Session, args: tuple[str, ...]) -> None:
    """Leave the view of a chat, not the chat."""
    await session.close_chat()
    session.say("You are in no chat now: /chats lists them.")


async def list_chats(session: Session, args: tuple[str, ...]) -> None:
    """List the chats."""
    await session.learn_names()
    if not session.names.chats:
        session.say("No chats yet: /open WHO begins one, /link shows what others need to reach you.")
    for chat in session.names.chats:
        session.say(words.chat_line(chat))


async def show_history(session: Session, args: tuple[str, ...]) -> None:
    """Show earlier lines again."""
    if session.chat is None:
        session.refuse("You are in no chat: /open WHO goes to one.")
        return
    if args and not args[0].isdecimal():
        session.refuse("Type it as /history [LINES], with a number.")
        return
    limit = min(int(args[0]), MAX_UNREAD_LINES) if args else 2 * HISTORY_LINES
    await session.show_history(limit, whole=bool(args))
