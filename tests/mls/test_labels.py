from __future__ import annotations

import pytest

from tacit.errors import CryptoError
from tacit.mls.labels import (
    decrypt_with_label,
    verify_with_label,
)
from tests.mls.suites import supported_cases

un = bytes.fromhex


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
