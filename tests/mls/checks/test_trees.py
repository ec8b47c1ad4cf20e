"""Ratchet trees that no honest group has, shown to somebody who joins. Hazard B15.

The mirror's commit leads to the broken tree, so its hash, the group info and the confirmation tag all fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec import structs

from tacit.codec import Writer
from tacit.errors import DecodeError
from tacit.limits import MAX_TREE_NODES
from tacit.mls import Add, KeyPackageBundle, join
from tacit.mls.members import Node
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.ratchet_tree_extension import _write_optional_node
from tacit.mls.tree_math import LeafIndex, NodeIndex
from tests.mls.crew import Crew
from tests.mls.mirror import Mirror
from tests.mls.refusal import refuses_to_join

Change = Callable[[RatchetTree], RatchetTree]


@pytest.fixture
def crew() -> Crew:
    """Eight members; parents set by seven of them, and Heidi unmerged at node 11. Alice commits next, Ivan joins."""
    crew = Crew(7)
    for name in ("bob", "carol", "dave", "erin", "frank", "grace"):
        crew.commit(name)
    crew.commit("alice", [Add(crew.bundle("heidi").key_package)], force_path=False)
    return crew


@pytest.fixture
def newcomer(crew: Crew) -> KeyPackageBundle:
    return crew.bundle("ivan")


def with_nodes(tree: RatchetTree, changes: dict[int, Node | None]) -> RatchetTree:
    nodes = list(tree.nodes)
    for index, node in changes.items():
        nodes[index] = node
    return RatchetTree(tree.suite, tuple(nodes))


def change_parent(index: int, **changed: object) -> Change:
    def change(tree: RatchetTree) -> RatchetTree:
        parent = tree.parent(NodeIndex(index))
        assert parent is not None
        return with_nodes(tree, {index: structs.replace(parent, **changed)})  # type: ignore[arg-type]

    return change


def put(index: int, make: Callable[[RatchetTree], Node | None]) -> Change:
    return lambda tree: with_nodes(tree, {index: make(tree)})


def a_parent(tree: RatchetTree, unmerged_leaves: tuple[LeafIndex, ...] = ()) -> ParentNode:
    """A parent whose private key the mirror knows, and that nobody signed for."""
    return ParentNode(tree.suite.derive_key_pair(bytes(32)).public, b"", unmerged_leaves)


def test_the_tree_is_accepted_as_it_is(crew: Crew, mirror: Mirror, newcomer: KeyPackageBundle) -> None:
    forged = mirror.commit([Add(newcomer.key_package)])
    tree = forged.epoch.tree
    assert [node for node, _ in tree.parents()] == [1, 3, 5, 7, 9, 11, 15]
    assert tree.parent(NodeIndex(11)) is not None
    assert [parent.unmerged_leaves for _, parent in tree.parents()] == [(), (), (), (), (), (7,), ()]
    welcome = mirror.welcome(forged)
    joined = join(welcome, [newcomer], authenticate=crew.authenticate, known_group=lambda group_id: False)
    assert joined.group.epoch_authenticator == forged.epoch.secrets.epoch_authenticator.reveal()


BROKEN: dict[str, tuple[Change, str]] = {
    "unmerged leaf twice": (change_parent(11, unmerged_leaves=(7, 7)), "7.1/unmerged-order"),
    "unmerged leaves out of order": (change_parent(11, unmerged_leaves=(7, 6)), "7.1/unmerged-order"),
    "unmerged leaf elsewhere": (change_parent(11, unmerged_leaves=(1, 7)), "12.4.3.1/unmerged-leaf"),
    "unmerged leaf blank": (change_parent(15, unmerged_leaves=(9,)), "12.4.3.1/unmerged-leaf"),
    "unmerged leaf outside": (change_parent(15, unmerged_leaves=(0xFFFFFFFF,)), "12.4.3.1/unmerged-leaf"),
    "unmerged above and merged below": (change_parent(7, unmerged_leaves=(4,)), "12.4.3.1/unmerged-between"),
    "unmerged leaf left out": (change_parent(11, unmerged_leaves=()), "7.9.2/parent-hash"),
    "unmerged leaf made up": (change_parent(5, unmerged_leaves=(2,)), "7.9.2/parent-hash"),
    "parent hash of the root": (change_parent(15, parent_hash=bytes(32)), "7.9.2/parent-hash"),
    "parent hash emptied": (change_parent(5, parent_hash=b""), "7.9.2/parent-hash"),
    "parent hash of another": (change_parent(11, parent_hash=bytes(32)), "7.9.2/parent-hash"),
    "made-up parent": (put(13, lambda tree: a_parent(tree, (LeafIndex(7),))), "7.9.2/parent-hash"),
    "parent left out": (put(3, lambda tree: None), "7.9.2/parent-hash"),
    "other key in a parent": (put(5, lambda tree: a_parent(tree)), "7.9.2/parent-hash"),
    "key of no length": (change_parent(11, encryption_key=b""), "7.1/key-form"),
    "key too short": (change_parent(11, encryption_key=bytes(31)), "7.1/key-form"),
    "one key at two parents": (put(5, lambda tree: tree.nodes[9]), "7.3/encryption-key-unique"),
    "one leaf twice": (put(6, lambda tree: tree.nodes[4]), "7.3/encryption-key-unique"),
    "leaf in the place of another": (
        lambda tree: with_nodes(tree, {4: tree.nodes[6], 6: tree.nodes[4]}),
        "7.3/signature",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_tree_is_refused(crew: Crew, mirror: Mirror, newcomer: KeyPackageBundle, name: str) -> None:
    change, check = BROKEN[name]
    forged = mirror.commit([Add(newcomer.key_package)], final_tree=change)
    refuses_to_join(crew, mirror.welcome(forged), newcomer, check)


def test_who_came_later_came_later_for_everything_above(crew: Crew, newcomer: KeyPackageBundle) -> None:
    """Bob has no key of nodes 3 and 7; a tree that says so of node 3 alone would let others encrypt to 7 for him."""
    crew.remove("alice", "bob")
    crew.commit("alice", [Add(crew.bundle("bob").key_package)], force_path=False)
    mirror = Mirror(crew["alice"], crew.entropy)
    good = mirror.commit([Add(newcomer.key_package)], with_path=False)
    assert [parent.unmerged_leaves for _, parent in good.epoch.tree.parents()] == [(1,), (), (1,), (), (7,)]
    assert [node for node, _ in good.epoch.tree.parents()] == [3, 5, 7, 9, 11]
    for left_out in (3, 7):
        hidden = change_parent(left_out, unmerged_leaves=())
        forged = mirror.commit([Add(newcomer.key_package)], with_path=False, final_tree=hidden)
        check = "7.9.2/parent-hash" if left_out == 7 else "12.4.3.1/unmerged-between"
        refuses_to_join(crew, mirror.welcome(forged), newcomer, check)


def test_a_tree_tells_those_who_came_before_a_key_from_those_who_came_after_it() -> None:
    """Alice's key of node 7 knows of Frank below node 11, and not of Heidi, who is unmerged at both of them."""
    crew = Crew(7)
    crew.remove("alice", "frank")
    crew.commit("erin")
    crew.commit("grace", [Add(crew.bundle("frank").key_package)], force_path=False)
    crew.commit("alice")
    crew.commit("grace", [Add(crew.bundle("heidi").key_package)], force_path=False)
    tree = crew["alice"].state.tree
    unmerged = {node: parent.unmerged_leaves for node, parent in tree.parents() if parent.unmerged_leaves}
    assert unmerged == {7: (7,), 11: (5, 7)}
    ivan = crew.bundle("ivan")
    pending = crew.commit("grace", [Add(ivan.key_package)], force_path=False)
    assert pending.welcome is not None
    joined = join(pending.welcome, [ivan], authenticate=crew.authenticate, known_group=lambda group_id: False)
    assert joined.group.epoch_authenticator == crew["alice"].epoch_authenticator


def encoded(*nodes: Node | None) -> bytes:
    w = Writer()
    w.vector(nodes, _write_optional_node)
    return w.finish()


def test_the_shape_of_a_tree_is_checked_first(crew: Crew, mirror: Mirror, newcomer: KeyPackageBundle) -> None:
    forged = mirror.commit([Add(newcomer.key_package)])
    nodes = forged.epoch.tree.nodes[:17]
    leaf, parent = nodes[0], nodes[1]
    for sent, check in (
        ((*nodes, None), "12.4.3.3/last-node"),
        ((*nodes, None, None), "12.4.3.3/last-node"),
        (nodes[:-1], "12.4.3.3/last-node"),
        ((), "12.4.3.3/last-node"),
        ((None,), "12.4.3.3/last-node"),
        ((leaf, leaf, leaf), "12.4.3.3/node-kind"),
        ((parent, parent, leaf), "12.4.3.3/node-kind"),
        ((parent,), "12.4.3.3/node-kind"),
        ((*[None] * MAX_TREE_NODES, leaf), "12.4.3.3/size"),
        (nodes[:5], "12.4.3.1/tree-hash"),
    ):
        refuses_to_join(crew, mirror.welcome(forged, ratchet_tree=encoded(*sent)), newcomer, check)


def test_a_tree_of_another_group_is_refused(crew: Crew, mirror: Mirror, newcomer: KeyPackageBundle) -> None:
    forged = mirror.commit([Add(newcomer.key_package)])
    before = forged.applied.tree.nodes[:17]
    refuses_to_join(crew, mirror.welcome(forged, ratchet_tree=encoded(*before)), newcomer, "12.4.3.1/tree-hash")


def test_a_tree_that_cannot_be_read_is_malformed(crew: Crew, mirror: Mirror, newcomer: KeyPackageBundle) -> None:
    forged = mirror.commit([Add(newcomer.key_package)])
    good = encoded(*forged.epoch.tree.nodes[:17])
    for broken in (good + b"\0", good[:-1], b"", b"\1\2", b"\2\1\3"):
        refuses_to_join(crew, mirror.welcome(forged, ratchet_tree=broken), newcomer, error=DecodeError)


def test_without_a_tree_nobody_joins(crew: Crew, mirror: Mirror, newcomer: KeyPackageBundle) -> None:
    forged = mirror.commit([Add(newcomer.key_package)])
    welcome = mirror.welcome(forged, info=lambda info: replace(info, extensions=()))
    refuses_to_join(crew, welcome, newcomer, "12.4.3.3/no-tree")
