"""The bytes that relay, device and account sign, each under a label of its own, and the check of a relay's Hello.

A signature for one purpose, relay or challenge is worthless for any other: what is signed names all of them. Signing
itself is the caller's: whoever holds the key signs what these functions return, an account with
``AccountKey.sign_bytes``, a device with its Ed25519 key.
"""

from __future__ import annotations

import hashlib
from typing import Final

from tacit.codec import Writer
from tacit.crypto.eddsa import ED25519
from tacit.errors import CryptoError, Untrusted
from tacit.wire import relay_pb2 as pb
from tacit.wire.operations import CHALLENGE_BYTES

HELLO_LABEL: Final = "tacit 1.0 relay hello"
LOGIN_LABEL: Final = "tacit 1.0 device login"
REGISTER_LABEL: Final = "tacit 1.0 account registration"
REVOKE_LABEL: Final = "tacit 1.0 device revocation"


class PinMismatch(Untrusted):
    """The relay that answers is not the one that the link names."""

    code = "relay-pin-mismatch"
    hint = (
        "Somebody may be in the middle, or the relay was set up anew. Ask its operator for the current link over "
        "a way that you trust, and compare."
    )


class NameToVerify(PinMismatch):
    """The relay that the link names has a proxy before it, whose certificate must be valid for that name.

    Not the end: whoever has verified the name the ordinary way may go on.
    """

    code = "relay-name-unverified"


def hello_tbs(
    *, protocol_min: int, protocol_max: int, challenge: bytes, certificate_hash: bytes, relay_key: bytes
) -> bytes:
    """What the relay key signs: this key speaks these versions behind this certificate, and asks this challenge."""
    w = _labelled(HELLO_LABEL)
    w.u32(protocol_min)
    w.u32(protocol_max)
    for field in (challenge, certificate_hash, relay_key):
        w.opaque(field)
    return w.finish()


def login_tbs(
    *, protocol: int, relay_key: bytes, certificate_hash: bytes, challenge: bytes, account_id: bytes, device_id: bytes
) -> bytes:
    """What the device key signs: this device wants in at this relay, over the certificate it sees, this once."""
    w = _labelled(LOGIN_LABEL)
    w.u32(protocol)
    for field in (relay_key, certificate_hash, challenge, account_id, device_id):
        w.opaque(field)
    return w.finish()


def register_tbs(
    *,
    protocol: int,
    relay_key: bytes,
    certificate_hash: bytes,
    challenge: bytes,
    account_key: bytes,
    device_certificate: bytes,
    handle: str,
    invite: str,
    phone: str = "",
    otp_request: str = "",
    findable: bool = False,
) -> bytes:
    """What the account key signs: this account, device and handle want to be known at this relay, by this number."""
    w = _labelled(REGISTER_LABEL)
    w.u32(protocol)
    for field in (relay_key, certificate_hash, challenge, account_key, device_certificate):
        w.opaque(field)
    for text in (handle, invite, phone, otp_request):
        w.opaque(text.encode())
    w.u8(int(findable))
    return w.finish()


def revoke_tbs(*, account_id: bytes, device_id: bytes) -> bytes:
    """What the account key signs: this device is no more. Names no relay, because it is meant for every one."""
    w = _labelled(REVOKE_LABEL)
    w.opaque(account_id)
    w.opaque(device_id)
    return w.finish()


def verify_hello(
    hello: pb.Hello, fingerprint: bytes, certificate_hash_seen: bytes, *, name_verified: bool = False
) -> None:
    """Check that a Hello comes from the relay whose key has this fingerprint, over the certificate that was seen.

    ``fingerprint`` is the SHA-256 of the relay's Ed25519 key, ``certificate_hash_seen`` that of the DER certificate
    (empty on a link without TLS). A relay behind a proxy does not know the proxy's certificate and signs an empty
    hash; then the name must have been verified, else ``NameToVerify`` is raised. Raises ``PinMismatch``.
    """
    if hashlib.sha256(hello.relay_key).digest() != fingerprint:
        raise PinMismatch("its key is another")
    if hello.certificate_hash not in (b"", certificate_hash_seen):
        raise PinMismatch("its certificate is not the one that its key has signed")
    if len(hello.challenge) != CHALLENGE_BYTES:
        raise PinMismatch("its greeting is not in order")
    signed = hello_tbs(
        protocol_min=hello.protocol_min,
        protocol_max=hello.protocol_max,
        challenge=hello.challenge,
        certificate_hash=hello.certificate_hash,
        relay_key=hello.relay_key,
    )
    try:
        ED25519.verify(hello.relay_key, signed, hello.signature)
    except CryptoError:
        raise PinMismatch("its signature does not fit its key") from None
    if hello.certificate_hash != certificate_hash_seen and not name_verified:
        raise NameToVerify


def _labelled(label: str) -> Writer:
    w = Writer()
    w.opaque(label.encode())
    return w
