"""A device of the load generator: TLS, WebSocket, login and logs, on asyncio's transports and without a task.

What a person's device does once, it does through ``ask``; what it does thousands of times a second, appending and
reading, goes past all futures straight to the conversations.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Final, cast

from bench.relay.conversations import Conversation
from bench.relay.frames import (
    BINARY,
    CLOSE,
    FIRST_REQUEST,
    PING,
    PONG,
    Appends,
    Splitter,
    masked_message,
    upgrade_request,
)
from bench.relay.population import Person
from tacit.crypto.eddsa import ED25519
from tacit.wire import relay_pb2 as pb
from tacit.wire.operations import PROTOCOL_VERSION
from tacit.wire.signing import login_tbs

BEYOND: Final = 1 << 31
"""A number that no log of a benchmark comes to: listening from there tells where the log ends and brings nothing."""

ANSWERS_IN_S: Final = 60
"""The longest that anything that is waited for may take, a storm of logins included."""


class DeviceLost(Exception):
    """A connection ended, or was refused what it asked for; the text says what came before."""


class Reading:
    """One log as a device reads it: what the next entry must be, and whom to tell."""

    __slots__ = ("acknowledge_every", "base", "conversation", "seq")

    def __init__(self, conversation: Conversation | None, seq: int, acknowledge_every: int) -> None:
        self.conversation = conversation
        self.base = seq
        """The number before the first message that is counted."""
        self.seq = seq
        self.acknowledge_every = acknowledge_every


class Device(asyncio.Protocol):
    """One connection of one device."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.writes: Conversation | None = None
        self.readings: dict[bytes, Reading] = {}
        self.refused: dict[str, int] = {}
        self.own = 0
        """Entries of its own that came back, where it listens to the log that it writes."""
        self._transport: asyncio.Transport | None = None
        self._splitter = Splitter()
        self._greeting = b""
        self._upgraded = False
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._next_id = 1
        self._hello: asyncio.Future[pb.Hello] = asyncio.get_running_loop().create_future()
        self._appends: Appends | None = None
        self._last_words = ""
        self._leaving = False

    @classmethod
    async def connect(
        cls, person: Person, address: tuple[str, int], tls: ssl.SSLContext, source: str | None = None
    ) -> Device:
        """Connect and log in. Raises ``DeviceLost`` or ``OSError``."""
        loop = asyncio.get_running_loop()
        device = cls(person)
        async with asyncio.timeout(ANSWERS_IN_S):
            await loop.create_connection(
                lambda: device, *address, ssl=tls, local_addr=(source, 0) if source is not None else None
            )
            device._write(upgrade_request(*address))
            await device._login(await device._hello)
        return device

    async def ask(self, **request: Any) -> Any:
        """The answer to one request. Raises ``DeviceLost`` when it was refused or never came."""
        number, self._next_id = self._next_id, self._next_id + 1
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[number] = waiting
        self._write(masked_message(pb.ClientFrame(request_id=number, **request).SerializeToString()))
        async with asyncio.timeout(ANSWERS_IN_S):
            return await waiting

    async def listen(
        self, log_ids: list[bytes], conversations: list[Conversation | None], *, acknowledge_every: int = 0
    ) -> None:
        """Read these logs from where they end now, and tell each one's conversation, if it has one."""
        found = await self.ask(listen=pb.Listen(after=[pb.Position(log_id=log_id, seq=BEYOND) for log_id in log_ids]))
        for state, conversation in zip(found.logs, conversations, strict=True):
            if not state.readable:
                raise DeviceLost("a log cannot be read")
            self.readings[state.log_id] = Reading(conversation, state.last_seq, acknowledge_every)
        after = [pb.Position(log_id=log_id, seq=self.readings[log_id].seq) for log_id in log_ids]
        await self.ask(listen=pb.Listen(after=after))

    async def catch_up(self, log_ids: list[bytes]) -> int:
        """Read these logs from their beginnings until the relay says that this is all; returns how much it was."""
        for log_id in log_ids:
            self.readings[log_id] = Reading(None, 0, 0)
        await self.ask(listen=pb.Listen(after=[pb.Position(log_id=log_id, seq=0) for log_id in log_ids]))
        return sum(self.readings[log_id].seq for log_id in log_ids)

    @property
    def is_connected(self) -> bool:
        """Whether its connection stands."""
        return self._transport is not None and not self._transport.is_closing()

    def prepare(self, conversation: Conversation, log_id: bytes, payload: bytes) -> None:
        """Write for this conversation into this log from now on."""
        self.writes = conversation
        self._appends = Appends(log_id, payload)

    def write(self, count: int) -> None:
        """Append so many messages."""
        assert self._appends is not None
        self._write(self._appends.take(count))

    def leave(self) -> None:
        """Say goodbye and close."""
        self._leaving = True
        if self._transport is not None and not self._transport.is_closing():
            self._write(masked_message(b"\x03\xe8", CLOSE))
            self._transport.close()

    # ---- what asyncio calls ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        lost = DeviceLost(self._last_words or (str(exc) if exc else "the relay closed the connection"))
        for waiting in (self._hello, *self._asked.values()):
            if not waiting.done():
                waiting.set_exception(lost)
                waiting.exception()
        if self.writes is not None and not self._leaving:
            self.refused[str(lost)] = self.refused.get(str(lost), 0) + 1

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            data = self._upgrade(data)
        acknowledged = 0
        came: list[tuple[Reading, int]] = []
        for opcode, payload in self._splitter.feed(data):
            if opcode != BINARY:
                self._control(opcode, payload)
                continue
            frame = pb.ServerFrame.FromString(payload)
            if frame.request_id >= FIRST_REQUEST:
                if frame.appended.seq:
                    acknowledged += 1
                else:
                    self._refuse(frame)
            elif frame.request_id:
                self._answer(frame)
            elif frame.entry.seq:
                self._entry(frame.entry, came)
            else:
                self._push(frame)
        if acknowledged and self.writes is not None:
            self.writes.on_acknowledged(acknowledged)
        for reading, count in came:
            if reading.conversation is not None:
                reading.conversation.on_delivered(reading.seq - reading.base - count, count)

    # ---- what came ----

    def _upgrade(self, data: bytes) -> bytes:
        self._greeting += data
        head, found, rest = self._greeting.partition(b"\r\n\r\n")
        if not found:
            return b""
        if not head.startswith(b"HTTP/1.1 101"):
            self._last_words = head.split(b"\r\n")[0].decode("latin-1")
            self._abort()
            return b""
        self._upgraded = True
        return rest

    def _entry(self, entry: pb.Entry, came: list[tuple[Reading, int]]) -> None:
        """Check one entry and count it behind those of the same log that came with it."""
        reading = self.readings.get(entry.log_id)
        if reading is None:
            return
        if entry.seq != reading.seq + 1 or entry.damaged:
            self._last_words = f"entry {entry.seq} came after {reading.seq}"
            self._abort()
            return
        reading.seq = entry.seq
        if reading.acknowledge_every and entry.seq % reading.acknowledge_every == 0:
            self._acknowledge(entry.log_id, entry.seq)
        if entry.own:
            self.own += 1
        elif came and came[-1][0] is reading:
            came[-1] = (reading, came[-1][1] + 1)
        else:
            came.append((reading, 1))

    def _acknowledge(self, log_id: bytes, seq: int) -> None:
        """Let the relay drop what was read; nobody waits for the answer."""
        number, self._next_id = self._next_id, self._next_id + 1
        positions = [pb.Position(log_id=log_id, seq=seq)]
        frame = pb.ClientFrame(request_id=number, acknowledge=pb.Acknowledge(positions=positions))
        self._write(masked_message(frame.SerializeToString()))

    def _answer(self, frame: pb.ServerFrame) -> None:
        waiting = self._asked.pop(frame.request_id, None)
        name = frame.WhichOneof("response") or ""
        body = getattr(frame, name, None)
        if name in ("error", "login_failed", "registration_failed"):
            code = self._refuse(frame)
            if waiting is not None:
                waiting.set_exception(DeviceLost(f"refused: {code}"))
        elif waiting is not None:
            waiting.set_result(body)

    def _push(self, frame: pb.ServerFrame) -> None:
        if frame.HasField("hello"):
            self._hello.set_result(frame.hello)
        else:
            self._last_words = frame.closing.code or frame.error.code

    def _refuse(self, frame: pb.ServerFrame) -> str:
        code = frame.error.code or frame.login_failed.code or "an answer that was not asked for"
        self.refused[code] = self.refused.get(code, 0) + 1
        return code

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._write(masked_message(payload, PONG))
        elif opcode == CLOSE:
            self._last_words = self._last_words or payload[2:].decode("utf-8", "replace")
            self._abort()

    # ---- what goes ----

    async def _login(self, hello: pb.Hello) -> None:
        person = self.person
        signed = login_tbs(
            protocol=PROTOCOL_VERSION,
            relay_key=hello.relay_key,
            certificate_hash=hello.certificate_hash,
            challenge=hello.challenge,
            account_id=person.account_id,
            device_id=person.device_id,
        )
        signature = ED25519.sign(person.private_key, signed)
        await self.ask(
            login=pb.Login(
                protocol=PROTOCOL_VERSION,
                account_id=person.account_id,
                device_id=person.device_id,
                signature=signature,
            )
        )

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
