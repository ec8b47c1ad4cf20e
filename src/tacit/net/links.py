"""A link: a two-way, ordered, reliable stream of whole frames, whatever carries them.

Everything above ``net`` talks to this protocol and cannot tell WebSocket from memory. A frame is opaque bytes; who the
other side is, and what it may say, is decided above.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol


class CloseCode(IntEnum):
    """Why a link ended, in the numbers of WebSocket on every transport. Source: RFC 6455 §7.4.1."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    ABNORMAL = 1006
    POLICY_VIOLATION = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013


class Target(Protocol):
    """Where a relay is; a relay link of ``tacit.identity`` is one."""

    @property
    def host(self) -> str:
        """Name or IP address, without brackets."""
        ...

    @property
    def port(self) -> int:
        """TCP port, 1 to 65535."""
        ...

    @property
    def scheme(self) -> str:
        """The transport: ``ws``, ``grpc`` or ``tcp``, each over TLS."""
        ...


class FrameLink(Protocol):
    """One connection that carries frames.

    Many tasks may send at once, each frame stays whole and leaves in the order of the calls; one task at a time may
    receive. A cancelled ``receive`` loses no frame; a cancelled ``send`` may have handed its frame over, but never a
    part of it. Both leave the link open. Pings are answered while somebody receives, so somebody always should.
    """

    @property
    def transport(self) -> str:
        """What carries the frames: ``ws``, ``grpc``, ``tcp`` or ``memory``."""
        ...

    @property
    def peer_certificate_hash(self) -> bytes:
        """SHA-256 of the DER certificate that the other side showed, 32 bytes; empty where there is none."""
        ...

    @property
    def own_certificate_hash(self) -> bytes:
        """SHA-256 of the DER certificate that this side showed, 32 bytes; empty where it showed none."""
        ...

    @property
    def peer_address(self) -> str:
        """Where the other side comes from, for limits only, never to be kept or told; empty where that is unknown."""
        ...

    @property
    def is_gone(self) -> bool:
        """Whether the connection is known to be over; frames that came before may still be there."""
        ...

    async def send(self, frame: bytes) -> None:
        """Hand one frame over, waiting while the other side reads too slowly.

        Raises ``LinkClosed`` when the link has ended or the wait took longer than ``SLOW_READER_TIMEOUT_S``.
        """
        ...

    async def send_many(self, frames: Sequence[bytes]) -> None:
        """Hand frames over together, for less than one by one; else as ``send``."""
        ...

    async def receive(self) -> bytes:
        """Wait for the next frame.

        Frames sent before the other side closed still arrive; after them, and from then on, this raises ``LinkClosed``.
        A frame above the limit ends the link with ``CloseCode.TOO_BIG`` before it is held in memory.
        """
        ...

    async def receive_many(self) -> Sequence[bytes]:
        """Wait for the next frame and take along those that have come with it; else as ``receive``."""
        ...

    def limit_frames(self, max_bytes: int) -> None:
        """Set the largest frame accepted from the other side, from the next one on.

        A listener's links begin at the limit for strangers and are raised after login.
        """
        ...

    async def close(self, reason: str = "", code: int = CloseCode.NORMAL) -> None:
        """Say goodbye and end the link; does nothing when it has already ended. ``reason`` is at most 123 bytes."""
        ...

    def abort(self) -> None:
        """End the link at once and without a word; frames on their way may be lost."""
        ...
