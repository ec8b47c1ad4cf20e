"""What comes of processing a message: values for the caller to look at before keeping the group that they hold.

Source: RFC 9420 §12, §15
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacit.mls.extensions import Extensions
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.pre_shared_keys import PreSharedKeyID
from tacit.mls.proposal_lists import (
    AddedMember,
    JoinedMember,
    ProposalList,
    RemovedMember,
    UpdatedMember,
    psk_ids,
)
from tacit.mls.proposals import ExternalInit, Proposal, ReInit
from tacit.mls.senders import ProposalSender
from tacit.mls.tree_math import LeafIndex
from tacit.mls.values import Value

if TYPE_CHECKING:
    from tacit.mls.group import Group


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group."""

    leaf_index: LeafIndex
    leaf_node: LeafNode


class ApplicationData(Value, frozen=True):
    """An application message; ``sender_leaf`` is the sender's leaf in the message's own epoch.

    Keep ``group`` in the same transaction as ``data``: the message opens only once.
    """

    group: Group
    sender: LeafIndex
    sender_leaf: LeafNode
    epoch: int
    generation: int
    aad: bytes
    data: bytes

    def __repr__(self) -> str:
        return f"<ApplicationData of leaf {self.sender} in epoch {self.epoch}>"


@dataclass(frozen=True, slots=True)
class ProposalReceived:
    """A proposal that a commit of this epoch may refer to."""

    group: Group
    sender: ProposalSender
    proposal: Proposal
    ref: bytes
    aad: bytes


@dataclass(frozen=True, slots=True)
class StagedCommit:
    """A valid commit that takes effect when the caller keeps ``group_after``, which is None if it removes us.

    ``committer_leaf`` is the committer's leaf before, ``new_extensions`` the group's extensions if they were replaced.
    In an external commit both are of the joiner, who stands in ``added``; the leaf it had before, if it comes back
    and puts that out, stands in ``removed``.
    """

    group_before: Group
    group_after: Group | None
    committer: LeafIndex
    committer_leaf: LeafNode
    proposals: ProposalList
    added: tuple[AddedMember | JoinedMember, ...]
    removed: tuple[RemovedMember, ...]
    updated: tuple[UpdatedMember, ...]
    new_extensions: Extensions | None
    aad: bytes

    @property
    def external_init(self) -> ExternalInit | None:
        """By what the committer let itself in; None in the commit of a member."""
        return next((item.proposal for item in self.proposals if isinstance(item.proposal, ExternalInit)), None)

    @property
    def external(self) -> bool:
        """Whether the committer is no member and joins by this very commit."""
        return self.external_init is not None

    @property
    def psks(self) -> tuple[PreSharedKeyID, ...]:
        """The pre-shared keys that it mixes in, in its order."""
        return psk_ids(self.proposals)

    @property
    def reinit(self) -> ReInit | None:
        """The group in whose favour it closes this one."""
        return next((item.proposal for item in self.proposals if isinstance(item.proposal, ReInit)), None)


Processed = ApplicationData | ProposalReceived | StagedCommit

Authorize = Callable[[ProposalReceived | StagedCommit], None]
"""Judges by the application's own rules whether a change may be made; raises if not."""


@dataclass(frozen=True, slots=True)
class SenderPosition:
    """Where in its sender's ratchet a private message stands."""

    epoch: int
    leaf_index: LeafIndex
    generation: int
    is_handshake: bool
