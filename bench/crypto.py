"""The primitives of both suites, beside the bare library where that is one call."""

from __future__ import annotations

import os
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.measure import Row, Table, cost_us
from tacit.crypto.passphrase import PassphraseParams, derive_passphrase_key
from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE, CipherSuite, suite

MESSAGE = os.urandom(1024)


def table() -> Table:
    """Microseconds of one operation."""
    return Table("crypto: one operation, 1 KB where there is a message", tuple(_rows()))


def _rows() -> Iterator[Row]:
    bare = Ed25519PrivateKey.generate()
    sign_floor, public = cost_us(lambda: bare.sign(MESSAGE)), bare.public_key()
    signature = bare.sign(MESSAGE)
    verify_floor = cost_us(lambda: public.verify(signature, MESSAGE))
    for number, name in ((DEFAULT_SUITE, "default"), (X25519_SUITE, "0x0001")):
        yield from _suite_rows(suite(number), name, sign_floor, verify_floor)
    yield Row("passphrase key (Argon2id)", cost_us(_passphrase), "µs")


def _suite_rows(s: CipherSuite, name: str, sign_floor: float, verify_floor: float) -> Iterator[Row]:
    signer = s.generate_signature_key_pair(os.urandom)
    signature = s.sign(signer.private, MESSAGE)
    yield Row(f"{name}: sign", cost_us(lambda: s.sign(signer.private, MESSAGE)), "µs", sign_floor)
    yield Row(f"{name}: verify", cost_us(lambda: s.verify(signer.public, MESSAGE, signature)), "µs", verify_floor)

    key, nonce = os.urandom(s.key_size), os.urandom(s.nonce_size)
    bare = AESGCM(key)
    sealed = s.aead_seal(key, nonce, b"", MESSAGE)
    seal_floor = cost_us(lambda: bare.encrypt(nonce, MESSAGE, b""))
    yield Row(f"{name}: AEAD seal", cost_us(lambda: s.aead_seal(key, nonce, b"", MESSAGE)), "µs", seal_floor)
    yield Row(f"{name}: AEAD open", cost_us(lambda: s.aead_open(key, nonce, b"", sealed)), "µs", seal_floor)
    secret = os.urandom(s.hash_size)
    yield Row(f"{name}: expand to one secret", cost_us(lambda: s.expand(secret, b"label", s.hash_size)), "µs")

    pair = s.generate_key_pair(os.urandom)
    kem_output, ciphertext = s.hpke_seal(pair.public, b"info", secret)
    yield Row(f"{name}: key pair", cost_us(lambda: s.generate_key_pair(os.urandom)), "µs")
    yield Row(f"{name}: key pair from a secret", cost_us(lambda: s.derive_key_pair(os.urandom(s.hash_size))), "µs")
    yield Row(f"{name}: HPKE seal", cost_us(lambda: s.hpke_seal(pair.public, b"info", secret)), "µs")
    yield Row(f"{name}: HPKE open", cost_us(lambda: s.hpke_open(pair.private, kem_output, b"info", ciphertext)), "µs")


def _passphrase() -> object:
    return derive_passphrase_key(b"correct horse battery staple", bytes(16), PassphraseParams())
