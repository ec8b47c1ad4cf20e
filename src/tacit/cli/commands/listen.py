"""``tacit listen``: what arrives, as it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command

if TYPE_CHECKING:
    from tacit.cli.output import Output
    from tacit.cli.settings import Settings
    from tacit.sdk import Client
    from tacit.sdk.types import ChatInfo, Event, MessageInfo
    from tacit.ui.rows import Part


@click.command(cls=Command)
@click.option("--count", metavar="N", type=click.IntRange(min=1), help="End after so many messages of others.")
@pass_settings
def listen(settings: Settings, count: int | None) -> None:
    """Print unread messages, then everything that happens, until Ctrl+C. With --json one event per line.

    Ends by itself where the relay will never let this device in again, and says why.
    """
    from tacit.cli.output import Output
    from tacit.cli.running import client, run

    async def work() -> None:
        async with client(settings) as me:
            await Listener(me, Output(json=settings.json), count).run()

    run(settings, work)


class Listener:
    """Prints events of one profile."""

    def __init__(self, me: Client, out: Output, count: int | None) -> None:
        from tacit.ui.layout import Pages

        self._me, self._out, self._left = me, out, count
        self._pages = Pages()
        self._rows: dict[str, int] = {}
        self._chats: dict[str, ChatInfo] = {}

    async def run(self) -> None:
        """Print unread lines, then events."""
        from tacit.sdk.types import MessageEvent
        from tacit.ui.unread import first_new, last_lines

        events = self._me.events()
        for chat in await self._me.chats():
            if chat.unread:
                messages = await last_lines(self._me, chat, chat.unread)
                for message in messages[first_new(messages, chat.unread) :]:
                    if not message.mine:
                        await self._take(MessageEvent(message))
        if self._left != 0:
            async for event in events:
                await self._take(event)
                if self._left == 0:
                    break

    async def _take(self, event: Event) -> None:
        from tacit.sdk.types import Connection, MessageEvent
        from tacit.ui import data

        message = event.message if isinstance(event, MessageEvent) else None
        if message is not None and message.row <= self._rows.get(message.chat, 0):
            return
        if self._out.json:
            self._out.data(data.event(event))
        else:
            await self._print(event)
        if message is not None:
            await self._done(message)
        if isinstance(event, Connection) and event.state == "offline" and not event.retry_in_s:
            await self._me.wait_online()  # raises why there will be no other try: nothing would ever come

    async def _print(self, event: Event) -> None:
        from tacit.sdk.types import MessageEvent, ProblemEvent, RequestEvent
        from tacit.ui import words
        from tacit.ui.layout import message_rows

        match event:
            case MessageEvent(message):
                chat = await self._chat(message.chat)
                where: Part = ("dim", f"[{words.title(chat)}] ")
                self._out.rows(self._pages.turn(message, self._out.layout))
                self._out.rows([(where, *row) for row in message_rows(message, self._out.layout, kind=chat.kind)])
            case RequestEvent():
                self._out.talk(words.request(event.person, event.chat))
            case ProblemEvent():
                self._out.talk(f"{event.sentence} {event.hint}".rstrip())
            case _:
                pass

    async def _done(self, message: MessageInfo) -> None:
        self._rows[message.chat] = message.row
        if message.mine:
            return
        await self._me.mark_read(message.chat, message.row)
        if self._left is not None and message.kind == "text":
            self._left -= 1

    async def _chat(self, chat_id: str) -> ChatInfo:
        if chat_id not in self._chats:
            self._chats[chat_id] = await self._me.chat(chat_id)
        return self._chats[chat_id]
