"""A group of more members than the default policy lets in: made, changed and joined where an application says so."""

from __future__ import annotations

import random

import pytest

from tacit.crypto.secret import Secret
from tacit.crypto.suites import X25519_SUITE, suite
from tacit.limits import LARGEST_GROUP_MEMBERS, MAX_GROUP_MEMBERS, MAX_TREE_BYTES, MAX_TREE_NODES, MAX_VECTOR_BYTES
from tacit.mls import (
    Add,
    BadPolicy,
    BasicCredential,
    Group,
    LeafNode,
    Policy,
    create_key_package,
    join,
    load,
    save,
)
from tacit.mls.epochs import begin_epoch
from tacit.mls.group_context import GroupContext
from tacit.mls.key_schedule import schedule_epoch
from tacit.mls.leaf_nodes import Support, create_leaf, lifetime_from
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.tree_math import LeafIndex, full_leaf_count, node_count, node_of
from tests.mls.crew import NOW_S
from tests.mls.refusal import breaks

ENTROPY = random.Random(0).randbytes
S = suite(X25519_SUITE)
LARGE = Policy(max_members=LARGEST_GROUP_MEMBERS)


def accept(old: LeafNode | None, new: LeafNode) -> None:
    """Everybody may come in."""


def unknown(group_id: bytes) -> bool:
    return False


def first_and_last(size: int) -> tuple[Group, Group]:
    """Two members of a group of that size, in which nobody has committed yet: every parent is blank."""
    lifetime, support = lifetime_from(NOW_S), Support((), (), (), False)
    signers = [S.generate_signature_key_pair(ENTROPY).private for _ in range(size)]
    keys = [S.generate_key_pair(ENTROPY) for _ in range(size)]
    nodes: list[LeafNode | None] = [None] * node_count(full_leaf_count(size))
    for index, (signer, pair) in enumerate(zip(signers, keys, strict=True)):
        credential = BasicCredential(str(index).encode())
        nodes[2 * index] = create_leaf(
            S, credential, signer, pair.public, lifetime=lifetime, support=support, entropy=ENTROPY
        )
    tree = RatchetTree(S, tuple(nodes))
    context = GroupContext(S.id, b"large", 1, tree.tree_hash, ENTROPY(S.hash_size), ())
    schedule = schedule_epoch(S, ENTROPY(S.hash_size))

    def member(index: int) -> Group:
        leaf = LeafIndex(index)
        own = {node_of(leaf): Secret(keys[index].private)}
        begun = begin_epoch(S, context, tree, leaf, own, Secret(signers[index]), schedule)
        return Group(begun.epoch, begun.secret_tree)

    return member(0), member(size - 1)


def test_more_than_a_thousand_are_one_group_where_the_policy_says_so() -> None:
    first, last = first_and_last(MAX_GROUP_MEMBERS)
    bundle = create_key_package(
        S.id, b"newcomer", S.generate_signature_key_pair(ENTROPY).private, now_s=NOW_S, entropy=ENTROPY
    )
    add = [Add(bundle.key_package)]
    with breaks("limits/group-members"):
        first.create_commit(add, now_s=NOW_S, entropy=ENTROPY, authenticate=accept)
    first, pending = first.create_commit(add, now_s=NOW_S, entropy=ENTROPY, authenticate=accept, policy=LARGE)
    with breaks("limits/group-members"):
        last.process(pending.commit, authenticate=accept)
    followed = last.process(pending.commit, authenticate=accept, policy=LARGE).group_after  # type: ignore[union-attr]
    assert pending.welcome is not None
    with breaks("limits/group-members"):
        join(pending.welcome, [bundle], authenticate=accept, known_group=unknown)
    joined = join(pending.welcome, [bundle], authenticate=accept, known_group=unknown, policy=LARGE).group
    assert followed is not None
    assert len(joined.members()) == MAX_GROUP_MEMBERS + 1
    joined, message = load(save(joined)).seal(b"so many of us", entropy=ENTROPY)
    for group in (first.merge(pending), followed):
        assert group.process(message, authenticate=accept).data == b"so many of us"  # type: ignore[union-attr]


def test_the_largest_group_can_be_decoded() -> None:
    assert node_count(full_leaf_count(LARGEST_GROUP_MEMBERS)) <= MAX_TREE_NODES
    largest_tree = MAX_TREE_BYTES * LARGEST_GROUP_MEMBERS // MAX_GROUP_MEMBERS
    assert largest_tree + 256 * 1024 <= MAX_VECTOR_BYTES


@pytest.mark.parametrize("count", [1, LARGEST_GROUP_MEMBERS])
def test_a_policy_lets_in_one_or_as_many_as_can_be_handled(count: int) -> None:
    assert Policy(max_members=count).max_members == count


@pytest.mark.parametrize("count", [LARGEST_GROUP_MEMBERS + 1, 0, -1])
def test_no_policy_lets_in_more_than_that(count: int) -> None:
    with pytest.raises(BadPolicy) as caught:
        Policy(max_members=count)
    assert caught.value.code == "bad-policy"
