from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest

from tacit.crypto.errors import BadKey, UnsupportedSuite
from tacit.crypto.suites import DEFAULT_SUITE, SUPPORTED_SUITES, X25519_SUITE, CipherSuite, suite
from tacit.errors import CryptoError

SUITES = [pytest.param(suite(number), id=f"0x{number:04x}") for number in SUPPORTED_SUITES]
USED_SUITES = [pytest.param(suite(number), id=f"0x{number:04x}") for number in (DEFAULT_SUITE, X25519_SUITE)]


OWN_VECTORS = Path(__file__).parent / "data" / "default_suite.json"
"""No draft publishes vectors for X-Wing with HKDF-SHA384 and AES-256-GCM; these were sealed by OpenSSL's HPKE."""


def flipped(data: bytes, place: int, bit: int = 0) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed)


def test_the_default_suite_is_private_use_and_names_its_draft():
    default = suite(DEFAULT_SUITE)
    assert 0xF000 <= default.id <= 0xFFFF
    assert default.draft == "draft-ietf-mls-pq-ciphersuites-06"
    assert default.name == "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519"
    assert (default.hash_size, default.key_size, default.nonce_size) == (48, 32, 12)
    assert (default.public_key_size, default.kem_output_size, default.signature_key_size) == (1216, 1120, 32)


def test_the_default_suite_still_opens_what_it_sealed_when_these_vectors_were_made():
    """A change of this suite must be a new suite: groups and stores out there hold such bytes."""
    default = suite(DEFAULT_SUITE)
    for case in json.loads(OWN_VECTORS.read_text()):
        vector = {name: bytes.fromhex(value) for name, value in case.items()}
        pair = default.derive_key_pair(vector["ikm"])
        assert pair.private == vector["private"]
        assert hashlib.sha256(pair.public).digest() == vector["public_sha256"]
        opened = default.hpke_open(pair.private, vector["kem_output"], vector["info"], vector["ciphertext"])
        assert opened == vector["plaintext"]
        exported = default.hpke_export_receiver(
            pair.private, vector["export_kem_output"], vector["info"], vector["exporter_context"], 48
        )
        assert exported == vector["exported"]


@pytest.mark.parametrize("cipher_suite", SUITES)
def test_the_suite_hands_its_own_kdf_and_aead_out(cipher_suite: CipherSuite):
    kdf, aead = cipher_suite.hpke.kdf, cipher_suite.hpke.aead
    prk = cipher_suite.extract(b"salt", b"ikm")
    assert prk == kdf.extract(b"salt", b"ikm")
    assert cipher_suite.expand(prk, b"info", 70) == kdf.expand(prk, b"info", 70)
    assert cipher_suite.hash(b"data") == hashlib.new(kdf.hash_name, b"data").digest()
    key, nonce = bytes(cipher_suite.key_size), bytes(cipher_suite.nonce_size)
    sealed = cipher_suite.aead_seal(key, nonce, b"aad", b"data")
    assert sealed == aead.seal(key, nonce, b"aad", b"data")
    assert cipher_suite.aead_open(key, nonce, b"aad", sealed) == b"data"
    with pytest.raises(CryptoError):
        cipher_suite.aead_open(key, nonce, b"", sealed)


@pytest.mark.parametrize("cipher_suite", SUITES)
def test_a_private_signature_key_alone_gives_its_pair(cipher_suite: CipherSuite):
    pair = cipher_suite.generate_signature_key_pair(random.Random(9).randbytes)
    assert cipher_suite.signature_key_pair(pair.private) == pair


def test_suites_of_the_rfc_name_no_draft():
    assert [number for number in SUPPORTED_SUITES if suite(number).draft] == [DEFAULT_SUITE]


@pytest.mark.parametrize("number", [0x0000, 0x0008, 0x004E, 0xF063, 0xFFFF])
def test_unknown_suites_are_refused_by_number(number: int):
    with pytest.raises(UnsupportedSuite, match=f"0x{number:04x}"):
        suite(number)


@pytest.mark.parametrize("cipher_suite", SUITES)
def test_what_is_sealed_to_a_key_opens_with_it(cipher_suite: CipherSuite):
    pair = cipher_suite.generate_key_pair(random.Random(1).randbytes)
    kem_output, ciphertext = cipher_suite.hpke_seal(pair.public, b"info", b"plaintext")
    assert (len(pair.public), len(kem_output)) == (cipher_suite.public_key_size, cipher_suite.kem_output_size)
    assert cipher_suite.hpke_open(pair.private, kem_output, b"info", ciphertext) == b"plaintext"
    assert cipher_suite.generate_key_pair(random.Random(1).randbytes) == pair


@pytest.mark.parametrize("cipher_suite", USED_SUITES)
def test_any_change_to_what_was_sealed_is_not_authentic(cipher_suite: CipherSuite):
    pair = cipher_suite.generate_key_pair(random.Random(2).randbytes)
    kem_output, ciphertext = cipher_suite.hpke_seal(pair.public, b"info", b"plaintext")
    size = len(kem_output)
    edges = sorted({*range(4), *range(size // 2, size // 2 + 2), *range(size - 36, size)} & {*range(size)})
    for place in edges:
        for bit in (0, 7):
            with pytest.raises(CryptoError):
                cipher_suite.hpke_open(pair.private, flipped(kem_output, place, bit), b"info", ciphertext)
    for place in range(len(ciphertext)):
        with pytest.raises(CryptoError):
            cipher_suite.hpke_open(pair.private, kem_output, b"info", flipped(ciphertext, place))
    with pytest.raises(CryptoError):
        cipher_suite.hpke_open(pair.private, kem_output, b"other info", ciphertext)


@pytest.mark.parametrize("cipher_suite", SUITES)
def test_what_was_sealed_cannot_be_cut_lengthened_or_opened_with_another_key(cipher_suite: CipherSuite):
    pair = cipher_suite.generate_key_pair(random.Random(3).randbytes)
    other = cipher_suite.generate_key_pair(random.Random(4).randbytes)
    kem_output, ciphertext = cipher_suite.hpke_seal(pair.public, b"info", b"plaintext")
    attempts = [
        (pair, b"", ciphertext),
        (pair, kem_output[:-1], ciphertext),
        (pair, kem_output + b"\x00", ciphertext),
        (pair, kem_output[:-1], kem_output[-1:] + ciphertext),
        (pair, bytes(len(kem_output)), ciphertext),
        (pair, kem_output, b""),
        (pair, kem_output, ciphertext[:15]),
        (pair, kem_output, ciphertext[:-1]),
        (pair, kem_output, ciphertext + b"\x00"),
        (other, kem_output, ciphertext),
    ]
    for key, output, sealed in attempts:
        with pytest.raises(CryptoError):
            cipher_suite.hpke_open(key.private, output, b"info", sealed)


@pytest.mark.parametrize("cipher_suite", SUITES)
def test_both_sides_export_the_same_secret(cipher_suite: CipherSuite):
    pair = cipher_suite.generate_key_pair(random.Random(5).randbytes)
    kem_output, exported = cipher_suite.hpke_export_sender(pair.public, b"", b"context", 48)
    assert len(exported) == 48
    assert cipher_suite.hpke_export_receiver(pair.private, kem_output, b"", b"context", 48) == exported
    assert cipher_suite.hpke_export_receiver(pair.private, kem_output, b"", b"other", 48) != exported
    assert cipher_suite.hpke_export_receiver(pair.private, kem_output, b"x", b"context", 48) != exported
    with pytest.raises(CryptoError):
        cipher_suite.hpke_export_receiver(pair.private, kem_output[:-1], b"", b"context", 48)


@pytest.mark.parametrize("cipher_suite", SUITES)
def test_hpke_public_keys_are_checked_before_use(cipher_suite: CipherSuite):
    good = cipher_suite.derive_key_pair(b"\x01" * 66).public
    cipher_suite.check_public_key(good)
    for bad in (b"", good[:-1], good + b"\x00", bytes(len(good)), b"\xff" * len(good)):
        if bad in (b"\xff" * 32, b"\xff" * 56):
            continue  # a point of X25519 or X448 that is merely not reduced
        with pytest.raises(BadKey):
            cipher_suite.check_public_key(bad)
        with pytest.raises(BadKey):
            cipher_suite.hpke_seal(bad, b"", b"")
        with pytest.raises(BadKey):
            cipher_suite.hpke_export_sender(bad, b"", b"", 32)


@pytest.mark.parametrize("cipher_suite", SUITES)
def test_signatures_hold_for_their_key_and_data_only(cipher_suite: CipherSuite):
    pair = cipher_suite.generate_signature_key_pair(random.Random(6).randbytes)
    other = cipher_suite.generate_signature_key_pair(random.Random(7).randbytes)
    assert len(pair.public) == cipher_suite.signature_key_size
    signature = cipher_suite.sign(pair.private, b"data")
    assert signature == cipher_suite.sign(pair.private, b"data")
    cipher_suite.verify(pair.public, b"data", signature)
    wrong = [
        (pair.public, b"date", signature),
        (other.public, b"data", signature),
        (pair.public, b"data", b""),
        (pair.public, b"data", signature[:-1]),
        (pair.public, b"data", signature + b"\x00"),
        *((pair.public, b"data", flipped(signature, place)) for place in range(len(signature))),
    ]
    for public, data, attempt in wrong:
        with pytest.raises(CryptoError):
            cipher_suite.verify(public, data, attempt)


@pytest.mark.parametrize("cipher_suite", SUITES)
def test_malformed_signature_keys_are_refused(cipher_suite: CipherSuite):
    good = cipher_suite.generate_signature_key_pair(random.Random(8).randbytes).public
    cipher_suite.check_signature_key(good)
    for bad in (b"", good[:-1], good + b"\x00", bytes(len(good)), b"\xff" * len(good)):
        with pytest.raises(BadKey):
            cipher_suite.check_signature_key(bad)
        with pytest.raises(BadKey):
            cipher_suite.verify(bad, b"data", bytes(64))


@pytest.mark.parametrize("cipher_suite", SUITES)
def test_a_mac_matches_only_in_full(cipher_suite: CipherSuite):
    tag = cipher_suite.mac(b"key", b"data")
    assert len(tag) == cipher_suite.hash_size
    cipher_suite.verify_mac(b"key", b"data", tag)
    for wrong in (
        b"",
        tag[:1],
        tag[:-1],
        tag + b"\x00",
        flipped(tag, 0),
        flipped(tag, -1),
        cipher_suite.mac(b"k", b"data"),
    ):
        with pytest.raises(CryptoError):
            cipher_suite.verify_mac(b"key", b"data", wrong)
