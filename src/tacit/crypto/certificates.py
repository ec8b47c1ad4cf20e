"""The relay's own TLS certificate, and the fingerprint by which its key is pinned.

The certificate's key is on P-256, not the Ed25519 relay key itself: browsers and the gRPC libraries take no Ed25519
certificates. It is derived from the relay key, so that nothing but that key needs to be kept safe, and whoever has the
one may act for the other anyway. Clients pin the relay key, which signs the certificate's hash; the certificate's name
and dates matter only to software that knows no pins. Source: RFC 5280
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tacit.crypto import ed25519
from tacit.crypto.errors import BadCertificateName, BadKey
from tacit.crypto.hashes import sha256
from tacit.crypto.kdf import HKDF_SHA256
from tacit.limits import DAY_S, RELAY_CERTIFICATE_LIFETIME_S

_KEY_LABEL: Final = b"tacit 1.0 relay certificate key"
_COMMON_NAME: Final = "tacit relay"


def make_relay_certificate(relay_private_key: bytes, names: Sequence[str], now_s: float) -> tuple[bytes, bytes]:
    """A self-signed certificate for ``names`` (host names and IP addresses) and its private key, both as PEM.

    The same arguments give the same bytes. Raises ``BadCertificateName``, and ``BadKey`` unless the relay key has
    32 bytes.
    """
    key = _certificate_key(relay_private_key)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _COMMON_NAME)])
    begins = datetime.fromtimestamp(int(now_s), UTC) - timedelta(seconds=DAY_S)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(_serial_number(key, begins))
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(seconds=RELAY_CERTIFICATE_LIFETIME_S))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), critical=False)
    certificate = builder.sign(key, SHA256(), ecdsa_deterministic=True)
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), key_pem


def certificate_hash(certificate_pem: bytes) -> bytes:
    """SHA-256 of the DER form of the first certificate in ``certificate_pem``; raises ``BadKey`` if there is none."""
    return sha256(_load(certificate_pem).public_bytes(Encoding.DER))


def certificate_expires_at(certificate_pem: bytes) -> int:
    """When the first certificate in ``certificate_pem`` ends, in Unix seconds; raises ``BadKey`` if there is none."""
    return int(_load(certificate_pem).not_valid_after_utc.timestamp())


def relay_fingerprint(relay_public_key: bytes) -> bytes:
    """The 32 bytes by which a relay's Ed25519 key is pinned in links: its SHA-256. Raises ``BadKey``."""
    ed25519.check_public_key(relay_public_key)
    return sha256(relay_public_key)


def _certificate_key(relay_private_key: bytes) -> ec.EllipticCurvePrivateKey:
    if len(relay_private_key) != ed25519.PRIVATE_KEY_SIZE:
        raise BadKey("relay key length")
    prk = HKDF_SHA256.extract(b"", relay_private_key)
    wide = int.from_bytes(HKDF_SHA256.expand(prk, _KEY_LABEL, 48), "big")
    return ec.derive_private_key(wide % (ec.SECP256R1.group_order - 1) + 1, ec.SECP256R1())


def _serial_number(key: ec.EllipticCurvePrivateKey, begins: datetime) -> int:
    """A positive number of at most 159 bits that differs from one certificate of a key to the next."""
    numbers = key.public_key().public_numbers()
    digest = sha256(f"{numbers.x} {numbers.y} {begins.timestamp():.0f}".encode())
    return (int.from_bytes(digest[:20], "big") >> 1) | 1


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError:
        raise BadCertificateName(name) from None


def _load(certificate_pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(certificate_pem)
    except ValueError:
        raise BadKey("certificate cannot be read") from None
