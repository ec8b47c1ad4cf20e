"""Family xwing: the hybrid KEM of the default suite."""

from __future__ import annotations

from typing import Any

from tacit.crypto.groups import X25519
from tacit.crypto.xwing import MLKEM_PUBLIC_KEY_SIZE, XWING, key_pair_of_seed
from tests.vectors.expect import Options, expect, un
from tests.vectors.ml_kem import ML_KEM_768

MESSAGE_SIZE = 32
"""Of the randomness of an encapsulation, the bytes that are ML-KEM's; the rest are an X25519 key."""


def check(case: Any, options: Options) -> None:
    """Keys from the seed, the ciphertext from ``eseed``, and the secret from the ciphertext."""
    del options
    vector = {name: un(case[name]) for name in ("seed", "eseed", "sk", "pk", "ct", "ss")}
    expect("sk", vector["sk"], vector["seed"])
    expect("pk", key_pair_of_seed(vector["seed"]).public, vector["pk"])
    expect("ct", ciphertext_of(vector["pk"], vector["eseed"]), vector["ct"])
    expect("ss", XWING.decapsulate(vector["seed"], vector["ct"]), vector["ss"])


def ciphertext_of(public: bytes, eseed: bytes) -> bytes:
    """What an encapsulation to ``public`` sends that draws ``eseed``. tacit's own cannot be told what to draw."""
    _, ml_kem_half = ML_KEM_768.encapsulate(public[:MLKEM_PUBLIC_KEY_SIZE], eseed[:MESSAGE_SIZE])
    return ml_kem_half + X25519.public_bytes(X25519.load_private(eseed[MESSAGE_SIZE:]))
