from __future__ import annotations

import hashlib
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tacit.crypto import ed25519
from tacit.crypto.certificates import (
    certificate_expires_at,
    certificate_hash,
    make_relay_certificate,
    relay_fingerprint,
)
from tacit.crypto.errors import BadCertificateName, BadKey
from tacit.limits import DAY_S, RELAY_CERTIFICATE_LIFETIME_S

RELAY = ed25519.key_pair(b"\x07" * 32)
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
