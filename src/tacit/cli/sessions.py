"""Into a session: which relay, the code made or typed, the two found, and then the talk at the face that fits."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from tacit.cli.asking import ask_line
from tacit.cli.errors import advise
from tacit.cli.home import LOOPBACK, load_address, shareable, with_host
from tacit.cli.output import Output
from tacit.cli.passphrases import can_ask
from tacit.cli.relay_choice import RelayNeeded
from tacit.cli.running import say
from tacit.cli.settings import Settings
from tacit.errors import Locked, UsageError
from tacit.ui.line import pair_words as words
from tacit.ui.patience import patiently

if TYPE_CHECKING:
    from tacit.sdk.session import Session
    from tacit.ui.line.face import Face


class CreateOrJoin(UsageError):
    """Say what to do: create a session, or join one with its code."""

    code = "create-or-join"
    hint = "tacit session create, or: tacit session join CODE"


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A relay to meet at: its link from here, and the one that others use."""

    link: str
    public: str


async def find_place(settings: Settings, link: str | None) -> Place:
    """The relay that was named, else that of the profile, else the one of this machine. Raises ``RelayNeeded``."""
    from tacit.sdk import Client

    if link:
        return Place(link, _bare(link))
    locked: Locked | None = None
    if Client.exists(settings.profile, settings.root):
        try:
            return await _of_profile(settings)
        except Locked as error:
            locked = error  # a session needs no profile
    if locked is not None and (relay := _at_a_glance(settings)):
        return Place(relay, shareable(settings, _bare(relay)))
    address = load_address(settings)
    if address is None:
        raise _needed(locked)
    return Place(with_host(address.link, LOOPBACK), _bare(address.link))


async def create(settings: Settings, link: str | None) -> int:
    """Wait for somebody with a fresh code, and talk."""
    from tacit.sdk.parts import through
    from tacit.sdk.session import Session

    place = await find_place(settings, link)
    out = Output(json=settings.json)
    async with Session.create(place.link, parts=through(settings.proxy)) as session:
        if not settings.json:
            out.talk(words.WAITING)
        out.data({"event": "waiting", "code": session.code, "relay": place.public}, [(("key", session.code),)])
        if not settings.json:
            out.talk(words.HOW_TO_JOIN.format(code=session.code))
            out.talk(words.OTHER_RELAY.format(relay=place.public))
        await _wait(session, out)
        return await _talk(settings, session, out)


async def join(settings: Settings, code: str | None, link: str | None) -> int:
    """Go to who waits with this code, and talk; what is no code needs no relay to be refused."""
    from tacit.identity.pairing_codes import parse_code
    from tacit.sdk.parts import through
    from tacit.sdk.session import Session

    code = code or await _ask_code(settings)
    parse_code(code)
    place = await find_place(settings, link)
    out = Output(json=settings.json)
    joining = Session.join(place.link, code, parts=through(settings.proxy))
    async with AsyncExitStack() as stack:
        session = await patiently(stack.enter_async_context(joining), words.JOINING, say)
        return await _talk(settings, session, out)


async def create_or_join(settings: Settings, link: str | None) -> int:
    """Ask which of the two. Raises ``CreateOrJoin`` where nobody can be asked."""
    if settings.json or not can_ask(settings):
        raise CreateOrJoin
    while (answer := ask_line(words.CREATE_OR_JOIN)) is not None:
        if answer.lower() in words.CREATE_WORDS:
            return await create(settings, link)
        if answer.lower() in words.JOIN_WORDS:
            return await join(settings, None, link)
    raise CreateOrJoin


def _at_a_glance(settings: Settings) -> str:
    """The relay of a profile that another process uses, where it has no passphrase; else nothing."""
    from tacit.sdk.names import glimpse

    return glimpse(settings.profile, settings.root).relay


def _needed(locked: Locked | None) -> RelayNeeded:
    needed = RelayNeeded()
    if locked is not None:
        advise(needed, f"{locked.sentence} So name its relay with --relay LINK.")
    return needed


async def _of_profile(settings: Settings) -> Place:
    from tacit.cli.running import client

    async with client(settings, connect=False) as me:
        relay = (await me.status()).relay
    return Place(relay, shareable(settings, _bare(relay)))


async def _wait(session: Session, out: Output) -> None:
    """Tell who comes and fails, until somebody pairs; raises why nobody does."""
    from tacit.sdk.session import GuestCame, GuestFailed
    from tacit.ui.line.pair import event_data

    async for event in session.events():
        match event:
            case GuestCame() | GuestFailed() if out.json:
                out.data(event_data(event))
            case GuestCame():
                out.talk(words.PAIRING)
            case GuestFailed():
                out.talk(words.guest_failed(event.code, event.left))
            case _:
                break
    await session.ready()


async def _talk(settings: Settings, session: Session, out: Output) -> int:
    from tacit.ui.line.pair import PairTalk

    def tell(value: dict[str, Any]) -> None:
        if out.json:
            out.data(value)

    tell({"event": "paired", "check_phrase": session.check_phrase})
    return int(await PairTalk(session, _face(settings), tell).run())


def _face(settings: Settings) -> Face:
    if settings.json or settings.no_input or not (sys.stdin.isatty() and sys.stdout.isatty()):
        from tacit.ui.line.pipe import PipeFace

        return PipeFace(sys.stdin, sys.stdout, sys.stderr, json=settings.json)
    from tacit.ui.line.completer import Names
    from tacit.ui.line.terminal import TerminalFace

    return TerminalFace(Names())


async def _ask_code(settings: Settings) -> str:
    if settings.json or not can_ask(settings) or not sys.stdin.isatty():
        raise CreateOrJoin
    from tacit.ui.line.pair_code import ask_code

    code = await ask_code()
    if code is None:
        raise KeyboardInterrupt
    return code


def _bare(link: str) -> str:
    """A relay link without the invitation and the person in it, which a session has no use for."""
    from tacit.identity import RelayLink, format_link, parse_link

    place = parse_link(link)
    return format_link(RelayLink(place.host, place.port, place.fingerprint, scheme=place.scheme))
