from __future__ import annotations

import base64
import random
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from tacit.crypto import account_keys
from tacit.crypto.errors import UnsupportedKey, WrongPassphrase
from tacit.crypto.pem import (
    BadPem,
    account_key_from_pem,
    account_key_to_open_pem,
    account_key_to_pem,
    is_sealed,
)

PRIVATE = account_keys.generate(random.Random(1).randbytes)
PEM = account_key_to_pem(PRIVATE, b"correct horse", random.Random(2).randbytes)


def test_a_key_survives_the_way_there_and_back():
    assert PEM.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert max(map(len, PEM.splitlines())) <= 64
    assert account_key_from_pem(PEM, b"correct horse") == PRIVATE


def test_salt_and_iv_come_from_the_entropy_given():
    assert account_key_to_pem(PRIVATE, b"correct horse", random.Random(2).randbytes) == PEM
    assert account_key_to_pem(PRIVATE, b"correct horse", random.Random(3).randbytes) != PEM


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
def test_the_openssl_command_reads_it():
    command = ["openssl", "pkey", "-passin", "pass:correct horse", "-outform", "DER"]
    assert subprocess.run(command, input=PEM, capture_output=True, check=True).stdout == PRIVATE.reveal()
    parsed = subprocess.run(["openssl", "asn1parse"], input=PEM, capture_output=True, check=True).stdout
    assert b"0927C0" in parsed  # 600,000 rounds


def test_files_of_other_tools_are_read():
    key = load_der_private_key(PRIVATE.reveal(), None)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw"))
    assert account_key_from_pem(plain, None) == PRIVATE
    assert account_key_from_pem(sealed, b"pw") == PRIVATE
    with pytest.raises(WrongPassphrase):
        account_key_from_pem(plain, b"pw")


@pytest.mark.parametrize(("passphrase", "why"), [(None, "missing"), (b"", "missing"), (b"wrong horse", "")])
def test_a_wrong_or_missing_passphrase_is_named_as_such(passphrase: bytes | None, why: str):
    with pytest.raises(WrongPassphrase) as refused:
        account_key_from_pem(PEM, passphrase)
    assert why in refused.value.detail


def test_an_empty_passphrase_is_refused():
    with pytest.raises(WrongPassphrase):
        account_key_to_pem(PRIVATE, b"", random.Random(2).randbytes)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"hello",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 70_000,
    ],
)
def test_what_is_no_pem_is_refused(pem: bytes):
    with pytest.raises(BadPem):
        account_key_from_pem(pem, None)


def test_a_key_of_a_kind_that_the_library_does_not_know_is_refused():
    unknown = PRIVATE.reveal().replace(bytes.fromhex("06032b6570"), bytes.fromhex("06032b657f"))
    pem = b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(unknown) + b"\n-----END PRIVATE KEY-----\n"
    with pytest.raises(UnsupportedKey):
        account_key_from_pem(pem, None)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (ec.derive_private_key(5, ec.SECP256R1()), ""),
        (rsa.generate_private_key(65537, 1024), "1024 bits; 2048 to 4096"),
        (rsa.generate_private_key(3, 2048), "exponent 3"),
    ],
    ids=["p256", "rsa-1024", "rsa-exponent-3"],
)
def test_keys_that_no_account_can_have_are_refused_with_the_reason(key, why: str):
    with pytest.raises(UnsupportedKey) as refused:
        account_key_from_pem(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), None)
    assert why in refused.value.detail


@pytest.mark.parametrize(("bits", "why"), [(2048, "do not fit together"), (8192, "8192 bits; 2048 to 4096")])
def test_whether_an_rsa_key_is_sound_is_asked_behind_its_size_which_takes_no_time(bits: int, why: str):
    """Neither factor is a prime; to look for that in a large key took half a minute."""
    p, q = (random.Random(n).getrandbits(bits // 2) | 3 << (bits // 2 - 2) | 1 for n in (1, 2))
    public = rsa.RSAPublicNumbers(65537, p * q)
    d = random.Random(3).getrandbits(bits - 1) | 1
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    with pytest.raises(UnsupportedKey) as refused:
        account_key_from_pem(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), None)
    assert why in refused.value.detail


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("passphrase", [None, b"pw"])
def test_rsa_keys_are_read_in_both_forms_sealed_or_not(form: PrivateFormat, passphrase: bytes | None):
    key = rsa.generate_private_key(65537, 2048)
    sealing = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    pem = key.private_bytes(Encoding.PEM, form, sealing)
    assert is_sealed(pem) == (passphrase is not None)
    private = account_key_from_pem(pem, passphrase)
    assert private.reveal() == key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for written in (
        account_key_to_pem(private, b"other", random.Random(2).randbytes),
        account_key_to_open_pem(private),
    ):
        assert account_key_from_pem(written, b"other" if is_sealed(written) else None) == private
