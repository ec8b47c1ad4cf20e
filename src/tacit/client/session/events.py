"""What happens in a session, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

EndCode: TypeAlias = Literal["goodbye", "left", "quiet", "relay-lost", "shutting-down", "broken", "third", "closed"]


@dataclass(frozen=True, slots=True)
class GuestCame:
    """Somebody came with the name of the rendezvous; whether they have the words shows in some seconds."""


@dataclass(frozen=True, slots=True)
class GuestFailed:
    """Somebody came with the name of the rendezvous and did not pair; ``left`` more may try."""

    code: str
    """That of the table: ``wrong-words``, ``gone``, ``too-slow`` and so on."""
    left: int


@dataclass(frozen=True, slots=True)
class Paired:
    """The other one is here. Compare the check phrase aloud to know that it is them."""

    check_phrase: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionText:
    """The other one said something. Raw: sanitise before printing."""

    text: str = field(repr=False)
    sent_at_ms: int
    number: int
    """1 for their first text; none is left out."""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The last event: why it is over.

    ``goodbye``: the other one ended it. ``left``: their connection is gone, without a goodbye that could be verified.
    ``quiet``: nobody said anything for too long. ``relay-lost``, ``shutting-down``: the relay. ``broken``, ``third``:
    an attack or a fault, see the errors of these names. ``closed``: ended here.
    """

    code: EndCode
    sentence: str


SessionEvent: TypeAlias = GuestCame | GuestFailed | Paired | SessionText | SessionEnded
