"""Commands about groups: who is in one, and changes to it."""

from __future__ import annotations

from tacit.sdk.types import ChatInfo, Person
from tacit.ui import words
from tacit.ui.line.deeds.rooms import put_out, send_link
from tacit.ui.line.deeds.screen import show_link
from tacit.ui.line.session import Session


async def list_members(session: Session, args: tuple[str, ...]) -> None:
    """List who is in the open chat."""
    chat = session.chat
    if chat is None:
        session.refuse("You are in no chat: /open WHO goes to one, /contacts lists the people you know.")
        return
    chat = session.chat = await session.me.chat(chat.id)
    session.table([(words.nick(chat, person), _about(person, chat)) for person in chat.members])


async def create(session: Session, args: tuple[str, ...]) -> None:
    """Make a group and go there."""
    chat = await session.me.create_group(args[0], args[1:])
    await session.open(chat)


async def invite(session: Session, args: tuple[str, ...]) -> None:
    """Add somebody to the open group, or send them the link of the open room; without a name, show that link."""
    chat = _many(session)
    if chat is not None and chat.kind == "room":
        await (send_link(session, chat, args[0]) if args else show_link(session, args))
    elif chat is not None and not args:
        session.refuse("Type it as /invite WHO")
    elif chat is not None:
        await session.me.invite(chat.id, args[0])
        session.say("Invited; a line tells when it is done.", "dim")


async def remove(session: Session, args: tuple[str, ...]) -> None:
    """Remove somebody from the open group or room."""
    chat = _many(session)
    if chat is not None and chat.kind == "room":
        await put_out(session, chat, args[0])
    elif chat is not None:
        await session.me.remove(chat.id, args[0])
        session.say("A line tells when it is done.", "dim")


async def rename(session: Session, args: tuple[str, ...]) -> None:
    """Give the open group another name."""
    chat = _many(session)
    if chat is not None:
        await session.me.rename(chat.id, args[0])


async def leave(session: Session, args: tuple[str, ...]) -> None:
    """Leave the open group or room."""
    chat = _many(session)
    if chat is not None:
        await session.me.leave(chat.id)
        session.say("You leave; a line tells when somebody who stays has seen to it.", "dim")


def _many(session: Session) -> ChatInfo | None:
    if session.chat is not None and session.chat.kind != "direct":
        return session.chat
    session.refuse("This works in a group or a room: /create NAME makes a group, /open NAME goes to one.")
    return None


def _about(person: Person, chat: ChatInfo) -> str:
    facts = [
        "you" if person.status == "self" and chat.kind == "room" else "",
        "admin" if person.id in chat.admins and chat.kind != "direct" else "",
        "" if person.status == "self" else words.trust(person),
        f"@{person.handle}" if person.handle and words.name(person) not in (person.handle, f"@{person.handle}") else "",
        person.id,
    ]
    return ", ".join(fact for fact in facts if fact)
