"""The primitives of some suites, each beside the same done by the bare library, in turns."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey

from bench.contest import Sample, best_of, one_core
from bench.measure import Row, Table, cost_us
from tacit.crypto.passphrase import PassphraseParams, derive_passphrase_key
from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE, CipherSuite, suite
from tacit.crypto.xwing import MLKEM_PUBLIC_KEY_SIZE

MESSAGE = os.urandom(1024)
SUITES = ((DEFAULT_SUITE, "default"), (X25519_SUITE, "0x0001"), (0x0004, "0x0004"))
ROUNDS = 60
SAMPLE_S = 0.001

Work = Callable[[], object]


def table() -> Table:
    """Microseconds of one operation."""
    with one_core():
        rows = tuple(_rows())
    return Table("crypto: one operation, 1 KB where there is a message; the floor is the bare library", rows)


def _rows() -> Iterator[Row]:
    for number, name in SUITES:
        s = suite(number)
        for what, ours, bare in (*_signatures(s), *_symmetric(s), *_hpke(s)):
            yield _beside(f"{name}: {what}", ours, bare)
    yield Row("passphrase key (Argon2id)", cost_us(_passphrase), "µs")


def _signatures(s: CipherSuite) -> Iterator[tuple[str, Work, Work | None]]:
    pair = s.generate_signature_key_pair(os.urandom)
    signature = s.sign(pair.private, MESSAGE)
    private: Any = (Ed25519PrivateKey if len(pair.private) == 32 else Ed448PrivateKey).from_private_bytes(pair.private)
    public = private.public_key()
    yield "sign", lambda: s.sign(pair.private, MESSAGE), lambda: private.sign(MESSAGE)
    yield "verify", lambda: s.verify(pair.public, MESSAGE, signature), lambda: public.verify(signature, MESSAGE)


def _symmetric(s: CipherSuite) -> Iterator[tuple[str, Work, Work | None]]:
    key, nonce, cipher = os.urandom(s.key_size), os.urandom(s.nonce_size), s.hpke.aead.cipher
    sealed = s.aead_seal(key, nonce, b"", MESSAGE)
    yield (
        "AEAD seal",
        lambda: s.aead_seal(key, nonce, b"", MESSAGE),
        lambda: cipher(key).encrypt(nonce, MESSAGE, b""),
    )
    yield (
        "AEAD open",
        lambda: s.aead_open(key, nonce, b"", sealed),
        lambda: cipher(key).decrypt(nonce, sealed, b""),
    )
    secret, info, name, size = os.urandom(s.hash_size), bytes(40), s.hpke.kdf.hash_name, s.hash_size
    yield "expand to one secret", lambda: s.expand(secret, info, size), lambda: hmac.digest(secret, info, name)
    yield "hash of 100 bytes", lambda: s.hash(MESSAGE[:100]), lambda: hashlib.new(name, MESSAGE[:100]).digest()


def _hpke(s: CipherSuite) -> Iterator[tuple[str, Work, Work | None]]:
    secret, pair, kem = os.urandom(s.hash_size), s.generate_key_pair(os.urandom), s.hpke.kem
    kem_output, ciphertext = s.hpke_seal(pair.public, b"info", secret)
    yield "key pair from a secret", lambda: s.derive_key_pair(os.urandom(s.hash_size)), None
    load = _bare_loading(pair.public) if s.id == DEFAULT_SUITE else None
    yield "public key checked", lambda: s.check_public_key(pair.public), load
    seal: Work | None = None
    open_: Work | None = None
    if kem.pyca is not None:
        bare = hpke.Suite(kem.pyca, s.hpke.kdf.pyca, s.hpke.aead.pyca)
        public, private, sealed = kem.load_public(pair.public), kem.load_private(pair.private), kem_output + ciphertext
        seal, open_ = lambda: bare.encrypt(secret, public, b"info"), lambda: bare.decrypt(sealed, private, b"info")
    yield "HPKE seal", lambda: s.hpke_seal(pair.public, b"info", secret), seal
    yield "HPKE open", lambda: s.hpke_open(pair.private, kem_output, b"info", ciphertext), open_


def _bare_loading(public: bytes) -> Work:
    return lambda: MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_KEY_SIZE])


def _beside(what: str, ours: Work, bare: Work | None) -> Row:
    columns = {"ours": _sample_of(ours)} | ({} if bare is None else {"bare": _sample_of(bare)})
    best = best_of(columns, ROUNDS)
    return Row(what, best["ours"] * 1e6, "µs", best["bare"] * 1e6 if bare else None)


def _sample_of(work: Work) -> Sample:
    """Seconds of one call, over as many as make the clock's own cost disappear."""
    calls = max(1, int(SAMPLE_S / max(cost_once_s(work), 1e-7)))

    def sample() -> float:
        began = time.perf_counter()
        for _ in range(calls):
            work()
        return (time.perf_counter() - began) / calls

    return sample


def cost_once_s(work: Work) -> float:
    """Seconds of the second call."""
    work()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _passphrase() -> object:
    return derive_passphrase_key(b"correct horse battery staple", bytes(16), PassphraseParams())
