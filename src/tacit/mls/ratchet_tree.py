"""The ratchet tree: who is in the group and which keys they share.

A ``RatchetTree`` never changes. ``TreeEdit`` collects changes beside it and ends in a new one that shares every node
and every tree hash that the changes left alone. Source: RFC 9420 §4, §7.7, §12.1.1 to §12.1.3
"""

from __future__ import annotations

from collections.abc import Iterator, KeysView
from typing import Final

from tacit.crypto.suites import CipherSuite
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.members import Members, Node
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.tree_counts import TreeCounts
from tacit.mls.tree_hashes import leaf_hash, parent_node_hash
from tacit.mls.tree_math import (
    LeafIndex,
    NodeIndex,
    copath,
    direct_path,
    is_leaf,
    leaf_of,
    left,
    node_of,
    right,
    root,
)

_UNKNOWN: Final = b""
"""In place of a tree hash that was not computed yet."""


class RatchetTree:
    """A perfect binary tree of leaves and parents, each of them possibly blank.

    ``nodes`` has 2^(d+1) - 1 entries with a leaf or None at even and a parent or None at odd positions.
    """

    __slots__ = ("_counts", "_hashes", "leaf_count", "members", "nodes", "suite")

    def __init__(
        self,
        suite: CipherSuite,
        nodes: tuple[Node | None, ...],
        hashes: list[bytes] | None = None,
        counts: TreeCounts | None = None,
    ) -> None:
        self.suite: Final = suite
        self.nodes: Final = nodes
        self.leaf_count: Final = (len(nodes) + 1) // 2
        self.members: Final = Members(nodes)
        """The leaves that are not blank, by their indices."""
        self._hashes: Final = [_UNKNOWN] * len(nodes) if hashes is None else hashes
        self._counts = counts

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RatchetTree):
            return NotImplemented
        return self.suite is other.suite and self.nodes == other.nodes

    def __hash__(self) -> int:
        return hash(self.tree_hash)

    @classmethod
    def of_one(cls, suite: CipherSuite, leaf: LeafNode) -> RatchetTree:
        """The tree of a new group. Source: RFC 9420 §11"""
        return cls(suite, (leaf,))

    def leaf(self, index: LeafIndex) -> LeafNode | None:
        """The leaf at ``index``; None if it is blank or outside the tree."""
        if not 0 <= index < self.leaf_count:
            return None
        node = self.nodes[2 * index]
        return node if isinstance(node, LeafNode) else None

    def parent(self, node: NodeIndex) -> ParentNode | None:
        """The parent at ``node``, which lies in the tree; None if it is blank."""
        value = self.nodes[node]
        return value if isinstance(value, ParentNode) else None

    def leaves(self) -> Iterator[tuple[LeafIndex, LeafNode]]:
        """The leaves that are not blank, from left to right."""
        for index, node in enumerate(self.nodes[::2]):
            if isinstance(node, LeafNode):
                yield LeafIndex(index), node

    def parents(self) -> Iterator[tuple[NodeIndex, ParentNode]]:
        """The parents that are not blank, from left to right."""
        for index, node in enumerate(self.nodes[1::2]):
            if isinstance(node, ParentNode):
                yield NodeIndex(2 * index + 1), node

    @property
    def counts(self) -> TreeCounts:
        """What the rules ask of all nodes at once; counted at most once, and handed on to the trees made from this."""
        if self._counts is None:
            self._counts = TreeCounts.of(self.nodes)
        return self._counts

    def encryption_keys(self) -> KeysView[bytes]:
        """Every HPKE key in the tree."""
        return self.counts.encryption_keys.keys()

    def resolution(self, head: NodeIndex) -> list[NodeIndex]:
        """The non-blank nodes whose keys together reach everyone below ``head``. Source: RFC 9420 §4.1.1"""
        found: list[NodeIndex] = []
        stack = [head]
        while stack:
            index = stack.pop()
            node = self.nodes[index]
            if node is not None:
                found.append(index)
                if isinstance(node, ParentNode):
                    found.extend(node_of(leaf) for leaf in node.unmerged_leaves)
            elif not is_leaf(index):
                stack += (right(index), left(index))
        return found

    def filtered_direct_path(self, leaf: LeafIndex) -> list[tuple[NodeIndex, NodeIndex]]:
        """The ancestors that need a key of their own, each with its child on the copath. Source: RFC 9420 §4.1.2"""
        node = node_of(leaf)
        pairs = zip(direct_path(node, self.leaf_count), copath(node, self.leaf_count), strict=True)
        return [(ancestor, child) for ancestor, child in pairs if not self._is_empty(child)]

    @property
    def tree_hash(self) -> bytes:
        """The tree hash of the root: Nh bytes."""
        return self.node_hash(root(self.leaf_count))

    def node_hash(self, head: NodeIndex) -> bytes:
        """The tree hash of a node: Nh bytes, computed at most once."""
        return self._hashes[head] or self._fill_hashes(head)

    def edit(self) -> TreeEdit:
        """Begin to change a copy."""
        return TreeEdit(self)

    def known_hashes(self) -> list[bytes]:
        """A copy of the tree hashes computed so far."""
        return list(self._hashes)

    def _is_empty(self, head: NodeIndex) -> bool:
        if self.nodes[head] is not None:
            return False
        half = (head ^ (head + 1)) >> 1
        return not any(self.nodes[head - half : head + half + 1])  # only a blank is false

    def _fill_hashes(self, head: NodeIndex) -> bytes:
        hashes = self._hashes
        pending, order = [head], []
        while pending:
            index = pending.pop()
            if not hashes[index]:
                order.append(index)
                if not is_leaf(index):
                    pending += (left(index), right(index))
        for index in reversed(order):
            hashes[index] = self._hash_of(index)
        return hashes[head]

    def _hash_of(self, index: NodeIndex) -> bytes:
        if is_leaf(index):
            leaf = leaf_of(index)
            return leaf_hash(self.suite, leaf, self.leaf(leaf))
        return parent_node_hash(self.suite, self.parent(index), self._hashes[left(index)], self._hashes[right(index)])


class TreeEdit:
    """Changes to a tree in the making; callers have checked that each of them is allowed."""

    __slots__ = ("_before", "_counts", "_first_blank", "_hashes", "_nodes", "_suite")

    def __init__(self, tree: RatchetTree) -> None:
        self._suite = tree.suite
        self._before: RatchetTree | None = tree
        """The tree that this came from, as long as nothing has changed."""
        self._counts = tree.counts
        self._nodes = list(tree.nodes)
        self._hashes = tree.known_hashes()
        self._first_blank = 0

    @property
    def leaf_count(self) -> int:
        """Leaves, blank ones included."""
        return (len(self._nodes) + 1) // 2

    def add(self, leaf: LeafNode) -> LeafIndex:
        """Put a leaf at the leftmost blank position, doubling the tree if there is none. Source: RFC 9420 §12.1.1"""
        index = self._leftmost_blank()
        for node in direct_path(node_of(index), self.leaf_count):
            parent = self._nodes[node]
            if isinstance(parent, ParentNode):
                self._put(node, parent.with_unmerged(index))
        self.set_leaf(index, leaf)
        return index

    def update(self, index: LeafIndex, leaf: LeafNode) -> None:
        """Replace a leaf and blank the parents above it. Source: RFC 9420 §12.1.2"""
        self.blank_direct_path(index)
        self.set_leaf(index, leaf)

    def remove(self, index: LeafIndex) -> None:
        """Blank a leaf and the parents above it, and halve the tree while its right half is empty.

        Source: RFC 9420 §12.1.3, §7.7
        """
        self.blank_direct_path(index)
        self.set_leaf(index, None)
        self._first_blank = min(self._first_blank, index)
        while self.leaf_count > 1:
            half = len(self._nodes) // 2
            if any(self._nodes[half + 1 :: 2]):
                return
            for node in range(half, len(self._nodes)):
                self._put(NodeIndex(node), None)
            del self._nodes[half:], self._hashes[half:]

    def blank_direct_path(self, index: LeafIndex) -> None:
        """Blank the parents above a leaf."""
        for node in direct_path(node_of(index), self.leaf_count):
            self._put(node, None)
            self._hashes[node] = _UNKNOWN

    def set_leaf(self, index: LeafIndex, leaf: LeafNode | None) -> None:
        """Replace a leaf and leave the parents above it as they are."""
        node = node_of(index)
        self._put(node, leaf)
        self._hashes[node] = _UNKNOWN
        for ancestor in direct_path(node, self.leaf_count):
            self._hashes[ancestor] = _UNKNOWN

    def set_parent(self, node: NodeIndex, parent: ParentNode) -> None:
        """Give a parent a key."""
        self._put(node, parent)
        self._hashes[node] = _UNKNOWN

    def finish(self) -> RatchetTree:
        """The tree with all changes; the edit is of no further use."""
        return self._before or RatchetTree(self._suite, tuple(self._nodes), self._hashes, self._counts)

    def _put(self, index: NodeIndex, node: Node | None) -> None:
        """Replace a node and count it; who calls this sees to the hashes."""
        if self._before is not None:
            self._before, self._counts = None, self._counts.copy()
        old = self._nodes[index]
        if old is not None:
            self._counts.remove(old)
        if node is not None:
            self._counts.add(node)
        self._nodes[index] = node

    def _leftmost_blank(self) -> LeafIndex:
        if self._counts.members < self.leaf_count:
            blanks = (at for at in range(self._first_blank, self.leaf_count) if self._nodes[2 * at] is None)
            index = next(blanks)
            self._first_blank = index + 1
            return LeafIndex(index)
        index = self.leaf_count
        self._nodes += [None] * (len(self._nodes) + 1)
        self._hashes += [_UNKNOWN] * (len(self._hashes) + 1)
        self._first_blank = index + 1
        return LeafIndex(index)
