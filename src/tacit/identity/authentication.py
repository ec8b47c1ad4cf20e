"""The one door for identity: every leaf passes here when it enters a tree, whatever brings it.

A leaf comes with a key package, an Add, an Update, a Commit's path, a Welcome's tree or an external commit. MLS has
checked that the leaf's signature key signed it; here it is checked whose key that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tacit.errors import DecodeError
from tacit.identity.certificates import DeviceCertificate, verified_certificate
from tacit.identity.errors import CertificateInvalid, CredentialMismatch, NotTheSuccessor
from tacit.identity.ids import AccountId, DeviceId


class LeafIdentity(Protocol):
    """A leaf as far as identity goes; MLS's leaf nodes have this shape."""

    @property
    def credential_identity(self) -> bytes:
        """The identity in the basic credential: an encoded device certificate."""
        ...

    @property
    def signature_key(self) -> bytes:
        """The key that the leaf's owner signs with."""
        ...


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Whose leaf it is."""

    account_id: AccountId
    device_id: DeviceId
    account_key: bytes
    certificate: DeviceCertificate


def authenticate_leaf(old: LeafIdentity | None, new: LeafIdentity, now_s: float | None) -> Authenticated:
    """Establish whose leaf ``new`` is; raises a subclass of ``IdentityError``.

    Checks the device certificate, that the leaf signs with the certified key, and the successor rule: where ``new``
    takes the place of ``old``, it must belong to the same account and device. ``now_s`` as in
    ``DeviceCertificate.verify``.
    """
    certificate = verified_certificate(new.credential_identity)
    certificate.check_time(now_s)
    if new.signature_key != certificate.device_key:
        raise CredentialMismatch
    if old is not None:
        _check_successor(old, certificate)
    return Authenticated(certificate.account_id, certificate.device_id, certificate.account_key, certificate)


def _check_successor(old: LeafIdentity, successor: DeviceCertificate) -> None:
    try:
        before = DeviceCertificate.decode(old.credential_identity)
    except DecodeError:
        raise CertificateInvalid("of the leaf to be replaced") from None
    if (before.account_key, before.device_id) != (successor.account_key, successor.device_id):
        raise NotTheSuccessor
