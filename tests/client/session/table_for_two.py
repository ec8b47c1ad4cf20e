"""A relay in this process and people who meet there; between each of them and the relay, a test may sit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tacit.crypto.passphrase import PassphraseParams
from tacit.net.errors import LinkClosed
from tacit.net.links import FrameLink
from tacit.sdk.parts import Parts
from tacit.sdk.session import Session, SessionEnded, SessionEvent
from tacit.wire.frames import Frame, decode_request, decode_response, encode_request, encode_response
from tests.relay.peers import RunningRelay, running

QUICK = PassphraseParams(1, 8 * 1024, 1)
"""As weak as it may be: what the words are worth is not tested by time."""

TIMEOUT_S = 20

Change = Callable[[str, Any], Sequence[Any] | None]
"""Gets the name and body of a frame; returns the bodies that go on in its place, or None for the frame as it is."""


class Table:
    """A relay."""

    def __init__(self, world: RunningRelay) -> None:
        self.world = world

    @property
    def link(self) -> str:
        return self.world.relay.link()

    def parts(self, to_client: Change | None = None, to_relay: Change | None = None) -> Parts:
        """The outside world of one person, with somebody on the way to the relay."""

        async def connect(*_: Any) -> FrameLink:
            link = self.world.raw_link()
            return Meddled(link, to_client, to_relay) if to_client or to_relay else link

        return Parts(connect=connect)

    def create(self, **how: Any) -> Any:
        return Session.create(self.link, parts=self.parts(**how), hardness=QUICK)

    def join(self, code: str, **how: Any) -> Any:
        return Session.join(self.link, code, parts=self.parts(**how), hardness=QUICK)

    @asynccontextmanager
    async def pair(self, creator: Any = None, joiner: Any = None) -> AsyncIterator[tuple[Session, Session]]:
        async with self.create(**(creator or {})) as one, self.join(one.code, **(joiner or {})) as other:
            await one.ready()
            yield one, other


@asynccontextmanager
async def table(**config: Any) -> AsyncIterator[Table]:
    async with running(None, public_port=8765, **config) as world:
        yield Table(world)


class Meddled:
    """A link with somebody on it who changes frames both ways."""

    def __init__(self, link: FrameLink, to_client: Change | None, to_relay: Change | None) -> None:
        self._link = link
        self._to_client, self._to_relay = to_client, to_relay
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    async def send(self, frame: bytes) -> None:
        for data in _changed(frame, decode_request(frame), self._to_relay, encode_request):
            await self._link.send(data)

    async def receive(self) -> bytes:
        while not self._waiting:
            frame = await self._link.receive()
            self._waiting = _changed(frame, decode_response(frame), self._to_client, encode_response)
        return self._waiting.pop(0)


def _changed(data: bytes, frame: Frame[Any], change: Change | None, encode: Any) -> list[bytes]:
    bodies = None if change is None else change(frame.name, frame.body)
    if bodies is None:
        return [data]
    return [body if isinstance(body, bytes) else encode(frame.request_id, body) for body in bodies]


async def events(session: Session, wanted: type[SessionEvent]) -> Any:
    """Wait for an event of a kind."""
    async with asyncio.timeout(TIMEOUT_S):
        async for event in session.events():
            if isinstance(event, wanted):
                return event
    raise AssertionError(f"the session ended without {wanted.__name__}")


async def ending(session: Session) -> str:
    return str((await events(session, SessionEnded)).code)


__all__ = ["LinkClosed", "Meddled", "Table", "ending", "events", "table"]
