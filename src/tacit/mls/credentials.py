"""Credentials: what a leaf says about its owner. Judging it is the business of ``authenticate``, not of this room.

Source: RFC 9420 §5.3
"""

from __future__ import annotations

from dataclasses import dataclass

from tacit.codec import Reader, Writer
from tacit.mls.registry import CredentialType, read_enum


@dataclass(frozen=True, slots=True)
class BasicCredential:
    """A bare identity in a form that the application defines."""

    identity: bytes

    @property
    def credential_type(self) -> CredentialType:
        """The code point of this kind."""
        return CredentialType.BASIC

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.u16(CredentialType.BASIC)
        w.opaque(self.identity)


@dataclass(frozen=True, slots=True)
class X509Credential:
    """A certificate chain, the end entity first; carried, never verified here."""

    certificates: tuple[bytes, ...]

    @property
    def credential_type(self) -> CredentialType:
        """The code point of this kind."""
        return CredentialType.X509

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.u16(CredentialType.X509)
        w.vector(self.certificates, Writer.opaque)


Credential = BasicCredential | X509Credential


def as_credential(credential: bytes | Credential) -> Credential:
    """The credential itself; bytes are the short form of a basic one with that identity."""
    return BasicCredential(credential) if isinstance(credential, bytes) else credential


def read_credential(r: Reader) -> Credential:
    """Take a credential off ``r``; a type without a known form raises ``DecodeError``."""
    if read_enum(CredentialType, r.u16()) is CredentialType.BASIC:
        return BasicCredential(r.opaque())
    return X509Credential(r.vector(Reader.opaque))
