"""The codes that are open: who asked for which number, with which secret, and how many tries are left.

In memory only, and few: a code is good for ten minutes, so a relay that starts again asks for another, and leaves no
trace of a registration that came to nothing. A code is that of RFC 6238 for the moment in which it was asked for, under
a secret of its own; later time steps are never taken. Source: RFC 6238 §4
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from tacit.clock import Clock
from tacit.entropy import Entropy
from tacit.limits import (
    MAX_OTP_REQUESTS,
    MAX_OTP_TRIES,
    OTP_DIGITS,
    OTP_LIFETIME_S,
    PHONE_ALARM_SENDS,
    PHONE_ALARM_SHARE,
    PHONE_QUIET_SHARE,
)
from tacit.log import EventLog
from tacit.wire.errors import PhoneCodeExpired, PhoneCodeWrong, PhonePaused

SECRET_BYTES: Final = 20
REQUEST_BYTES: Final = 20
"""Before they are written as text; nobody guesses one."""


@dataclass(slots=True)
class _Open:
    """One code that was asked for."""

    account_id: bytes
    number: bytes
    """Its hash."""
    secret: str = field(repr=False)
    asked_s: float
    tries: int = MAX_OTP_TRIES
    proved: bool = False


class PhoneCodes:
    """All open codes of a relay, by the random name of their request, the oldest first."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self._open: dict[str, _Open] = {}
        self._latest: dict[tuple[bytes, bytes], str] = {}
        """The one request of an account for a number: a new one takes the place of the one before."""
        self._fates: deque[bool] = deque(maxlen=PHONE_ALARM_SENDS)
        """Of the last codes that came to an end, which were shown."""
        self.alarmed = False
        """Too few codes are shown: somebody makes the relay send messages to phones whose owners do not want any."""

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, account_id: bytes, number: bytes) -> tuple[str, str]:
        """Open a code for an account and a number's hash; returns the request's name and the code.

        Raises ``PhonePaused`` where too many are open.
        """
        self.forget()
        self._drop(self._latest.get((account_id, number), ""))  # asked for again: nothing to be alarmed about
        if len(self._open) >= MAX_OTP_REQUESTS:
            raise PhonePaused(retry_after_s=OTP_LIFETIME_S)
        request = base64.b32encode(self._entropy(REQUEST_BYTES)).decode().lower()
        secret = base64.b32encode(self._entropy(SECRET_BYTES)).decode()
        self._open[request] = _Open(account_id, number, secret, self._clock.monotonic_s())
        self._latest[account_id, number] = request
        return request, _code(secret)

    def submit(self, request: str, code: str) -> None:
        """Try a code; a right one is burned. Raises ``PhoneCodeWrong``, and ``PhoneCodeExpired`` without tries left."""
        asked = self._find(request)
        if asked.proved:
            raise PhoneCodeExpired
        asked.tries -= 1
        if _is_code(asked.secret, code):
            asked.proved, asked.secret = True, ""
            self._note(shown=True)
            return
        if not asked.tries:
            self.burn(request)
            raise PhoneCodeExpired
        raise PhoneCodeWrong

    def check_proved(self, request: str, account_id: bytes, number: bytes) -> None:
        """Raise ``PhoneCodeExpired`` unless this account has shown the code that was sent to this number."""
        asked = self._find(request)
        if not asked.proved or (asked.account_id, asked.number) != (account_id, number):
            raise PhoneCodeExpired

    def burn(self, request: str) -> None:
        """Let a request serve no longer."""
        if not self._drop(request):
            self._note(shown=False)

    def forget(self) -> None:
        """Drop what is too old."""
        now_s = self._clock.monotonic_s()
        while self._open:
            request, oldest = next(iter(self._open.items()))
            if now_s - oldest.asked_s < OTP_LIFETIME_S:
                return
            self.burn(request)

    def _find(self, request: str) -> _Open:
        self.forget()
        asked = self._open.get(request)
        if asked is None:
            raise PhoneCodeExpired
        return asked

    def _drop(self, request: str) -> bool:
        """Let go of a request; returns whether its code was shown, true where there is none."""
        asked = self._open.pop(request, None)
        if asked is None:
            return True
        self._latest.pop((asked.account_id, asked.number), None)
        return asked.proved

    def _note(self, *, shown: bool) -> None:
        """Remember the fate of a code, and raise the alarm or end it."""
        self._fates.append(shown)
        if len(self._fates) < PHONE_ALARM_SENDS:
            return
        share = sum(self._fates) / len(self._fates)
        before, self.alarmed = self.alarmed, share < (PHONE_QUIET_SHARE if self.alarmed else PHONE_ALARM_SHARE)
        if self.alarmed and not before:
            EventLog("relay").warning("codes-not-shown", count=len(self._fates) - sum(self._fates))
        elif before and not self.alarmed:
            EventLog("relay").info("codes-shown-again")


def _code(secret: str) -> str:
    import pyotp

    return pyotp.TOTP(secret, digits=OTP_DIGITS, digest=hashlib.sha256).at(0)


def _is_code(secret: str, shown: str) -> bool:
    """Whether this is the code, in a time that does not depend on how much of it is right."""
    import pyotp

    digits = shown.replace(" ", "").replace("-", "")
    return pyotp.TOTP(secret, digits=OTP_DIGITS, digest=hashlib.sha256).verify(digits, for_time=0)
