from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from tacit.crypto.errors import BadKey
from tacit.errors import DecodeError
from tacit.identity import AccountKey, CertificateExpired, CertificateInvalid, DeviceCertificate, DeviceId, device_id
from tacit.identity.certificates import verified_certificate
from tacit.limits import DEVICE_CERTIFICATE_CLOCK_SKEW_S, DEVICE_CERTIFICATE_LIFETIME_S, MAX_CERTIFICATE_BYTES
from tests.identity.people import ALICE, BOB, LAPTOP, MALLORY, NOW_S, PHONE, forged

CERTIFICATE = DeviceCertificate.issue(ALICE, LAPTOP.public, NOW_S)
NEUTRAL_POINT = b"\x01" + bytes(31)


def test_an_issued_certificate_verifies_and_names_account_and_device():
    CERTIFICATE.verify(NOW_S)
    CERTIFICATE.verify(None)
    assert CERTIFICATE.account_id == ALICE.id
    assert CERTIFICATE.device_id == device_id(LAPTOP.public)
    assert CERTIFICATE.expires_at - CERTIFICATE.created_at == DEVICE_CERTIFICATE_LIFETIME_S
    assert DeviceCertificate.issue(ALICE, LAPTOP.public, NOW_S + 0.9) == CERTIFICATE


def test_it_survives_the_way_there_and_back():
    encoded = CERTIFICATE.encode()
    assert DeviceCertificate.decode(encoded) == CERTIFICATE
    assert len(encoded) < 200
    assert verified_certificate(encoded) == CERTIFICATE


@pytest.mark.parametrize("bits", [2048, pytest.param(4096, marks=pytest.mark.long)])
def test_an_account_with_an_rsa_key_certifies_devices_within_the_bound(bits: int):
    key = rsa.generate_private_key(65537, bits)
    account = AccountKey.from_pem(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), None)
    assert account.kind == f"rsa {bits}"
    certificate = DeviceCertificate.issue(account, LAPTOP.public, NOW_S)
    certificate.verify(NOW_S)
    encoded = certificate.encode()
    assert verified_certificate(encoded).account_id == account.id
    assert len(encoded) < MAX_CERTIFICATE_BYTES // 3
    with pytest.raises(CertificateInvalid):
        replace(certificate, signature=BOB.sign("tacit 1.0 device certificate", certificate.signed_content())).verify(
            None
        )
    with pytest.raises(CertificateInvalid):
        replace(certificate, expires_at=certificate.expires_at + 1).verify(None)


def test_its_form_does_not_change_unnoticed():
    """The bytes that every relay and every group has stored; a new form needs a new version number."""
    content = CERTIFICATE.signed_content()
    assert content == (
        b"\x00\x01"
        + bytes([44]) + ALICE.public
        + device_id(LAPTOP.public)
        + bytes([32]) + LAPTOP.public
        + NOW_S.to_bytes(8, "big")
        + (NOW_S + DEVICE_CERTIFICATE_LIFETIME_S).to_bytes(8, "big")
    )  # fmt: skip
    assert CERTIFICATE.encode() == content + b"\x40\x40" + CERTIFICATE.signature


@pytest.mark.parametrize(
    ("now_s", "valid"),
    [
        (NOW_S - DEVICE_CERTIFICATE_CLOCK_SKEW_S - 1, False),
        (NOW_S - DEVICE_CERTIFICATE_CLOCK_SKEW_S, True),
        (CERTIFICATE.expires_at, True),
        (CERTIFICATE.expires_at + 1, False),
        (0, False),
    ],
)
def test_it_is_valid_from_its_beginning_less_the_skew_to_its_end(now_s: int, valid: bool):
    if valid:
        CERTIFICATE.verify(now_s)
    else:
        with pytest.raises(CertificateExpired):
            CERTIFICATE.verify(now_s)


@pytest.mark.parametrize(
    "changed",
    [
        replace(CERTIFICATE, account_key=BOB.public),
        replace(CERTIFICATE, device_key=PHONE.public),
        replace(CERTIFICATE, device_key=PHONE.public, device_id=device_id(PHONE.public)),
        replace(CERTIFICATE, device_id=device_id(PHONE.public)),
        replace(CERTIFICATE, created_at=NOW_S - 1),
        replace(CERTIFICATE, expires_at=CERTIFICATE.expires_at + 1),
        replace(CERTIFICATE, signature=b""),
        replace(CERTIFICATE, signature=CERTIFICATE.signature[:-1]),
        replace(CERTIFICATE, signature=CERTIFICATE.signature + b"\x00"),
        replace(CERTIFICATE, signature=bytes(64)),
    ],
)
def test_a_certificate_that_was_changed_after_signing_is_refused(changed: DeviceCertificate):
    with pytest.raises(CertificateInvalid):
        changed.verify(None)


@pytest.mark.parametrize(
    "certificate",
    [
        pytest.param(forged(MALLORY, CERTIFICATE), id="signed by another account"),
        pytest.param(forged(ALICE, CERTIFICATE, "tacit 1.0 account registration"), id="signed for another purpose"),
        pytest.param(forged(ALICE, replace(CERTIFICATE, device_id=device_id(PHONE.public))), id="ID of another device"),
        pytest.param(forged(ALICE, replace(CERTIFICATE, device_id=DeviceId(bytes(16)))), id="no ID"),
        pytest.param(
            forged(ALICE, replace(CERTIFICATE, device_key=NEUTRAL_POINT, device_id=device_id(NEUTRAL_POINT))),
            id="device key of small order",
        ),
        pytest.param(forged(ALICE, replace(CERTIFICATE, device_key=b"", device_id=device_id(b""))), id="no device key"),
        pytest.param(forged(ALICE, replace(CERTIFICATE, created_at=CERTIFICATE.expires_at)), id="ends as it begins"),
        pytest.param(
            forged(ALICE, replace(CERTIFICATE, account_key=b"\x30\x81\x2a" + ALICE.public[2:])),
            id="account key in another encoding",
        ),
        pytest.param(forged(ALICE, replace(CERTIFICATE, account_key=ALICE.public[12:])), id="raw account key"),
        pytest.param(
            replace(CERTIFICATE, account_key=ALICE.public[:12] + NEUTRAL_POINT, signature=NEUTRAL_POINT + bytes(32)),
            id="account key for which one signature fits all",
        ),
    ],
)
def test_what_no_honest_device_would_sign_is_refused(certificate: DeviceCertificate):
    with pytest.raises(CertificateInvalid):
        certificate.verify(None)
    with pytest.raises(CertificateInvalid):
        verified_certificate(certificate.encode())


def test_no_certificate_is_issued_for_an_unsound_device_key():
    for public in (b"", bytes(31), NEUTRAL_POINT):
        with pytest.raises(BadKey):
            DeviceCertificate.issue(ALICE, public, NOW_S)


def test_certificates_of_another_version_cut_or_too_long_are_malformed():
    encoded = CERTIFICATE.encode()
    for bad in (b"\x00\x02" + encoded[2:], encoded + b"\x00", bytes(MAX_CERTIFICATE_BYTES + 1)):
        with pytest.raises(DecodeError):
            DeviceCertificate.decode(bad)
    for end in range(len(encoded)):
        with pytest.raises(DecodeError):
            DeviceCertificate.decode(encoded[:end])


def test_every_flipped_bit_is_refused():
    encoded = CERTIFICATE.encode()
    for bit in range(8 * len(encoded)):
        changed = bytearray(encoded)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CertificateInvalid):
            verified_certificate(bytes(changed))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_as_invalid(data: bytes):
    with pytest.raises(CertificateInvalid):
        verified_certificate(data)


def test_a_later_certificate_for_the_same_device_is_another_with_the_same_ids():
    renewed = DeviceCertificate.issue(AccountKey.load(ALICE.private), LAPTOP.public, NOW_S + 86_400)
    assert renewed != CERTIFICATE
    assert (renewed.account_id, renewed.device_id) == (CERTIFICATE.account_id, CERTIFICATE.device_id)
