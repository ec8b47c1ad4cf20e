"""Commands about people: who they are, requests, names, and comparing safety numbers."""

from __future__ import annotations

from tacit.sdk.types import ChatInfo
from tacit.ui import words
from tacit.ui.layout import code_rows
from tacit.ui.line.session import Session
from tacit.ui.qr import qr_rows


async def show_person(session: Session, args: tuple[str, ...]) -> None:
    """Show who somebody is; without a name, who is here."""
    who = args[0] if args else _peer(session)
    person = await session.me.person(who) if who else session.me.me
    session.table(words.person_facts(person))


async def list_contacts(session: Session, args: tuple[str, ...]) -> None:
    """List the people this profile knows."""
    people = [person for person in await session.me.contacts() if person.status != "self"]
    if not people:
        session.say("You know nobody yet: /link shows what others need to reach you.")
    for person in people:
        session.say(words.person_line(person))


async def list_requests(session: Session, args: tuple[str, ...]) -> None:
    """List who asks to talk."""
    await session.learn_names()
    if not session.names.requests:
        session.say("Nobody is asking.")
    for chat in session.names.requests:
        person = chat.invited_by or chat.peer
        if person is not None:
            session.say(words.request(person, chat))


async def accept(session: Session, args: tuple[str, ...]) -> None:
    """Say yes to a request and go to the chat."""
    asked = _asked(session, args)
    if asked is None:
        return
    chat = await session.me.accept(asked)
    if session.chat is not None and session.chat.id == chat.id:
        await session.close_chat()  # it was open as a request, of which nothing was shown
    await session.learn_names()
    await session.open(chat)


async def refuse(session: Session, args: tuple[str, ...]) -> None:
    """Say no to a request."""
    asked = _asked(session, args)
    if asked is None:
        return
    await session.me.refuse(asked)
    if session.chat is not None and session.chat.status == "requested":
        await session.close_chat()
    await session.learn_names()
    session.say("Refused; they are not told. /block WHO keeps them from asking again.")


async def rename(session: Session, args: tuple[str, ...]) -> None:
    """Call somebody by a name of one's own."""
    person = await session.me.rename_contact(args[0], args[1])
    await _again(session)
    session.say(f"From now on: {words.name(person)}.")


async def block(session: Session, args: tuple[str, ...]) -> None:
    """Take nothing more from somebody."""
    person = await session.me.block(args[0])
    await _again(session)
    session.say(f"Nothing more comes from {words.name(person)}; /unblock undoes this.")


async def unblock(session: Session, args: tuple[str, ...]) -> None:
    """Undo a block."""
    person = await session.me.unblock(args[0])
    await _again(session)
    session.say(f"{words.name(person)} can write to you again.")


async def show_safety_number(session: Session, args: tuple[str, ...]) -> None:
    """Show what to compare with somebody."""
    who = args[0] if args else _peer(session)
    if not who:
        session.refuse("Type it as /safety WHO")
        return
    number = await session.me.safety_number(who)
    person = words.name(number.person)
    session.say(f"Your safety number with {person} ({words.trust(number.person)}):")
    for row in words.digit_rows(number.digits):
        session.say(f"  {row}", "key")
    rows = qr_rows(number.qr, session.face.layout.talk_cells)
    if session.face.interactive and rows:
        session.face.say(code_rows(rows, session.face.layout))
    if number.person.verified:
        return
    here = "" if number.person.id == _peer(session) else f"{words.typed(number.person)} "
    session.say(
        f"Compare it with {person} where nobody can lie to you, such as in person. "
        f"If it is the same: /verify {here}yes. To have digits compared here: /verify {here}DIGITS"
    )


async def verify(session: Session, args: tuple[str, ...]) -> None:
    """Mark somebody as verified, by one's own word or by digits that are compared here."""
    who, compared = _verify_args(session, args)
    if not who or not compared:
        await show_safety_number(session, (who,) if who else ())
        return
    person = await session.me.verify(who, None if compared.lower() == "yes" else compared)
    await _again(session)
    session.say(f"{words.name(person)} is verified: no one sits between you.", "good")


def _verify_args(session: Session, args: tuple[str, ...]) -> tuple[str, str]:
    peer = _peer(session)
    if peer and args and (args[0].lower() == "yes" or args[0].isdecimal()):
        return peer, " ".join(args)
    return (args[0] if args else peer), (args[1] if len(args) > 1 else "")


def _peer(session: Session) -> str:
    chat = session.chat
    return chat.peer.id if chat is not None and chat.kind == "direct" and chat.peer is not None else ""


def _asked(session: Session, args: tuple[str, ...]) -> str | None:
    """Return the request that is meant: the one named, the one that is open, or the only one there is."""
    if args:
        return args[0]
    if session.chat is not None and session.chat.status == "requested":
        return session.chat.id
    waiting: list[ChatInfo] = list(session.names.requests)
    if len(waiting) == 1:
        return waiting[0].id
    if not waiting:
        session.refuse("Nobody is asking.")
    else:
        people = [chat.invited_by or chat.peer for chat in waiting]
        session.refuse(f"Say which: {words.names([person for person in people if person])}.")
    return None


async def _again(session: Session) -> None:
    """Take over what a change of a person changed in the open chat."""
    if session.chat is not None:
        session.chat = await session.me.chat(session.chat.id)
    await session.learn_names()
