"""What a relay keeps, in one SQLite file or in memory: the only place of the relay with SQL.

``Store`` owns the file and its two threads. The other modules hold plain functions of a connection: *changes*, which
run on the writer thread in a transaction shared with whatever else waits, and *queries*, which run beside it. A change
that refuses (``RelayError``) leaves no trace. The functions know no sockets, no frames and no clock.
"""

from __future__ import annotations

import sqlite3
from typing import TypeAlias

from tacit.relay.store.store import Store

Tables: TypeAlias = sqlite3.Connection
"""What a change or a query gets and hands to the functions here; nobody else looks into it. See ADR 33."""

__all__ = ["Store", "Tables"]
