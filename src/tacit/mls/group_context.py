"""The group context: the public state that all members of an epoch agree on.

Source: RFC 9420 §8.1
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from tacit.codec import Reader, Writer
from tacit.errors import DecodeError
from tacit.mls.extensions import Extensions, read_extensions, write_extensions
from tacit.mls.registry import MLS10


@dataclass(frozen=True)
class GroupContext:
    """What goes into the key schedule and under every member's signature."""

    cipher_suite: int
    group_id: bytes
    epoch: int
    tree_hash: bytes
    confirmed_transcript_hash: bytes
    extensions: Extensions

    @cached_property
    def encoded(self) -> bytes:
        """The whole encoding; every signature in an epoch covers it."""
        w = Writer()
        w.u16(MLS10)
        w.u16(self.cipher_suite)
        w.opaque(self.group_id)
        w.u64(self.epoch)
        w.opaque(self.tree_hash)
        w.opaque(self.confirmed_transcript_hash)
        write_extensions(w, self.extensions)
        return w.finish()

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.fixed(self.encoded)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        if r.u16() != MLS10:
            raise DecodeError("group context of another version of MLS")
        return cls(r.u16(), r.opaque(), r.u64(), r.opaque(), r.opaque(), read_extensions(r))
