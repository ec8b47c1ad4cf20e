from __future__ import annotations

import hashlib
import hmac
import random

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from tacit.crypto.kdf import HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, Kdf
from tacit.errors import CryptoError

ALGORITHMS = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
KDFS = [pytest.param(kdf, id=kdf.hash_name) for kdf in (HKDF_SHA256, HKDF_SHA384, HKDF_SHA512)]


def test_rfc_5869_test_case_1():
    prk = HKDF_SHA256.extract(bytes(range(13)), b"\x0b" * 22)
    assert prk.hex() == "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    okm = HKDF_SHA256.expand(prk, bytes(range(0xF0, 0xFA)), 42)
    assert okm.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"


@pytest.mark.parametrize("kdf", KDFS)
@pytest.mark.parametrize("salt", [b"", b"salt", bytes(200)])
def test_extract_and_expand_agree_with_the_library(kdf: Kdf, salt: bytes):
    algorithm = ALGORITHMS[kdf.hash_name]
    prk = kdf.extract(salt, b"input")
    assert len(prk) == kdf.size
    for length in (1, kdf.size - 1, kdf.size, kdf.size + 1, 3 * kdf.size, 255 * kdf.size):
        assert kdf.expand(prk, b"info", length) == HKDFExpand(algorithm, length, b"info").derive(prk)
        assert kdf.expand(prk, b"info", length) == HKDF(algorithm, length, salt, b"info").derive(b"input")


@pytest.mark.parametrize("kdf", KDFS)
def test_an_expansion_past_its_limit_is_refused(kdf: Kdf):
    with pytest.raises(CryptoError):
        kdf.expand(bytes(kdf.size), b"", 255 * kdf.size + 1)


@pytest.mark.parametrize("kdf", KDFS)
def test_the_mac_is_hmac_for_keys_shorter_and_longer_than_a_block(kdf: Kdf):
    for size in (0, 1, kdf.size, kdf.block_size - 1, kdf.block_size, kdf.block_size + 1, 3 * kdf.block_size):
        key = random.Random(size).randbytes(size)
        for data in (b"", b"data", bytes(range(256)) * 5):
            assert kdf.mac(key, data) == hmac.digest(key, data, kdf.hash_name)


@pytest.mark.parametrize("kdf", KDFS)
def test_hash_and_mac_are_of_the_named_length(kdf: Kdf):
    assert len(kdf.hash(b"")) == len(kdf.mac(b"", b"")) == kdf.size
    assert kdf.hash(b"data") == hashlib.new(kdf.hash_name, b"data").digest()
    assert hashlib.new(kdf.hash_name).block_size == kdf.block_size


@pytest.mark.parametrize("kdf", [HKDF_SHA256, HKDF_SHA384, HKDF_SHA512])
def test_first_blocks_are_what_expanding_one_by_one_gives(kdf: Kdf):
    secret, infos = bytes(range(kdf.size)), [b"", b"a", b"b" * 200]
    assert kdf.first_blocks(secret, infos) == [kdf.expand(secret, info, kdf.size) for info in infos]
