"""The tree against the plainest reading of the RFC: lists of leaves, and definitions that look at everything anew."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE, suite
from tacit.mls import LeafNode
from tacit.mls.members import Node
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.ratchet_tree import RatchetTree, TreeEdit
from tacit.mls.tree_math import LeafIndex, NodeIndex, copath, direct_path, is_leaf, left, node_of, right
from tests.mls.crew import Crew

LEAF = Crew(1)["alice"].state.tree.nodes[0]


def leaf(number: int) -> LeafNode:
    assert isinstance(LEAF, LeafNode)
    return replace(LEAF, encryption_key=number.to_bytes(4, "big"), signature_key=number.to_bytes(4, "big"))


class Plain:
    """The same tree as lists, changed as §7.7 and §12.1.1 to §12.1.3 say."""

    def __init__(self, first: LeafNode) -> None:
        self.nodes: list[Node | None] = [first]

    @property
    def leaves(self) -> list[Node | None]:
        return self.nodes[::2]

    def path(self, index: int) -> list[NodeIndex]:
        return direct_path(node_of(LeafIndex(index)), len(self.leaves))

    def add(self, new: LeafNode) -> int:
        if None not in self.leaves:
            self.nodes += [None] * (len(self.nodes) + 1)
        index = self.leaves.index(None)
        for node in self.path(index):
            parent = self.nodes[node]
            if isinstance(parent, ParentNode):
                unmerged = tuple(sorted((*parent.unmerged_leaves, LeafIndex(index))))
                self.nodes[node] = ParentNode(parent.encryption_key, parent.parent_hash, unmerged)
        self.nodes[2 * index] = new
        return index

    def replace(self, index: int, new: LeafNode | None) -> None:
        for node in self.path(index):
            self.nodes[node] = None
        self.nodes[2 * index] = new
        while len(self.nodes) > 1 and not any(self.leaves[len(self.leaves) // 2 :]):
            del self.nodes[len(self.nodes) // 2 :]

    def give_keys(self, index: int, number: int) -> dict[NodeIndex, ParentNode]:
        parents = {node: ParentNode(bytes([node]) + number.to_bytes(4, "big"), b"") for node in self.path(index)}
        for node, parent in parents.items():
            self.nodes[node] = parent
        return parents


def change(rng: random.Random, plain: Plain, edit: TreeEdit, number: int) -> None:
    """One change, made to both."""
    members = [index for index, node in enumerate(plain.leaves) if node is not None]
    one = rng.choice(members)
    match rng.choice(("add", "add", "add", "remove", "remove", "update", "keys")):
        case "add":
            assert edit.add(leaf(number)) == plain.add(leaf(number))
        case "remove" if len(members) > 1:
            edit.remove(LeafIndex(one))
            plain.replace(one, None)
        case "update":
            edit.update(LeafIndex(one), leaf(number))
            plain.replace(one, leaf(number))
        case _:
            for node, parent in plain.give_keys(one, number).items():
                edit.set_parent(node, parent)
            edit.set_leaf(LeafIndex(one), leaf(number))
            plain.nodes[2 * one] = leaf(number)


def resolution(tree: RatchetTree, node: NodeIndex) -> list[NodeIndex]:
    """As §4.1.1 defines it."""
    value = tree.nodes[node]
    if isinstance(value, ParentNode):
        return [node, *map(node_of, value.unmerged_leaves)]
    if value is not None:
        return [node]
    return [] if is_leaf(node) else resolution(tree, left(node)) + resolution(tree, right(node))


@pytest.mark.parametrize("seed", range(12))
def test_many_changes_at_once_lead_where_each_by_itself_would(seed: int) -> None:
    rng = random.Random(seed)
    plain, tree = Plain(leaf(0)), RatchetTree.of_one(suite(X25519_SUITE), leaf(0))
    for step in range(25):
        before, edit = tree.nodes, tree.edit()
        for part in range(rng.randrange(1, 9)):
            change(rng, plain, edit, 1 + 100 * step + part)
            assert edit.leaf_count == len(plain.leaves)
        old, tree = tree, edit.finish()
        assert old.nodes is before
        assert list(tree.nodes) == plain.nodes
        assert tree.leaf_count == len(plain.leaves)
        assert tree.tree_hash == RatchetTree(tree.suite, tree.nodes).tree_hash
        assert [(node, tree.parent(node)) for node, _ in tree.parents()] == list(tree.parents())
        assert [parent for _, parent in tree.parents()] == list(filter(None, plain.nodes[1::2]))
        for index, node in enumerate(plain.leaves):
            assert tree.leaf(LeafIndex(index)) == node
        for index, _ in tree.leaves():
            above = zip(
                direct_path(node_of(index), tree.leaf_count), copath(node_of(index), tree.leaf_count), strict=True
            )
            filtered = [(node, child) for node, child in above if resolution(tree, child)]
            assert tree.filtered_direct_path(index) == filtered
        for head in map(NodeIndex, range(len(tree.nodes))):
            assert tree.resolution(head) == resolution(tree, head)


def test_trees_are_equal_if_nodes_and_suite_are() -> None:
    tree, changed = Crew(3)["alice"].state.tree, Crew(3)["alice"].state.tree.edit()
    changed.remove(LeafIndex(1))
    assert tree == RatchetTree(tree.suite, tree.nodes)
    assert tree != changed.finish()
    assert tree != RatchetTree(suite(DEFAULT_SUITE), tree.nodes)
