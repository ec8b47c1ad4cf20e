"""What a member receives: finds the epoch's keys, opens, verifies, and gives an event with the group after it.

Source: RFC 9420 §6, §12.1.8, §12.4.3.2, §15.3
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tacit.errors import InvalidMessage
from tacit.mls.checks.commits import check_group_is_open
from tacit.mls.checks.external import (
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
from tacit.mls.commits import Commit
from tacit.mls.errors import OwnMessage, WrongEpoch, WrongGroup
from tacit.mls.events import ApplicationData, Processed, SenderPosition
from tacit.mls.framing import AuthenticatedContent
from tacit.mls.handshakes import keep_proposal, stage_commit, stage_external_commit
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.messages import PrivateMessage, PublicMessage, decode_message
from tacit.mls.policy import Policy, Rules
from tacit.mls.proposals import Proposal
from tacit.mls.protection import EpochKeys, open_from_outside, open_private, open_public, open_sender_data
from tacit.mls.registry import ContentType, SenderType
from tacit.mls.secret_tree import SecretTree
from tacit.mls.senders import ExternalSenderIndex, ProposalSender
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
    return _process_from_outside(group, message, body, rules, now_s)


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
        raise OwnMessage(content.epoch, 0, is_signed=True)
    return _process_handshake(group, group, verified, body, leaf, rules, now_s)


def _process_from_outside(
    group: Group, message: PublicMessage, body: Proposal | Commit, rules: Rules, now_s: float | None
) -> Processed:
    suite, context = group.suite, group.context.encoded
    if isinstance(body, Commit):
        path = check_external_path(body.path)
        verified = open_from_outside(suite, message, path.leaf_node.signature_key, context)
        return stage_external_commit(group, verified, body, path, rules, now_s)
    signature_key = _outsider_key(group, message.content.sender.proposal_sender, body, rules.policy)
    verified = open_from_outside(suite, message, signature_key, context)
    return keep_proposal(group, verified, body, rules)


def _outsider_key(group: Group, sender: ProposalSender, proposal: Proposal, policy: Policy) -> bytes:
    """The key that signs for somebody who is no member. Source: RFC 9420 §6.1"""
    if isinstance(sender, ExternalSenderIndex):
        check_external_sender_may_propose(proposal)
        named = check_external_sender(group.extensions, sender.index)
        policy.authenticate_sender(named)  # who was named while nobody outside was listened to has not been judged yet
        return named.signature_key
    return check_new_member_adds_itself(proposal).signature_key


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
        return stage_commit(before, group, message, body, sender_leaf, rules, now_s)
    return keep_proposal(group, message, body, rules)


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
        return group.with_secret_tree(secret_tree)
    past_keys = tuple(
        replace(keys, secret_tree=secret_tree) if keys.epoch == epoch else keys for keys in group.past_keys
    )
    return replace(group, past_keys=past_keys)
