from __future__ import annotations

import hashlib
import itertools
import random

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey

from tacit.crypto import xwing
from tacit.crypto.errors import BadKey
from tacit.crypto.xwing import MLKEM_CIPHERTEXT_SIZE, MLKEM_PUBLIC_KEY_SIZE, XWING, key_pair_of_seed
from tacit.errors import CryptoError

PAIR = key_pair_of_seed(bytes(range(32)))


def test_encapsulation_and_decapsulation_agree_and_are_fresh():
    first, first_output = XWING.encapsulate(PAIR.public)
    second, second_output = XWING.encapsulate(PAIR.public)
    assert (len(first), len(first_output)) == (32, 1120)
    assert XWING.decapsulate(PAIR.private, first_output) == first
    assert first != second
    assert first_output != second_output


def test_derived_keys_use_the_labelled_form_and_not_the_plain_hash():
    ikm = b"\x07" * 32
    assert XWING.derive_key_pair(ikm).private != hashlib.shake_256(ikm).digest(32)


@pytest.mark.parametrize("place", [0, 1, 1086, 1087])
def test_a_changed_mlkem_ciphertext_gives_another_secret(place: int):
    secret, output = XWING.encapsulate(PAIR.public)
    changed = bytearray(output)
    changed[place] ^= 1
    assert XWING.decapsulate(PAIR.private, bytes(changed)) != secret


def test_an_x25519_half_of_low_order_is_refused_in_keys_and_ciphertexts():
    _, output = XWING.encapsulate(PAIR.public)
    for point in (bytes(32), b"\x01" + bytes(31)):
        with pytest.raises(BadKey):
            XWING.load_public(PAIR.public[:MLKEM_PUBLIC_KEY_SIZE] + point)
        with pytest.raises(BadKey):
            XWING.check_public_key(PAIR.public[:MLKEM_PUBLIC_KEY_SIZE] + point)
        with pytest.raises(CryptoError):
            XWING.decapsulate(PAIR.private, output[:MLKEM_CIPHERTEXT_SIZE] + point)


def with_coefficient(public: bytes, index: int, value: int) -> bytes:
    """The key with one of its 768 packed 12-bit coefficients replaced."""
    packed = int.from_bytes(public[:1152], "little")
    packed &= ~(0xFFF << 12 * index)
    packed |= value << 12 * index
    return packed.to_bytes(1152, "little") + public[1152:]


def test_an_mlkem_key_with_any_coefficient_above_the_modulus_is_refused():
    """By the check here exactly where the library refuses it, too."""
    for index, value in itertools.product(range(768), (0, 3328, 3329, 3330, 4095)):
        public = with_coefficient(PAIR.public, index, value)
        if value < 3329:
            MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_KEY_SIZE])
            XWING.check_public_key(public)
            continue
        with pytest.raises(ValueError, match="1184"):
            MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_KEY_SIZE])
        with pytest.raises(BadKey):
            XWING.check_public_key(public)
        with pytest.raises(BadKey):
            XWING.load_public(public)


def test_every_coefficient_may_be_the_greatest_one_at_once():
    greatest = b"\x00\x0d\xd0" * 384 + PAIR.public[1152:]
    assert with_coefficient(greatest, 5, 3328) == greatest
    XWING.check_public_key(greatest)


def test_checking_a_public_key_keeps_nothing_of_it():
    before = xwing._load_public.cache_info()
    for number in range(20):
        XWING.check_public_key(with_coefficient(PAIR.public, 3, number))
    assert xwing._load_public.cache_info() == before


@pytest.mark.parametrize("size", [0, 31, 32, 1184, 1215, 1217])
def test_public_keys_of_any_other_length_are_refused(size: int):
    public = random.Random(size).randbytes(size)
    with pytest.raises(BadKey):
        XWING.load_public(public)
    with pytest.raises(BadKey):
        XWING.check_public_key(public)


@pytest.mark.parametrize("size", [0, 31, 33, 64, 96])
def test_only_the_seed_of_32_bytes_is_a_private_key(size: int):
    with pytest.raises(BadKey):
        key_pair_of_seed(bytes(size))


@pytest.mark.parametrize("size", [0, 1088, 1119, 1121])
def test_kem_outputs_of_any_other_length_are_refused(size: int):
    with pytest.raises(CryptoError):
        XWING.decapsulate(PAIR.private, bytes(size))
