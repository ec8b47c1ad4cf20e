"""One connection's outgoing side: a bounded queue, and the flows that are fed from the store when it is empty.

Answers are always queued; entries only while there is room. A reader that does not drain is left alone with its full
queue, its flows fall back to their cursors, and ``stalled_s`` tells how long nothing has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Final

from tacit import limits
from tacit.net.links import CloseCode, FrameLink
from tacit.relay.hub import Flow, Hub
from tacit.relay.store import Store
from tacit.relay.store.reading import read_many
from tacit.relay.store.rows import Chunk, LogRow
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import encode_entry, encode_response

FEED_FLOWS: Final = 64
FEED_ENTRIES: Final = 128
FEED_BYTES: Final = 1024 * 1024
"""What one visit to the store brings at most, over all flows that lag."""

SEND_BYTES: Final = 64 * 1024
"""What leaves in one write at most; at least one frame."""


class _Listen:
    """A Listen request that is answered once each of its flows has come to where the log ended then."""

    __slots__ = ("answer", "waiting")

    def __init__(self, answer: bytes, waiting: dict[Flow, int]) -> None:
        self.answer = answer
        self.waiting = waiting


class Outgoing:
    """The queue of frames to one peer and the task that sends them."""

    def __init__(
        self, link: FrameLink, store: Store, hub: Hub, report_damage: Callable[[LogRow, list[int]], None]
    ) -> None:
        self._link = link
        self._store = store
        self._hub = hub
        self._report_damage = report_damage
        self._frames: list[bytes] = []
        self._queued_bytes = 0
        self._flows: dict[LogRow, Flow] = {}
        self._lagging: dict[Flow, None] = {}
        self._listens: list[_Listen] = []
        self._work: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._ending: tuple[str, CloseCode] | None = None
        self._gone = False
        self._sent_frames = 0
        self._seen_frames = -1
        self._seen_at_s = 0.0

    @property
    def is_full(self) -> bool:
        """Whether entries should stay in the store, and further requests with the peer, for now."""
        return (
            len(self._frames) >= limits.SEND_QUEUE_FRAMES
            or self._queued_bytes >= limits.SEND_QUEUE_BYTES
            # Of one who does not read, none is answered, and each further one would look through all of them.
            or len(self._listens) >= limits.MAX_REQUESTS_IN_FLIGHT
        )

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for this reader."""
        return self._queued_bytes

    @property
    def is_ending(self) -> bool:
        """Whether the last word has been said."""
        return self._ending is not None

    def push(self, frame: bytes) -> None:
        """Queue one frame; nothing is queued behind the last word."""
        if self._ending is None:
            self._frames.append(frame)
            self._queued_bytes += len(frame)
            _wake(self._work)

    def end(self, last: pb.Closing | pb.Error | None, reason: str, code: CloseCode = CloseCode.NORMAL) -> None:
        """Send what is queued and this last word, then close the link."""
        if last is not None:
            self.push(encode_response(0, last))
        if self._ending is None:
            self._ending = (reason, code)
            _wake(self._work)

    def listen(self, flows: dict[Flow, int], answer: bytes) -> None:
        """Begin flows, in the place of earlier ones of the same logs; answer when each has come to its number."""
        self._listens.append(_Listen(answer, dict(flows)))
        for flow in flows:
            self._begin(flow)
        self._answer_listens()

    def feed(self, flow: Flow) -> None:
        """Read this flow's entries from the store until it has caught up."""
        self._lagging[flow] = None
        _wake(self._work)

    async def drained(self) -> None:
        """Wait until there is room again."""
        while self.is_full and self._ending is None and not self._gone:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    def stalled_s(self, now_s: float) -> float:
        """How long frames have been waiting without one leaving, as far as the calls to this can tell."""
        if self._sent_frames != self._seen_frames or not self._frames:
            self._seen_frames, self._seen_at_s = self._sent_frames, now_s
        return now_s - self._seen_at_s

    async def run(self) -> None:
        """Send until the last word is said.

        Raises ``LinkClosed`` when the link ends before, ``RelayError`` when the store cannot be read.
        """
        try:
            while self._frames or self._ending is None:
                if self._frames:
                    await self._send_some()
                elif self._lagging:
                    await self._feed_lagging()
                else:
                    self._work = asyncio.get_running_loop().create_future()
                    await self._work
            await self._link.close(*self._ending)
        finally:
            self._gone = True
            _wake(self._room)

    def close_flows(self) -> None:
        """End all flows, when the connection is gone."""
        for flow in tuple(self._flows.values()):
            self._close(flow)
        self._listens.clear()

    def _begin(self, flow: Flow) -> None:
        """Begin a flow; who waits for an earlier one of its log waits for this one."""
        earlier = self._flows.get(flow.log)
        if earlier is not None:
            self._close(earlier)
            for unanswered in self._listens:
                if earlier in unanswered.waiting:
                    unanswered.waiting[flow] = unanswered.waiting.pop(earlier)
        self._flows[flow.log] = flow
        self._hub.open(flow)

    async def _send_some(self) -> None:
        """Send the oldest frames; they stay in the queue until they have left, so that a stall can be seen."""
        frames, size_bytes = self._frames.copy(), self._queued_bytes
        if size_bytes > SEND_BYTES:
            frames, size_bytes = _first_frames(frames)
        count = len(frames)
        await self._link.send_many(frames)
        del self._frames[:count]
        self._queued_bytes -= size_bytes
        self._sent_frames += count
        _wake(self._room)

    async def _feed_lagging(self) -> None:
        flows = list(islice(self._lagging, FEED_FLOWS))
        wanted = [(flow.log, flow.device, flow.sent_seq) for flow in flows]
        chunks = await self._store.query(
            partial(read_many, wanted=wanted, max_entries=FEED_ENTRIES, max_bytes=FEED_BYTES)
        )
        for flow, chunk in zip(flows, chunks, strict=False):
            if not flow.closed:
                self._take(flow, chunk)
        self._answer_listens()

    def _take(self, flow: Flow, chunk: Chunk) -> None:
        """Queue what was read for a flow, and let it go live if that was all."""
        for entry in chunk.entries:
            self.push(
                encode_entry(
                    flow.log_id,
                    entry.seq,
                    message_id=entry.message_id,
                    kind=entry.kind,
                    payload=entry.payload,
                    received_at_ms=entry.received_at_ms,
                    own=entry.author == flow.device,
                    damaged=entry.damaged or entry.dropped,
                )
            )
        self._hub.handed += len(chunk.entries)
        damaged = [entry.seq for entry in chunk.entries if entry.damaged]
        if damaged:
            self._report_damage(flow.log, damaged)
        flow.sent_seq = chunk.upto
        del self._lagging[flow]
        if chunk.caught_up and chunk.ended:
            # Whatever was published since: nothing more is this reader's, and the log itself may be gone.
            self._close(flow)
        elif not chunk.caught_up or flow.sent_seq < flow.head_seq:
            self._lagging[flow] = None
        else:
            flow.live = True

    def _answer_listens(self) -> None:
        """Answer each Listen whose flows are all where they should be, or gone."""
        for listen in tuple(self._listens):
            for flow, target in tuple(listen.waiting.items()):
                if flow.closed or flow.sent_seq >= target:
                    del listen.waiting[flow]
            if not listen.waiting:
                self._listens.remove(listen)
                self.push(listen.answer)

    def _close(self, flow: Flow) -> None:
        self._hub.close(flow)
        self._lagging.pop(flow, None)
        if self._flows.get(flow.log) is flow:
            del self._flows[flow.log]


def _first_frames(frames: list[bytes]) -> tuple[list[bytes], int]:
    """The oldest frames, as many as leave at once, and the bytes that they have together."""
    size_bytes = 0
    for count, frame in enumerate(frames):
        if count and size_bytes + len(frame) > SEND_BYTES:
            return frames[:count], size_bytes
        size_bytes += len(frame)
    return frames, size_bytes


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
