"""What every delivery is, how it fails, and how it is tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from tacit.clock import Clock
from tacit.entropy import Entropy
from tacit.errors import TransportError
from tacit.net.backoff import backoff_s

TRIES: Final = 4
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 15.0
"""A code that comes after minutes is one that was asked for again."""

TIMEOUT_S: Final = 20.0
"""Of one try."""


class NotDelivered(TransportError):
    """The message did not leave the relay."""

    code = "not-delivered"


class Undeliverable(NotDelivered):
    """The gateway works, but it does not take messages to that number."""

    code = "undeliverable"


class Again(TransportError):
    """This try came to nothing, and another one may not."""

    code = "again"


class Delivery(Protocol):
    """One way to a phone."""

    async def deliver(self, number: str, text: str) -> None:
        """Send a text to a number in E.164. Raises ``NotDelivered``, or ``Undeliverable`` for a bad number alone."""
        ...


async def trying(once: Callable[[], Awaitable[None]], clock: Clock, entropy: Entropy) -> None:
    """Try until it does not raise ``Again``, with growing pauses. Raises ``NotDelivered``."""
    for attempt in range(TRIES):
        try:
            return await once()
        except Again as error:
            if attempt == TRIES - 1:
                raise NotDelivered(error.detail) from None
        await clock.sleep(backoff_s(attempt, entropy, first_s=FIRST_PAUSE_S, max_s=LONGEST_PAUSE_S))
    return None
