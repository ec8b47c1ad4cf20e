"""One connection to the relay after the door: requests with answers, and entries as they come.

Knows frames, not what is in a payload. Writing never waits: frames go out in the order of the calls by a task of their
own, and a relay that leaves a request unanswered for too long is cut off. What has ended stays ended; making another is
the business of ``uplink``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NoReturn, TypeAlias, TypeVar

from tacit import limits
from tacit.client.errors import RelayStopping, RequestTimeout, UnexpectedAnswer
from tacit.clock import Clock
from tacit.errors import DecodeError, RelayError, TransportError
from tacit.net import FrameLink, LinkClosed
from tacit.net.links import CloseCode
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import AccountDeleted, AccountSuspended, DeviceRevoked, refusal
from tacit.wire.errors import Closed as ClosedCode
from tacit.wire.frames import Frame, RequestBody, ResponseBody, decode_response, encode_request
from tacit.wire.operations import ID_BYTES

Pushed: TypeAlias = pb.Entry | pb.Listening
"""What has its place in the stream: entries, and the word that all earlier ones have been sent."""

Answer = TypeVar("Answer")

PUSHES_WAITING: Final = 2_048
"""Entries read ahead of processing; past that the connection is not read, and the relay waits."""

MAX_SEQ: Final = 2**53
"""No log gets that long; a larger number fits no column and means that the relay is broken."""


class Replaced(TransportError):
    """This device has logged in at the relay from somewhere else."""

    code = "replaced"
    hint = "A profile must run in one place only: was it copied? Close the other one, or make a new profile."


class Connection:
    """A connection that has logged in. ``run`` carries it; ``request`` and ``begin`` write."""

    def __init__(self, link: FrameLink, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._last_id = 0
        self._waiting: dict[int, tuple[float, asyncio.Future[ResponseBody]]] = {}
        self._outgoing: deque[bytes] = deque()
        self._written = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._asked = asyncio.Event()
        self._ended = False
        self._closing: pb.Closing | None = None
        self._pushes: asyncio.Queue[Pushed] = asyncio.Queue(PUSHES_WAITING)
        self.on_push: Callable[[], None] = _nothing
        """Called whenever there is something to take."""

    def begin(self, body: RequestBody, *, patience_s: float = 0.0) -> asyncio.Future[ResponseBody]:
        """Send a request; the future brings the answer, a ``RelayError`` or the end of the connection.

        The relay may take ``patience_s`` longer over it than over others.

        Never waits. Requests leave in the order of the calls. Raises ``LinkClosed`` when the connection has ended.
        """
        if self._ended:
            raise LinkClosed(CloseCode.ABNORMAL)
        self._last_id += 1
        future: asyncio.Future[ResponseBody] = asyncio.get_running_loop().create_future()
        self._waiting[self._last_id] = (self._clock.monotonic_s() + patience_s, future)
        self._outgoing.append(encode_request(self._last_id, body))
        self._idle.clear()
        self._written.set()
        self._asked.set()
        return future

    async def request(self, body: RequestBody, answer: type[Answer], *, patience_s: float = 0.0) -> Answer:
        """Make a request and wait for its answer; raises ``RelayError``, ``TransportError``."""
        response = await self.begin(body, patience_s=patience_s)
        if not isinstance(response, answer):
            raise UnexpectedAnswer
        return response

    async def run(self) -> NoReturn:
        """Read and write until the connection ends, then raise why."""
        tasks = (asyncio.create_task(self._write()), asyncio.create_task(self._watch()))
        try:
            while True:
                await self._take(decode_response(await self._link.receive()))
        except DecodeError as error:
            raise UnexpectedAnswer from error
        except LinkClosed as error:
            raise self._why(error) from None
        finally:
            self._end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def take_pushes(self, most: int) -> list[Pushed]:
        """What has been pushed and not taken yet, oldest first."""
        taken = [self._pushes.get_nowait() for _ in range(min(most, self._pushes.qsize()))]
        if not self._pushes.empty():
            self.on_push()
        return taken

    async def flush(self) -> None:
        """Wait until everything that was begun has been handed to the link, or the connection has ended."""
        await self._idle.wait()

    def abort(self) -> None:
        """Cut the connection."""
        self._link.abort()

    async def close(self) -> None:
        """Say goodbye."""
        self._end()
        await self._link.close()

    async def _write(self) -> None:
        try:
            while True:
                while self._outgoing:
                    await self._link.send(self._outgoing.popleft())
                self._idle.set()
                self._written.clear()
                await self._written.wait()
        except TransportError:
            self._link.abort()  # the reader sees the end of the link and says why

    async def _take(self, frame: Frame[ResponseBody]) -> None:
        body = frame.body
        if isinstance(body, pb.Entry):
            check_entry(body)
            await self._push(body)
        elif isinstance(body, pb.Closing):
            self._closing = body
        elif body is not None:
            if isinstance(body, pb.Listening):
                check_listening(body)
                await self._push(body)
            self._answer(frame.request_id, body)

    async def _push(self, body: Pushed) -> None:
        if self._pushes.full():
            self.on_push()
        await self._pushes.put(body)
        self.on_push()

    def _answer(self, request_id: int, body: ResponseBody) -> None:
        _, future = self._waiting.pop(request_id, (0.0, None))
        if future is None or future.done():
            return
        if isinstance(body, pb.Error):
            future.set_exception(read_refusal(body))
            future.exception()  # whoever began it may not be looking any more
        else:
            future.set_result(body)

    async def _watch(self) -> None:
        """Cut a connection that leaves requests unanswered."""
        while True:
            await self._asked.wait()
            await self._clock.sleep(limits.REQUEST_TIMEOUT_S / 3)
            if not self._waiting:
                self._asked.clear()
                continue
            oldest = min(begun for begun, _ in self._waiting.values())
            if self._clock.monotonic_s() - oldest > limits.REQUEST_TIMEOUT_S:
                self._closing = pb.Closing(code=RequestTimeout.code)
                self._link.abort()

    def _why(self, error: LinkClosed) -> TransportError | RelayError:
        closing = self._closing or pb.Closing()
        match closing.code:
            case RequestTimeout.code:
                return RequestTimeout()
            case ClosedCode.REPLACED:
                return Replaced()
            case ClosedCode.REVOKED:
                return DeviceRevoked()
            case ClosedCode.SUSPENDED:
                return AccountSuspended()
            case ClosedCode.DELETED:
                return AccountDeleted()
        ended = RelayStopping() if closing.code == ClosedCode.SHUTTING_DOWN else error
        if closing.reconnect_after_s:
            ended.retry_after_s = float(closing.reconnect_after_s)
        return ended

    def _end(self) -> None:
        """Nothing more is sent, and nobody needs to wait for an answer."""
        self._ended = True
        self._outgoing.clear()
        self._idle.set()
        waiting, self._waiting = self._waiting, {}
        for _, future in waiting.values():
            if not future.done():
                future.set_exception(LinkClosed(CloseCode.ABNORMAL))
                future.exception()


def read_refusal(error: pb.Error) -> RelayError:
    """The exception that an Error stands for."""
    last_commit_seq = min(error.last_commit_seq, MAX_SEQ)
    return refusal(error.code, retry_after_s=error.retry_after_s, last_commit_seq=last_commit_seq)


def check_entry(entry: pb.Entry) -> None:
    """Raise ``DecodeError`` for an entry that no honest relay sends and no store takes."""
    has_id = len(entry.message_id) == ID_BYTES or (entry.damaged and not entry.message_id)
    if len(entry.log_id) != ID_BYTES or not has_id or not 0 < entry.seq < MAX_SEQ:
        raise DecodeError("entry")


def check_listening(listening: pb.Listening) -> None:
    """Raise ``DecodeError`` for places in a log that cannot be."""
    for told in listening.logs:
        places = (told.first_seq, told.last_seq, told.last_commit_seq, told.own_last_seq)
        in_order = told.first_seq <= told.last_seq + 1 and max(told.last_commit_seq, told.own_last_seq) <= told.last_seq
        if max(places) >= MAX_SEQ or (told.readable and not (told.first_seq and in_order)):
            raise DecodeError("state of a log")


def _nothing() -> None:
    """Nobody listens yet."""
