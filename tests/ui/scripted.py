"""A client without a relay, for tests of the face alone: it knows two people, and what they say is scripted."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from typing import cast

from tacit.errors import NotFound, TacitError, Untrusted
from tacit.sdk import Client
from tacit.sdk.types import (
    ChatEvent,
    ChatInfo,
    Event,
    MessageEvent,
    MessageInfo,
    MessageStateWord,
    Person,
    RequestEvent,
    SafetyNumberInfo,
    StateEvent,
    StatusInfo,
)
from tests.ui.people import ALICE, BOB, CAROL, DIRECT, NOON_MS, TEAM, text

LINK = "tacit://192.0.2.1:8765/11111111-aaaa-8aaa-8aaa-aaaaaaaaaaaa#" + "a" * 52


class WrongDigits(Untrusted):
    """The safety numbers differ."""

    code = "safety-number-mismatch"


class Scripted:
    """Stands where ``Client`` stands; ``as_client`` says so to the type checker."""

    def __init__(self, *, chats: Sequence[ChatInfo] = (DIRECT, TEAM)) -> None:
        self.me, self.profile, self.contact_link = ALICE, "default", LINK
        self.people = {BOB.id: BOB, CAROL.id: CAROL}
        self.all_chats = {chat.id: chat for chat in chats}
        self.waiting: dict[str, ChatInfo] = {}
        self.lines: list[MessageInfo] = []
        self.read: list[tuple[str, int | None]] = []
        self.calls: list[tuple[str, ...]] = []
        self.fails: TacitError | None = None
        self.receipts = True
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    @property
    def as_client(self) -> Client:
        return cast("Client", self)

    # ---- the script ----

    def happen(self, event: Event) -> None:
        if isinstance(event, MessageEvent):
            self.lines.append(event.message)
        if isinstance(event, RequestEvent):
            self.waiting[event.chat.id] = event.chat
        self._queue.put_nowait(event)

    def hear(self, body: str, sender: Person = BOB, *, chat: str = DIRECT.id) -> MessageInfo:
        message = text(len(self.lines) + 1, body, sender, chat=chat)
        self.happen(MessageEvent(message))
        return message

    def progress(self, message_id: str, state: MessageStateWord) -> None:
        self.happen(StateEvent(DIRECT.id, message_id, state))

    # ---- what a session calls ----

    async def events(self) -> AsyncIterator[Event]:
        while True:
            yield await self._queue.get()

    async def status(self) -> StatusInfo:
        return StatusInfo(
            "default", ALICE, "tacit://192.0.2.1:8765", LINK, "online", 0, 2, len(self.waiting), 20, self.receipts, True
        )

    async def send(self, target: str, body: str) -> MessageInfo:
        if self.fails:
            raise self.fails
        chat = await self.chat(target)
        message = dataclasses.replace(text(len(self.lines) + 1, body, ALICE, chat=chat.id), state="queued")
        self.happen(MessageEvent(message))
        return message

    async def wait_for(self, message_id: str, state: str, timeout_s: float) -> MessageInfo:
        if self.fails:
            raise self.fails
        self.calls.append(("wait_for", message_id, state))
        return dataclasses.replace(next(line for line in self.lines if line.id == message_id), state="relayed")

    async def history(self, target: str, *, limit: int = 50, before_row: int | None = None) -> list[MessageInfo]:
        return [line for line in self.lines if line.chat == target][-limit:]

    async def mark_read(self, target: str, row: int | None = None) -> None:
        self.read.append((target, row))

    async def contacts(self) -> list[Person]:
        return list(self.people.values())

    async def chats(self) -> list[ChatInfo]:
        return list(self.all_chats.values())

    async def requests(self) -> list[ChatInfo]:
        return list(self.waiting.values())

    async def person(self, target: str) -> Person:
        for person in (ALICE, *self.people.values()):
            if target in (person.id, person.name, f"@{person.handle}", person.handle):
                return person
        raise NotFound(target)

    async def chat(self, target: str) -> ChatInfo:
        for chat in self.all_chats.values():
            if target in (chat.id, chat.title, chat.title.removeprefix("@")):
                return chat
        raise NotFound(target)

    async def open_direct(self, target: str) -> ChatInfo:
        self.calls.append(("open_direct", target))
        person = await self.person(target.strip('"'))
        chat = dataclasses.replace(DIRECT, id=f"direct:{person.id}", title=person.name, peer=person)
        self.all_chats[chat.id] = chat
        return chat

    async def accept(self, target: str) -> ChatInfo:
        self.calls.append(("accept", target))
        chat = dataclasses.replace(self.waiting.pop(target), status="active")
        self.all_chats[chat.id] = chat
        return chat

    async def refuse(self, target: str, *, block: bool = False) -> None:
        self.calls.append(("refuse", target))
        del self.waiting[target]

    async def safety_number(self, target: str) -> SafetyNumberInfo:
        person = await self.person(target)
        return SafetyNumberInfo(person, ("12345",) * 12, b"qr", person.verified)

    async def verify(self, target: str, compared: str | None = None) -> Person:
        if compared is not None and compared.replace(" ", "") != "12345" * 12:
            raise WrongDigits
        person = await self.person(target)
        self.people[person.id] = verified = dataclasses.replace(person, verified=True)
        return verified

    async def create_group(self, title: str, members: Sequence[str] = ()) -> ChatInfo:
        self.calls.append(("create_group", title, *members))
        chat = dataclasses.replace(TEAM, id="group:new", title=title, members=(ALICE,))
        self.all_chats[chat.id] = chat
        self.happen(ChatEvent(chat))
        return chat

    async def invite(self, chat: str, who: str) -> None:
        self.calls.append(("invite", chat, who))

    async def remove(self, chat: str, who: str) -> None:
        self.calls.append(("remove", chat, who))

    async def rename(self, chat: str, title: str) -> None:
        self.calls.append(("rename", chat, title))

    async def leave(self, chat: str) -> None:
        self.calls.append(("leave", chat))

    async def set_receipts(self, on: bool) -> None:
        self.receipts = on

    async def rename_contact(self, target: str, name: str) -> Person:
        person = await self.person(target)
        self.people[person.id] = named = dataclasses.replace(person, name=name)
        return named

    async def block(self, target: str) -> Person:
        return dataclasses.replace(await self.person(target), status="blocked")

    async def unblock(self, target: str) -> Person:
        return await self.person(target)


REQUEST_CHAT = dataclasses.replace(
    DIRECT, id=f"direct:{CAROL.id}", title="carol", peer=CAROL, status="requested", invited_by=CAROL, last_at_ms=NOON_MS
)
