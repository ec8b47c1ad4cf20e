"""Phone numbers as people write them, in their one form; and what the relay keeps instead of them.

A number leaves the relay in messages to itself and nowhere else. What is kept is a hash under a key of the relay's
own, which says of a number that it is taken. Nobody is found from that without the relay's key; with it, all numbers of
a country can be tried in an hour. Source: ITU-T E.164
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from tacit.crypto.secret import Secret
from tacit.wire.errors import BadPhone, PhoneRefused

PEPPER_LABEL: Final = b"tacit 1.0 phone pepper"

SAME_BLOCK_DIGITS: Final = 4
"""Numbers that differ in so many last digits only are of one block."""

_WRITTEN: Final = re.compile(r"\+?[0-9][0-9 ()./-]{3,30}")


def pepper_of(relay_key: Secret) -> Secret:
    """The key for hashes of numbers: it follows from the relay's one secret, so a backup of that brings it along."""
    return Secret(hmac.digest(relay_key.reveal(), PEPPER_LABEL, "sha256"))


def phone_hash(pepper: Secret, number: str) -> bytes:
    """What is kept of a number in its one form."""
    return hmac.digest(pepper.reveal(), number.encode(), hashlib.sha256)


def block_of(number: str) -> str:
    """The beginning that a number shares with those that were sold together with it."""
    return number[:-SAME_BLOCK_DIGITS]


def read_number(text: str, *, region: str = "", countries: frozenset[str]) -> str:
    """The number in E.164, of a mobile phone in one of ``countries``; without a ``+`` it is one of ``region``.

    Raises ``BadPhone`` or ``PhoneRefused``.
    """
    import phonenumbers
    from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

    if not _WRITTEN.fullmatch(text.strip()):
        raise BadPhone
    try:
        number = phonenumbers.parse(text, region or None)
    except NumberParseException:
        raise BadPhone from None
    mobile = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in mobile:
        raise BadPhone
    if phonenumbers.region_code_for_number(number) not in countries:
        raise PhoneRefused
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def read_countries(text: str) -> frozenset[str]:
    """Countries by their two letters, such as ``DE AT CH``. Raises ``ValueError`` with the one that is none."""
    found = frozenset(text.replace(",", " ").upper().split())
    if found:
        from phonenumbers import SUPPORTED_REGIONS

        for country in sorted(found - SUPPORTED_REGIONS):
            raise ValueError(country)
    return found
