"""A session in a terminal or a pipe: two people, lines, and what ends it.

Texts pass through the same layout as those of every chat, which neutralises whatever the other side wrote.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from tacit.errors import ExitCode, TacitError
from tacit.sdk.session import GuestCame, GuestFailed, Paired, Session, SessionEnded, SessionEvent, SessionText
from tacit.sdk.types import MessageInfo, Person
from tacit.ui.layout import Pages, table_rows, talk_rows
from tacit.ui.line import pair_words as words
from tacit.ui.line.face import Face
from tacit.ui.rows import Style

YOU: Final = Person("you", "", "you", verified=False, status="self")
THEM: Final = Person("them", "", "them", verified=False, status="known")

ENDED_WELL: Final = frozenset({"goodbye", "closed", "quiet"})
ENDED_BY_ATTACK: Final = frozenset({"broken", "third"})

_EVENTS: Final[dict[type, str]] = {
    GuestCame: "guest-came",
    GuestFailed: "guest-failed",
    Paired: "paired",
    SessionText: "text",
    SessionEnded: "ended",
}


def event_data(event: SessionEvent) -> dict[str, Any]:
    """An event for programs that read along."""
    fields = {name: getattr(event, name) for name in type(event).__dataclass_fields__}
    return {"event": _EVENTS[type(event)], **fields}


class PairTalk:
    """The life of a paired session at one face."""

    def __init__(self, session: Session, face: Face, tell: Callable[[dict[str, Any]], None]) -> None:
        """``tell`` hands events on to programs, if any read along."""
        self._session, self._face, self._tell = session, face, tell
        self._pages = Pages()
        self._ended: SessionEnded | None = None
        self._row = 0

    async def run(self) -> ExitCode:
        """Read lines and show what comes until one of the two ends it; returns the exit code."""
        self._greet()
        hearing = asyncio.create_task(self._hear())
        try:
            while (line := await self._next_line(hearing)) is not None:
                if not await self._handle(line):
                    break
            await self._session.end()
            await hearing
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            await self._face.close()
        return self._exit_code

    @property
    def _exit_code(self) -> ExitCode:
        if self._ended is None or self._ended.code in ENDED_WELL:
            return ExitCode.OK
        return ExitCode.UNTRUSTED if self._ended.code in ENDED_BY_ATTACK else ExitCode.NETWORK

    def _greet(self) -> None:
        self._say_phrase()
        if self._face.interactive:
            self._say(words.KEPT, "dim")
        self._face.refresh("session> ", f"check phrase: {words.spoken(self._session.check_phrase)}")

    async def _next_line(self, hearing: asyncio.Task[None]) -> str | None:
        reading = asyncio.ensure_future(self._face.read())
        try:
            await asyncio.wait({reading, hearing}, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        finally:
            reading.cancel()

    async def _handle(self, line: str) -> bool:
        """Do what a typed line says; False when it says that this is the end."""
        word = line.strip().lower()
        if not word:
            return True
        if word.split()[0] in ("/quit", "/exit", "/q") or (word == "exit" and self._face.interactive):
            return False
        if word.startswith("/") and not word.startswith("//"):
            self._command(word.split()[0])
            return True
        await self._send(line[1:] if line.startswith("//") else line)
        return True

    def _command(self, word: str) -> None:
        match word:
            case "/help":
                self._face.say(table_rows(words.HELP, self._face.layout))
            case "/check":
                self._say_phrase()
            case "/clear":
                self._face.clear()
            case _:
                self._face.say(talk_rows(words.UNKNOWN.format(word=word), self._face.layout, error=True))

    async def _send(self, text: str) -> None:
        if not self._face.echoes:
            self._show(YOU, text, int(time.time() * 1000))
        try:
            await self._session.send(text)
        except TacitError as error:
            if error.code != "session-over":  # what ended it is told by its last event
                self._face.say(talk_rows(error.sentence, self._face.layout, error=True))

    async def _hear(self) -> None:
        async for event in self._session.events():
            if isinstance(event, Paired):
                continue  # told by whoever opened this
            self._tell(event_data(event))
            match event:
                case SessionText(text=text, sent_at_ms=sent_at_ms):
                    self._show(THEM, text, sent_at_ms)
                case SessionEnded():
                    self._ended = event
                    error = event.code in ENDED_BY_ATTACK
                    self._face.say(talk_rows(event.sentence, self._face.layout, error=error))
                case _:
                    pass  # was told while the two found each other

    def _show(self, sender: Person, text: str, sent_at_ms: int) -> None:
        self._row += 1
        line = MessageInfo(
            id="",
            row=self._row,
            chat="",
            kind="text",
            sender=sender,
            mine=sender is YOU,
            text=text,
            sent_at_ms=sent_at_ms,
            received_at_ms=int(time.time() * 1000),
            state="received",
        )
        self._face.show(self._pages.rows(line, self._face.layout))

    def _say_phrase(self) -> None:
        self._say(f"{words.CHECK} {words.spoken(self._session.check_phrase)}", "key")
        self._say(words.COMPARE)

    def _say(self, text: str, style: Style = "") -> None:
        self._face.say(talk_rows(text, self._face.layout, style=style))
