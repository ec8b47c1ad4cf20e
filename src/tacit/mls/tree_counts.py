"""What a tree's rules ask of all its nodes at once, counted, so that a change of one node is judged without the others.

Every rule that compares a node with all others, or asks something of every member, is put here as counts that are equal
exactly if the rule holds for each node by itself: a key is unique if as many different keys are counted as there are
nodes, and all members list a type if as many list it as there are members. ``TreeEdit`` keeps the counts of the tree it
makes, and nothing changes those of a finished one. Source: RFC 9420 §7.3, §13.4
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Self, TypeVar

from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.parent_nodes import ParentNode

T = TypeVar("T")


class TreeCounts:
    """Counts over the nodes of one tree that are not blank."""

    __slots__ = (
        "credentials",
        "credentials_in_use",
        "encoded_bytes",
        "encryption_keys",
        "extensions",
        "filled",
        "members",
        "proposals",
        "signature_keys",
    )

    members: int
    """Leaves."""
    filled: int
    """Leaves and parents."""
    encoded_bytes: int
    """Of all of them, each with the byte that says what it is."""
    encryption_keys: dict[bytes, int]
    signature_keys: dict[bytes, int]
    credentials_in_use: dict[int, int]
    credentials: dict[int, int]
    """Members that list a type of credential; the same for proposals and extensions."""
    extensions: dict[int, int]
    proposals: dict[int, int]

    @classmethod
    def of(cls, nodes: Iterable[LeafNode | ParentNode | None]) -> Self:
        """The counts of a tree with these nodes."""
        counts = cls()
        filled = [node for node in nodes if node is not None]
        leaves = [node for node in filled if isinstance(node, LeafNode)]
        capabilities = [leaf.capabilities for leaf in leaves]
        counts.members, counts.filled = len(leaves), len(filled)
        counts.encoded_bytes = sum([1 + node.encoded_size for node in filled])
        counts.encryption_keys = _counted([node.encryption_key for node in filled])
        counts.signature_keys = _counted([leaf.signature_key for leaf in leaves])
        counts.credentials_in_use = _counted([int(leaf.credential.credential_type) for leaf in leaves])
        counts.credentials = _counted_once_each([listed.credentials for listed in capabilities])
        counts.extensions = _counted_once_each([listed.extensions for listed in capabilities])
        counts.proposals = _counted_once_each([listed.proposals for listed in capabilities])
        return counts

    def copy(self) -> TreeCounts:
        """Counts to change."""
        new = TreeCounts()
        new.members, new.filled, new.encoded_bytes = self.members, self.filled, self.encoded_bytes
        new.encryption_keys = self.encryption_keys.copy()
        new.signature_keys = self.signature_keys.copy()
        new.credentials_in_use = self.credentials_in_use.copy()
        new.credentials = self.credentials.copy()
        new.extensions = self.extensions.copy()
        new.proposals = self.proposals.copy()
        return new

    def add(self, node: LeafNode | ParentNode) -> None:
        """Count a node that has come."""
        self._count(node, 1)

    def remove(self, node: LeafNode | ParentNode) -> None:
        """Count a node no more."""
        self._count(node, -1)

    def all_list(self, listed: dict[int, int], types: Iterable[int]) -> bool:
        """Whether every member lists all of ``types``; ``listed`` is one of the counts here."""
        return all(listed.get(number) == self.members for number in types)

    def _count(self, node: LeafNode | ParentNode, by: int) -> None:
        self.filled += by
        self.encoded_bytes += by * (1 + node.encoded_size)
        _change(self.encryption_keys, node.encryption_key, by)
        if isinstance(node, ParentNode):
            return
        self.members += by
        capabilities = node.capabilities
        _change(self.signature_keys, node.signature_key, by)
        _change(self.credentials_in_use, int(node.credential.credential_type), by)
        for listed, types in (
            (self.credentials, capabilities.credentials),
            (self.extensions, capabilities.extensions),
            (self.proposals, capabilities.proposals),
        ):
            for number in set(types):
                _change(listed, number, by)


def _counted(values: Iterable[T]) -> dict[T, int]:
    return dict(Counter(values))


def _counted_once_each(lists: Iterable[tuple[int, ...]]) -> dict[int, int]:
    """In how many lists each value stands."""
    return _counted(chain.from_iterable(map(set, lists)))


def _change(counts: dict[T, int], key: T, by: int) -> None:
    count = counts.get(key, 0) + by
    if count:
        counts[key] = count
    else:
        del counts[key]
