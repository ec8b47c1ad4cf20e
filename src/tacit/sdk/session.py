"""``Session``: two people, a code, nothing kept. Needs no profile and no account, and touches no disk.

    async with tacit.Session.create(relay) as session:
        print(session.code)                       # A3F2B1-maple-orbit-lantern, to be read out
        print(await session.ready())              # three words; the other side must see the same
        await session.send("hi")
        async for event in session.events():
            ...

The end of the block says goodbye and drops every key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tacit.client.session import session as core
from tacit.client.session.events import GuestCame, GuestFailed, Paired, SessionEnded, SessionEvent, SessionText
from tacit.client.session.pairing import HARDNESS, Means
from tacit.crypto.passphrase import PassphraseParams
from tacit.identity import parse_link
from tacit.identity.pairing_codes import parse_code
from tacit.sdk.names import complete_code
from tacit.sdk.parts import REAL, Parts

__all__ = [
    "GuestCame",
    "GuestFailed",
    "Paired",
    "Session",
    "SessionEnded",
    "SessionEvent",
    "SessionText",
    "complete_code",
]


class Session:
    """One side of a session; made by ``create`` or ``join`` and over at the end of their block."""

    def __init__(self, inner: core.Session) -> None:
        self._inner = inner

    @classmethod
    @asynccontextmanager
    async def create(
        cls, relay: str, *, parts: Parts = REAL, hardness: PassphraseParams = HARDNESS
    ) -> AsyncIterator[Session]:
        """Wait at a relay for somebody with the code, which is known at once; ``relay`` is a relay link.

        Raises ``BadLink``, ``PinMismatch``, ``TransportError``, and ``RelayError`` where the relay offers no sessions.
        ``hardness`` is for tests: both sides need the same.
        """
        place = parse_link(relay)
        inner = await core.Session.create(place, parts.connect, Means(parts.clock, parts.entropy, hardness))
        try:
            yield cls(inner)
        finally:
            await inner.end()

    @classmethod
    @asynccontextmanager
    async def join(
        cls, relay: str, code: str, *, parts: Parts = REAL, hardness: PassphraseParams = HARDNESS
    ) -> AsyncIterator[Session]:
        """Go to who waits with this code, in whatever case, with spaces or hyphens; the two have paired at the start.

        Raises as ``create``, and ``BadCode``, ``MistypedWord``, ``NoSuchRendezvous``, ``WrongWords`` and others of
        ``tacit.client.session.errors``. Wrong words cost one of the three tries that a code has.
        """
        place, read = parse_link(relay), parse_code(code)
        inner = await core.Session.join(place, read, parts.connect, Means(parts.clock, parts.entropy, hardness))
        try:
            await inner.ready()
            yield cls(inner)
        finally:
            await inner.end()

    @property
    def code(self) -> str:
        """What to read out to the other one, and to nobody else."""
        return self._inner.code

    @property
    def check_phrase(self) -> tuple[str, ...]:
        """Three words that both see if nobody is between them; empty until the two have paired."""
        return self._inner.check_phrase

    async def ready(self) -> tuple[str, ...]:
        """Wait until the two have paired, and return the check phrase; raises why they have not.

        ``CodeBurned`` after three who had other words, ``NobodyCame`` after ten minutes, ``SessionOver``.
        """
        await self._inner.ready()
        return self._inner.check_phrase

    async def send(self, text: str) -> None:
        """Send a text; returns when the relay has passed it on. Raises ``SessionOver``, ``TextTooLong``."""
        await self._inner.say(text)

    async def events(self) -> AsyncIterator[SessionEvent]:
        """Everything that happens, from the beginning; each event comes once, and ``SessionEnded`` is the last.

        Whoever does not read these holds the other side up after ``SESSION_EVENTS`` texts.
        """
        while (event := await self._inner.event()) is not None:
            yield event

    async def end(self) -> None:
        """Say goodbye and be gone; the end of the block does the same."""
        await self._inner.end()
