"""Frames that have come on one link and wait to be received: as many as somebody may have lie here, a stranger fewer.

Where it is full nothing more is parsed, and soon nothing more is read. Frames that nobody wants any more, because the
link is about to end, are dropped and counted: who does not stop then is not waited for.
"""

from __future__ import annotations

from typing import Final, Protocol

from tacit.net.bounds import Bounds

HELD_FRAMES: Final = 256
HELD_BYTES: Final = 256 * 1024
"""Of a member; one frame may be larger."""

STRANGERS_FRAMES: Final = 16
"""Of a stranger, who is served a few a second; what lies here was work for everybody, all at once."""

MAX_UNWANTED: Final = 1_024
"""Frames of a member on the way to its goodbye: what it had asked by then."""

STRANGERS_UNWANTED: Final = 256
"""The same of a stranger."""

MAX_UNWANTED_BYTES: Final = 8 * 1024 * 1024
"""Of anybody: as much as may be worked on at one time."""


class Held:
    """What waits on one link, in order; what is parsed goes in at one end."""

    __slots__ = (
        "_bytes",
        "_dropped",
        "_dropped_bytes",
        "_member_from",
        "_wanted",
        "frames",
        "is_too_much",
        "of_member",
    )

    def __init__(self, bounds: Bounds) -> None:
        self._member_from = bounds.max_frame
        self.of_member = bounds.first_max_frame >= bounds.max_frame
        """Whether they come from somebody who is known."""
        self.is_too_much = False
        """Whether more has come behind the last word than an honest peer has under way."""
        self.frames: list[bytes] = []
        self._bytes = 0
        self._wanted = True
        self._dropped = 0
        self._dropped_bytes = 0

    def limit_frames(self, max_bytes: int) -> None:
        """Note how large a frame may be now: as large as any only from a member."""
        self.of_member = max_bytes >= self._member_from

    @property
    def is_full(self) -> bool:
        """Whether frames should be taken before more are parsed."""
        return len(self.frames) >= (HELD_FRAMES if self.of_member else STRANGERS_FRAMES) or self._bytes >= HELD_BYTES

    def add(self, frame: bytes) -> None:
        """Put a frame behind those that wait."""
        if self._wanted:
            self.frames.append(frame)
            self._bytes += len(frame)
        else:
            self._dropped += 1
            self._dropped_bytes += len(frame)
            self.is_too_much = (
                self._dropped > (MAX_UNWANTED if self.of_member else STRANGERS_UNWANTED)
                or self._dropped_bytes > MAX_UNWANTED_BYTES
            )

    def take(self) -> bytes:
        """The first frame that waits."""
        frame = self.frames.pop(0)
        self._bytes -= len(frame)
        return frame

    def take_all(self) -> list[bytes]:
        """All that wait."""
        frames, self.frames, self._bytes = self.frames, [], 0
        return frames

    def drop(self) -> None:
        """Keep no frame from now on."""
        self._wanted = False
        self.take_all()


class Incoming(Protocol):
    """The reading half of a link over a stream: bytes that have come, the frames of them, and what ends the link."""

    @property
    def held(self) -> Held:
        """The frames that wait."""
        ...

    @property
    def last(self) -> object | None:
        """What ends the link once the frames before it have been received."""
        ...

    @property
    def is_held_up(self) -> bool:
        """Whether the other side has to wait until frames are taken."""
        ...

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        ...

    def parse(self) -> None:
        """Make frames of bytes while there is room for them."""
        ...

    def limit_frames(self, max_bytes: int) -> None:
        """Raise the largest frame accepted."""
        ...

    def count_anew(self) -> None:
        """Begin to count anew what may come so often only."""
        ...
