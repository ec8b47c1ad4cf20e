"""What a verified handshake message does: a proposal waits, a commit is staged, an epoch begins.

Source: RFC 9420 §12.1, §12.4.2, §12.4.3.2
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tacit.limits import MAX_PAST_EPOCHS, MAX_RESUMPTION_PSKS
from tacit.mls.checks.commits import check_proposal_known
from tacit.mls.checks.external import check_by_value
from tacit.mls.checks.proposals import check_room_for_outsider, check_room_for_proposal
from tacit.mls.commit_effects import check_alone
from tacit.mls.commit_processing import OwnUpdates, process_commit, process_external_commit
from tacit.mls.commits import Commit, ProposalReference, UpdatePath
from tacit.mls.epochs import NextEpoch
from tacit.mls.events import ProposalReceived, StagedCommit
from tacit.mls.framing import AuthenticatedContent
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.past_epochs import PastKeys, expire, past_epoch_of
from tacit.mls.pending import CachedProposal
from tacit.mls.policy import Rules
from tacit.mls.proposal_lists import CommittedProposal
from tacit.mls.proposals import Proposal, Update
from tacit.mls.senders import NewMember, ProposalSender
from tacit.mls.tree_math import LeafIndex

if TYPE_CHECKING:
    from tacit.mls.group import Group


def begin(group: Group, begun: NextEpoch, now_s: float | None) -> Group:
    """The group in its next epoch, with the present one among those that late messages can still be read from."""
    ended = PastKeys(group.epoch, now_s, group.state.secrets.sender_data_secret, group.secret_tree)
    past_keys = (ended, *group.past_keys)[:MAX_PAST_EPOCHS]
    if now_s is not None:
        past_keys = expire(past_keys, now_s)
    past = (past_epoch_of(group.state), *group.state.past)[: len(past_keys)]
    state = replace(begun.epoch, past=past, earlier_psks=group.state.held_psks[: MAX_RESUMPTION_PSKS - 1])
    return replace(group, state=state, secret_tree=begun.secret_tree, pending_proposals=(), past_keys=past_keys)


def keep_proposal(group: Group, message: AuthenticatedContent, proposal: Proposal, rules: Rules) -> ProposalReceived:
    """The group with a proposal that waits to be committed; once, however often it comes."""
    sender, ref = message.content.sender.proposal_sender, message.proposal_ref(group.suite)
    if all(cached.ref != ref for cached in group.pending_proposals):
        _check_room(group.pending_proposals, proposal, sender)
        check_alone(group.state, CommittedProposal(proposal, sender), rules)
        cached = CachedProposal(ref, sender, proposal)
        group = replace(group, pending_proposals=(*group.pending_proposals, cached))
    return ProposalReceived(group, sender, proposal, ref, message.content.authenticated_data)


def _check_room(pending: Sequence[CachedProposal], proposal: Proposal, sender: ProposalSender) -> None:
    check_room_for_proposal([cached.proposal for cached in pending], proposal)
    if not isinstance(sender, int):
        outside = [cached.proposal for cached in pending if not isinstance(cached.sender, int)]
        check_room_for_outsider(outside, proposal)


def stage_commit(
    before: Group,
    group: Group,
    message: AuthenticatedContent,
    commit: Commit,
    committer_leaf: LeafNode,
    rules: Rules,
    now_s: float | None,
) -> StagedCommit:
    """What a member's commit makes of the group; ``before`` is the group that has not spent the message's key."""
    committer = LeafIndex(message.content.sender.index)
    cached = {proposal.ref: proposal for proposal in group.pending_proposals}
    proposals = tuple(_resolve(cached, item, committer) for item in commit.proposals)
    result = process_commit(group.state, message, committer, proposals, commit.path, _own_updates(group), rules)
    applied = result.applied
    return StagedCommit(
        before,
        None if result.next is None else begin(group, result.next, now_s),
        committer,
        committer_leaf,
        proposals,
        applied.added,
        applied.removed,
        applied.updated,
        applied.extensions if applied.extensions != group.extensions else None,
        message.content.authenticated_data,
    )


def stage_external_commit(
    group: Group,
    message: AuthenticatedContent,
    commit: Commit,
    path: UpdatePath,
    rules: Rules,
    now_s: float | None,
) -> StagedCommit:
    """What the commit by which somebody lets himself in makes of the group; ``path`` is its path."""
    proposals = tuple(CommittedProposal(proposal, NewMember()) for proposal in check_by_value(commit.proposals))
    result, joiner = process_external_commit(group.state, message, proposals, path, rules)
    return StagedCommit(
        group,
        None if result.next is None else begin(group, result.next, now_s),
        joiner.leaf_index,
        joiner.leaf_node,
        proposals,
        (joiner,),
        result.applied.removed,
        (),
        None,
        message.content.authenticated_data,
    )


def _resolve(
    cached: Mapping[bytes, CachedProposal], item: Proposal | ProposalReference, committer: LeafIndex
) -> CommittedProposal:
    if not isinstance(item, ProposalReference):
        return CommittedProposal(item, committer)
    known = check_proposal_known(cached.get(item.ref))
    return CommittedProposal(known.proposal, known.sender, known.ref)


def _own_updates(group: Group) -> OwnUpdates:
    return {
        cached.proposal.leaf_node.encryption_key: cached.own
        for cached in group.pending_proposals
        if cached.own is not None and isinstance(cached.proposal, Update)
    }
