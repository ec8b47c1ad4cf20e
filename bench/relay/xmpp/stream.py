"""One XMPP client of the load generator: registers, logs in, writes to one partner or reads from it.

XML is written and counted by hand: what the servers send is known, and a parser would be most of the generator's work.
A message is acknowledged when stream management says that the server has handled it, archiving included, and delivered
when the recipient has it. Source: XEP-0198 for the acknowledgement, XEP-0077 for registration.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Final, cast

from bench.relay.conversations import Conversation
from bench.relay.devices import ANSWERS_IN_S, DeviceLost

PASSWORD: Final = "nobody's"
RESOURCE: Final = "load"

_MANAGED: Final = "urn:xmpp:sm:3"
_ASK: Final = f"<r xmlns='{_MANAGED}'/>".encode()
_MODULO: Final = 1 << 32


class Stream(asyncio.Protocol):
    """One connection of one user."""

    def __init__(self, user: str, domain: str) -> None:
        self.address = f"{user}@{domain}/{RESOURCE}"
        self._user, self._domain = user, domain
        self.writes: Conversation | None = None
        self.reads: Conversation | None = None
        self.refused: dict[str, int] = {}
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._waiting: tuple[bytes, asyncio.Future[bytes]] | None = None
        self._lost: DeviceLost | None = None
        self._leaving = False
        self._number = 0
        self._read = 0
        self._handled = 0
        self._before = self._between = self._after = b""

    @classmethod
    async def connect(cls, user: str, domain: str, address: tuple[str, int], tls: ssl.SSLContext) -> Stream:
        """Register, log in and be there. Raises ``DeviceLost`` or ``OSError``."""
        stream = cls(user, domain)
        async with asyncio.timeout(ANSWERS_IN_S):
            await asyncio.get_running_loop().create_connection(lambda: stream, *address, ssl=tls)
            await stream._open()
            fields = f"<username>{user}</username><password>{PASSWORD}</password>"
            await stream._query("register", f"<query xmlns='jabber:iq:register'>{fields}</query>")
            secret = base64.b64encode(f"\0{user}\0{PASSWORD}".encode()).decode()
            sasl = "urn:ietf:params:xml:ns:xmpp-sasl"
            await stream._say(f"<auth xmlns='{sasl}' mechanism='PLAIN'>{secret}</auth>", b"/>")
            await stream._open()
            bind = f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{RESOURCE}</resource></bind>"
            await stream._query("bind", bind)
            await stream._say("<presence/>", b"<presence")
        return stream

    async def prepare(self, conversation: Conversation, partner: str, payload: int) -> None:
        """Write to ``partner`` from now on, bodies of so many characters, and have it acknowledged."""
        body = ("x" * payload).encode()
        self._before = f"<message to='{partner}' type='chat' id='load-".encode()
        self._between, self._after = b"'><body>", body + b"</body></message>"
        await self._say(f"<enable xmlns='{_MANAGED}'/>", b"<enabled ")
        self.writes = conversation

    def write(self, count: int) -> None:
        """Send so many messages and ask what the server has handled."""
        first = self._number + 1
        self._number += count
        parts: list[bytes] = []
        for number in range(first, first + count):
            parts += (self._before, b"%d" % number, self._between, self._after)
        parts.append(_ASK)
        self._write(b"".join(parts))

    def leave(self) -> None:
        """Close."""
        self._leaving = True
        if self._transport is not None and not self._transport.is_closing():
            self._write(b"</stream:stream>")
            self._transport.close()

    # ---- what asyncio calls ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = DeviceLost(str(exc) if exc else "the server closed the connection")
        if self._waiting is not None and not self._waiting[1].done():
            self._waiting[1].set_exception(self._lost)
        if (self.writes is not None or self.reads is not None) and not self._leaving:
            self._refuse(str(self._lost))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if self._waiting is not None:
            self._rest = data
            self._look()
            return
        begun = data.rfind(b"<message")
        whole = begun if begun > data.rfind(b"</message>") else data.rfind(b">") + 1
        data, self._rest = data[:whole], data[whole:]
        if b"type='error'" in data:
            self._refuse("a stanza was refused")
        if self.writes is not None and b"<a " in data:
            self._take_handled(data)
        if b"<r " in data:
            self._write(f"<a xmlns='{_MANAGED}' h='0'/>".encode())
        count = data.count(b"</message>")
        if count and self.reads is not None:
            self._take_messages(data, count)

    # ---- what came ----

    def _take_handled(self, data: bytes) -> None:
        """The number in the last acknowledgement counts everything since management was enabled."""
        begin = data.index(b" h='", data.rfind(b"<a ")) + 4
        handled = int(data[begin : data.index(b"'", begin)])
        new = (handled - self._handled) % _MODULO
        self._handled = handled
        if new and self.writes is not None:
            self.writes.on_acknowledged(new)

    def _take_messages(self, data: bytes, count: int) -> None:
        self._read += count
        begin = data.rfind(b"id='load-") + 9
        if int(data[begin : data.index(b"'", begin)]) != self._read:
            self._refuse("messages came out of order")
        if self.reads is not None:
            self.reads.on_delivered(self._read - count, count)

    def _look(self) -> None:
        """See whether what is waited for has come; an error is an end."""
        assert self._waiting is not None
        wanted, future = self._waiting
        if future.done():
            return
        if b"<failure" in self._rest or b"type='error'" in self._rest or b"<stream:error" in self._rest:
            future.set_exception(DeviceLost(f"refused: {self._rest[-200:].decode('utf-8', 'replace')}"))
        elif wanted in self._rest:
            came, _, _ = self._rest.partition(wanted)
            self._rest = b""
            future.set_result(came)

    def _refuse(self, what: str) -> None:
        self.refused[what] = self.refused.get(what, 0) + 1

    # ---- what goes ----

    async def _open(self) -> None:
        head = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
        await self._say(f"<stream:stream {head} to='{self._domain}' version='1.0'>", b"</stream:features>")

    async def _query(self, number: str, body: str) -> None:
        await self._say(f"<iq type='set' id='{number}'>{body}</iq>", f"id='{number}'".encode())

    async def _say(self, text: str, wanted: bytes) -> None:
        """Send something and wait for an answer that holds ``wanted``."""
        if self._lost is not None:
            raise self._lost
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting = (wanted, future)
        self._write(text.encode())
        await future
        self._waiting = None

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
