"""Puts a line-mode session together: the face that fits the streams of this process, and the commands."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from tacit.cli.running import say
from tacit.cli.settings import Settings
from tacit.errors import TacitError
from tacit.ui.line.face import Face

if TYPE_CHECKING:
    from tacit.sdk import Client
    from tacit.ui.line.session import Session

ONLINE_TIMEOUT_S = 15.0


async def talk(
    settings: Settings, me: Client, who: str | None, *, link: str = "", greeting: tuple[str, ...] = ()
) -> int:
    """Run line mode until its end and return the exit code; ``who`` names the chat to begin with."""
    from tacit.cli.standing_invite import link_for_others
    from tacit.ui.line.completer import Names
    from tacit.ui.line.deeds import DEEDS
    from tacit.ui.line.session import Session

    names = Names()
    session = Session(
        me, _face(settings, names), names, DEEDS, link=link, for_others=partial(link_for_others, settings)
    )
    for line in greeting:
        session.say(line)
    await session.begin()
    if who is not None:
        await _enter(session, who)
    elif session.face.interactive:
        _welcome(session)
    return int(await session.run())


async def _enter(session: Session, who: str) -> None:
    """Open a chat; somebody unknown has to be looked up, and so waits for the relay."""
    from tacit.ui.line.deeds.chats import go
    from tacit.ui.patience import patiently

    try:
        await go(session, who)
    except TacitError as error:
        if error.code != "offline":
            raise
        await patiently(session.me.wait_online(ONLINE_TIMEOUT_S), "Waiting for the relay.", say)
        await go(session, who)


def _welcome(session: Session) -> None:
    from tacit.ui import words

    for chat in session.names.chats[:10]:
        session.say(words.chat_line(chat))
    if session.names.chats:
        session.say("/open NAME goes to one of them, /help lists the commands.", "dim")
    else:
        session.say("Waiting for people. /open @name goes to somebody at this relay, /help lists the commands.", "dim")


def _face(settings: Settings, names: object) -> Face:
    if settings.json or settings.no_input or not (sys.stdin.isatty() and sys.stdout.isatty()):
        from tacit.ui.line.pipe import PipeFace

        return PipeFace(sys.stdin, sys.stdout, sys.stderr, json=settings.json)
    from tacit.ui.line.completer import Names
    from tacit.ui.line.terminal import TerminalFace

    return TerminalFace(names if isinstance(names, Names) else Names())
