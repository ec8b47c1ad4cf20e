"""What a listener bears of those who connect, in one value that goes from whoever opens it to every link."""

from __future__ import annotations

from dataclasses import dataclass

from tacit import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Sizes in bytes, times in seconds."""

    max_frame: int = limits.MAX_FRAME_BYTES
    """The largest frame, in either direction."""
    first_max_frame: int = limits.MAX_LOGIN_FRAME_BYTES
    """The largest frame that is taken until ``limit_frames`` raises that."""
    handshake_timeout_s: float = limits.HANDSHAKE_TIMEOUT_S
    """From TCP's handshake to a link."""
    idle_timeout_s: float = limits.IDLE_TIMEOUT_S
    """Without a byte of the other side, which is asked before that."""
    slow_reader_s: float = limits.SLOW_READER_TIMEOUT_S
    """How long a frame may wait for the other side to read."""


USUAL = Bounds()
