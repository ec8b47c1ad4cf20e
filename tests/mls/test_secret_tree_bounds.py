"""The borders of what a secret tree keeps and accepts: one more and one less."""

from __future__ import annotations

import pytest

from tacit.codec import Reader
from tacit.crypto.suites import X25519_SUITE, suite
from tacit.limits import MAX_FORWARD_GENERATIONS, MAX_SKIPPED_KEYS, MAX_SKIPPED_KEYS_PER_EPOCH
from tacit.mls import GenerationTooFar, LeafIndex
from tacit.mls.secret_tree import (
    LAST_GENERATION,
    MessageKey,
    Ratchet,
    RatchetKind,
    SecretTree,
    _bounded,
    check_forward_distance,
)
from tests.mls.ledger import Ledger

SUITE = suite(X25519_SUITE)
SECRET = b"s" * 32


def skipping(*generations: int) -> Ratchet:
    """A ratchet that has passed messages over."""
    return Ratchet(1_000, SECRET, {number: MessageKey(number, b"k" * 16, b"n" * 12) for number in generations})


@pytest.mark.parametrize("kind", RatchetKind)
def test_who_is_refused_has_caused_no_derivation(kind: RatchetKind) -> None:
    """Neither for somebody who has sent nothing yet nor for somebody who has."""
    tree = SecretTree.from_encryption_secret(4, SECRET)
    _, used = tree.key_at(SUITE, LeafIndex(0), kind, 0)
    for before, too_far in ((tree, MAX_FORWARD_GENERATIONS + 1), (used, MAX_FORWARD_GENERATIONS + 2)):
        ledger = Ledger()
        with ledger.recording(), pytest.raises(GenerationTooFar):
            before.key_at(SUITE, LeafIndex(0), kind, too_far)
        assert not ledger.noted
        before.key_at(SUITE, LeafIndex(0), kind, too_far - 1)


def test_the_last_generation_is_none() -> None:
    check_forward_distance(LAST_GENERATION - 1, LAST_GENERATION - 1)
    check_forward_distance(0, MAX_FORWARD_GENERATIONS)
    for expected, generation in ((LAST_GENERATION - 1, LAST_GENERATION), (0, MAX_FORWARD_GENERATIONS + 1)):
        with pytest.raises(GenerationTooFar):
            check_forward_distance(expected, generation)


def test_a_ratchet_keeps_the_youngest_of_what_it_passed_over() -> None:
    key, ratchet = Ratchet(0, SECRET).key_at(SUITE, MAX_SKIPPED_KEYS + 2)
    assert key.generation == MAX_SKIPPED_KEYS + 2
    assert list(ratchet.skipped) == list(range(2, MAX_SKIPPED_KEYS + 2))
    _, ratchet = ratchet.key_at(SUITE, MAX_SKIPPED_KEYS + 5)
    assert list(ratchet.skipped) == [*range(4, MAX_SKIPPED_KEYS + 2), MAX_SKIPPED_KEYS + 3, MAX_SKIPPED_KEYS + 4]


def test_moving_on_gives_up_all_that_was_passed_over_and_never_moves_back() -> None:
    ratchet = skipping(3, 4).advanced_to(SUITE, 1_002)
    assert (ratchet.generation, dict(ratchet.skipped)) == (1_002, {})
    assert skipping().advanced_to(SUITE, 5) == Ratchet(1_000, SECRET)


def test_somebody_who_has_sent_nothing_yet_can_move_on() -> None:
    tree = SecretTree.from_encryption_secret(4, SECRET)
    key, _ = tree.key_at(SUITE, LeafIndex(1), RatchetKind.APPLICATION, 3)
    moved = tree.advanced_to(SUITE, LeafIndex(1), RatchetKind.APPLICATION, 3)
    assert moved.next_key(SUITE, LeafIndex(1), RatchetKind.APPLICATION)[0] == key


def test_one_key_too_many_of_all_senders_is_given_up_by_who_has_most() -> None:
    rows = MAX_SKIPPED_KEYS_PER_EPOCH // MAX_SKIPPED_KEYS - 1
    senders = {LeafIndex(leaf): (skipping(), skipping(*range(MAX_SKIPPED_KEYS - 1))) for leaf in range(rows)}
    room = MAX_SKIPPED_KEYS_PER_EPOCH - rows * (MAX_SKIPPED_KEYS - 1)
    busiest = LeafIndex(rows)
    senders[busiest] = (skipping(*range(room - 1)), skipping(7))
    assert _bounded(dict(senders)) == senders
    senders[busiest] = (skipping(*range(room - 1)), skipping(7, 8))
    assert _bounded(dict(senders))[busiest] == (skipping(*range(1, room - 1)), skipping(7, 8))


def test_a_surplus_is_taken_from_several_if_it_must() -> None:
    """More than the one who has most can give; the others give the rest, and the order of each pair stays."""
    size = MAX_SKIPPED_KEYS_PER_EPOCH // 2
    senders = {
        LeafIndex(0): (skipping(), skipping(*range(size))),
        LeafIndex(1): (skipping(*range(size + 1)), skipping(9)),
        LeafIndex(2): (skipping(*range(size)), skipping(8)),
    }
    bounded = _bounded(dict(senders))
    left = [[len(ratchet.skipped) for ratchet in bounded[LeafIndex(leaf)]] for leaf in range(3)]
    assert left == [[0, size - 2], [0, 1], [size, 1]]
    assert sum(map(sum, left)) == MAX_SKIPPED_KEYS_PER_EPOCH


@pytest.mark.parametrize("ratchet", [skipping(), skipping(5), skipping(5, 70)])
def test_a_ratchet_is_stored_and_read_again(ratchet: Ratchet) -> None:
    r = Reader(ratchet.encoded)
    assert Ratchet.read(r) == ratchet
    r.finish()
    keys = b"".join(number.to_bytes(4, "big") + b"\x10" + b"k" * 16 + b"\x0c" + b"n" * 12 for number in ratchet.skipped)
    size = bytes((len(keys),)) if len(keys) < 64 else (0x4000 | len(keys)).to_bytes(2, "big")
    assert ratchet.encoded == (1_000).to_bytes(4, "big") + b"\x20" + SECRET + size + keys
