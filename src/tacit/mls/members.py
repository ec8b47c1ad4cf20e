"""The members of a group, as they stand among the nodes of its tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, count, starmap, zip_longest
from operator import is_not
from typing import Final

from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.tree_math import LeafIndex

Node = LeafNode | ParentNode


def changed_places(before: Sequence[Node | None], after: Sequence[Node | None]) -> Iterator[int]:
    """Where two rows of nodes do not hold the same object, all in C: a large tree changes in a few places at a time."""
    return compress(count(), starmap(is_not, zip_longest(before, after)))


class Members(Mapping[LeafIndex, LeafNode]):
    """The leaves of a tree that are not blank, looked up where they stand instead of copied for every epoch."""

    __slots__ = ("_nodes",)

    def __init__(self, nodes: Sequence[Node | None]) -> None:
        self._nodes: Final = nodes

    def __getitem__(self, index: LeafIndex) -> LeafNode:
        node = self._nodes[2 * index] if 0 <= 2 * index < len(self._nodes) else None
        if not isinstance(node, LeafNode):
            raise KeyError(index)
        return node

    def __iter__(self) -> Iterator[LeafIndex]:
        return (LeafIndex(index) for index, node in enumerate(self._nodes[::2]) if node is not None)

    def __len__(self) -> int:
        return sum(map(bool, self._nodes[::2]))

    def changes_to(self, other: Members) -> list[tuple[LeafIndex, LeafNode | None]]:
        """What makes the other members of these; a leaf that is the same object has not changed."""
        after = other._nodes[::2]
        changed = changed_places(self._nodes[::2], after)
        return [(LeafIndex(index), _leaf(after[index]) if index < len(after) else None) for index in changed]

    def with_changes(self, changes: Iterable[tuple[LeafIndex, LeafNode | None]]) -> Members:
        """The members with some leaves replaced."""
        nodes = list(self._nodes)
        for index, leaf in changes:
            nodes += [None] * (2 * index + 1 - len(nodes))
            nodes[2 * index] = leaf
        return Members(nodes)


def _leaf(node: Node | None) -> LeafNode | None:
    return node if isinstance(node, LeafNode) else None
