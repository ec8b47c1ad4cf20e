"""Who is listening to what: each new entry goes from memory to the readers who have had all before it.

A *flow* is one log on its way to one connection. A live flow has been handed every entry so far and gets the next one
as it comes; any other is fed from the store by its cursor, so a reader that lags costs no memory and misses nothing.
"""

from __future__ import annotations

from typing import Protocol

from tacit.relay.store.rows import Appended, DeviceRow, LogRow, NewEntry
from tacit.wire.frames import encode_entry


class Outlet(Protocol):
    """Where flows end: one connection's outgoing side."""

    @property
    def is_full(self) -> bool:
        """Whether it takes nothing more from memory for now."""
        ...

    def push(self, frame: bytes) -> None:
        """Queue one frame."""
        ...

    def feed(self, flow: Flow) -> None:
        """Read this flow's entries from the store until it has caught up."""
        ...


class Flow:
    """One log on its way to one connection."""

    __slots__ = ("closed", "device", "head_seq", "live", "log", "log_id", "outlet", "sent_seq")

    def __init__(self, outlet: Outlet, device: DeviceRow, log: LogRow, log_id: bytes, after: int) -> None:
        self.outlet = outlet
        self.device = device
        self.log = log
        self.log_id = log_id
        """What the reader calls the log."""
        self.sent_seq = after
        """Everything up to here is in the connection's hands."""
        self.head_seq = 0
        """The last entry that was published while the flow was not live."""
        self.live = False
        self.closed = False


class Hub:
    """All flows of the relay; used from the event loop only."""

    def __init__(self) -> None:
        self._flows: dict[LogRow, list[Flow]] = {}
        self.handed = 0
        """Entries that were handed to connections, from memory or from the store."""

    def open(self, flow: Flow) -> None:
        """Begin a flow, from the store at first: what was published before this call is there."""
        self._flows.setdefault(flow.log, []).append(flow)
        flow.outlet.feed(flow)

    def close(self, flow: Flow) -> None:
        """End a flow."""
        if flow.closed:
            return
        flow.closed = True
        flows = self._flows[flow.log]
        flows.remove(flow)
        if not flows:
            del self._flows[flow.log]

    def publish(self, entry: NewEntry, appended: Appended) -> None:
        """Hand a new entry, which is on the disk, to everyone who listens to its log."""
        flows = self._flows.get(appended.log)
        if not flows:
            return
        frames: dict[tuple[bytes, bool], bytes] = {}
        for flow in tuple(flows):
            # An entry that comes before this one may be on the disk and not have been published yet.
            if not flow.live or flow.outlet.is_full or appended.seq > flow.sent_seq + 1:
                flow.live = False
                flow.head_seq = max(flow.head_seq, appended.seq)
                flow.outlet.feed(flow)
                continue
            if appended.seq > flow.sent_seq:
                flow.sent_seq = appended.seq
                flow.outlet.push(_frame(frames, flow, entry, appended.seq))
                self.handed += 1
            if flow.device in appended.removed:
                self.close(flow)


def _frame(frames: dict[tuple[bytes, bool], bytes], flow: Flow, entry: NewEntry, seq: int) -> bytes:
    """The frame for one reader; all readers but the author share the same bytes."""
    own = flow.device == entry.author
    frame = frames.get((flow.log_id, own))
    if frame is None:
        frame = frames[flow.log_id, own] = encode_entry(
            flow.log_id,
            seq,
            message_id=entry.message_id,
            kind=entry.kind,
            payload=entry.payload,
            received_at_ms=entry.received_at_ms,
            own=own,
        )
    return frame
