"""How fast one account or connection may ask: token buckets, so wide that no person and no honest bot meets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tacit.limits import (
    RATE_APPENDS,
    RATE_CLAIMS,
    RATE_INBOX_APPENDS,
    RATE_LOGINS,
    RATE_LOOKUPS,
    RATE_NEW_ACCOUNTS,
    RATE_NEW_LOGS,
    RATE_POSITIONS,
    RATE_PUBLISHED_KEYS,
)
from tacit.wire.errors import RateLimited


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second for ever, and so many at once after a pause."""

    per_s: float
    burst: float


INBOX_APPEND: Final = "append to an inbox"
"""Counted apart from appends to conversations."""

RATES: Final[dict[str, Rate]] = {
    "append": Rate(*RATE_APPENDS),
    "bring_back": Rate(*RATE_APPENDS),
    INBOX_APPEND: Rate(*RATE_INBOX_APPENDS),
    "recipient_keys": Rate(*RATE_CLAIMS),
    "sender_keys": Rate(*RATE_LOOKUPS),
    "create_log": Rate(*RATE_NEW_LOGS),
    "publish_keys": Rate(*RATE_PUBLISHED_KEYS),
    "acknowledge": Rate(*RATE_POSITIONS),
    "listen": Rate(*RATE_POSITIONS),
    "revoke_device": Rate(*RATE_LOOKUPS),
    "login": Rate(*RATE_LOGINS),
    "register": Rate(*RATE_LOGINS),
    "submit_otp": Rate(*RATE_LOGINS),
}
"""The rate of each request: of one connection before login, of one account after."""

NEW_ACCOUNTS: Final = Rate(*RATE_NEW_ACCOUNTS)
"""Of the whole relay: nothing else bounds a crowd of strangers."""


class Bucket:
    """One token bucket; starts full."""

    __slots__ = ("_at_s", "_rate", "_tokens")

    def __init__(self, rate: Rate, now_s: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at_s = now_s

    def take(self, now_s: float, tokens: float = 1.0) -> None:
        """Take so many tokens. Raises ``RateLimited`` with the time until they are there."""
        rate = self._rate
        # max: a clock that stands still or is set back costs nobody anything.
        self._tokens = min(rate.burst, self._tokens + max(0.0, now_s - self._at_s) * rate.per_s)
        self._at_s = now_s
        if self._tokens < tokens:
            raise RateLimited(retry_after_s=(tokens - self._tokens) / rate.per_s)
        self._tokens -= tokens

    def is_full(self, now_s: float) -> bool:
        """Whether it is as good as a new one."""
        return self._tokens + (now_s - self._at_s) * self._rate.per_s >= self._rate.burst


class Buckets:
    """The buckets of one account or one connection, made when they are first needed."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}

    def take(self, request: str, body: Any, now_s: float) -> None:
        """Count one request, by the work that it makes. Raises ``RateLimited``."""
        if request == "append" and body.WhichOneof("target") == "inbox":
            request = INBOX_APPEND
        bucket = self._buckets.get(request)
        if bucket is None:
            bucket = self._buckets[request] = Bucket(RATES[request], now_s)
        bucket.take(now_s, _tokens(request, body))

    def is_full(self, now_s: float) -> bool:
        """Whether nothing would change if they were made anew."""
        return all(bucket.is_full(now_s) for bucket in self._buckets.values())


def _tokens(request: str, body: Any) -> float:
    """What a request counts for: one, and more where it names many logs or readers."""
    match request:
        case "append" | "bring_back":
            return 1.0 + len(body.readers_added) + len(body.readers_removed)
        case "acknowledge":
            return max(1.0, len(body.positions))
        case "listen":
            return max(1.0, len(body.after))
    return 1.0
