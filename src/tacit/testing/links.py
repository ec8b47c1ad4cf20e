"""The way between one client and the relay, with everything that can happen to it on a bad day or in bad hands.

A ``Way`` outlives connections. Meddlers see each frame that passes, decoded, and say what becomes of it: a list of
steps.
Nothing here knows what is inside a payload, as nobody between a client and its relay does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from tacit.errors import DecodeError
from tacit.limits import MAX_FRAME_BYTES
from tacit.net.errors import ConnectionRefused, LinkClosed
from tacit.net.links import CloseCode, FrameLink
from tacit.wire.frames import decode_request, decode_response


@dataclass(frozen=True, slots=True)
class Passing:
    """One frame on its way."""

    to_relay: bool
    connection: int
    """Which connection of this way it is on, from 1."""
    name: str
    """``append``, ``entry``, ``login``, ...; empty when it is of no known kind."""
    request_id: int
    body: Any = field(repr=False)
    """The decoded request, answer or push."""
    frame: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand this frame over."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Later:
    """Hand this frame over after a time; what comes after it does not wait."""

    frame: bytes
    delay_s: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Keep everything in this direction waiting."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Cut:
    """End the connection here, without a word to either side."""


Step: TypeAlias = Deliver | Later | Wait | Cut
Meddler: TypeAlias = Callable[[Passing], Sequence[Step] | None]
"""Says what becomes of a frame; None: nothing to do with it, an empty sequence: it is lost."""

Dial: TypeAlias = Callable[[], Awaitable[FrameLink]]
"""Opens an untouched link to the relay."""

_CLOSED: Final = b""
"""In the queue of what has arrived: the link has ended. No frame is empty."""


class Way:
    """How one client reaches the relay. Begins open, with nobody in it."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._link: MeddledLink | None = None
        self.open = True
        self.meddlers: list[Meddler] = []
        self.passed: list[Passing] = []
        """Every frame that set out, in order, before anybody meddled with it."""
        self.connections = 0

    async def connect(self, _target: object = None, _verify_name: bool = False) -> FrameLink:
        """Open a connection; ``ConnectionRefused`` while the way is closed."""
        if not self.open:
            raise ConnectionRefused
        self.connections += 1
        self._link = MeddledLink(await self._dial(), self, self.connections)
        return self._link

    def cut(self) -> None:
        """End the present connection, if there is one; the next may come at once."""
        if self._link is not None:
            self._link.abort()

    def close(self) -> None:
        """Be offline: end the present connection and let no other come about."""
        self.open = False
        self.cut()

    def reopen(self) -> None:
        """Be online again."""
        self.open = True

    def inject(self, frame: bytes) -> None:
        """Hand a frame to the client as if the relay had sent it now."""
        if self._link is not None:
            self._link.arrive(frame)

    def meddle(self, meddler: Meddler) -> Callable[[], None]:
        """Let somebody into the way; returns what throws them out again."""
        self.meddlers.append(meddler)

        def remove() -> None:
            if meddler in self.meddlers:
                self.meddlers.remove(meddler)

        return remove

    def steps(self, passing: Passing) -> list[Step]:
        """What all meddlers together make of a frame; each sees what the one before let through."""
        self.passed.append(passing)
        steps: list[Step] = [Deliver(passing.frame)]
        for meddler in tuple(self.meddlers):
            steps = [after for before in steps for after in _meddled(meddler, before, passing)]
        return steps


class MeddledLink:
    """A ``FrameLink`` that passes through a ``Way``."""

    def __init__(self, link: FrameLink, way: Way, number: int) -> None:
        self._link = link
        self.transport, self.peer_address = link.transport, link.peer_address
        self.peer_certificate_hash, self.own_certificate_hash = link.peer_certificate_hash, link.own_certificate_hash
        self._way = way
        self._number = number
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self._pump = asyncio.create_task(self._read(), name="way-from-relay")

    @property
    def is_gone(self) -> bool:
        """Whether the link below it is."""
        return self._link.is_gone

    async def send(self, frame: bytes) -> None:
        """Send a frame, or what is made of it."""
        for step in self._way.steps(_decoded(frame, to_relay=True, connection=self._number)):
            match step:
                case Deliver(through):
                    await self._link.send(through)
                case Later(through, delay_s):
                    asyncio.get_running_loop().call_later(delay_s, self._send_late, through)
                case Wait(delay_s):
                    await asyncio.sleep(delay_s)
                case Cut():
                    self.abort()
                    raise LinkClosed(CloseCode.ABNORMAL)

    async def send_many(self, frames: Sequence[bytes]) -> None:
        """Send each, or what is made of it."""
        for frame in frames:
            await self.send(frame)

    async def receive_many(self) -> list[bytes]:
        """Wait for the next frame that has come through."""
        return [await self.receive()]

    async def receive(self) -> bytes:
        """Wait for the next frame that has come through."""
        frame = await self._arrived.get()
        if frame == _CLOSED:
            self._arrived.put_nowait(_CLOSED)
            raise LinkClosed(CloseCode.ABNORMAL)
        return frame

    def limit_frames(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        """Set the largest frame accepted from the other side."""
        self._link.limit_frames(max_bytes)

    async def close(self, reason: str = "", code: int = CloseCode.NORMAL) -> None:
        """Say goodbye and end the link."""
        await self._link.close(reason, code)
        self.arrive(_CLOSED)

    def abort(self) -> None:
        """End the link at once."""
        self._link.abort()
        self._pump.cancel()
        while not self._arrived.empty():
            self._arrived.get_nowait()
        self.arrive(_CLOSED)

    def arrive(self, frame: bytes) -> None:
        """Hand a frame to whoever receives."""
        self._arrived.put_nowait(frame)

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._link.receive()
                for step in self._way.steps(_decoded(frame, to_relay=False, connection=self._number)):
                    await self._take(step)
        except LinkClosed:
            self.arrive(_CLOSED)

    async def _take(self, step: Step) -> None:
        match step:
            case Deliver(frame):
                self.arrive(frame)
            case Later(frame, delay_s):
                asyncio.get_running_loop().call_later(delay_s, self.arrive, frame)
            case Wait(delay_s):
                await asyncio.sleep(delay_s)
            case Cut():
                self.abort()
                raise LinkClosed(CloseCode.ABNORMAL)

    def _send_late(self, frame: bytes) -> None:
        sending = asyncio.ensure_future(self._link.send(frame))
        sending.add_done_callback(lambda done: done.cancelled() or done.exception())


def _decoded(frame: bytes, *, to_relay: bool, connection: int) -> Passing:
    try:
        read = decode_request(frame) if to_relay else decode_response(frame)
    except DecodeError:
        return Passing(to_relay, connection, "", 0, None, frame)
    return Passing(to_relay, connection, read.name, read.request_id, read.body, frame)


def _meddled(meddler: Meddler, step: Step, passing: Passing) -> Sequence[Step]:
    if not isinstance(step, Deliver):
        return [step]
    seen = passing
    if step.frame != passing.frame:
        seen = _decoded(step.frame, to_relay=passing.to_relay, connection=passing.connection)
    made = meddler(seen)
    return [step] if made is None else made
