"""IDs that prove their key: a UUID of version 8 cut from the SHA-256 of a public key.

Of its 128 bits 122 are hash, so finding a second key for somebody's ID takes 2^122 tries. Source: RFC 9562 §5.8
"""

from __future__ import annotations

import re
from typing import Final, NewType
from uuid import UUID

from tacit.crypto.hashes import sha256
from tacit.errors import DecodeError
from tacit.identity.errors import BadId

AccountId = NewType("AccountId", bytes)
DeviceId = NewType("DeviceId", bytes)

ID_SIZE: Final = 16
_TEXT: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def account_id(account_key: bytes) -> AccountId:
    """The ID of the account with this public key (SubjectPublicKeyInfo, DER)."""
    return AccountId(_uuid8(account_key))


def device_id(device_key: bytes) -> DeviceId:
    """The ID of the device with this Ed25519 public key (32 bytes)."""
    return DeviceId(_uuid8(device_key))


def format_id(identifier: AccountId | DeviceId | bytes) -> str:
    """The ID as people see it: 36 characters, lower case."""
    check_id(identifier)
    return str(UUID(bytes=bytes(identifier)))


def parse_id(text: str) -> AccountId:
    """The account ID that ``text`` shows; raises ``BadId``. Capital letters are taken too."""
    lowered = text.strip().lower() if text.isascii() else ""
    if not _TEXT.fullmatch(lowered):
        raise BadId
    identifier = UUID(lowered).bytes
    try:
        check_id(identifier)
    except DecodeError:
        raise BadId from None
    return AccountId(identifier)


def check_id(identifier: bytes) -> None:
    """Raise ``DecodeError`` unless these are the 16 bytes of a UUID of version 8."""
    if len(identifier) != ID_SIZE or identifier[6] >> 4 != 8 or identifier[8] >> 6 != 0b10:
        raise DecodeError("ID")


def _uuid8(key: bytes) -> bytes:
    cut = bytearray(sha256(key)[:ID_SIZE])
    cut[6] = cut[6] & 0x0F | 0x80
    cut[8] = cut[8] & 0x3F | 0x80
    return bytes(cut)
