"""Commits and update paths as they lie on the wire.

Source: RFC 9420 §7.6, §12.4
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from tacit.codec import Reader, Writer
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.proposals import Proposal, read_proposal, write_proposal
from tacit.mls.registry import ProposalOrRefType, read_enum


@dataclass(frozen=True, slots=True)
class HPKECiphertext:
    """Something encrypted to one HPKE key."""

    kem_output: bytes
    ciphertext: bytes

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.opaque(self.kem_output)
        w.opaque(self.ciphertext)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.opaque(), r.opaque())


@dataclass(frozen=True, slots=True)
class UpdatePathNode:
    """The new key of one parent, and its path secret encrypted to everyone below its other child."""

    encryption_key: bytes
    encrypted_path_secret: tuple[HPKECiphertext, ...]

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.opaque(self.encryption_key)
        w.vector(self.encrypted_path_secret, Writer.struct)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.opaque(), r.vector(HPKECiphertext.read))


@dataclass(frozen=True, slots=True)
class UpdatePath:
    """Fresh keys for the committer's leaf and the parents above it."""

    leaf_node: LeafNode
    nodes: tuple[UpdatePathNode, ...]

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        self.leaf_node.write(w)
        w.vector(self.nodes, Writer.struct)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(LeafNode.read(r), r.vector(UpdatePathNode.read))


@dataclass(frozen=True, slots=True)
class ProposalReference:
    """The ProposalRef of a proposal that was sent before."""

    ref: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """Changes that end an epoch, in order, and optionally an update path."""

    proposals: tuple[Proposal | ProposalReference, ...]
    path: UpdatePath | None

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.vector(self.proposals, _write_proposal_or_ref)
        w.optional(self.path, Writer.struct)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.vector(_read_proposal_or_ref), r.optional(UpdatePath.read))


def _write_proposal_or_ref(w: Writer, item: Proposal | ProposalReference) -> None:
    if isinstance(item, ProposalReference):
        w.u8(ProposalOrRefType.REFERENCE)
        w.opaque(item.ref)
    else:
        w.u8(ProposalOrRefType.PROPOSAL)
        write_proposal(w, item)


def _read_proposal_or_ref(r: Reader) -> Proposal | ProposalReference:
    if read_enum(ProposalOrRefType, r.u8()) is ProposalOrRefType.REFERENCE:
        return ProposalReference(r.opaque())
    return read_proposal(r)
