"""Safety numbers: what two people compare to know that nobody sits between them.

The number is two halves of 30 digits, one for each account key, the smaller first, so both sides see the same. A key
whose half equals a given one takes some 2^99 tries to find. The QR code carries a hash of both keys instead.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from tacit.identity.account_keys import labelled
from tacit.identity.errors import BadSafetyNumber, SafetyNumberMismatch

DIGITS: Final = 60
GROUP: Final = 5
_HALF_LABEL: Final = "tacit 1.0 safety number"
_QR_LABEL: Final = "tacit 1.0 safety number scanned"
_QR_PREFIX: Final = b"TACIT:VERIFY/1/"
_QR_SIZE: Final = len(_QR_PREFIX) + 52


@dataclass(frozen=True, slots=True)
class SafetyNumber:
    """The number of two accounts: 60 digits for eyes and ears, and the bytes of a QR code in capital letters."""

    digits: str
    qr: bytes

    @property
    def groups(self) -> tuple[str, ...]:
        """Twelve groups of five digits."""
        return tuple(self.digits[start : start + GROUP] for start in range(0, DIGITS, GROUP))

    def check_scanned(self, qr: bytes) -> None:
        """Raise ``SafetyNumberMismatch`` unless the other device shows this code; ``BadSafetyNumber`` if it is none."""
        scanned = qr.strip().upper()
        if len(scanned) != _QR_SIZE or not scanned.startswith(_QR_PREFIX):
            raise BadSafetyNumber
        if not hmac.compare_digest(scanned, self.qr):
            raise SafetyNumberMismatch

    def check_digits(self, text: str) -> None:
        """Raise ``SafetyNumberMismatch`` unless these are the digits; spaces and hyphens between them do not matter."""
        digits = re.sub(r"[\s-]", "", text)
        if not re.fullmatch(rf"[0-9]{{{DIGITS}}}", digits):
            raise BadSafetyNumber
        if not hmac.compare_digest(digits, self.digits):
            raise SafetyNumberMismatch


def safety_number(account_key: bytes, other_account_key: bytes) -> SafetyNumber:
    """The number of two accounts by their public keys (DER); the same whichever comes first."""
    first, second = sorted((account_key, other_account_key))
    digits = "".join(sorted((_half(first), _half(second))))
    scanned = hashlib.sha256(labelled(_QR_LABEL, labelled(first.hex(), second))).digest()
    return SafetyNumber(digits, _QR_PREFIX + base64.b32encode(scanned).rstrip(b"="))


def _half(account_key: bytes) -> str:
    """Thirty digits of one key, five out of every five bytes of its hash."""
    digest = hashlib.sha512(labelled(_HALF_LABEL, account_key)).digest()
    chunks = (digest[start : start + 5] for start in range(0, 30, 5))
    return "".join(f"{int.from_bytes(chunk, 'big') % 100_000:05}" for chunk in chunks)
