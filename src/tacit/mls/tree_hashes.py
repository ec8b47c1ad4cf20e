"""Tree hashes: what a node and everything below it comes down to.

Source: RFC 9420 §7.8
"""

from __future__ import annotations

from tacit.codec import encode_varint
from tacit.crypto.suites import CipherSuite
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.registry import NodeType
from tacit.mls.tree_math import LeafIndex

_LEAF = bytes([NodeType.LEAF])
_PARENT = bytes([NodeType.PARENT])
_ABSENT = b"\x00"
_PRESENT = b"\x01"


def leaf_hash(suite: CipherSuite, index: LeafIndex, leaf: LeafNode | None) -> bytes:
    """The tree hash of a leaf, blank or not: Nh bytes."""
    value = _ABSENT if leaf is None else _PRESENT + leaf.encoded
    return suite.hash(_LEAF + index.to_bytes(4, "big") + value)


def parent_node_hash(suite: CipherSuite, parent: ParentNode | None, left_hash: bytes, right_hash: bytes) -> bytes:
    """The tree hash of a parent, blank or not, over those of its children: Nh bytes."""
    value = _ABSENT if parent is None else _PRESENT + parent.encoded
    size = encode_varint(len(left_hash))
    return suite.hash(b"".join((_PARENT, value, size, left_hash, size, right_hash)))
