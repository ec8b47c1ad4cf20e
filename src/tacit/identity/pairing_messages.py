"""The four messages of pairing by code, as they lie on the wire; nothing in them is verified here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self, TypeAlias

from tacit.codec import Reader, Writer
from tacit.errors import DecodeError
from tacit.limits import MAX_CERTIFICATE_BYTES, MAX_KEY_PACKAGE_BYTES, MAX_MESSAGE_BYTES

NONCE_BYTES: Final = 32
MAC_BYTES: Final = 48
"""HMAC with SHA-384."""

HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Greeting:
    """Who waits says which version it speaks, and its nonce."""

    KIND: ClassVar[int] = 1
    version: int
    nonce: bytes

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.u16(self.version)
        w.fixed(self.nonce)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.u16(), r.fixed(NONCE_BYTES))


@dataclass(frozen=True, slots=True)
class Offer:
    """Who comes offers a KeyPackage, and commits itself to a number that it reveals in the end."""

    KIND: ClassVar[int] = 2
    nonce: bytes
    commitment: bytes
    key_package: bytes
    mac: bytes

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.fixed(self.nonce)
        w.fixed(self.commitment)
        w.opaque(self.key_package)
        w.fixed(self.mac)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.fixed(NONCE_BYTES), r.fixed(HASH_BYTES), _opaque(r, MAX_KEY_PACKAGE_BYTES), r.fixed(MAC_BYTES))


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who waits says who it is, and lets the other in."""

    KIND: ClassVar[int] = 3
    identity: bytes
    """The credential of whoever waits: an encoded device certificate."""
    welcome: bytes
    mac: bytes

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.opaque(self.identity)
        w.opaque(self.welcome)
        w.fixed(self.mac)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(_opaque(r, MAX_CERTIFICATE_BYTES), _opaque(r, MAX_MESSAGE_BYTES), r.fixed(MAC_BYTES))


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Who came is in, and reveals the number."""

    KIND: ClassVar[int] = 4
    number: bytes
    mac: bytes

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.fixed(self.number)
        w.fixed(self.mac)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.fixed(NONCE_BYTES), r.fixed(MAC_BYTES))


PairingMessage: TypeAlias = Greeting | Offer | Acceptance | Confirmation

_KINDS: Final[dict[int, type[PairingMessage]]] = {
    kind.KIND: kind for kind in (Greeting, Offer, Acceptance, Confirmation)
}


def encode_message(message: PairingMessage) -> bytes:
    """One message: a byte for its kind, and its fields."""
    w = Writer()
    w.u8(message.KIND)
    message.write(w)
    return w.finish()


def decode_message(data: bytes) -> PairingMessage:
    """Read one message; raises ``DecodeError`` on anything but one whole message within its bounds."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise DecodeError(f"message of {len(data)} bytes")
    r = Reader(data)
    kind = _KINDS.get(r.u8())
    if kind is None:
        raise DecodeError("unknown kind of message")
    message = kind.read(r)
    r.finish()
    return message


def _opaque(r: Reader, largest: int) -> bytes:
    data = r.opaque()
    if len(data) > largest:
        raise DecodeError(f"field of {len(data)} bytes")
    return data
