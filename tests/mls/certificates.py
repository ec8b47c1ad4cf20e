"""X.509 certificates for members, by an authority of the tests that nobody has to trust."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tacit.mls import X509Credential

_CURVES = {65: ec.SECP256R1(), 97: ec.SECP384R1(), 133: ec.SECP521R1()}
_BEGINS = datetime(2026, 1, 1, tzinfo=UTC)


def certified(name: str, signature_key: bytes) -> X509Credential:
    """A chain of two: somebody's certificate for that key, and the authority's."""
    return X509Credential((_issue(name, _public_key(signature_key)), _issue("authority", _authority().public_key())))


def name_in(credential: X509Credential) -> str:
    """Whom the first certificate of a chain names, if the authority has signed it."""
    certificate = x509.load_der_x509_certificate(credential.certificates[0])
    _authority().public_key().verify(certificate.signature, certificate.tbs_certificate_bytes)
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


@cache
def _authority() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(random.Random("authority").randbytes(32))


def _public_key(data: bytes) -> Ed25519PublicKey | Ed448PublicKey | ec.EllipticCurvePublicKey:
    if len(data) == 32:
        return Ed25519PublicKey.from_public_bytes(data)
    if len(data) == 57:
        return Ed448PublicKey.from_public_bytes(data)
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[len(data)], data)


def _issue(name: str, key: Ed25519PublicKey | Ed448PublicKey | ec.EllipticCurvePublicKey) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
        .public_key(key)
        .serial_number(1)
        .not_valid_before(_BEGINS)
        .not_valid_after(_BEGINS + timedelta(days=3650))
    )
    return builder.sign(_authority(), None).public_bytes(Encoding.DER)
