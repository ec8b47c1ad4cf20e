"""Family crypto-basics: the labelled primitives."""

from __future__ import annotations

from typing import Any

from tacit.mls.labels import (
    decrypt_with_label,
    derive_secret,
    derive_tree_secret,
    encrypt_with_label,
    expand_with_label,
    ref_hash,
    sign_with_label,
    verify_with_label,
)
from tests.vectors.expect import Options, expect, suite_of, un


def check(case: Any, options: Options) -> None:
    """Derivations as given; signatures and ciphertexts as given, and again with what is made here."""
    del options
    suite = suite_of(case)
    v = case["ref_hash"]
    expect("ref_hash", ref_hash(suite, v["label"].encode(), un(v["value"])), un(v["out"]))
    v = case["expand_with_label"]
    out = expand_with_label(suite, un(v["secret"]), v["label"].encode(), un(v["context"]), v["length"])
    expect("expand_with_label", out, un(v["out"]))
    v = case["derive_secret"]
    expect("derive_secret", derive_secret(suite, un(v["secret"]), v["label"].encode()), un(v["out"]))
    v = case["derive_tree_secret"]
    out = derive_tree_secret(suite, un(v["secret"]), v["label"].encode(), v["generation"], v["length"])
    expect("derive_tree_secret", out, un(v["out"]))
    v = case["sign_with_label"]
    label, content = v["label"].encode(), un(v["content"])
    verify_with_label(suite, un(v["pub"]), label, content, un(v["signature"]))
    verify_with_label(suite, un(v["pub"]), label, content, sign_with_label(suite, un(v["priv"]), label, content))
    v = case["encrypt_with_label"]
    label, context, plaintext, private = v["label"].encode(), un(v["context"]), un(v["plaintext"]), un(v["priv"])
    opened = decrypt_with_label(suite, private, label, context, un(v["kem_output"]), un(v["ciphertext"]))
    expect("encrypt_with_label", opened, plaintext)
    sealed = encrypt_with_label(suite, un(v["pub"]), label, context, plaintext)
    expect("encrypt_with_label made here", decrypt_with_label(suite, private, label, context, *sealed), plaintext)
