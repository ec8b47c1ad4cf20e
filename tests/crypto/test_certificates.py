from __future__ import annotations

import hashlib
import ipaddress
import random
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tacit.crypto.certificates import (
    certificate_expires_at,
    certificate_hash,
    make_relay_certificate,
    relay_fingerprint,
    subject_public_key,
)
from tacit.crypto.eddsa import ED25519
from tacit.crypto.errors import BadCertificateName, BadKey
from tacit.crypto.signatures import ECDSA_P256, ECDSA_P384, ECDSA_P521, EcdsaScheme
from tacit.limits import DAY_S, RELAY_CERTIFICATE_LIFETIME_S

RELAY = ED25519.key_pair(b"\x07" * 32)
NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: the outcome must not hang on the day on which the test runs."""

NOW_S = 1_800_000_000
NAMES = ["localhost", "relay.example", "127.0.0.1", "::1"]
CERTIFICATE, KEY = make_relay_certificate(RELAY.private, NAMES, NOW_S)


def test_the_same_arguments_give_the_same_certificate():
    assert make_relay_certificate(RELAY.private, NAMES, NOW_S) == (CERTIFICATE, KEY)


def test_another_relay_key_gives_another_certificate_key_and_a_later_time_another_serial_number():
    assert make_relay_certificate(b"\x08" * 32, NAMES, NOW_S)[1] != KEY
    later, same_key = make_relay_certificate(RELAY.private, NAMES, NOW_S + DAY_S)
    first, second = (x509.load_pem_x509_certificate(pem) for pem in (CERTIFICATE, later))
    assert same_key == KEY
    assert first.serial_number != second.serial_number


def test_it_is_self_signed_for_its_names_on_p256():
    certificate = x509.load_pem_x509_certificate(CERTIFICATE)
    certificate.verify_directly_issued_by(certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "relay.example"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::1"),
    ]
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert certificate.not_valid_before_utc.timestamp() < NOW_S
    assert certificate_expires_at(CERTIFICATE) == NOW_S - DAY_S + RELAY_CERTIFICATE_LIFETIME_S


def test_no_byte_of_the_relay_key_is_in_it():
    assert RELAY.private not in KEY
    assert RELAY.private.hex().encode() not in KEY


def test_a_tls_handshake_with_it_succeeds_and_shows_the_signed_hash(tmp_path: Path):
    (tmp_path / "certificate.pem").write_bytes(CERTIFICATE)
    (tmp_path / "key.pem").write_bytes(KEY)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    client_context = ssl.create_default_context(cadata=CERTIFICATE.decode())
    client_context.minimum_version = ssl.TLSVersion.TLSv1_3
    client_context.verify_flags |= NO_CHECK_TIME
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    done = set()
    for _ in range(4):
        for name, side in (("client", client), ("server", server)):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            done.add(name)
    assert done == {"client", "server"}
    seen = client.getpeercert(binary_form=True)
    assert seen is not None
    assert certificate_hash(CERTIFICATE) == hashlib.sha256(seen).digest()


def test_a_certificate_for_no_name_at_all_has_no_list_of_names():
    pem, _ = make_relay_certificate(RELAY.private, [], NOW_S)
    with pytest.raises(x509.ExtensionNotFound):
        x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_names_that_no_certificate_can_carry_are_refused():
    with pytest.raises(BadCertificateName):
        make_relay_certificate(RELAY.private, ["bücher.example"], NOW_S)


@pytest.mark.parametrize("private", [b"", bytes(31), bytes(33)])
def test_relay_keys_of_any_other_length_are_refused(private: bytes):
    with pytest.raises(BadKey):
        make_relay_certificate(private, NAMES, NOW_S)


def test_what_is_no_certificate_is_refused():
    for bad in (b"", b"hello", KEY, CERTIFICATE[:100]):
        with pytest.raises(BadKey):
            certificate_hash(bad)
        with pytest.raises(BadKey):
            certificate_expires_at(bad)


def test_the_hash_is_that_of_the_der_form():
    der = x509.load_pem_x509_certificate(CERTIFICATE).public_bytes(Encoding.DER)
    assert certificate_hash(CERTIFICATE) == hashlib.sha256(der).digest()


def test_the_fingerprint_is_the_hash_of_a_sound_key():
    assert relay_fingerprint(RELAY.public) == hashlib.sha256(RELAY.public).digest()
    with pytest.raises(BadKey):
        relay_fingerprint(bytes(32))


CA = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
SERIAL = 0x1122334455


def certified(public_key) -> bytes:
    """A certificate for ``public_key`` in DER, issued by ``CA``."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "member")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public_key)
    builder = builder.serial_number(SERIAL)
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2036, 1, 1, tzinfo=UTC)
    )
    return builder.sign(CA, None).public_bytes(Encoding.DER)


def test_the_key_of_an_ed25519_certificate_is_in_the_form_of_the_suites():
    pair = ED25519.generate(random.Random(1).randbytes)
    certificate = certified(Ed25519PrivateKey.from_private_bytes(pair.private).public_key())
    assert subject_public_key(certificate) == pair.public


def test_the_key_of_an_ed448_certificate_is_57_bytes():
    private = ed448.Ed448PrivateKey.from_private_bytes(b"\x05" * 57)
    assert subject_public_key(certified(private.public_key())) == private.public_key().public_bytes_raw()


@pytest.mark.parametrize("scheme", [ECDSA_P256, ECDSA_P384, ECDSA_P521])
def test_the_key_of_an_ecdsa_certificate_is_an_uncompressed_point(scheme: EcdsaScheme):
    pair = scheme.generate(random.Random(2).randbytes)
    public = ec.EllipticCurvePublicKey.from_encoded_point(scheme.group.curve, pair.public)
    assert subject_public_key(certified(public)) == pair.public


def test_a_point_that_the_certificate_compresses_comes_out_uncompressed():
    key = ec.derive_private_key(3, ec.SECP256R1()).public_key()
    whole = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    short = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    der = certified(key)
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    signed, rest = der[7 : 7 + der[6]], der[7 + der[6] :]
    held = sequence(algorithm + b"\x03\x42\x00" + whole)
    assert der == sequence(sequence(signed) + rest)
    assert held in signed
    compressed = signed.replace(held, sequence(algorithm + b"\x03\x22\x00" + short))
    assert subject_public_key(sequence(sequence(compressed) + rest)) == whole


def sequence(content: bytes) -> bytes:
    """A SEQUENCE in DER."""
    size = len(content)
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return b"\x30" + (bytes((size,)) if size < 0x80 else bytes((0x80 | len(digits),)) + digits) + content


def rsa_key():
    return rsa.RSAPublicNumbers(65537, (1 << 2047) | 12345).public_key()


@pytest.mark.parametrize(
    "public",
    [
        pytest.param(ec.derive_private_key(5, ec.SECP256K1()).public_key(), id="curve that no suite has"),
        pytest.param(x25519.X25519PrivateKey.from_private_bytes(b"\x04" * 32).public_key(), id="X25519"),
        pytest.param(rsa_key(), id="RSA"),
        pytest.param(
            dsa.DSAPublicNumbers(4, dsa.DSAParameterNumbers((1 << 1023) | 9, (1 << 159) | 7, 2)).public_key(), id="DSA"
        ),
    ],
)
def test_certificates_with_keys_of_other_kinds_are_refused(public):
    with pytest.raises(BadKey):
        subject_public_key(certified(public))


def test_what_is_no_certificate_in_der_has_no_key():
    good = certified(Ed25519PrivateKey.from_private_bytes(b"\x06" * 32).public_key())
    version_4 = good.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)
    unknown_kind = good.replace(bytes.fromhex("06032b6570032100"), bytes.fromhex("06032b657f032100"), 1)
    bad = [b"", b"hello", CERTIFICATE, good[:-1], good + b"\x00", version_4, unknown_kind]
    assert good not in (version_4, unknown_kind)
    for der in bad:
        with pytest.raises(BadKey):
            subject_public_key(der)


def test_a_serial_number_that_the_library_only_warns_of_is_refused():
    good = certified(Ed25519PrivateKey.from_private_bytes(b"\x06" * 32).public_key())
    number = SERIAL.to_bytes(5, "big")
    negative = good.replace(b"\x02\x05" + number, b"\x02\x05\x91" + number[1:], 1)
    assert negative != good
    with pytest.raises(BadKey):
        subject_public_key(negative)
