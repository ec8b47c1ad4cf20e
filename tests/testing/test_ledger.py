"""The ledger notices what must never happen, and lets pass what must."""

from __future__ import annotations

import pytest

from tacit import mls
from tacit.testing.entropy import SeededEntropy
from tacit.testing.ledger import Ledger, SealedTwice
from tacit.testing.links import Meddler, Passing
from tacit.wire import relay_pb2 as pb

GROUP_ID = b"g" * 16
ENTROPY = SeededEntropy(1)


@pytest.fixture
def group() -> mls.Group:
    return mls.create_group(GROUP_ID, 1, b"alice", ENTROPY(32), now_s=1_767_225_600, entropy=ENTROPY)


def send(meddler: Meddler, message_id: bytes, payload: bytes) -> None:
    body = pb.Append(log_id=GROUP_ID, message_id=message_id, payload=payload)
    assert meddler(Passing(True, 1, "append", 1, body, b"frame")) is None


def test_messages_one_after_the_other_and_repeats_are_fine(group: mls.Group) -> None:
    ledger = Ledger()
    watch = ledger.watch("alice", lambda _: group)
    after, first = group.seal(b"one", entropy=ENTROPY)
    _, second = after.seal(b"two", entropy=ENTROPY)
    for message_id, payload in ((b"1", first), (b"2", second), (b"1", first)):
        send(watch, message_id, payload)
    ledger.check()
    assert (ledger.places, ledger.repeats) == (2, 1)


def test_two_ciphertexts_of_one_generation_are_found(group: mls.Group) -> None:
    ledger = Ledger()
    watch = ledger.watch("alice", lambda _: group)
    for message_id, text in ((b"1", b"one"), (b"2", b"two")):
        send(watch, message_id, group.seal(text, entropy=ENTROPY)[1])
    with pytest.raises(SealedTwice, match="generation 0"):
        ledger.check()


def test_other_bytes_under_one_message_id_are_found(group: mls.Group) -> None:
    ledger = Ledger()
    watch = ledger.watch("alice", lambda _: group)
    after, first = group.seal(b"one", entropy=ENTROPY)
    send(watch, b"1", first)
    send(watch, b"1", after.seal(b"two", entropy=ENTROPY)[1])
    with pytest.raises(SealedTwice, match="other bytes"):
        ledger.check()


def test_a_commit_and_a_message_do_not_share_a_ratchet(group: mls.Group) -> None:
    ledger = Ledger()
    watch = ledger.watch("alice", lambda _: group)
    _, message = group.seal(b"one", entropy=ENTROPY)
    _, pending = group.create_commit([], now_s=1_767_225_600, entropy=ENTROPY, authenticate=lambda _old, _new: None)
    send(watch, b"1", message)
    send(watch, b"2", pending.commit)
    ledger.check()
    assert ledger.places == 2


def test_what_cannot_be_placed_is_still_held_to_its_bytes(group: mls.Group) -> None:
    ledger = Ledger()
    watch = ledger.watch("alice", lambda _: None)
    send(watch, b"1", b"x")
    ledger.check()
    send(watch, b"1", b"y")
    with pytest.raises(SealedTwice):
        ledger.check()


def test_epochs_of_one_number_in_two_lives_have_different_places(group: mls.Group) -> None:
    ledger = Ledger()
    lives = []
    for _ in range(2):
        after, pending = group.create_commit(
            entropy=ENTROPY, now_s=1_767_225_600, authenticate=lambda old, new: None, public=True
        )
        lives.append(after.merge(pending))
    for message_id, life in zip((b"1", b"2", b"3"), (*lives, lives[0]), strict=True):
        send(ledger.watch("alice", lambda _, life=life: life), message_id, life.seal(message_id, entropy=ENTROPY)[1])
        if message_id == b"2":
            ledger.check()
    with pytest.raises(SealedTwice, match="epoch 1, generation 0"):
        ledger.check()
