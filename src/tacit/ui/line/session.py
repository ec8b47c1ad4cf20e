"""A line-mode session: which chat is open, what has been shown of it, and what happens to a typed line.

A router: commands are done in ``deeds``, events are told in ``news``, rows are laid out in ``tacit.ui.layout``.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

from tacit.errors import ExitCode, TacitError
from tacit.sdk import Client
from tacit.sdk.types import ChatInfo, Connection, MessageInfo, MessageStateWord, RequestEvent
from tacit.ui import words
from tacit.ui.layout import Pages, rule_row, table_rows, talk_rows
from tacit.ui.line.commands import Do, Refused, parse
from tacit.ui.line.completer import Names
from tacit.ui.line.face import Face
from tacit.ui.line.news import News
from tacit.ui.line.status import prompt, status_line
from tacit.ui.patience import patiently
from tacit.ui.rows import Row, Style
from tacit.ui.unread import first_new, last_lines

HISTORY_LINES: Final = 20
"""Lines of a chat shown when it is opened; unread ones are shown beyond that, up to ``MAX_UNREAD_LINES``."""

MAX_UNREAD_LINES: Final = 500
ALL_ROWS: Final = 1 << 30
OWN_STATES: Final = 200
"""Own messages whose progress is remembered for the status line."""

PIPE_TIMEOUT_S: Final = 30.0
"""How long the end of a pipe waits for the relay to have everything."""

Deed: TypeAlias = Callable[["Session", tuple[str, ...]], Awaitable[None]]


class Session:
    """One profile in one terminal or pipe."""

    def __init__(
        self,
        me: Client,
        face: Face,
        names: Names,
        deeds: Mapping[str, Deed],
        *,
        link: str = "",
        for_others: Callable[[str], str] = str,
    ) -> None:
        """``link`` is the own one as others can use it, and ``for_others`` makes any link so."""
        self.me, self.face, self.names, self.link = me, face, names, link or me.contact_link
        self.for_others = for_others
        self.chat: ChatInfo | None = None
        self.asking: list[RequestEvent] = []
        self.connection = Connection("connecting")
        self.retry_at = 0.0
        self.own: dict[str, MessageStateWord] = {}
        self.exit_code = ExitCode.OK
        self._deeds = deeds
        self._pages, self._row = Pages(), 0
        self._turn = asyncio.Lock()
        self._ended = False
        self._news = News(self, me.events())

    # ---- the life of a session ----

    async def run(self) -> ExitCode:
        """Read lines and do what they say until they end or somebody says so."""
        watching, counting = asyncio.create_task(self._news.watch()), asyncio.create_task(self._count_down())
        try:
            while not self._ended and (line := await self._next_line(watching)) is not None:
                await self.handle(line)
            if not self.face.interactive:
                await self._finish()
        finally:
            for task in (watching, counting):
                task.cancel()
            await asyncio.gather(watching, counting, return_exceptions=True)
            self._say_what_waits()
            await self.face.close()
        return self.exit_code

    async def begin(self) -> None:
        """Learn how things stand, and show who asks to talk."""
        self.connection = Connection((await self.me.status()).connection)
        await self.learn_names()
        for chat in self.names.requests:
            person = chat.invited_by or chat.peer
            if person is not None:
                self._news.ask(RequestEvent(chat, person))
        self.refresh()

    async def _next_line(self, watching: asyncio.Task[None]) -> str | None:
        """Wait for a line; a failure while following events ends the session and is not passed over."""
        reading = asyncio.ensure_future(self.face.read())
        try:
            await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                watching.result()
                return None
            return reading.result()
        finally:
            reading.cancel()

    async def _count_down(self) -> None:
        """Keep the time to the next try current in the status line."""
        while True:
            await asyncio.sleep(1)
            if self.retry_at:
                self.refresh()

    def end(self) -> None:
        """Read no more lines."""
        self._ended = True

    async def handle(self, line: str) -> None:
        """Do what one typed line says."""
        answer = line.strip().lower()
        if not answer:
            return
        if self._is_asked and answer in ("y", "yes", "n", "no"):
            line = "/accept" if answer.startswith("y") else "/refuse"
        try:
            match parse(line):
                case Refused(sentence):
                    self.refuse(sentence)
                case Do(command, args):
                    await self._deeds[command.name](self, args)
                case typed:
                    await self._send(typed.text)
        except TacitError as error:
            self.trouble(error)
        self.refresh()

    @property
    def _is_asked(self) -> bool:
        """Whether a bare yes or no can only be the answer to a request."""
        return bool(self.asking) if self.chat is None else self.chat.status == "requested"

    # ---- saying ----

    def say(self, text: str, style: Style = "") -> None:
        """Say something that is no message."""
        self.face.say(talk_rows(text, self.face.layout, style=style))

    def table(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Say something in two columns."""
        self.face.say(table_rows(pairs, self.face.layout))

    def refuse(self, sentence: str, code: ExitCode = ExitCode.USAGE) -> None:
        """Say why something was not done; a pipe ends with the code of the first such thing."""
        self.face.say(talk_rows(sentence, self.face.layout, error=True))
        if not self.face.interactive:
            self.exit_code = self.exit_code or code

    def trouble(self, error: TacitError) -> None:
        """Say what went wrong and what can be done."""
        self.refuse(error.sentence, error.exit_code)
        if error.hint:
            self.say(error.hint)

    def refresh(self) -> None:
        """Bring the prompt and the status line up to date."""
        self.face.refresh(prompt(self), status_line(self))

    # ---- the open chat ----

    async def open(self, chat: ChatInfo) -> None:
        """Go to a chat and show its last lines."""
        if self.chat is not None and self.chat.id == chat.id:
            self.say(f"You are in the chat {words.title(chat)} already.")
            return
        async with self._turn:
            await self.open_in_turn(chat)

    async def open_in_turn(self, chat: ChatInfo) -> None:
        """The same for the one who already holds the turn."""
        self.chat, self._row, self._pages = chat, 0, Pages()
        self._news.forget(chat)
        if self.face.interactive:
            self.face.say([rule_row(words.title(chat), self.face.layout)])
            self.say(words.about(chat), "dim")
        await self._show_last(chat, max(HISTORY_LINES, min(chat.unread, MAX_UNREAD_LINES)))
        if self.chat is chat:
            self.chat = dataclasses.replace(chat, unread=0)
        await self.learn_names()

    async def show_history(self, limit: int, *, whole: bool = False) -> None:
        """Show the last lines of the open chat once more, on request with all their rows."""
        if self.chat is not None:
            async with self._turn:
                self._pages = Pages()
                await self._show_last(self.chat, limit, whole=whole)

    def show(self, message: MessageInfo) -> bool:
        """Show a line of the open chat; False when it has been shown before."""
        if self.chat is None or message.row <= self._row:
            return False
        self._row = message.row
        if not (message.mine and message.kind == "text" and self.face.echoes):
            self.face.show(self._rows(self.chat, message))
        return True

    async def close_chat(self) -> None:
        """Belong to no chat."""
        self.chat = None
        await self.learn_names()

    async def learn_names(self) -> None:
        """Ask again who and what can be named."""
        self.names.people = await self.me.contacts()
        self.names.chats = await self.me.chats()
        self.names.requests = await self.me.requests()
        self.names.members = self.chat.members if self.chat else ()
        waiting = {chat.id for chat in self.names.requests}
        self.asking = [asked for asked in self.asking if asked.chat.id in waiting]

    def follow(self, message_id: str, state: MessageStateWord) -> None:
        """Keep an own message's progress in sight."""
        self.own.pop(message_id, None)
        self.own[message_id] = state
        while len(self.own) > OWN_STATES:
            del self.own[next(iter(self.own))]

    @property
    def turn(self) -> asyncio.Lock:
        """Held while lines are shown, so that history and what arrives meanwhile do not mix."""
        return self._turn

    async def _show_last(self, chat: ChatInfo, limit: int, *, whole: bool = False) -> None:
        messages = await last_lines(self.me, chat, limit, MAX_UNREAD_LINES)
        new = first_new(messages, chat.unread)
        for index, message in enumerate(messages):
            if self.face.interactive and 0 < index == new:
                self.face.say([rule_row("new", self.face.layout)])
            if self.face.interactive or index >= new:
                self.face.show(self._rows(chat, message, marks=True, whole=whole))
            self._row = max(self._row, message.row)
        if messages:
            await self.me.mark_read(chat.id, messages[-1].row)

    def show_alone(self, message: MessageInfo, nick: str) -> None:
        """Show, in a room, a line between its owner and one member that is no line of the room."""
        to = self.face.layout.glyphs.to
        between = f"you {to} {nick}" if message.mine else f"{nick} {to} you"
        if not (message.mine and self.face.echoes):
            self.face.show(self._pages.rows(message, self.face.layout, between=between))

    def _rows(self, chat: ChatInfo, message: MessageInfo, *, marks: bool = False, whole: bool = False) -> list[Row]:
        layout = dataclasses.replace(self.face.layout, max_rows=ALL_ROWS) if whole else self.face.layout
        return self._pages.rows(message, layout, kind=chat.kind, marks=marks)

    # ---- lines ----

    async def _send(self, text: str) -> None:
        if self.chat is None:
            self.refuse("Nobody is here to read that: /open WHO goes to a chat, /msg WHO TEXT writes to somebody.")
            return
        message = await self.me.send(self.chat.id, text)
        self.own.setdefault(message.id, message.state)
        word = text.strip().lower()
        if self.face.interactive and word in words.COMMANDS_WITHOUT_SLASH:
            self.say(words.SENT_AS_TEXT.format(word=word), "dim")

    async def _finish(self) -> None:
        """Wait until everything sent through a pipe is on the relay."""
        for message_id in [key for key, state in self.own.items() if state in ("queued", "sent")]:
            try:
                arriving = self.me.wait_for(message_id, "relayed", PIPE_TIMEOUT_S)
                self.own[message_id] = (await patiently(arriving, words.WAITING_FOR_RELAY, self.say)).state
            except TacitError as error:
                self.trouble(error)
                return

    def _say_what_waits(self) -> None:
        waiting = sum(state in ("queued", "sent") for state in self.own.values())
        if waiting:
            what = "1 message waits" if waiting == 1 else f"{waiting} messages wait"
            self.say(f"{what} here and will go out the next time this profile is open and the relay answers.")
