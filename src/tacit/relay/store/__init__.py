"""What a relay keeps, in one SQLite file or in memory: the only place of the relay with SQL.

``Store`` owns the file and its two threads. The other modules hold plain functions of a connection: *changes*, which
run on the writer thread in a transaction shared with whatever else waits, and *queries*, which run beside it. A change
that refuses (``RelayError``) leaves no trace. The functions know no sockets, no frames and no clock.
"""

from __future__ import annotations

from tacit.relay.store.store import Store

__all__ = ["Store"]
