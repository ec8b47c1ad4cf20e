from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)
from cryptography.utils import CryptographyDeprecationWarning

from tacit.crypto import account_keys
from tacit.crypto.errors import BadKey, UnsupportedKey
from tacit.crypto.secret import Secret
from tacit.errors import CryptoError
from tacit.limits import MAX_ACCOUNT_KEY_BYTES

PRIVATE = account_keys.generate(random.Random(1).randbytes)
PUBLIC = account_keys.public_key(PRIVATE)


def spki(key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pkcs8(key) -> Secret:
    return Secret(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def foreign_keys():
    return [
        pytest.param(x25519.X25519PrivateKey.from_private_bytes(b"\x01" * 32), id="x25519"),
        pytest.param(ed448.Ed448PrivateKey.from_private_bytes(b"\x01" * 57), id="ed448"),
        pytest.param(ec.derive_private_key(5, ec.SECP256R1()), id="p256"),
        pytest.param(rsa.generate_private_key(65537, 1024), id="rsa-1024"),
        pytest.param(rsa.generate_private_key(3, 2048), id="rsa-exponent-3"),
    ]


def test_the_public_key_is_the_spki_of_rfc_8410():
    assert PUBLIC[:12].hex() == "302a300506032b6570032100"
    assert len(PUBLIC) == 44
    assert account_keys.algorithm_name(PUBLIC) == "ed25519"
    account_keys.check_public_key(PUBLIC)


def test_the_same_entropy_gives_the_same_key():
    assert account_keys.generate(random.Random(1).randbytes) == PRIVATE
    assert account_keys.generate(random.Random(2).randbytes) != PRIVATE


def test_signatures_hold_for_their_key_and_data_only():
    signature = account_keys.sign(PRIVATE, b"data")
    account_keys.verify(PUBLIC, b"data", signature)
    other = account_keys.public_key(account_keys.generate(random.Random(2).randbytes))
    changed = signature[:-1] + bytes([signature[-1] ^ 1])
    for attempt in (
        (PUBLIC, b"date", signature),
        (other, b"data", signature),
        (PUBLIC, b"data", b""),
        (PUBLIC, b"data", signature + b"\x00"),
        (PUBLIC, b"data", changed),
    ):
        with pytest.raises(CryptoError):
            account_keys.verify(*attempt)


@pytest.mark.parametrize("key", foreign_keys())
def test_other_kinds_of_key_are_refused(key):
    with pytest.raises(BadKey):
        account_keys.check_public_key(spki(key))
    with pytest.raises(BadKey):
        account_keys.check_private_key(pkcs8(key))


def test_a_key_that_is_made_here_is_of_the_kind_that_was_asked_for():
    made = account_keys.generate(random.Random(1).randbytes, "rsa")
    public = account_keys.public_key(made)
    assert (account_keys.algorithm_name(public), account_keys.key_bits(public)) == ("rsa", 3072)
    account_keys.check_private_key(made)
    assert account_keys.key_bits(PUBLIC) == 256
    with pytest.raises(UnsupportedKey):
        account_keys.generate(random.Random(1).randbytes, "dsa")


RSA_KEY = rsa.generate_private_key(65537, 2048)
RSA_PUBLIC = spki(RSA_KEY)


def test_rsa_signatures_are_pss_with_sha256_and_a_salt_of_its_length():
    signature = account_keys.sign(pkcs8(RSA_KEY), b"data")
    RSA_KEY.public_key().verify(signature, b"data", PSS(MGF1(SHA256()), 32), SHA256())
    account_keys.verify(RSA_PUBLIC, b"data", signature)
    assert account_keys.sign(pkcs8(RSA_KEY), b"data") != signature
    for data, other in ((b"date", signature), (b"data", signature[:-1] + bytes([signature[-1] ^ 1])), (b"data", b"")):
        with pytest.raises(CryptoError):
            account_keys.verify(RSA_PUBLIC, data, other)


@pytest.mark.parametrize(
    ("padding", "digest"),
    [
        (PSS(MGF1(SHA256()), 20), SHA256()),
        (PSS(MGF1(SHA384()), 32), SHA256()),
        (PSS(MGF1(SHA384()), 48), SHA384()),
        (PKCS1v15(), SHA256()),
    ],
    ids=["short-salt", "other-mask", "other-hash", "pkcs1"],
)
def test_any_other_way_to_sign_with_rsa_is_refused(padding, digest):
    with pytest.raises(CryptoError):
        account_keys.verify(RSA_PUBLIC, b"data", RSA_KEY.sign(b"data", padding, digest))


def rsa_spki(modulus: int, exponent: int) -> bytes:
    return (
        rsa.RSAPublicNumbers(exponent, modulus)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


@pytest.mark.parametrize(
    ("modulus", "exponent", "why"),
    [
        ((1 << 2046) + 1, 65537, "of 2047 bits; 2048 to 4096"),
        ((1 << 4096) + 1, 65537, "of 4097 bits"),
        ((1 << 2047) + 2, 65537, "even"),
        ((1 << 2047) + 1, 65535, "exponent 65535"),
        ((1 << 2047) + 1, 2**32 + 1, "exponent 4294967297"),
    ],
)
def test_rsa_keys_of_other_sizes_and_exponents_are_refused_with_the_reason(modulus: int, exponent: int, why: str):
    with pytest.raises(BadKey, match=why):
        account_keys.check_public_key(rsa_spki(modulus, exponent))
    account_keys.check_public_key(rsa_spki((1 << 2047) + 1, 65537))
    account_keys.check_public_key(rsa_spki((1 << 4095) + 1, 2**32 - 1))


def test_an_rsa_key_has_one_encoding():
    """The same numbers named as a key for PSS alone, or without the parameters, would be another account."""
    named = bytes.fromhex("300d06092a864886f70d0101010500")
    assert RSA_PUBLIC.count(named) == 1
    pss = RSA_PUBLIC.replace(named, bytes.fromhex("300d06092a864886f70d01010a0500"))
    bare = RSA_PUBLIC.replace(named, bytes.fromhex("300b06092a864886f70d010101"))
    shorter = bare[:2] + (int.from_bytes(bare[2:4]) - 2).to_bytes(2) + bare[4:]
    for other in (pss, shorter, RSA_PUBLIC + b"\x00", RSA_PUBLIC[:-1]):
        with pytest.raises(BadKey):
            account_keys.check_public_key(other)


@pytest.mark.parametrize(
    "public",
    [
        b"",
        b"\x30",
        PUBLIC[:-1],
        PUBLIC + b"\x00",
        PUBLIC[12:],
        bytes.fromhex("30812a") + PUBLIC[2:],  # the length in long form
        bytes.fromhex("302c300706032b65700500032100") + PUBLIC[12:],  # parameters that must be absent
        bytes.fromhex("302a300506032b6570032101") + PUBLIC[12:],  # unused bits
        PUBLIC[:12] + bytes(32),
        PUBLIC[:12] + b"\x01" + bytes(31),
        PUBLIC[:12] + b"\xff" * 32,
        b"\x30" * (MAX_ACCOUNT_KEY_BYTES + 1),
    ],
    ids=[
        "empty",
        "stub",
        "cut",
        "trailing",
        "raw",
        "long-length",
        "parameters",
        "unused-bits",
        "zero",
        "neutral",
        "not-canonical",
        "huge",
    ],
)
def test_any_other_encoding_is_refused(public: bytes):
    with pytest.raises(BadKey):
        account_keys.check_public_key(public)
    with pytest.raises(BadKey):
        account_keys.verify(public, b"", bytes(64))


def test_bytes_that_are_not_the_encoding_of_the_parsed_key_are_refused():
    """The library lets no such bytes through today; were it to, one key would have two accounts."""
    account_keys._check_canonical(Ed25519PublicKey.from_public_bytes(PUBLIC[12:]), PUBLIC)
    for other in (b"\x30\x81\x2a" + PUBLIC[2:], PUBLIC + b"\x00"):
        with pytest.raises(BadKey, match="canonical"):
            account_keys._check_canonical(Ed25519PublicKey.from_public_bytes(PUBLIC[12:]), other)


def ffdhe2048_prime() -> int:
    """Out of the digits of e. Source: RFC 7919, appendix A.1"""
    e, term, n = 0, 1 << 2100, 0
    while term:
        e, n = e + term, n + 1
        term //= n
    return 2**2048 - 2**1984 + ((e >> 2100 - 1918) + 560316) * 2**64 - 1


def test_a_kind_of_key_that_the_library_warns_of_is_refused_without_a_warning():
    prime = b"\x02\x82\x01\x01\x00" + ffdhe2048_prime().to_bytes(256, "big")
    parameters = b"\x30\x82\x01\x08" + prime + b"\x02\x01\x02"
    algorithm = b"\x30\x82\x01\x17" + bytes.fromhex("06092a864886f70d010301") + parameters
    finite_field = b"\x30\x82\x01\x21" + algorithm + b"\x03\x04\x00\x02\x01\x05"
    with pytest.warns(CryptographyDeprecationWarning):
        load_der_public_key(finite_field)
    with pytest.raises(BadKey, match="kind"):
        account_keys.check_public_key(finite_field)


def test_every_single_byte_change_is_refused_or_another_sound_key():
    for place in range(12):
        for value in range(256):
            changed = PUBLIC[:place] + bytes([value]) + PUBLIC[place + 1 :]
            if changed != PUBLIC:
                with pytest.raises(BadKey):
                    account_keys.check_public_key(changed)


@pytest.mark.parametrize("private", [b"", b"\x30\x00", PRIVATE.reveal()[:-1], PRIVATE.reveal() + b"\x00"])
def test_damaged_private_keys_are_refused(private: bytes):
    with pytest.raises(BadKey):
        account_keys.sign(Secret(private), b"")
