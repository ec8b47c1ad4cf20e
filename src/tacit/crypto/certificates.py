"""The relay's own TLS certificate, the fingerprint by which its key is pinned, and the key in a member's certificate.

The key of the relay's certificate is on P-256, not the Ed25519 relay key itself: browsers and the gRPC libraries take
no Ed25519 certificates. It is derived from the relay key, so that nothing but that key needs to be kept safe, and
whoever has the one may act for the other anyway. Clients pin the relay key, which signs the certificate's hash; the
certificate's name and dates matter only to software that knows no pins. Source: RFC 5280
"""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tacit.crypto.eddsa import ED25519
from tacit.crypto.errors import BadCertificateName, BadKey
from tacit.crypto.hashes import sha256
from tacit.crypto.kdf import HKDF_SHA256
from tacit.limits import DAY_S, RELAY_CERTIFICATE_LIFETIME_S

_KEY_LABEL: Final = b"tacit 1.0 relay certificate key"
_COMMON_NAME: Final = "tacit relay"
_SIGNATURE_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")


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
    ED25519.check_public_key(relay_public_key)
    return sha256(relay_public_key)


def subject_public_key(certificate_der: bytes) -> bytes:
    """The public key of an X.509 certificate as a suite of its kind puts signature keys on the wire.

    32 bytes for Ed25519, 57 for Ed448, an uncompressed point for P-256, P-384 and P-521. Raises ``BadKey`` for keys of
    other kinds and for what is no certificate. The key is not checked further, the certificate's dates and signature
    not at all. Source: RFC 9420 §5.3; RFC 5280 §4.1
    """
    key = _certified_key(certificate_der)
    if isinstance(key, Ed25519PublicKey | Ed448PublicKey):
        return key.public_bytes_raw()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _SIGNATURE_CURVES:
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    raise BadKey("certificate holds a key of a kind that no suite signs with")


def _certified_key(certificate_der: bytes) -> CertificatePublicKeyTypes:
    with warnings.catch_warnings():
        # The library only warns of what RFC 5280 forbids; a peer must not be able to write to the screen so.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            certificate = x509.load_der_x509_certificate(certificate_der)
            if certificate.serial_number <= 0:
                raise BadKey("certificate without a positive serial number")
            return certificate.public_key()
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
            raise BadKey("certificate cannot be read") from None


def _certificate_key(relay_private_key: bytes) -> ec.EllipticCurvePrivateKey:
    if len(relay_private_key) != ED25519.key_size:
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
