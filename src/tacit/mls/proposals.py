"""Proposals: the changes that a commit can make to a group, as they lie on the wire.

Source: RFC 9420 §12.1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tacit.codec import Reader, Writer
from tacit.mls.extensions import Extensions, read_extensions, write_extensions
from tacit.mls.key_packages import KeyPackage
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.pre_shared_keys import PreSharedKeyID
from tacit.mls.registry import ProposalType
from tacit.mls.tree_math import LeafIndex


@dataclass(frozen=True, slots=True)
class Add:
    """Add the client that made ``key_package``."""

    proposal_type: ClassVar[int] = ProposalType.ADD
    key_package: KeyPackage

    def write_body(self, w: Writer) -> None:
        """Append what follows the type."""
        self.key_package.write(w)


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the sender's leaf."""

    proposal_type: ClassVar[int] = ProposalType.UPDATE
    leaf_node: LeafNode

    def write_body(self, w: Writer) -> None:
        """Append what follows the type."""
        self.leaf_node.write(w)


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove the member at a leaf."""

    proposal_type: ClassVar[int] = ProposalType.REMOVE
    removed: LeafIndex

    def write_body(self, w: Writer) -> None:
        """Append what follows the type."""
        w.u32(self.removed)


@dataclass(frozen=True, slots=True)
class PreSharedKey:
    """Mix a pre-shared key into the next epoch."""

    proposal_type: ClassVar[int] = ProposalType.PSK
    psk: PreSharedKeyID

    def write_body(self, w: Writer) -> None:
        """Append what follows the type."""
        self.psk.write(w)


@dataclass(frozen=True, slots=True)
class ReInit:
    """Close this group in favour of a new one with other parameters."""

    proposal_type: ClassVar[int] = ProposalType.REINIT
    group_id: bytes
    version: int
    cipher_suite: int
    extensions: Extensions

    def write_body(self, w: Writer) -> None:
        """Append what follows the type."""
        w.opaque(self.group_id)
        w.u16(self.version)
        w.u16(self.cipher_suite)
        write_extensions(w, self.extensions)

    @classmethod
    def read_body(cls, r: Reader) -> Self:
        """Take what follows the type off ``r``."""
        return cls(r.opaque(), r.u16(), r.u16(), read_extensions(r))


@dataclass(frozen=True, slots=True)
class ExternalInit:
    """Join by an external commit."""

    proposal_type: ClassVar[int] = ProposalType.EXTERNAL_INIT
    kem_output: bytes

    def write_body(self, w: Writer) -> None:
        """Append what follows the type."""
        w.opaque(self.kem_output)


@dataclass(frozen=True, slots=True)
class GroupContextExtensions:
    """Replace all extensions of the group."""

    proposal_type: ClassVar[int] = ProposalType.GROUP_CONTEXT_EXTENSIONS
    extensions: Extensions

    def write_body(self, w: Writer) -> None:
        """Append what follows the type."""
        write_extensions(w, self.extensions)


@dataclass(frozen=True, slots=True)
class CustomProposal:
    """A proposal of a type that this room does not know; its content stays opaque."""

    proposal_type: int
    content: bytes

    def write_body(self, w: Writer) -> None:
        """Append what follows the type."""
        w.opaque(self.content)


Proposal = Add | Update | Remove | PreSharedKey | ReInit | ExternalInit | GroupContextExtensions | CustomProposal


def write_proposal(w: Writer, proposal: Proposal) -> None:
    """Append a proposal and its type."""
    w.u16(proposal.proposal_type)
    proposal.write_body(w)


def read_proposal(r: Reader) -> Proposal:
    """Take a proposal off ``r``."""
    proposal_type = r.u16()
    match proposal_type:
        case ProposalType.ADD:
            return Add(KeyPackage.read(r))
        case ProposalType.UPDATE:
            return Update(LeafNode.read(r))
        case ProposalType.REMOVE:
            return Remove(LeafIndex(r.u32()))
        case ProposalType.PSK:
            return PreSharedKey(PreSharedKeyID.read(r))
        case ProposalType.REINIT:
            return ReInit.read_body(r)
        case ProposalType.EXTERNAL_INIT:
            return ExternalInit(r.opaque())
        case ProposalType.GROUP_CONTEXT_EXTENSIONS:
            return GroupContextExtensions(read_extensions(r))
    return CustomProposal(proposal_type, r.opaque())
