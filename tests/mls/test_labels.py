from __future__ import annotations

import pytest

from tacit.errors import CryptoError
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
from tests.mls.suites import count_suites, supported_cases

un = bytes.fromhex


def test_official_vectors() -> None:
    ran = 0
    for suite, case in supported_cases("crypto-basics"):
        v = case["ref_hash"]
        assert ref_hash(suite, v["label"].encode(), un(v["value"])) == un(v["out"])
        v = case["expand_with_label"]
        out = expand_with_label(suite, un(v["secret"]), v["label"].encode(), un(v["context"]), v["length"])
        assert out == un(v["out"])
        v = case["derive_secret"]
        assert derive_secret(suite, un(v["secret"]), v["label"].encode()) == un(v["out"])
        v = case["derive_tree_secret"]
        out = derive_tree_secret(suite, un(v["secret"]), v["label"].encode(), v["generation"], v["length"])
        assert out == un(v["out"])
        v = case["sign_with_label"]
        label, content = v["label"].encode(), un(v["content"])
        verify_with_label(suite, un(v["pub"]), label, content, un(v["signature"]))
        own = sign_with_label(suite, un(v["priv"]), label, content)
        verify_with_label(suite, un(v["pub"]), label, content, own)
        v = case["encrypt_with_label"]
        label, context, plaintext = v["label"].encode(), un(v["context"]), un(v["plaintext"])
        private = un(v["priv"])
        opened = decrypt_with_label(suite, private, label, context, un(v["kem_output"]), un(v["ciphertext"]))
        assert opened == plaintext
        sealed = encrypt_with_label(suite, un(v["pub"]), label, context, plaintext)
        assert decrypt_with_label(suite, private, label, context, *sealed) == plaintext
        ran += 1
    count_suites("crypto-basics", ran)


def test_what_is_made_under_one_label_is_nothing_under_another() -> None:
    for suite, case in supported_cases("crypto-basics"):
        v = case["sign_with_label"]
        with pytest.raises(CryptoError):
            verify_with_label(suite, un(v["pub"]), b"LeafNodeTBS", un(v["content"]), un(v["signature"]))
        v = case["encrypt_with_label"]
        with pytest.raises(CryptoError):
            decrypt_with_label(
                suite, un(v["priv"]), b"Welcome", un(v["context"]), un(v["kem_output"]), un(v["ciphertext"])
            )
