"""The counts that stand for looking at every node say the same as looking at every node."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tacit.crypto.suites import X25519_SUITE, suite
from tacit.errors import InvalidMessage
from tacit.mls import LeafIndex, LeafNode
from tacit.mls.checks.leaf_nodes import check_leaf_signature
from tacit.mls.commits import HPKECiphertext, UpdatePath, UpdatePathNode
from tacit.mls.leaf_nodes import Capabilities
from tacit.mls.parent_hashes import has_parent_hash_of
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import LeafNodeSource
from tacit.mls.tree_counts import TreeCounts
from tacit.mls.tree_math import NodeIndex, direct_path, node_of
from tacit.mls.update_paths import PathNode, decrypt_path
from tests.mls.crew import Crew

SLOTS = TreeCounts.__slots__


def leaf_like(model: LeafNode, rng: random.Random) -> LeafNode:
    """Another leaf; now and then with a key that is there already."""

    def listed() -> tuple[int, ...]:
        return tuple(rng.randrange(6) for _ in range(rng.randrange(4)))

    capabilities = Capabilities((1,), (1,), listed(), listed(), listed())
    return replace(
        model,
        encryption_key=bytes([rng.randrange(40)]),
        signature_key=bytes([rng.randrange(40)]),
        capabilities=capabilities,
        signature=bytes(rng.randrange(80)),
    )


@pytest.mark.parametrize("seed", range(20))
def test_counts_follow_every_change_and_leave_the_tree_before_alone(seed: int) -> None:
    rng = random.Random(seed)
    model = Crew(1)["alice"].state.tree.leaf(LeafIndex(0))
    assert model is not None
    tree = RatchetTree.of_one(suite(X25519_SUITE), model)
    for _ in range(40):
        before, nodes = tree, tree.nodes
        edit = tree.edit()
        members = [index for index, _ in tree.leaves()]
        match rng.randrange(5):
            case 0 | 1:
                edit.add(leaf_like(model, rng))
            case 2 if len(members) > 1:
                edit.remove(rng.choice(members))
            case 3:
                edit.update(rng.choice(members), leaf_like(model, rng))
            case _:
                for node in direct_path(node_of(rng.choice(members)), tree.leaf_count):
                    edit.set_parent(node, ParentNode(bytes([rng.randrange(40)]), bytes(rng.randrange(70))))
        tree = edit.finish()
        for one in (before, tree):
            assert {name: getattr(one.counts, name) for name in SLOTS} == {
                name: getattr(TreeCounts.of(one.nodes), name) for name in SLOTS
            }
        assert before.nodes is nodes
        assert tree.tree_hash == RatchetTree(tree.suite, tree.nodes).tree_hash


def test_counts_are_what_the_rules_would_find_one_by_one() -> None:
    group = Crew(5)["bob"]
    tree = group.state.tree
    filled = [node for node in tree.nodes if node is not None]
    leaves = [leaf for _, leaf in tree.leaves()]
    counts = tree.counts
    assert (counts.filled, counts.members) == (len(filled), len(leaves))
    assert counts.encoded_bytes == sum(1 + len(node.encoded) for node in filled)
    assert counts.encryption_keys.keys() == {node.encryption_key for node in filled}
    assert counts.signature_keys.keys() == {leaf.signature_key for leaf in leaves}
    shared = set.intersection(*(set(leaf.capabilities.extensions) for leaf in leaves))
    assert counts.all_list(counts.extensions, shared)
    assert not counts.all_list(counts.extensions, {*shared, 0xFFFF})


def test_an_edit_without_a_change_gives_the_tree_itself() -> None:
    tree = Crew(3)["alice"].state.tree
    assert tree.edit().finish() is tree


def test_a_parents_size_is_that_of_its_encoding() -> None:
    for leaves in (0, 1, 15, 16, 5000):
        parent = ParentNode(bytes(1216), bytes(48), tuple(LeafIndex(n) for n in range(leaves)))
        assert parent.encoded_size == len(parent.encoded)
    assert NodeIndex(1) in direct_path(node_of(LeafIndex(0)), 2)


def test_a_signature_that_was_verified_counts_for_its_own_suite_group_and_place_only() -> None:
    """Hazard: what is remembered of one check must not answer another."""
    group = Crew(2)["alice"]
    leaf = group.state.tree.leaf(LeafIndex(0))
    assert leaf is not None
    assert leaf.source is LeafNodeSource.COMMIT
    check_leaf_signature(group.suite, leaf, group.group_id, LeafIndex(0))
    check_leaf_signature(group.suite, leaf, group.group_id, LeafIndex(0))
    for group_id, index in ((b"another", 0), (group.group_id, 1)):
        with pytest.raises(InvalidMessage, match=r"7\.3/signature"):
            check_leaf_signature(group.suite, leaf, group_id, LeafIndex(index))
    for changed in (replace(leaf, signature=bytes(64)), replace(leaf, encryption_key=bytes(32))):
        with pytest.raises(InvalidMessage, match=r"7\.3/signature"):
            check_leaf_signature(group.suite, changed, group.group_id, LeafIndex(0))


def test_members_are_looked_up_where_they_stand() -> None:
    tree = Crew(3)["alice"].state.tree
    assert [LeafIndex(0), LeafIndex(1), LeafIndex(2)] == list(tree.members)
    assert len(tree.members) == 3
    for nobody in (-1, 3, 4, 1 << 20):
        assert tree.members.get(LeafIndex(nobody)) is None
        with pytest.raises(KeyError):
            tree.members[LeafIndex(nobody)]


def test_trees_are_equal_by_their_nodes() -> None:
    tree = Crew(3)["alice"].state.tree
    same = RatchetTree(tree.suite, tree.nodes)
    assert tree == same
    assert hash(tree) == hash(same)
    assert tree != tree.nodes


def test_a_blank_parent_is_in_no_chain_of_parent_hashes() -> None:
    edit = Crew(3)["alice"].state.tree.edit()
    edit.blank_direct_path(LeafIndex(0))
    tree = edit.finish()
    assert tree.parent(NodeIndex(1)) is None
    assert not has_parent_hash_of(tree, NodeIndex(1), NodeIndex(0), NodeIndex(2))


def test_who_has_no_key_below_a_node_is_told_so() -> None:
    crew = Crew(4)
    tree = crew["alice"].state.tree
    step = PathNode(NodeIndex(3), NodeIndex(1), (NodeIndex(0),))
    sent = UpdatePath(tree.members[LeafIndex(2)], (UpdatePathNode(b"", (HPKECiphertext(b"", b""),)),))
    with pytest.raises(InvalidMessage, match=r"7\.5/path-secret"):
        decrypt_path(crew.suite, (step,), sent, LeafIndex(0), {}, b"")


def test_keys_of_an_epoch_do_not_show_themselves() -> None:
    group = Crew(1)["alice"]
    assert repr(group.state.keys(group.secret_tree)) == "<EpochKeys>"
