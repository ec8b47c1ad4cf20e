"""When to try again after a lost connection: exponential, capped, and spread out by full jitter.

Full jitter draws the whole wait at random, so that clients which lost a relay together do not come back together.
"""

from __future__ import annotations

from tacit import limits
from tacit.entropy import Entropy

MAX_DOUBLINGS = 32
"""Past this the cap holds anyway; keeps the power small for a client that tries for years."""


def backoff_s(
    attempt: int,
    entropy: Entropy,
    *,
    first_s: float = limits.RECONNECT_FIRST_S,
    max_s: float = limits.RECONNECT_MAX_S,
) -> float:
    """Seconds to wait before try ``attempt`` (0 for the first one after a loss), at least 0 and below the ceiling."""
    return _fraction(entropy) * ceiling_s(attempt, first_s=first_s, max_s=max_s)


def ceiling_s(
    attempt: int, *, first_s: float = limits.RECONNECT_FIRST_S, max_s: float = limits.RECONNECT_MAX_S
) -> float:
    """The longest that ``backoff_s`` waits before try ``attempt``: doubles each time up to ``max_s``."""
    if attempt < 0:
        raise ValueError("attempts count from 0")
    return min(max_s, first_s * 2.0 ** min(attempt, MAX_DOUBLINGS))


def _fraction(entropy: Entropy) -> float:
    """A number of [0, 1) with 53 random bits, which is all that a float holds."""
    return int.from_bytes(entropy(7), "big") % 2**53 / 2**53
