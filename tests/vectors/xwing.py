"""Family xwing: the hybrid KEM of the default suite."""

from __future__ import annotations

from typing import Any

from tacit.crypto.groups import X25519
from tacit.crypto.xwing import MLKEM_CIPHERTEXT_SIZE, XWING, key_pair_of_seed
from tests.vectors.expect import Options, expect, un


def check(case: Any, options: Options) -> None:
    """Keys from the seed, the secret from the ciphertext, and of ``eseed`` the half that X25519 uses."""
    del options
    vector = {name: un(case[name]) for name in ("seed", "eseed", "sk", "pk", "ct", "ss")}
    expect("sk", vector["sk"], vector["seed"])
    expect("pk", key_pair_of_seed(vector["seed"]).public, vector["pk"])
    expect("ss", XWING.decapsulate(vector["seed"], vector["ct"]), vector["ss"])
    ephemeral = X25519.load_private(vector["eseed"][32:])
    expect("the X25519 half of ct", X25519.public_bytes(ephemeral), vector["ct"][MLKEM_CIPHERTEXT_SIZE:])
