"""The face for programs: ``Client``, the values it returns and the errors it raises. Everything below is private.

    async with tacit.Client.open("default", passphrase=...) as me:
        message = await me.send("@bob", "hi")
        await me.wait_for(message.id, "delivered", timeout_s=60)
        async for event in me.events():
            ...

Every error derives from ``TacitError`` and carries a stable ``code``, a ``sentence`` for people and often a ``hint``.
"""

from __future__ import annotations

from tacit.client.errors import (
    Ambiguous,
    AwaitsAnswer,
    ChatEnded,
    Closed,
    FalseAnswer,
    HandleChanged,
    NoSuchProfile,
    NotAllowed,
    NotSent,
    Offline,
    OtherRelay,
    ProfileExists,
    TextTooLong,
    TimedOut,
)
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
from tacit.sdk.client import Client
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

__all__ = [
    "Ambiguous",
    "AwaitsAnswer",
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
    "NoSuchProfile",
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
