"""What a member receives: finds the epoch's keys, opens, verifies, judges, and gives an event with the group after it.

Source: RFC 9420 §6, §12.1, §12.4.2, §15.3
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from tacit.errors import InvalidMessage
from tacit.limits import MAX_PAST_EPOCHS, MAX_RESUMPTION_PSKS
from tacit.mls.checks.commits import check_group_is_open, check_proposal_known
from tacit.mls.checks.external import (
    check_by_value,
    check_external_commits_allowed,
    check_external_path,
    check_external_sender,
    check_external_sender_may_propose,
    check_new_member_adds_itself,
    check_outside_proposals_allowed,
)
from tacit.mls.checks.framing import (
    check_application_is_private,
    check_public_allowed,
    check_sender_is_member,
    check_sender_may_send,
)
from tacit.mls.checks.proposals import check_room_for_proposal
from tacit.mls.commit_effects import check_alone
from tacit.mls.commit_processing import OwnUpdates, process_commit, process_external_commit
from tacit.mls.commits import Commit, ProposalReference
from tacit.mls.epochs import NextEpoch
from tacit.mls.errors import OwnMessage, WrongEpoch, WrongGroup
from tacit.mls.events import ApplicationData, Processed, ProposalReceived, SenderPosition, StagedCommit
from tacit.mls.framing import AuthenticatedContent
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.messages import PrivateMessage, PublicMessage, decode_message
from tacit.mls.past_epochs import PastKeys, expire, past_epoch_of
from tacit.mls.pending import CachedProposal
from tacit.mls.policy import Policy, Rules
from tacit.mls.proposal_lists import CommittedProposal
from tacit.mls.proposals import Proposal, Update
from tacit.mls.protection import EpochKeys, open_from_outside, open_private, open_public, open_sender_data
from tacit.mls.registry import ContentType, SenderType
from tacit.mls.secret_tree import SecretTree
from tacit.mls.senders import ExternalSenderIndex, NewMember, ProposalSender
from tacit.mls.tree_math import LeafIndex

if TYPE_CHECKING:
    from tacit.mls.group import Group


def process(group: Group, data: bytes, rules: Rules, now_s: float | None) -> Processed:
    """Judge one message; raises ``DecodeError``, ``InvalidMessage`` and what ``rules`` raise."""
    message = decode_message(data)
    if isinstance(message, PrivateMessage):
        return _process_private(group, message, rules, now_s)
    if isinstance(message, PublicMessage):
        return _process_public(group, message, rules, now_s)
    raise InvalidMessage("6/not-for-members")


def sender_position(group: Group, data: bytes) -> SenderPosition:
    """Where a private message stands in its sender's ratchet."""
    message = decode_message(data)
    if not isinstance(message, PrivateMessage):
        raise InvalidMessage("6/not-private")
    sender_data = open_sender_data(_keys_for(group, message), message)
    is_handshake = message.content_type is not ContentType.APPLICATION
    return SenderPosition(message.epoch, sender_data.leaf_index, sender_data.generation, is_handshake)


def begin(group: Group, begun: NextEpoch, now_s: float | None) -> Group:
    """The group in its next epoch, with the present one among those that late messages can still be read from."""
    ended = PastKeys(group.epoch, now_s, group.state.secrets.sender_data_secret, group.secret_tree)
    past_keys = (ended, *group.past_keys)[:MAX_PAST_EPOCHS]
    if now_s is not None:
        past_keys = expire(past_keys, now_s)
    past = (past_epoch_of(group.state), *group.state.past)[: len(past_keys)]
    state = replace(begun.epoch, past=past, earlier_psks=group.state.held_psks[: MAX_RESUMPTION_PSKS - 1])
    return replace(group, state=state, secret_tree=begun.secret_tree, pending_proposals=(), past_keys=past_keys)


def _process_private(group: Group, message: PrivateMessage, rules: Rules, now_s: float | None) -> Processed:
    before = group
    if now_s is not None:
        group = group.without_expired(now_s)
    keys = _keys_for(group, message)
    opened = open_private(keys, message)
    verified = opened.verify(keys)
    group = _with_secret_tree(group, message.epoch, opened.secret_tree)
    content = verified.content
    if not isinstance(content.body, bytes):
        return _process_handshake(before, group, verified, content.body, opened.sender_leaf, rules, now_s)
    return ApplicationData(
        group,
        LeafIndex(content.sender.index),
        opened.sender_leaf,
        message.epoch,
        opened.generation,
        message.authenticated_data,
        content.body,
    )


def _process_public(group: Group, message: PublicMessage, rules: Rules, now_s: float | None) -> Processed:
    content = message.content
    body = check_application_is_private(content.body)
    check_sender_may_send(content.sender, content.content_type)
    is_member = content.sender.sender_type is SenderType.MEMBER
    _check_policy(is_member, body, rules.policy)
    if content.group_id != group.group_id:
        raise WrongGroup
    if content.epoch != group.epoch:
        raise WrongEpoch(content.epoch)
    check_group_is_open(group.reinit)
    if is_member:
        return _process_public_of_member(group, message, body, rules, now_s)
    if isinstance(body, Commit):
        return _process_external_commit(group, message, body, rules, now_s)
    signature_key = _outsider_key(group, content.sender.proposal_sender, body)
    verified = open_from_outside(group.suite, message, signature_key, group.context.encoded)
    return _process_proposal(group, verified, body, rules)


def _check_policy(is_member: bool, body: Proposal | Commit, policy: Policy) -> None:
    """Asked first: what the application has not asked for is not looked at."""
    if is_member:
        check_public_allowed(policy.public_handshakes)
    elif isinstance(body, Commit):
        check_external_commits_allowed(policy.external_commits)
    else:
        check_outside_proposals_allowed(policy.outside_proposals)


def _process_public_of_member(
    group: Group, message: PublicMessage, body: Proposal | Commit, rules: Rules, now_s: float | None
) -> Processed:
    content = message.content
    leaf = check_sender_is_member(group.member(LeafIndex(content.sender.index)))
    membership_key = group.state.secrets.membership_key.reveal()
    verified = open_public(group.suite, membership_key, message, leaf.signature_key, group.context.encoded)
    if content.sender.index == group.own_leaf:
        raise OwnMessage(content.epoch, 0)
    return _process_handshake(group, group, verified, body, leaf, rules, now_s)


def _outsider_key(group: Group, sender: ProposalSender, proposal: Proposal) -> bytes:
    """The key that signs for somebody who is no member. Source: RFC 9420 §6.1"""
    if isinstance(sender, ExternalSenderIndex):
        check_external_sender_may_propose(proposal)
        return check_external_sender(group.extensions, sender.index).signature_key
    return check_new_member_adds_itself(proposal).signature_key


def _process_external_commit(
    group: Group, message: PublicMessage, commit: Commit, rules: Rules, now_s: float | None
) -> StagedCommit:
    proposals = tuple(CommittedProposal(proposal, NewMember()) for proposal in check_by_value(commit.proposals))
    path = check_external_path(commit.path)
    verified = open_from_outside(group.suite, message, path.leaf_node.signature_key, group.context.encoded)
    result, joiner = process_external_commit(group.state, verified, proposals, path, rules)
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


def _process_handshake(
    before: Group,
    group: Group,
    message: AuthenticatedContent,
    body: Proposal | Commit,
    sender_leaf: LeafNode,
    rules: Rules,
    now_s: float | None,
) -> Processed:
    if isinstance(body, Commit):
        return _process_commit(before, group, message, body, sender_leaf, rules, now_s)
    return _process_proposal(group, message, body, rules)


def _process_proposal(
    group: Group, message: AuthenticatedContent, proposal: Proposal, rules: Rules
) -> ProposalReceived:
    sender, ref = message.content.sender.proposal_sender, message.proposal_ref(group.suite)
    if all(cached.ref != ref for cached in group.pending_proposals):
        check_room_for_proposal([cached.proposal for cached in group.pending_proposals], proposal)
        check_alone(group.state, CommittedProposal(proposal, sender), rules)
        cached = CachedProposal(ref, sender, proposal)
        group = replace(group, pending_proposals=(*group.pending_proposals, cached))
    return ProposalReceived(group, sender, proposal, ref, message.content.authenticated_data)


def _process_commit(
    before: Group,
    group: Group,
    message: AuthenticatedContent,
    commit: Commit,
    committer_leaf: LeafNode,
    rules: Rules,
    now_s: float | None,
) -> StagedCommit:
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


def _keys_for(group: Group, message: PrivateMessage) -> EpochKeys:
    """The keys for a message's epoch; only application messages may come late."""
    if message.group_id != group.group_id:
        raise WrongGroup
    if message.epoch == group.epoch:
        check_group_is_open(group.reinit)
        return group.state.keys(group.secret_tree)
    if message.content_type is ContentType.APPLICATION:
        for past, keys in zip(group.state.past, group.past_keys, strict=False):
            if keys.epoch == message.epoch:
                return keys.reading(group.suite, past)
    raise WrongEpoch(message.epoch)


def _with_secret_tree(group: Group, epoch: int, secret_tree: SecretTree) -> Group:
    if epoch == group.epoch:
        return replace(group, secret_tree=secret_tree)
    past_keys = tuple(
        replace(keys, secret_tree=secret_tree) if keys.epoch == epoch else keys for keys in group.past_keys
    )
    return replace(group, past_keys=past_keys)
