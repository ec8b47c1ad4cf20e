"""Who is there and listens to what: all that one process of a relay would have to tell another. See ADR 33.

An entry is on the disk before the hub hears of it, and a lost word costs a reader nothing but time.
"""

from __future__ import annotations

from tacit.relay.hub.flows import Flow, Hub, Outlet
from tacit.relay.hub.sessions import Sessions

__all__ = ["Flow", "Hub", "Outlet", "Sessions"]
