"""What a session tells as events come. What is not about the open chat is told in one line: nobody answers it there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from tacit.errors import TacitError
from tacit.sdk.types import (
    ChatEvent,
    ChatInfo,
    Connection,
    Event,
    MessageEvent,
    MessageInfo,
    ProblemEvent,
    RequestEvent,
    StateEvent,
)
from tacit.ui import words
from tacit.ui.layout import talk_rows
from tacit.ui.rows import Style

if TYPE_CHECKING:
    from tacit.ui.line.session import Session

_BEGINNINGS: Final = frozenset({"created", "joined", "request-accepted"})
"""Notices at the beginning of a chat; what follows them says enough."""


class News:
    """Follows the events of one client on behalf of one session."""

    def __init__(self, session: Session, events: AsyncIterator[Event]) -> None:
        self._session, self._events = session, events
        self._told: tuple[str, str] = ("", "")
        self._elsewhere: set[str] = set()

    async def watch(self) -> None:
        """Tell events until the client is closed."""
        session = self._session
        async for event in self._events:
            session.face.event(event)
            try:
                async with session.turn:
                    await self._take(event)
            except TacitError as error:
                session.trouble(error)
            session.refresh()

    def forget(self, chat: ChatInfo) -> None:
        """The chat has been opened: the next line that comes elsewhere in it is news again."""
        self._elsewhere.discard(chat.id)

    def ask(self, event: RequestEvent) -> None:
        """Tell that somebody wants to talk, and how to answer."""
        session = self._session
        session.asking = [asked for asked in session.asking if asked.chat.id != event.chat.id] + [event]
        session.say(words.request(event.person, event.chat), "key")
        if session.face.interactive:
            answer = "y accepts, n refuses." if session.chat is None else "/accept or /refuse answers."
            session.say(answer, "dim")

    async def _take(self, event: Event) -> None:
        session = self._session
        match event:
            case Connection():
                self._tell_connection(event)
            case MessageEvent(message):
                await self._tell_message(message)
            case StateEvent():
                self._tell_state(event)
            case RequestEvent():
                await session.learn_names()
                self.ask(event)
            case ChatEvent(chat):
                if session.chat is not None and chat.id == session.chat.id:
                    session.chat = chat
                await session.learn_names()
            case ProblemEvent():
                session.face.say(talk_rows(event.sentence, session.face.layout, error=True))
                if event.hint:
                    session.say(event.hint)

    async def _tell_message(self, message: MessageInfo) -> None:
        session = self._session
        if message.mine and message.kind == "text":
            session.follow(message.id, message.state)
        if session.chat is not None and message.chat == session.chat.id:
            if session.show(message) and not message.mine:
                await session.me.mark_read(session.chat.id, message.row)
        elif await self._tell_alone(message):
            await session.me.mark_read(message.chat, message.row)
        elif session.face.interactive and not message.mine and not _is_own_doing(message):
            await self._tell_elsewhere(message)

    async def _tell_alone(self, message: MessageInfo) -> bool:
        """In a room, show what one of its members writes to its owner alone, or the other way; False if it is none."""
        room = self._session.chat
        if room is None or room.kind != "room":
            return False
        chat = await self._session.me.chat(message.chat)
        if chat.kind != "direct" or chat.peer is None or chat.peer.id not in room.nicks:
            return False
        if message.kind == "text":
            self._session.show_alone(message, words.nick(room, chat.peer))
        return message.kind == "text" or (message.notice is not None and message.notice.code in _BEGINNINGS)

    async def _tell_elsewhere(self, message: MessageInfo) -> None:
        session = self._session
        chat = await session.me.chat(message.chat)
        if session.chat is None and not session.asking and message.kind == "text":
            await session.open_in_turn(chat)
        elif chat.id not in self._elsewhere:
            self._elsewhere.add(chat.id)
            session.say(words.news(chat), "good")

    def _tell_connection(self, event: Connection) -> None:
        session = self._session
        session.connection = event
        session.retry_at = asyncio.get_running_loop().time() + event.retry_in_s if event.retry_in_s else 0.0
        if event.state == "connecting":
            return
        before, self._told = self._told, (event.state, event.code)
        if self._told == before or (event.state == "online" and before[0] != "offline"):
            return
        final = event.state == "offline" and not event.retry_in_s
        style: Style = "alarm" if final else ""
        sentence = words.connection(event)
        session.face.say(talk_rows(sentence, session.face.layout, style=style, error=event.state == "offline"))

    def _tell_state(self, event: StateEvent) -> None:
        session = self._session
        if event.id not in session.own:
            return
        session.own[event.id] = event.state
        if session.face.interactive and session.face.echoes and event.id == next(reversed(session.own)):
            session.say(words.state(event.state, session.face.layout.glyphs), "dim")


def _is_own_doing(message: MessageInfo) -> bool:
    """Whether a notice tells of what the owner of this profile has just done; that is no news."""
    by = message.notice.by if message.notice is not None else None
    return by is not None and by.status == "self"
