"""Rendezvous: two connections without an account meet under a name, say a few things to each other, and are forgotten.

Everything is in memory, and nothing here knows what is said. Names are random and have nothing to do with anybody's
secret; they rest for an hour after use. What strangers can take is bounded: how many wait, in all and from one address,
how often one address may open or try a name, how fast two may talk, how long they may stay, how much waits in memory.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final

from tacit import limits
from tacit.clock import Clock
from tacit.entropy import Entropy
from tacit.relay.rates import Bucket, Rate
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import (
    BadRequest,
    NobodyThere,
    NoSuchRendezvous,
    PartedCode,
    RateLimited,
    SessionsOff,
    TooManyRendezvous,
)
from tacit.wire.frames import encode_response

if TYPE_CHECKING:
    from tacit.relay.connection import Connection
    from tacit.relay.context import Context

GUESTS: Final = limits.PAIRING_ATTEMPTS
"""Guests whom a rendezvous sees in its life."""

_NAME_BYTES: Final = 3
_TRIES: Final = 16
"""Draws until a name is found that nobody has; with a hundredth of all names in use the last is never needed."""

_SLOW_RETRY_S: Final = 1.0

_TURN_BYTES: Final = 16 * 1024
"""What is as much work as it is to pass on anything at all."""

_SLOW: Final = "slow-reader"
"""Why somebody is cut off who holds too much, in the operator's figures."""

_ROOM_MADE: Final = 0.75
"""How much of what may wait is left when some had to go; so that not every message has to look for more."""


class Rendezvous:
    """One place to meet: who waits there, who has come, and for how long."""

    __slots__ = ("expires_s", "guest", "guests_left", "heard_s", "host", "name", "origin")

    def __init__(self, name: str, host: Connection, origin: bytes | None, now_s: float) -> None:
        self.name = name
        self.host = host
        self.origin = origin
        """What the host's address is counted as."""
        self.guest: Connection | None = None
        self.guests_left = GUESTS
        self.expires_s = now_s + limits.RENDEZVOUS_S
        self.heard_s = now_s

    def other(self, connection: Connection) -> Connection | None:
        """Who sits opposite."""
        return self.guest if connection is self.host else self.host

    def may_be_joined(self, now_s: float) -> bool:
        """Whether somebody waits here for somebody."""
        return self.guest is None and self.guests_left > 0 and now_s < self.expires_s


class Meetings:
    """Every rendezvous of a relay."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self._places: dict[str, Rendezvous] = {}
        self._origins: Counter[bytes] = Counter()
        self._resting: OrderedDict[str, float] = OrderedDict()
        """Names that were used, and until when they are not to be used again; the oldest first."""
        self._passing_bytes = 0
        """At least what waits for all sides: what leaves is only seen when this comes to the most that may."""
        self._pace = Bucket(Rate(*limits.RATE_PASSED_OF_ALL), clock.monotonic_s())

    def __len__(self) -> int:
        return len(self._places)

    def open(self, host: Connection, origin: bytes | None) -> Rendezvous:
        """Make a rendezvous of a fresh name; raises ``TooManyRendezvous``."""
        if len(self._places) >= limits.MAX_RENDEZVOUS:
            raise TooManyRendezvous
        if origin is not None and self._origins[origin] >= limits.MAX_RENDEZVOUS_PER_ADDRESS:
            raise TooManyRendezvous
        place = Rendezvous(self._fresh_name(), host, origin, self._clock.monotonic_s())
        self._places[place.name] = place
        if origin is not None:
            self._origins[origin] += 1
        host.seat(place)
        return place

    def join(self, guest: Connection, name: str) -> None:
        """Go where somebody waits; raises ``NoSuchRendezvous``, whatever is the matter with that name."""
        now_s = self._clock.monotonic_s()
        place = self._places.get(name)
        if place is None or not place.may_be_joined(now_s):
            raise NoSuchRendezvous
        place.guest = guest
        place.guests_left -= 1
        place.heard_s = now_s
        guest.seat(place)
        place.host.outgoing.push(encode_response(0, pb.Met()))

    def turn_in_s(self, payload: bytes) -> float:
        """When it is the turn of what somebody has to say, behind all that others have."""
        return self._pace.spend(self._clock.monotonic_s(), 1.0 + len(payload) / _TURN_BYTES)

    def pass_on(self, place: Rendezvous, sender: Connection, payload: bytes) -> None:
        """Hand something to who sits opposite; raises ``NobodyThere``, and ``RateLimited`` while that one is slow."""
        other = place.other(sender)
        if other is None:
            raise NobodyThere
        if other.outgoing.queued_bytes + len(payload) > limits.MAX_PASSING_BYTES:
            raise RateLimited(retry_after_s=_SLOW_RETRY_S)
        place.heard_s = self._clock.monotonic_s()
        passage = encode_response(0, pb.Passage(payload=payload))
        other.outgoing.push(passage)
        self._passing_bytes += len(passage)
        if self._passing_bytes > limits.MAX_PASSING_BYTES_OF_ALL:
            self._make_room()

    def dismiss(self, place: Rendezvous, *, close: bool) -> None:
        """Send the guest away; the host waits for another, unless it closes or none may come any more."""
        if place.guest is not None:
            self._send_away(place.guest, PartedCode.DISMISSED)
            place.guest = None
        if close:
            self._forget(place)
        else:
            # After the answer, behind which nothing more is said.
            asyncio.get_running_loop().call_soon(self._close_if_over, place)

    def leave(self, place: Rendezvous, connection: Connection) -> None:
        """Note that a connection has ended, and tell who sat opposite."""
        if self._places.get(place.name) is not place:
            return
        if connection is place.guest:
            place.guest = None
            place.host.outgoing.push(encode_response(0, pb.Parted(code=PartedCode.LEFT)))
            self._close_if_over(place)
        elif connection is place.host:
            self._close(place, PartedCode.LEFT)

    def sweep(self) -> None:
        """End what has waited or been quiet for too long, and let names be used again."""
        now_s = self._clock.monotonic_s()
        for place in tuple(self._places.values()):
            if place.guest is None:
                self._close_if_over(place)
            elif now_s - place.heard_s >= limits.RENDEZVOUS_QUIET_S:
                self._close(place, PartedCode.QUIET)
        while self._resting and next(iter(self._resting.values())) <= now_s:
            self._resting.popitem(last=False)

    def _make_room(self) -> None:
        """See what waits for everybody, and cut off those for whom most does where it is too much."""
        held = [
            (side.outgoing.queued_bytes, side, place)
            for place in self._places.values()
            for side in (place.host, place.guest)
            if side is not None and side.outgoing.queued_bytes
        ]
        self._passing_bytes = sum(bytes_held for bytes_held, _, _ in held)
        if self._passing_bytes <= limits.MAX_PASSING_BYTES_OF_ALL:
            return
        for bytes_held, side, place in sorted(held, key=lambda one: one[0], reverse=True):
            if self._passing_bytes <= limits.MAX_PASSING_BYTES_OF_ALL * _ROOM_MADE:
                return
            self.leave(place, side)
            side.unseat()
            side.cut_off(_SLOW)
            self._passing_bytes -= bytes_held

    def _close_if_over(self, place: Rendezvous) -> None:
        if place.guest is not None or self._places.get(place.name) is not place:
            return
        if not place.guests_left:
            self._close(place, PartedCode.USED_UP)
        elif self._clock.monotonic_s() >= place.expires_s:
            self._close(place, PartedCode.EXPIRED)

    def _close(self, place: Rendezvous, code: str) -> None:
        for side in (place.host, place.guest):
            if side is not None:
                self._send_away(side, code)
        self._forget(place)

    def _send_away(self, side: Connection, code: str) -> None:
        """The last word; a connection serves for one rendezvous."""
        side.unseat()
        side.outgoing.push(encode_response(0, pb.Parted(code=code)))
        side.end(None)

    def _forget(self, place: Rendezvous) -> None:
        del self._places[place.name]
        if place.origin is not None:
            self._origins[place.origin] -= 1
            if not self._origins[place.origin]:
                del self._origins[place.origin]
        self._resting[place.name] = self._clock.monotonic_s() + limits.RENDEZVOUS_NAME_REST_S
        if len(self._resting) > limits.RENDEZVOUS_NAMES_KEPT:
            self._resting.popitem(last=False)

    def _fresh_name(self) -> str:
        for _ in range(_TRIES):
            name = self._entropy(_NAME_BYTES).hex().upper()
            if name not in self._places and name not in self._resting:
                return name
        raise TooManyRendezvous


def open_rendezvous(context: Context, connection: Connection, origin: str) -> pb.RendezvousOpened:
    """Wait under a fresh name for somebody. Raises ``SessionsOff``, ``TooManyRendezvous``."""
    _check_free(context, connection)
    place = context.meetings.open(connection, context.addresses.counted_as(origin))
    context.metrics.rendezvous_opened += 1
    return pb.RendezvousOpened(name=place.name, expires_in_s=limits.RENDEZVOUS_S)


def join_rendezvous(context: Context, connection: Connection, body: pb.JoinRendezvous) -> pb.RendezvousJoined:
    """Go where somebody waits. Raises ``SessionsOff``, ``NoSuchRendezvous``."""
    _check_free(context, connection)
    context.meetings.join(connection, body.name)
    context.metrics.rendezvous_met += 1
    return pb.RendezvousJoined()


def pass_on(context: Context, connection: Connection, body: pb.PassOn) -> pb.Passed:
    """Hand something to the other side. Raises ``NobodyThere``, ``RateLimited``."""
    if connection.place is None:
        raise NobodyThere
    context.meetings.pass_on(connection.place, connection, body.payload)
    return pb.Passed()


def dismiss(context: Context, connection: Connection, body: pb.Dismiss) -> pb.Dismissed:
    """Send the guest away, or close; for who opened the rendezvous. Raises ``BadRequest``."""
    place = connection.place
    if place is None or place.host is not connection:
        raise BadRequest("nothing to dismiss anybody from")
    context.meetings.dismiss(place, close=body.close)
    if body.close:
        connection.unseat()  # it is a stranger again, whose time is over
    return pb.Dismissed()


def _check_free(context: Context, connection: Connection) -> None:
    """A connection goes to one rendezvous, and nowhere else."""
    if not context.config.sessions:
        raise SessionsOff
    if connection.was_seated:
        raise BadRequest("the connection has been at a rendezvous")
