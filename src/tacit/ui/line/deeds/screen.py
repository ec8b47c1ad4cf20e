"""Commands about tacit itself: help, how things stand, the own link, the end."""

from __future__ import annotations

from tacit.ui import words
from tacit.ui.layout import code_rows, link_row
from tacit.ui.line.commands import BY_WORD, COMMANDS, nearest, usage
from tacit.ui.line.deeds.rooms import leave_for_good
from tacit.ui.line.session import Session
from tacit.ui.qr import qr_rows


async def show_help(session: Session, args: tuple[str, ...]) -> None:
    """Show all commands, or one."""
    if not args:
        session.table([(usage(command), command.summary) for command in COMMANDS])
        session.say("Anything else is sent. // sends a slash, Alt+Enter starts a new line, Tab completes names.")
        return
    word = args[0].lstrip("/").lower()
    command = BY_WORD.get(word)
    if command is None:
        close = nearest(word)
        session.refuse(f"There is no command /{word}.{f' Did you mean /{close.name}?' if close else ''}")
        return
    session.table([(usage(command), command.summary)])
    if command.aliases:
        session.say("Also: " + ", ".join(f"/{alias}" for alias in command.aliases))


async def show_status(session: Session, args: tuple[str, ...]) -> None:
    """Show how everything stands."""
    session.table(words.status_lines(await session.me.status()))
    session.say(words.YOUR_LINK)
    session.face.say([link_row(session.link)])


async def show_link(session: Session, args: tuple[str, ...]) -> None:
    """Show the link of the open room, or the own contact link, and its QR code."""
    chat, link = session.chat, session.link
    if chat is not None and chat.kind == "room":
        link = session.for_others(await session.me.room_link(chat.id))
        session.say(words.ROOM_LINK)
    else:
        session.say("Others reach you with: tacit join LINK")
    session.face.say([link_row(link)])
    rows = qr_rows(link, session.face.layout.talk_cells)
    if session.face.interactive and rows:
        session.face.say(code_rows(rows, session.face.layout))


async def set_receipts(session: Session, args: tuple[str, ...]) -> None:
    """Turn receipts on or off."""
    if args[0] not in ("on", "off"):
        session.refuse(f"Type it as {usage(BY_WORD['receipts'])}")
        return
    await session.me.set_receipts(args[0] == "on")
    session.say("Others are told when you receive and read." if args[0] == "on" else "Others are no longer told.")


async def clear(session: Session, args: tuple[str, ...]) -> None:
    """Clear the screen."""
    session.face.clear()


async def end(session: Session, args: tuple[str, ...]) -> None:
    """End the session; what is open and a room is left for good."""
    if session.chat is not None and session.chat.kind == "room" and session.chat.status == "active":
        await leave_for_good(session, session.chat)
    session.end()
