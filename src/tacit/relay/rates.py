"""How fast an account, an address or a connection may ask: token buckets that no person and no honest bot empties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from tacit.limits import (
    HOUR_S,
    RATE_APPENDS,
    RATE_CLAIMS,
    RATE_CODES_OF_ADDRESS,
    RATE_CONNECTIONS,
    RATE_ENTRANCES,
    RATE_GUESTS_OF_ADDRESS,
    RATE_INBOX_APPENDS,
    RATE_LOGINS,
    RATE_LOGINS_OF_ADDRESS,
    RATE_LOOKUPS,
    RATE_NEW_ACCOUNTS_OF_ADDRESS,
    RATE_NEW_LOGS,
    RATE_OTP_TRIES_OF_ADDRESS,
    RATE_PASSED,
    RATE_PASSED_OF_ADDRESS,
    RATE_PHONE_LOOKUPS,
    RATE_POSITIONS,
    RATE_PUBLISHED_KEYS,
    RATE_REFUSALS,
    RATE_REGISTRATIONS_OF_ADDRESS,
    RATE_RENDEZVOUS_OF_ADDRESS,
    RATE_REQUESTS,
    RATE_ROOM_INFOS,
    RATE_ROOM_MADE,
)
from tacit.wire.errors import RateLimited


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second for ever, and so many at once after a pause."""

    per_s: float
    burst: float


INBOX_APPEND: Final = "append to an inbox"
"""Counted apart from appends to conversations."""

ROOM_MADE: Final = "append that makes the oldest go"
"""Counted besides, for the work that it is to find them."""

ANY_REQUEST: Final = "any, even one that is refused"
"""Counted besides, of an account only; too many wait instead of being refused."""

REFUSED: Final = "any that is refused"
"""Counted besides, in the same way."""

BY_NUMBER: Final = "lookup by phone number"
"""Counted besides."""

PHONE_CODE: Final = "code sent to a phone"

ROOM_INFO: Final = "bytes that commits in rooms leave at the door"
"""Counted besides."""

RATES: Final[dict[str, Rate]] = {
    "append": Rate(*RATE_APPENDS),
    "bring_back": Rate(*RATE_APPENDS),
    INBOX_APPEND: Rate(*RATE_INBOX_APPENDS),
    ROOM_MADE: Rate(*RATE_ROOM_MADE),
    ROOM_INFO: Rate(*RATE_ROOM_INFOS),
    "recipient_keys": Rate(*RATE_CLAIMS),
    "sender_keys": Rate(*RATE_LOOKUPS),
    ANY_REQUEST: Rate(*RATE_REQUESTS),
    REFUSED: Rate(*RATE_REFUSALS),
    BY_NUMBER: Rate(*RATE_PHONE_LOOKUPS),
    "create_log": Rate(*RATE_NEW_LOGS),
    "publish_keys": Rate(*RATE_PUBLISHED_KEYS),
    "acknowledge": Rate(*RATE_POSITIONS),
    "listen": Rate(*RATE_POSITIONS),
    "enter_room": Rate(*RATE_ENTRANCES),
    "revoke_device": Rate(*RATE_LOOKUPS),
    "login": Rate(*RATE_LOGINS),
    "register": Rate(*RATE_LOGINS),
    "submit_otp": Rate(*RATE_LOGINS),
    "open_rendezvous": Rate(*RATE_LOGINS),
    "join_rendezvous": Rate(*RATE_LOGINS),
    "dismiss": Rate(*RATE_LOGINS),
    "pass_on": Rate(*RATE_PASSED),
}
"""The rate of each request: of one connection before login, of one account after."""

RATES_OF_ADDRESS: Final[dict[str, Rate]] = {
    "connection": Rate(*RATE_CONNECTIONS),
    "login": Rate(*RATE_LOGINS_OF_ADDRESS),
    "register": Rate(*RATE_REGISTRATIONS_OF_ADDRESS),
    "submit_otp": Rate(*RATE_OTP_TRIES_OF_ADDRESS),
    PHONE_CODE: Rate(*RATE_CODES_OF_ADDRESS),
    "new account": Rate(*RATE_NEW_ACCOUNTS_OF_ADDRESS),
    "open_rendezvous": Rate(*RATE_RENDEZVOUS_OF_ADDRESS),
    "join_rendezvous": Rate(*RATE_GUESTS_OF_ADDRESS),
    "pass_on": Rate(*RATE_PASSED_OF_ADDRESS),
}
"""What is counted by address, over all connections from there."""


def per_hour(count: int) -> Rate:
    """So many an hour, and as many at once after a pause."""
    return Rate(count / HOUR_S, float(count))


class Bucket:
    """One token bucket; starts full."""

    __slots__ = ("_at_s", "_rate", "_tokens")

    def __init__(self, rate: Rate, now_s: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at_s = now_s

    @classmethod
    def filling(cls, rate: Rate, now_s: float, left_s: float) -> Self:
        """One that has not been full for a while, and will be again in so many seconds."""
        bucket = cls(rate, now_s)
        bucket._tokens -= max(0.0, left_s) * rate.per_s
        return bucket

    def take(self, now_s: float, tokens: float = 1.0) -> None:
        """Take so many tokens. Raises ``RateLimited`` with the time until they are there."""
        self._fill(now_s)
        if self._tokens < tokens:
            raise RateLimited(retry_after_s=(tokens - self._tokens) / self._rate.per_s)
        self._tokens -= tokens

    def spend(self, now_s: float, tokens: float = 1.0) -> float:
        """Take so many tokens whether they are there or not; returns the seconds until they are."""
        self._fill(now_s)
        self._tokens -= tokens
        return 0.0 if self._tokens >= 0.0 else -self._tokens / self._rate.per_s

    def _fill(self, now_s: float) -> None:
        rate = self._rate
        # max: a clock that stands still or is set back costs nobody anything.
        self._tokens = min(rate.burst, self._tokens + max(0.0, now_s - self._at_s) * rate.per_s)
        self._at_s = now_s

    def left_s(self, now_s: float) -> float:
        """In how many seconds it is full."""
        self._fill(now_s)
        return (self._rate.burst - self._tokens) / self._rate.per_s

    def is_full(self, now_s: float) -> bool:
        """Whether it is as good as a new one."""
        return self._tokens + (now_s - self._at_s) * self._rate.per_s >= self._rate.burst


class Buckets:
    """The buckets of one account, address or connection, made when they are first needed."""

    __slots__ = ("_buckets", "_rates")

    def __init__(self, rates: Mapping[str, Rate] = RATES) -> None:
        self._rates = rates
        self._buckets: dict[str, Bucket] = {}

    def take_request(self, request: str, body: Any, now_s: float) -> None:
        """Count one request, by the work that it makes. Raises ``RateLimited``."""
        tokens = tokens_of(request, body)
        if request == "append" and body.WhichOneof("target") == "inbox":
            request = INBOX_APPEND
        self.take(request, now_s, tokens)

    def take(self, what: str, now_s: float, tokens: float = 1.0) -> None:
        """Count something. Raises ``RateLimited``."""
        self._bucket(what, now_s).take(now_s, tokens)

    def spend(self, what: str, now_s: float, tokens: float = 1.0) -> float:
        """Count something that is not refused; returns for how many seconds it should wait."""
        return self._bucket(what, now_s).spend(now_s, tokens)

    def is_full(self, now_s: float) -> bool:
        """Whether nothing would change if they were made anew."""
        return all(bucket.is_full(now_s) for bucket in self._buckets.values())

    def _bucket(self, what: str, now_s: float) -> Bucket:
        bucket = self._buckets.get(what)
        if bucket is None:
            bucket = self._buckets[what] = Bucket(self._rates[what], now_s)
        return bucket


def tokens_of(request: str, body: Any) -> float:
    """What a request counts for: one, and more where it names many logs or readers."""
    match request:
        case "append" | "bring_back":
            return 1.0 + len(body.readers_added) + len(body.readers_removed)
        case "pass_on":
            return 1.0 + len(body.payload) / 1024
        case "acknowledge":
            return max(1.0, len(body.positions))
        case "listen":
            return max(1.0, len(body.after))
    return 1.0
