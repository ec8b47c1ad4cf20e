from __future__ import annotations

import random

import pytest

from tacit.codec import Writer
from tacit.crypto.errors import BadKey
from tacit.crypto.secret import Secret
from tacit.errors import CryptoError
from tacit.identity import AccountKey, verify_account_bytes, verify_account_signature
from tacit.identity.account_keys import UnlabelledSignature
from tests.identity.people import ALICE, BOB

LABEL = "tacit 1.0 test"
OTHER_LABEL = "tacit 1.0 other test"


def test_a_stored_key_is_the_same_account():
    assert AccountKey.load(Secret(ALICE.private.reveal())) == ALICE
    assert AccountKey.generate(random.Random("account 1").randbytes) == ALICE


def test_the_private_key_is_not_shown():
    assert ALICE.private.reveal()[-32:].hex() not in repr(ALICE)
    assert "<Secret>" in repr(ALICE)


def test_what_is_no_key_is_refused():
    with pytest.raises(BadKey):
        AccountKey.load(Secret(b"not a key"))


def test_a_signature_holds_for_its_key_label_and_content_only():
    signature = ALICE.sign(LABEL, b"content")
    verify_account_signature(ALICE.public, LABEL, b"content", signature)
    for public, label, content in (
        (BOB.public, LABEL, b"content"),
        (ALICE.public, OTHER_LABEL, b"content"),
        (ALICE.public, LABEL, b"other"),
        (ALICE.public, LABEL + "\x07", b"ontent"),
    ):
        with pytest.raises(CryptoError):
            verify_account_signature(public, label, content, signature)


def test_bytes_that_begin_with_a_label_are_signed_as_they_are():
    w = Writer()
    w.opaque(LABEL.encode())
    w.u32(7)
    signature = ALICE.sign_bytes(w.finish())
    verify_account_bytes(ALICE.public, w.finish(), signature)
    with pytest.raises(CryptoError):
        verify_account_bytes(BOB.public, w.finish(), signature)


@pytest.mark.parametrize("label", ["", "tacit", "MLS 1.0 LeafNodeTBS", "Tacit 1.0 test"])
def test_nothing_without_a_label_of_ours_is_signed_or_verified(label: str):
    w = Writer()
    w.opaque(label.encode())
    for data in (b"", b"\xff", w.finish()):
        with pytest.raises(UnlabelledSignature):
            ALICE.sign_bytes(data)
        with pytest.raises(UnlabelledSignature):
            verify_account_bytes(ALICE.public, data, bytes(64))
    with pytest.raises(UnlabelledSignature):
        ALICE.sign(label, b"content")
