"""What the operator has changed, as the log tells it: what was done and by which way, and never to whom."""

from __future__ import annotations

from typing import Final

from tacit.log import EventLog

SOCKET: Final = "socket"
"""A running relay was asked, which writes it into its own log."""

DIRECT: Final = "direct"
"""A command did it on the files, and writes it into the log of the command."""


def note(what: str, way: str) -> None:
    """Record that something was done."""
    EventLog("relay").info("operator-did", kind=what, way=way)
