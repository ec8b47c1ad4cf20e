from __future__ import annotations

import hashlib

from tacit.client.core.heads import UNKNOWN_HEAD, first_head, next_head


def test_a_head_is_a_chain_over_the_epoch_and_every_entry() -> None:
    start = first_head(b"authenticator")
    assert start == hashlib.sha256(b"tacit head" + b"authenticator").digest()
    after = next_head(start, 5, b"payload")
    assert after == hashlib.sha256(start + (5).to_bytes(8, "big") + hashlib.sha256(b"payload").digest()).digest()


def test_another_epoch_number_or_payload_gives_another_head() -> None:
    start = first_head(b"a")
    heads = {
        next_head(start, 1, b"x"),
        next_head(start, 2, b"x"),
        next_head(start, 1, b"y"),
        next_head(first_head(b"b"), 1, b"x"),
    }
    assert len(heads) == 4


def test_an_unknown_head_stays_unknown() -> None:
    assert next_head(UNKNOWN_HEAD, 9, b"x") == UNKNOWN_HEAD
