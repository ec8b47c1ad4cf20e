"""Moves opaque frames between machines: over WebSocket, gRPC or TCP, all in TLS 1.3, or in memory. Opens all sockets.

Refuses to know what a frame means, who is logged in and whose key is pinned: it reports the hash of the certificate
it saw, and the layer above compares that with what the relay key signed. Importing the package loads no transport.
"""

from __future__ import annotations

from tacit.net.backoff import backoff_s
from tacit.net.connecting import connect
from tacit.net.errors import (
    BadCertificate,
    CannotListen,
    ConnectionRefused,
    ConnectTimeout,
    FrameTooLarge,
    LinkClosed,
    NameNotFound,
    NameNotVerified,
    NotARelay,
    UnknownTransport,
    Unreachable,
)
from tacit.net.links import CloseCode, FrameLink, Target

__all__ = [
    "BadCertificate",
    "CannotListen",
    "CloseCode",
    "ConnectTimeout",
    "ConnectionRefused",
    "FrameLink",
    "FrameTooLarge",
    "LinkClosed",
    "NameNotFound",
    "NameNotVerified",
    "NotARelay",
    "Target",
    "UnknownTransport",
    "Unreachable",
    "backoff_s",
    "connect",
]
