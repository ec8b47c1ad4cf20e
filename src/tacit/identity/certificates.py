"""Device certificates: an account says, under its key, that a device is its own.

The encoded certificate is the identity in the MLS basic credential, and what the relay is shown. A device's ID is the
hash of its key, so a certificate binds account key, device key and both IDs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Self

from tacit.codec import Reader, Writer, decode, encode
from tacit.crypto import account_keys
from tacit.crypto.eddsa import ED25519
from tacit.errors import CryptoError, DecodeError
from tacit.identity.account_keys import AccountKey, verify_account_signature
from tacit.identity.errors import CertificateExpired, CertificateInvalid
from tacit.identity.ids import ID_SIZE, AccountId, DeviceId, account_id, device_id
from tacit.limits import DEVICE_CERTIFICATE_CLOCK_SKEW_S, DEVICE_CERTIFICATE_LIFETIME_S, MAX_CERTIFICATE_BYTES

VERSION: Final = 1
CERTIFICATE_LABEL: Final = "tacit 1.0 device certificate"


@dataclass(frozen=True, slots=True)
class DeviceCertificate:
    """One certificate as it lies on the wire; nothing is verified until ``verify``.

    ``account_key`` is SubjectPublicKeyInfo in DER, ``device_key`` an Ed25519 key of 32 bytes, times are Unix seconds.
    """

    account_key: bytes
    device_id: DeviceId
    device_key: bytes
    created_at: int
    expires_at: int
    signature: bytes
    version: int = VERSION

    @classmethod
    def issue(
        cls, account: AccountKey, device_key: bytes, now_s: float, lifetime_s: int = DEVICE_CERTIFICATE_LIFETIME_S
    ) -> Self:
        """Sign a certificate for the device with this public key, valid from now on; raises ``BadKey``."""
        ED25519.check_public_key(device_key)
        created_at = int(now_s)
        unsigned = cls(account.public, device_id(device_key), device_key, created_at, created_at + lifetime_s, b"")
        return replace(unsigned, signature=account.sign(CERTIFICATE_LABEL, unsigned.signed_content()))

    @property
    def account_id(self) -> AccountId:
        """The account's ID, from its key."""
        return account_id(self.account_key)

    def encode(self) -> bytes:
        """The bytes for credential and relay."""
        return encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a certificate; raises ``DecodeError``, also past ``MAX_CERTIFICATE_BYTES``."""
        if len(data) > MAX_CERTIFICATE_BYTES:
            raise DecodeError("device certificate is too long")
        return decode(cls, data)

    def verify(self, now_s: float | None) -> None:
        """Raise ``CertificateInvalid`` unless the account signed this, and ``CertificateExpired`` outside its time.

        ``None`` leaves the time aside. It belongs wherever all members of a group must come to the same answer,
        whatever their clocks say: leaves that commits bring, and trees.
        """
        verified_certificate(self.encode())
        self.check_time(now_s)

    def check_time(self, now_s: float | None) -> None:
        """Raise ``CertificateExpired`` outside the certificate's time; an hour of skew is allowed at its beginning."""
        if now_s is not None and not self.created_at - DEVICE_CERTIFICATE_CLOCK_SKEW_S <= now_s <= self.expires_at:
            raise CertificateExpired

    def signed_content(self) -> bytes:
        """What the account signs: every field but the signature."""
        w = Writer()
        self._write_content(w)
        return w.finish()

    def write(self, w: Writer) -> None:
        """Append all fields."""
        self._write_content(w)
        w.opaque(self.signature)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take a certificate off ``r``; raises ``DecodeError``."""
        version = r.u16()
        if version != VERSION:
            raise DecodeError(f"device certificate of version {version}")
        return cls(r.opaque(), DeviceId(r.fixed(ID_SIZE)), r.opaque(), r.u64(), r.u64(), r.opaque(), version)

    def _write_content(self, w: Writer) -> None:
        w.u16(self.version)
        w.opaque(self.account_key)
        w.fixed(self.device_id)
        w.opaque(self.device_key)
        w.u64(self.created_at)
        w.u64(self.expires_at)


@lru_cache(maxsize=2048)
def verified_certificate(data: bytes) -> DeviceCertificate:
    """The certificate in ``data`` after every check but that of time; raises ``CertificateInvalid``.

    The answer depends on ``data`` alone and is remembered, since a member's certificate comes back with each commit.
    """
    try:
        certificate = DeviceCertificate.decode(data)
        account_keys.check_public_key(certificate.account_key)
        ED25519.check_public_key(certificate.device_key)
        if certificate.device_id != device_id(certificate.device_key):
            raise CertificateInvalid("the device ID belongs to another key")
        if certificate.created_at >= certificate.expires_at:
            raise CertificateInvalid("it expires before it begins")
        content, signature = certificate.signed_content(), certificate.signature
        verify_account_signature(certificate.account_key, CERTIFICATE_LABEL, content, signature)
    except (DecodeError, CryptoError) as error:
        raise CertificateInvalid(error.detail) from None
    return certificate
