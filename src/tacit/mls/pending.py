"""What waits: proposals for somebody to commit, and an own commit for its place in the group's order of messages.

Source: RFC 9420 §12.4, §14
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tacit.codec import Reader, Writer
from tacit.crypto.secret import Secret
from tacit.errors import CryptoError, DecodeError, InvalidMessage
from tacit.mls.commit_processing import OwnUpdate
from tacit.mls.epochs import NextEpoch
from tacit.mls.errors import BadState
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.pre_shared_keys import PreSharedKeyID
from tacit.mls.proposal_lists import CommittedProposal, ProposalList
from tacit.mls.proposals import (
    Add,
    CustomProposal,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    Update,
)
from tacit.mls.senders import ProposalSender
from tacit.mls.stored_epochs import read_epoch, write_epoch
from tacit.mls.stored_rows import VERSION, ChangeDraft, Rows, StateChanges, check_version
from tacit.mls.stored_secrets import read_secret_tree, write_secret_trees
from tacit.mls.tree_math import LeafIndex

if TYPE_CHECKING:
    from tacit.mls.group import Group


@dataclass(frozen=True, slots=True)
class CachedProposal:
    """A valid proposal of this epoch; ``own`` holds the keys of one that updates our leaf."""

    ref: bytes
    sender: ProposalSender
    proposal: Proposal
    own: OwnUpdate | None = None


@dataclass(frozen=True, slots=True)
class PendingCommit:
    """An own commit that the group has not taken up yet.

    Send ``welcome`` only once ``commit`` has its place. ``added`` and ``removed`` are the leaves of who comes and of
    who goes, ``psks`` the pre-shared keys that it mixes in.
    """

    commit: bytes
    welcome: bytes | None
    base_authenticator: Secret
    created_at: float
    added: tuple[LeafNode, ...]
    removed: tuple[LeafNode, ...]
    psks: tuple[PreSharedKeyID, ...]
    next: NextEpoch

    @property
    def group_after(self) -> Group:
        """The group that ``merge`` leads to, for looking at; only ``merge`` keeps what is due of the present epoch."""
        from tacit.mls.group import Group  # that module needs this one

        return Group(self.next.epoch, self.next.secret_tree)

    def encode(self, since: Group | None = None) -> bytes:
        """The stored form; given the group that the commit was made in, only what sets its next epoch apart."""
        draft = ChangeDraft()
        write_epoch(draft, None if since is None else since.state, self.next.epoch)
        write_secret_trees(draft, {}, {self.next.epoch.context.epoch: self.next.secret_tree})
        w = Writer()
        w.u8(VERSION)
        w.u8(since is not None)
        w.opaque(self.commit)
        w.optional(self.welcome, Writer.opaque)
        w.opaque(self.base_authenticator.reveal())
        w.u64(int(self.created_at))
        w.vector(self.added, Writer.struct)
        w.vector(self.removed, Writer.struct)
        w.vector(self.psks, Writer.struct)
        draft.finish().write(w)
        return w.finish()

    @classmethod
    def decode(cls, data: bytes, since: Group | None = None) -> Self:
        """The pending commit that was stored, given the same group again if one was given; raises ``BadState``."""
        try:
            r = Reader(data)
            check_version(r)
            if r.u8() != (since is not None):
                raise DecodeError("stored with another group or with none")
            commit, welcome, base, created_at = r.opaque(), r.optional(Reader.opaque), Secret(r.opaque()), r.u64()
            added, removed, psks = r.vector(LeafNode.read), r.vector(LeafNode.read), r.vector(PreSharedKeyID.read)
            rows = Rows(StateChanges.read(r))
            r.finish()
            if since is not None and Secret(since.epoch_authenticator) != base:
                raise DecodeError("stored with the same group in another epoch")
            epoch = read_epoch(rows, None if since is None else since.state)
            begun = NextEpoch(epoch, read_secret_tree(rows, epoch.context.epoch, epoch.tree.leaf_count))
        except (DecodeError, InvalidMessage, CryptoError) as error:
            raise BadState(error.code) from error
        return cls(commit, welcome, base, created_at, added, removed, psks, begun)


def select_for_commit(
    pending: Sequence[CachedProposal],
    by_value: Sequence[Proposal],
    committer: LeafIndex,
    include: bool | Callable[[CachedProposal], bool],
) -> ProposalList:
    """The list for a commit: pending proposals that make a valid list with ``by_value``, and then those.

    Removes win over updates of the same leaf, later updates over earlier ones, and everything over a ReInit, which
    stands alone. Source: RFC 9420 §12.2
    """
    values = [CommittedProposal(proposal, committer) for proposal in by_value]
    wanted = [cached for cached in pending if include is True or (callable(include) and include(cached))]
    changed: set[ProposalSender] = {proposal.removed for proposal in by_value if isinstance(proposal, Remove)}
    changed.add(committer)
    added = {_client(proposal) for proposal in by_value if isinstance(proposal, Add)}
    replaced = any(isinstance(proposal, GroupContextExtensions) for proposal in by_value)
    psks = {proposal.psk for proposal in by_value if isinstance(proposal, PreSharedKey)}
    chosen: set[bytes] = set()
    newest_first = wanted[::-1]
    for cached in sorted(newest_first, key=lambda item: not isinstance(item.proposal, Remove)):
        match cached.proposal:
            case Remove(removed=leaf) if leaf not in changed:
                changed.add(leaf)
            case Update() if cached.sender not in changed:
                changed.add(cached.sender)
            case Add() if _client(cached.proposal) not in added:
                added.add(_client(cached.proposal))
            case GroupContextExtensions() if not replaced:
                replaced = True
            case PreSharedKey(psk=psk) if psk not in psks:
                psks.add(psk)
            case CustomProposal():
                pass
            case _:
                continue
        chosen.add(cached.ref)
    if not chosen and not by_value:
        chosen.update(cached.ref for cached in newest_first[:1] if isinstance(cached.proposal, ReInit))
    kept = [CommittedProposal(c.proposal, c.sender, c.ref) for c in pending if c.ref in chosen]
    return (*kept, *values)


def _client(add: Add) -> bytes:
    return add.key_package.leaf_node.signature_key
