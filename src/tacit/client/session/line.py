"""A connection without an account: from the relay's Hello, which has to prove itself, to the last word.

One request after the other, and what the relay pushes in its order. Knows frames, not what is in a payload.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final, TypeAlias, TypeVar

from tacit import limits
from tacit.client.connection import read_refusal
from tacit.client.errors import RelayStopping, RequestTimeout, UnexpectedAnswer
from tacit.client.handshake import Connect, SlowHandshake, first_frame
from tacit.errors import DecodeError, RelayError, TacitError, TransportError
from tacit.identity import RelayLink
from tacit.net import FrameLink, LinkClosed
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import Closed, refusal
from tacit.wire.frames import RequestBody, decode_response, encode_request
from tacit.wire.operations import choose_protocol
from tacit.wire.signing import NameToVerify, verify_hello

Pushed: TypeAlias = pb.Met | pb.Passage | pb.Parted
Answer = TypeVar("Answer")

PUSHES_AHEAD: Final = 256
"""Pushes that are read before they are taken; past that the relay waits."""

LARGEST_FRAME_BYTES: Final = limits.MAX_MESSAGE_BYTES + 1024
"""A message and its envelope. Of the frames that a relay may send otherwise, so many ahead would fill a gigabyte."""


class Line:
    """One side's connection to a rendezvous."""

    def __init__(self, link: FrameLink, relay_key: bytes) -> None:
        self.relay_key = relay_key
        self._link = link
        self._last_id = 0
        self._answer: tuple[int, asyncio.Future[object]] | None = None
        self._asking = asyncio.Lock()
        self._pushes: deque[Pushed] = deque()
        self._moved = asyncio.Event()
        self._taken = asyncio.Event()
        self._why: TacitError | None = None
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def to(cls, relay: RelayLink, connect: Connect) -> Line:
        """Reach a relay and check that it is the one that the link names.

        Raises ``PinMismatch`` when it is another, ``RelayError`` when it refuses, ``TransportError`` otherwise.
        """
        try:
            return await _enter(relay, connect, verify_name=False)
        except NameToVerify:
            return await _enter(relay, connect, verify_name=True)

    async def ask(self, body: RequestBody, answer: type[Answer]) -> Answer:
        """Make a request and wait for what grants it; raises ``RelayError``, ``TransportError``."""
        async with self._asking:
            if self._why is not None:
                raise self._why
            self._last_id += 1
            future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            self._answer = (self._last_id, future)
            try:
                async with asyncio.timeout(limits.REQUEST_TIMEOUT_S):
                    await self._link.send(encode_request(self._last_id, body))
                    response = await future
            except TimeoutError:
                self._end(RequestTimeout())
                raise RequestTimeout from None
            finally:
                self._answer = None
        if not isinstance(response, answer):
            raise UnexpectedAnswer
        return response

    async def pushed(self) -> Pushed:
        """The next thing that is pushed; raises why there will be none."""
        while not self._pushes:
            if self._why is not None:
                raise self._why
            self._moved.clear()
            await self._moved.wait()
        self._taken.set()
        return self._pushes.popleft()

    async def close(self) -> None:
        """Say goodbye to the relay."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._end(LinkClosed(1000))
        with suppress(TransportError):
            await self._link.close()

    async def _read(self) -> None:
        closing: pb.Closing | None = None
        try:
            while True:
                data = await self._link.receive()
                if len(data) > LARGEST_FRAME_BYTES:
                    raise DecodeError(f"frame of {len(data)} bytes")
                frame = decode_response(data)
                if isinstance(frame.body, pb.Closing):
                    closing = frame.body
                elif isinstance(frame.body, pb.Met | pb.Passage | pb.Parted):
                    await self._push(frame.body)
                elif frame.body is not None:
                    self._settle(frame.request_id, frame.body)
        except DecodeError:
            self._link.abort()
            self._end(UnexpectedAnswer())
        except LinkClosed as error:
            self._end(_reason(closing, error))

    async def _push(self, body: Pushed) -> None:
        while len(self._pushes) >= PUSHES_AHEAD:
            self._taken.clear()
            await self._taken.wait()
        self._pushes.append(body)
        self._moved.set()

    def _settle(self, request_id: int, body: object) -> None:
        if self._answer is None or self._answer[0] != request_id or self._answer[1].done():
            return
        if isinstance(body, pb.Error):
            self._answer[1].set_exception(read_refusal(body))
        else:
            self._answer[1].set_result(body)

    def _end(self, why: TacitError) -> None:
        if self._why is None:
            self._why = why
        self._moved.set()
        if self._answer is not None and not self._answer[1].done():
            self._answer[1].set_exception(self._why)


async def _enter(relay: RelayLink, connect: Connect, *, verify_name: bool) -> Line:
    link = await connect(relay, verify_name)
    try:
        async with asyncio.timeout(limits.HANDSHAKE_TIMEOUT_S):
            hello = decode_response(await first_frame(link, relay)).body
        if not isinstance(hello, pb.Hello):
            raise _refused(hello)
        verify_hello(hello, relay.fingerprint, link.peer_certificate_hash, name_verified=verify_name)
        choose_protocol(hello.protocol_min, hello.protocol_max)
    except TimeoutError:
        link.abort()
        raise SlowHandshake from None
    except DecodeError:
        link.abort()
        raise UnexpectedAnswer from None
    except BaseException:
        link.abort()
        raise
    return Line(link, hello.relay_key)


def _refused(answer: object) -> RelayError:
    if isinstance(answer, pb.Error):
        return read_refusal(answer)
    if isinstance(answer, pb.Closing):
        return refusal(answer.code, retry_after_s=answer.reconnect_after_s)
    return UnexpectedAnswer()


def _reason(closing: pb.Closing | None, error: LinkClosed) -> TacitError:
    if closing is None:
        return error
    return RelayStopping() if closing.code == Closed.SHUTTING_DOWN else refusal(closing.code)
