from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tacit.crypto.suites import X25519_SUITE, suite
from tacit.limits import MAX_FORWARD_GENERATIONS, MAX_SKIPPED_KEYS, MAX_SKIPPED_KEYS_PER_EPOCH
from tacit.mls import GenerationConsumed, GenerationTooFar, RatchetExhausted
from tacit.mls.secret_tree import LAST_GENERATION, MessageKey, RatchetKind, SecretTree
from tacit.mls.tree_math import LeafIndex, NodeIndex
from tests.effort import effort_s
from tests.mls.crew import Crew
from tests.mls.mirror import Mirror
from tests.mls.refusal import refuses, state_of

un = bytes.fromhex

SUITE = suite(X25519_SUITE)
LEAF = LeafIndex(5)
APPLICATION, HANDSHAKE = RatchetKind.APPLICATION, RatchetKind.HANDSHAKE


def a_tree() -> SecretTree:
    return SecretTree.from_encryption_secret(8, bytes(range(32)))


def all_secrets(tree: SecretTree) -> set[bytes]:
    kept = set(tree.nodes.values())
    for pair in tree.senders.values():
        for ratchet in pair:
            kept.add(ratchet.secret)
            for key in ratchet.skipped.values():
                kept |= {key.key, key.nonce}
    return kept


def test_nothing_is_left_that_a_used_key_came_from() -> None:
    """RFC 9420 §9.2, and its example: the path to the sender goes, the rest stays."""
    tree = a_tree()
    chain = [SecretTree.from_encryption_secret(8, bytes(range(32)))]
    for _ in range(2):
        chain.append(chain[-1].next_key(SUITE, LEAF, APPLICATION)[1])
    used, after = tree.key_at(SUITE, LEAF, APPLICATION, 1)
    gone = {tree.nodes[NodeIndex(7)], used.key, used.nonce, chain[1].ratchet(LEAF, APPLICATION).secret}
    assert all_secrets(after).isdisjoint(gone)
    assert set(after.nodes) == {3, 8, 13}
    assert set(after.senders) == {LEAF}
    assert list(after.ratchet(LEAF, APPLICATION).skipped) == [0]


def test_a_key_is_given_once() -> None:
    """Hazard A6, and the third of the mistakes that a published implementation made."""
    first, tree = a_tree().key_at(SUITE, LEAF, APPLICATION, 0)
    with pytest.raises(GenerationConsumed):
        tree.key_at(SUITE, LEAF, APPLICATION, 0)
    later, tree = tree.key_at(SUITE, LEAF, APPLICATION, 5)
    for generation in (3, 1, 4, 2):
        key, tree = tree.key_at(SUITE, LEAF, APPLICATION, generation)
        assert key != later
        with pytest.raises(GenerationConsumed):
            tree.key_at(SUITE, LEAF, APPLICATION, generation)
    assert first.key != later.key
    assert not tree.ratchet(LEAF, APPLICATION).skipped


@given(st.permutations(range(12)), st.integers(0, 7))
def test_keys_are_the_same_in_whatever_order_they_are_taken(order: list[int], leaf: int) -> None:
    straight: dict[int, MessageKey] = {}
    tree = a_tree()
    for _ in order:
        key, tree = tree.next_key(SUITE, LeafIndex(leaf), APPLICATION)
        straight[key.generation] = key
    tree = a_tree()
    for generation in order:
        key, tree = tree.key_at(SUITE, LeafIndex(leaf), APPLICATION, generation)
        assert key == straight[generation]
    assert not tree.ratchet(LeafIndex(leaf), APPLICATION).skipped


def test_the_two_ratchets_of_a_member_know_nothing_of_each_other() -> None:
    one, tree = a_tree().next_key(SUITE, LEAF, APPLICATION)
    other, tree = tree.next_key(SUITE, LEAF, HANDSHAKE)
    assert one.generation == other.generation == 0
    assert one.key != other.key


@pytest.mark.parametrize("generation", [MAX_FORWARD_GENERATIONS + 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
def test_a_generation_far_ahead_is_refused_before_anything_is_derived(generation: int) -> None:
    """Hazard B11."""
    tree = a_tree()
    _, moved = tree.next_key(SUITE, LEAF, APPLICATION)

    def ask() -> None:
        with pytest.raises(GenerationTooFar):
            tree.key_at(SUITE, LEAF, APPLICATION, generation)
        with pytest.raises(GenerationTooFar):
            moved.key_at(SUITE, LEAF, APPLICATION, generation + 1)

    assert effort_s(ask) < 0.05
    assert not tree.senders


@pytest.mark.parametrize("generation", [0xFFFFFFFF, 0xFFFFFFFE, MAX_FORWARD_GENERATIONS + 1])
def test_a_message_far_ahead_costs_nothing_and_changes_nothing(generation: int) -> None:
    """Hazard B11, as a message of a member whose sender data is authentic."""
    crew = Crew(3)
    message = Mirror(crew["alice"], crew.entropy).private(b"x", generation=generation)

    def hear() -> None:
        assert isinstance(refuses(crew, "bob", message, "15.3/generation-window"), GenerationTooFar)

    assert effort_s(hear) < 0.05


def test_the_last_generation_within_the_window_is_read() -> None:
    crew = Crew(3)
    message = Mirror(crew["alice"], crew.entropy).private(b"x", generation=MAX_FORWARD_GENERATIONS)
    assert crew.open("bob", message) == b"x"
    assert len(crew["bob"].secret_tree.ratchet(LeafIndex(0), APPLICATION).skipped) == MAX_SKIPPED_KEYS


def test_skipped_keys_have_a_bound_and_the_oldest_go() -> None:
    _, tree = a_tree().key_at(SUITE, LEAF, APPLICATION, 400)
    _, tree = tree.key_at(SUITE, LEAF, APPLICATION, 800)
    skipped = tree.ratchet(LEAF, APPLICATION).skipped
    assert len(skipped) == MAX_SKIPPED_KEYS
    assert list(skipped) == [g for g in range(800) if g != 400][-MAX_SKIPPED_KEYS:]
    with pytest.raises(GenerationConsumed):
        tree.key_at(SUITE, LEAF, APPLICATION, 0)


def test_all_senders_together_have_a_bound_and_who_has_most_gives() -> None:
    tree = SecretTree.from_encryption_secret(32, bytes(32))
    _, tree = tree.key_at(SUITE, LeafIndex(0), APPLICATION, 20)
    for leaf in range(1, 14):
        _, tree = tree.key_at(SUITE, LeafIndex(leaf), APPLICATION, 400)
        total = sum(len(ratchet.skipped) for pair in tree.senders.values() for ratchet in pair)
        assert total <= MAX_SKIPPED_KEYS_PER_EPOCH
    assert total == MAX_SKIPPED_KEYS_PER_EPOCH
    assert len(tree.ratchet(LeafIndex(0), APPLICATION).skipped) == 20
    given_up = [leaf for leaf in range(1, 14) if 0 not in tree.ratchet(LeafIndex(leaf), APPLICATION).skipped]
    assert given_up == [1]
    assert tree.key_at(SUITE, LeafIndex(2), APPLICATION, 0)


def test_a_message_that_is_not_authentic_uses_no_key_up() -> None:
    """An insider who knows everybody's keys cannot make a key of somebody else's useless."""
    crew = Crew(3)
    mirror = Mirror(crew["alice"], crew.entropy)
    before = state_of(crew["bob"])
    refuses(crew, "bob", mirror.private(b"x", sender=2, generation=0), "6.1/signature")
    assert state_of(crew["bob"]) == before
    assert crew.open("bob", crew.seal("carol", b"real")) == b"real"


def test_replays_are_refused_and_change_nothing() -> None:
    """Hazards A6, A8: application messages, a proposal and a commit, each again and again."""
    crew = Crew(3)
    messages = [crew.seal("alice", n.to_bytes(1, "big")) for n in range(5)]
    for message in reversed(messages):
        crew.open("bob", message)
    for message in messages * 3:
        assert isinstance(refuses(crew, "bob", message, "9.2/consumed"), GenerationConsumed)
    crew.commit("carol")
    for message in messages:
        refuses(crew, "bob", message, "9.2/consumed")
    assert crew.open("bob", crew.seal("alice", b"next")) == b"next"


def test_a_proposal_again_is_refused() -> None:
    crew = Crew(3)
    crew.groups["carol"], message = crew["carol"].propose_update(entropy=crew.entropy)
    crew.deliver_proposal("carol", message)
    refuses(crew, "bob", message, "9.2/consumed")


def test_a_ratchet_ends_before_it_overflows() -> None:
    _, tree = a_tree().next_key(SUITE, LEAF, APPLICATION)
    handshake, application = tree.senders[LEAF]
    last = structs.replace(application, generation=LAST_GENERATION - 1)
    tree = SecretTree(8, tree.nodes, {LEAF: (handshake, last)})
    key, tree = tree.next_key(SUITE, LEAF, APPLICATION)
    assert key.generation == LAST_GENERATION - 1
    with pytest.raises(RatchetExhausted):
        tree.next_key(SUITE, LEAF, APPLICATION)


def test_an_own_ratchet_that_was_set_back_is_moved_on() -> None:
    """Hazard F3: after a restored backup the relay says how far it has seen us."""
    crew = Crew(2)
    restored = crew["alice"]
    for n in range(5):
        crew.open("bob", crew.seal("alice", n.to_bytes(1, "big")))
    last = crew.seal("alice", b"last that the relay has")
    position = restored.sender_position(last)
    assert (position.epoch, position.leaf_index, position.generation, position.is_handshake) == (1, 0, 5, False)
    crew.groups["alice"] = restored.advance_own_ratchet(position.generation + 1)
    message = crew.seal("alice", b"after the backup")
    assert crew["bob"].sender_position(message).generation == 6
    assert crew.open("bob", message) == b"after the backup"
    assert crew["alice"].advance_own_ratchet(2).secret_tree == crew["alice"].secret_tree
    with pytest.raises(GenerationTooFar):
        restored.advance_own_ratchet(MAX_FORWARD_GENERATIONS + 2)
    moved = restored.advance_own_ratchet(3, handshake=True)
    assert moved.secret_tree.ratchet(LeafIndex(0), HANDSHAKE).generation == 3


def test_nonces_are_guarded_afresh_each_time() -> None:
    crew = Crew(2)
    one = crew["alice"].seal(b"x", entropy=random.Random(1).randbytes)[1]
    other = crew["alice"].seal(b"x", entropy=random.Random(2).randbytes)[1]
    assert one != other
