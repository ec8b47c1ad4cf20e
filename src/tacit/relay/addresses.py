"""What one address may do: so many connections, and so many requests before login. In memory only, never told.

An IPv4 address counts by itself, an IPv6 one by its network of 64 bits, which is what one household gets. Addresses
that have done nothing for long are forgotten, and of those that nobody is connected from only so many are remembered,
so the table is no way to fill the memory. No address may reach a log, a metric or the disk.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from tacit import limits
from tacit.clock import Clock
from tacit.net.origins import Network, is_among, read_address
from tacit.relay.rates import RATES_OF_ADDRESS, Buckets
from tacit.wire.errors import RateLimited

CONNECTION: Final = "connection"
NEW_ACCOUNT: Final = "new account"
"""What is counted besides requests."""

LOOKED_AT: Final = 1_000
"""Addresses that one call of ``forget`` looks at; all of them at once held the event loop for 40 ms."""


class _Known:
    """What is remembered of one address."""

    __slots__ = ("buckets", "connections")

    def __init__(self) -> None:
        self.connections = 0
        self.buckets = Buckets(RATES_OF_ADDRESS)


class Addresses:
    """All addresses that the relay has seen lately; a ``Door`` for its listener."""

    def __init__(self, clock: Clock, exempt: Iterable[Network] = ()) -> None:
        """Nothing is counted for ``exempt`` addresses, nor where none is known."""
        self._clock = clock
        self._exempt = tuple(exempt)
        self._busy: dict[bytes, _Known] = {}
        self._idle: dict[bytes, _Known] = {}
        """Without a connection, the one that was used last at the end."""
        self._to_look_at: list[bytes] = []
        """Those whom ``forget`` has yet to look at in this round."""
        self.turned_away = 0
        """Connections that were not let in, from wherever; the one thing here that is told, as a figure."""

    def __len__(self) -> int:
        return len(self._busy) + len(self._idle)

    def enter(self, address: str) -> bool:
        """Count a connection; false where there are too many, or too many in too short a time."""
        key = self._key(address)
        if key is None:
            return True
        known = self._find(key)
        if known.connections >= limits.MAX_CONNECTIONS_PER_ADDRESS:
            self.turned_away += 1
            return False
        try:
            known.buckets.take(CONNECTION, self._clock.monotonic_s())
        except RateLimited:
            self.turned_away += 1
            return False
        known.connections += 1
        self._idle.pop(key, None)
        self._busy[key] = known
        return True

    def leave(self, address: str) -> None:
        """Note the end of a connection that was let in."""
        key = self._key(address)
        if key is None:
            return
        known = self._busy[key]
        known.connections -= 1
        if not known.connections:
            del self._busy[key]
            self._remember(key, known)

    def counted_as(self, address: str) -> bytes | None:
        """What else is counted by address is counted under this; nothing where it is not counted."""
        return self._key(address)

    def take(self, address: str, what: str) -> None:
        """Count one thing that a stranger asks for. Raises ``RateLimited``."""
        key = self._key(address)
        if key is not None and what in RATES_OF_ADDRESS:
            self._find(key).buckets.take(what, self._clock.monotonic_s())

    def spend(self, address: str, what: str, tokens: float) -> float:
        """Count what a stranger does that is not refused; returns for how many seconds it should wait."""
        key = self._key(address)
        return 0.0 if key is None else self._find(key).buckets.spend(what, self._clock.monotonic_s(), tokens)

    def forget(self) -> None:
        """Forget addresses of which nothing is left to remember; one call looks at some, the next at those after."""
        now_s = self._clock.monotonic_s()
        self._to_look_at = self._to_look_at or list(self._idle)
        some, self._to_look_at = self._to_look_at[:LOOKED_AT], self._to_look_at[LOOKED_AT:]
        for key in some:
            known = self._idle.get(key)
            if known is not None and known.buckets.is_full(now_s):
                del self._idle[key]

    def _find(self, key: bytes) -> _Known:
        known = self._busy.get(key)
        if known is None:
            known = self._idle.pop(key, None) or _Known()
            self._remember(key, known)
        return known

    def _remember(self, key: bytes, known: _Known) -> None:
        self._idle[key] = known
        if len(self._idle) > limits.MAX_ADDRESSES:
            del self._idle[next(iter(self._idle))]

    def _key(self, address: str) -> bytes | None:
        """What an address is counted as; nothing where it is not counted."""
        found = read_address(address)
        if found is None or is_among(found, self._exempt):
            return None
        return found.packed if isinstance(found, ipaddress.IPv4Address) else found.packed[:8]
