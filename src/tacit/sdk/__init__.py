"""The face for programs: ``Client``, the values it returns and the errors it raises. Everything below is private.

    async with tacit.Client.open("default", passphrase=...) as me:
        message = await me.send("@bob", "hi")
        await me.wait_for(message.id, "delivered", timeout_s=60)
        async for event in me.events():
            ...

Every error derives from ``TacitError`` and carries a stable ``code``, a ``sentence`` for people and often a ``hint``.
Importing it loads the values only; the client comes with its first use, so a relay's process never meets it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from tacit.errors import (
    Locked,
    NotFound,
    PeerError,
    RelayError,
    StorageError,
    TacitError,
    TransportError,
    Untrusted,
    UsageError,
)
from tacit.sdk.types import (
    ChatEvent,
    ChatInfo,
    Connection,
    Event,
    MessageEvent,
    MessageInfo,
    NoticeInfo,
    Person,
    ProblemEvent,
    RequestEvent,
    SafetyNumberInfo,
    StateEvent,
    StatusInfo,
)

if TYPE_CHECKING:
    from tacit.client.errors import (
        Ambiguous,
        AwaitsAnswer,
        BadNick,
        ChatEnded,
        Closed,
        FalseAnswer,
        HandleChanged,
        NickTaken,
        NoSuchProfile,
        NotAllowed,
        NotARoom,
        NotSent,
        Offline,
        OtherRelay,
        ProfileExists,
        TextTooLong,
        TimedOut,
    )
    from tacit.sdk.client import Client
    from tacit.sdk.session import Session

__all__ = [
    "Ambiguous",
    "AwaitsAnswer",
    "BadNick",
    "ChatEnded",
    "ChatEvent",
    "ChatInfo",
    "Client",
    "Closed",
    "Connection",
    "Event",
    "FalseAnswer",
    "HandleChanged",
    "Locked",
    "MessageEvent",
    "MessageInfo",
    "NickTaken",
    "NoSuchProfile",
    "NotARoom",
    "NotAllowed",
    "NotFound",
    "NotSent",
    "NoticeInfo",
    "Offline",
    "OtherRelay",
    "PeerError",
    "Person",
    "ProblemEvent",
    "ProfileExists",
    "RelayError",
    "RequestEvent",
    "SafetyNumberInfo",
    "Session",
    "StateEvent",
    "StatusInfo",
    "StorageError",
    "TacitError",
    "TextTooLong",
    "TimedOut",
    "TransportError",
    "Untrusted",
    "UsageError",
]


def __getattr__(name: str) -> object:
    """Load ``Client``, ``Session`` and the client's errors on first use."""
    if name in __all__:
        home = {"Client": "tacit.sdk.client", "Session": "tacit.sdk.session"}.get(name, "tacit.client.errors")
        return getattr(import_module(home), name)
    raise AttributeError(f"module 'tacit.sdk' has no attribute {name!r}")
