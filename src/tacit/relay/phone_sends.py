"""What the relay may send to phones: so much to a number, to a block of numbers, and in a day at all.

Whoever makes a relay send messages can make its operator poor, and with numbers that they own make themselves rich. So
everything here refuses when in doubt. What was sent outlasts a restart: by the hour, and for each number and block, as
hashes, until it is as if nothing had been sent there. How many failed in a row is in memory only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from tacit.clock import Clock
from tacit.limits import DAY_S, HOUR_S, RATE_CODES_OF_NUMBER, RATE_CODES_OF_PREFIX
from tacit.log import EventLog
from tacit.relay.rates import Bucket, Rate
from tacit.wire.errors import PhonePaused

ALARMED_SHARE: Final = 4
"""While too few codes are shown, the day has only so small a part of its messages."""

FAILURES: Final = 3
"""Messages in a row that did not leave, after which no more are tried for a while."""

PAUSE_S: Final = 60.0

_OF_NUMBER: Final = Rate(*RATE_CODES_OF_NUMBER)
_OF_BLOCK: Final = Rate(*RATE_CODES_OF_PREFIX)


class PhoneSends:
    """The budget of one relay."""

    def __init__(self, clock: Clock, per_day: int) -> None:
        self._clock = clock
        self._per_day = per_day
        self._sent: deque[float] = deque()
        """When each message of the last 24 hours was granted."""
        self._numbers: dict[bytes, Bucket] = {}
        self._blocks: dict[bytes, Bucket] = {}
        self._recalled: dict[bytes, float] = {}
        """Numbers and blocks of earlier runs that nobody has asked for since, and when they are at rest."""
        self._failures = 0
        self._paused_until_s = float("-inf")
        self._capped = False
        self._look_at_s = clock.monotonic_s() + HOUR_S

    def take(self, number: bytes, block: bytes, *, alarmed: bool) -> dict[bytes, float]:
        """Grant one message to a number of a block, both as hashes; returns in how many seconds each is at rest.

        Each bucket that is remembered stands for a message that was granted, so the day's bound holds for them too.
        Raises ``RateLimited`` or ``PhonePaused``.
        """
        now_s = self._clock.monotonic_s()
        self._check_pause(now_s)
        self._check_day(now_s, self._per_day // ALARMED_SHARE if alarmed else self._per_day)
        of_number = self._numbers.get(number) or self._bucket(_OF_NUMBER, number, now_s)
        of_block = self._blocks.get(block) or self._bucket(_OF_BLOCK, block, now_s)
        of_number.take(now_s)  # first: whoever asks for one number again and again takes nothing from its neighbours
        of_block.take(now_s)
        self._numbers[number], self._blocks[block] = of_number, of_block
        self._sent.append(now_s)
        return {number: of_number.left_s(now_s), block: of_block.left_s(now_s)}

    def recall(self, by_hour: Mapping[int, int], rests: Mapping[bytes, int], now_s: int) -> None:
        """Count messages of earlier runs, by hours since 1970, each as if it had been the last of its hour.

        ``rests`` says when each number and block is at rest; all times are Unix seconds.
        """
        began_s = self._clock.monotonic_s()
        for hour, messages in by_hour.items():
            age_s = max(0, now_s - (hour + 1) * HOUR_S)
            self._sent.extend([began_s - age_s] * messages)
        self._recalled = {key: began_s + (rest_at - now_s) for key, rest_at in rests.items()}

    def note_left(self) -> None:
        """A message has left."""
        self._failures = 0

    def note_failed(self) -> None:
        """A message did not leave; after some in a row there is a pause."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._paused_until_s = self._clock.monotonic_s() + PAUSE_S

    def forget(self) -> None:
        """Forget numbers of which nothing is left to remember; looks now and then, however often it is called."""
        now_s = self._clock.monotonic_s()
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + HOUR_S
        for known in (self._numbers, self._blocks):
            for key in [key for key, bucket in known.items() if bucket.is_full(now_s)]:
                del known[key]
        self._recalled = {key: rest_s for key, rest_s in self._recalled.items() if rest_s > now_s}

    def _bucket(self, rate: Rate, key: bytes, now_s: float) -> Bucket:
        """What a number or a block draws on, with what it has drawn in earlier runs."""
        return Bucket.filling(rate, now_s, self._recalled.get(key, now_s) - now_s)

    def _check_pause(self, now_s: float) -> None:
        if now_s < self._paused_until_s:
            raise PhonePaused(retry_after_s=self._paused_until_s - now_s)

    def _check_day(self, now_s: float, most: int) -> None:
        while self._sent and now_s - self._sent[0] >= DAY_S:
            self._sent.popleft()
        before, self._capped = self._capped, len(self._sent) >= most
        if not self._capped:
            return
        if not before:
            EventLog("relay").warning("codes-used-up", count=len(self._sent))
        raise PhonePaused(retry_after_s=DAY_S - (now_s - self._sent[0]) if self._sent else DAY_S)
