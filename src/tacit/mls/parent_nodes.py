"""Parent nodes of the ratchet tree: a key shared by the members below.

Source: RFC 9420 §7.1
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from tacit.codec import Reader, Writer
from tacit.mls.tree_math import LeafIndex


@dataclass(frozen=True)
class ParentNode:
    """A parent with a key; ``unmerged_leaves`` are those below that do not know the private part, in order."""

    encryption_key: bytes
    parent_hash: bytes
    unmerged_leaves: tuple[LeafIndex, ...] = ()

    @cached_property
    def encoded(self) -> bytes:
        """The whole encoding."""
        w = Writer()
        w.opaque(self.encryption_key)
        w.opaque(self.parent_hash)
        w.vector(self.unmerged_leaves, Writer.u32)
        return w.finish()

    def with_unmerged(self, leaf: LeafIndex) -> Self:
        """The same node with one more leaf that does not know its private key."""
        leaves = list(self.unmerged_leaves)
        insort(leaves, leaf)
        return replace(self, unmerged_leaves=tuple(leaves))

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.fixed(self.encoded)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.opaque(), r.opaque(), tuple(LeafIndex(leaf) for leaf in r.vector(Reader.u32)))
