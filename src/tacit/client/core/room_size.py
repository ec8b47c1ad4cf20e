"""How large a room may become: the relay keeps a bounded description of it, and each commit brings a whole one.

A room that was filled up could not change any more, not even to put out whoever filled it. So members take nobody in
whose leaf could not be described, judged by what the tree may come to and not by what happens to be blank in it now.
"""

from __future__ import annotations

from typing import Final

from tacit import limits, mls
from tacit.client.core.policy import Rejected
from tacit.mls.leaf_nodes import LeafNode

LARGEST_LEAF_BYTES: Final = 3 * 1024
"""A leaf with the keys of the default suite and an account key of any kind has less than 2.5 KB."""

FULL_BYTES: Final = limits.MAX_ROOM_INFO_BYTES * 9 // 10
"""Of leaves and parents; the rest is for what else stands in a GroupInfo, and for its seal."""

HASHES_BYTES: Final = 128
"""For what each commit may change the length of: the hash in a leaf, and what a parent holds besides its key."""

LIFETIME_BYTES: Final = 16

FEW: Final = 128
"""So many leaves of any size that is allowed, with all parents, are never too many."""


def check_size(before: mls.Group, after: mls.Group) -> None:
    """Raise ``Rejected`` for a new leaf that is too large, or if a room that is full would grow."""
    for member in after.members():
        leaf = member.leaf_node
        if leaf.encoded_size > LARGEST_LEAF_BYTES and leaf is not before.member(member.leaf_index):
            raise Rejected("leaf-too-large")
    if is_full(after) and largest_bytes(after) > largest_bytes(before):
        raise Rejected("room-full")


def is_full(group: mls.Group) -> bool:
    """Whether the description of a room may come to more than is good."""
    return len(group.members()) > FEW and largest_bytes(group) > FULL_BYTES


def largest_bytes(group: mls.Group) -> int:
    """What the leaves take, and the parents when none of them is blank."""
    leaves = [member.leaf_node for member in group.members()]
    return sum(_chosen_bytes(leaf) + len(leaf.encryption_key) + HASHES_BYTES for leaf in leaves)


def _chosen_bytes(leaf: LeafNode) -> int:
    """A leaf without what says where it comes from, which is none of its owner's choice."""
    source_bytes = 1 + len(leaf.parent_hash) if leaf.lifetime is None else LIFETIME_BYTES
    return leaf.encoded_size - source_bytes
