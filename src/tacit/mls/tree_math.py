"""Index arithmetic of the perfect binary tree that lies in an array: leaves at even positions, parents at odd ones.

A node's level is the number of trailing one bits of its index. Nothing here recurses, and callers check bounds first.
Source: RFC 9420 §4.1, Appendix C
"""

from __future__ import annotations

from typing import NewType

LeafIndex = NewType("LeafIndex", int)
"""Position among the leaves, from 0 at the left."""

NodeIndex = NewType("NodeIndex", int)
"""Position among all nodes, in order from left to right."""


def node_of(leaf: LeafIndex) -> NodeIndex:
    """Where a leaf stands among the nodes."""
    return NodeIndex(2 * leaf)


def leaf_of(node: NodeIndex) -> LeafIndex:
    """Which leaf an even node is."""
    return LeafIndex(node >> 1)


def is_leaf(node: NodeIndex) -> bool:
    """Whether the node is a leaf."""
    return node & 1 == 0


def level(node: NodeIndex) -> int:
    """Height above the leaves."""
    return (~node & (node + 1)).bit_length() - 1


def node_count(leaf_count: int) -> int:
    """Nodes of a tree of ``leaf_count`` leaves, which is a power of two."""
    return 2 * leaf_count - 1


def full_leaf_count(leaves: int) -> int:
    """The smallest power of two that holds ``leaves`` leaves."""
    return 1 << max(leaves - 1, 0).bit_length()


def root(leaf_count: int) -> NodeIndex:
    """The root of a tree of ``leaf_count`` leaves."""
    return NodeIndex(leaf_count - 1)


def left(node: NodeIndex) -> NodeIndex:
    """Left child; raises ``ValueError`` for a leaf."""
    height = level(node)
    if height == 0:
        raise ValueError("a leaf has no children")
    return NodeIndex(node ^ (1 << (height - 1)))


def right(node: NodeIndex) -> NodeIndex:
    """Right child; raises ``ValueError`` for a leaf."""
    height = level(node)
    if height == 0:
        raise ValueError("a leaf has no children")
    return NodeIndex(node ^ (3 << (height - 1)))


def parent(node: NodeIndex, leaf_count: int) -> NodeIndex:
    """Parent; raises ``ValueError`` for the root."""
    if node == root(leaf_count):
        raise ValueError("the root has no parent")
    height = level(node)
    return NodeIndex((node | (1 << height)) & ~(1 << (height + 1)))


def sibling(node: NodeIndex, leaf_count: int) -> NodeIndex:
    """The other child of the parent; raises ``ValueError`` for the root."""
    if node == root(leaf_count):
        raise ValueError("the root has no sibling")
    return NodeIndex(node ^ (2 << level(node)))


def direct_path(node: NodeIndex, leaf_count: int) -> list[NodeIndex]:
    """The ancestors from the parent to the root; empty for the root. Raises ``ValueError`` for a node outside."""
    top = root(leaf_count)
    if not 0 <= node <= 2 * top:
        raise ValueError("no node of the tree")
    path: list[NodeIndex] = []
    for height in range(level(node), level(top)):
        node = NodeIndex((node | (1 << height)) & ~(1 << (height + 1)))
        path.append(node)
    return path


def copath(node: NodeIndex, leaf_count: int) -> list[NodeIndex]:
    """The siblings of the node and of its direct path without the root, in the order of the direct path."""
    nodes = [node, *direct_path(node, leaf_count)]
    return [NodeIndex(below ^ (2 << height)) for height, below in enumerate(nodes[:-1], level(node))]


def is_in_subtree(node: NodeIndex, head: NodeIndex) -> bool:
    """Whether ``node`` is ``head`` or lies below it."""
    half = (1 << level(head)) - 1
    return head - half <= node <= head + half


def subtree_leaves(head: NodeIndex) -> range:
    """The leaf indices below a node, itself included if it is a leaf."""
    half = (1 << level(head)) - 1
    return range((head - half) >> 1, ((head + half) >> 1) + 1)


def common_ancestor(a: LeafIndex, b: LeafIndex) -> NodeIndex:
    """The lowest node above two different leaves."""
    height = (a ^ b).bit_length()
    return NodeIndex(((a >> height) << (height + 1)) + (1 << height) - 1)


def child_towards(head: NodeIndex, node: NodeIndex) -> NodeIndex:
    """The child of ``head`` whose subtree holds ``node``, which lies below ``head``."""
    return left(head) if node < head else right(head)
