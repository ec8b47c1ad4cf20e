"""Parent nodes of the ratchet tree: a key shared by the members below.

Source: RFC 9420 §7.1
"""

from __future__ import annotations

from bisect import insort
from typing import Self

from tacit.codec import Reader, Writer, encode_varint
from tacit.mls.tree_math import LeafIndex
from tacit.mls.values import Value


class ParentNode(Value, frozen=True):
    """A parent with a key; ``unmerged_leaves`` are those below that do not know the private part, in order."""

    encryption_key: bytes
    parent_hash: bytes
    unmerged_leaves: tuple[LeafIndex, ...] = ()

    @property
    def encoded(self) -> bytes:
        """The whole encoding; cheap to make, and not kept, for a tree has a thousand of them."""
        key, parent_hash = self.encryption_key, self.parent_hash
        leaves = b"".join([leaf.to_bytes(4, "big") for leaf in self.unmerged_leaves]) if self.unmerged_leaves else b""
        return b"".join(
            (
                encode_varint(len(key)),
                key,
                encode_varint(len(parent_hash)),
                parent_hash,
                encode_varint(len(leaves)),
                leaves,
            )
        )

    @property
    def encoded_size(self) -> int:
        """Bytes of ``encoded``."""
        sizes = len(self.encryption_key), len(self.parent_hash), 4 * len(self.unmerged_leaves)
        return sum(size + len(encode_varint(size)) for size in sizes)

    def with_unmerged(self, leaf: LeafIndex) -> Self:
        """The same node with one more leaf that does not know its private key."""
        leaves = list(self.unmerged_leaves)
        insort(leaves, leaf)
        return type(self)(self.encryption_key, self.parent_hash, tuple(leaves))

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.fixed(self.encoded)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.opaque(), r.opaque(), tuple(LeafIndex(leaf) for leaf in r.vector(Reader.u32)))
