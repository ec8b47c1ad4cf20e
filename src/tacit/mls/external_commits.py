"""Joining by an external commit: somebody who holds a group info lets himself in, without a member having to act.

The group info is the joiner's only word on the group, and its confirmation tag cannot be checked from outside: take it
from a source that is trusted to give out the present one. Members accept the commit only where their policy says so.
Source: RFC 9420 §8.3, §12.4.3.2
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tacit.crypto.secret import Secret
from tacit.crypto.suites import suite
from tacit.entropy import Entropy
from tacit.mls.checks.commits import check_epoch_number
from tacit.mls.checks.external import check_external_pub
from tacit.mls.checks.leaf_nodes import check_no_default_capabilities, check_we_support_group_extensions
from tacit.mls.checks.trees import check_members
from tacit.mls.checks.welcomes import check_group_is_new
from tacit.mls.commit_effects import admit_joiner, check_and_apply_external, place_joiner
from tacit.mls.commits import Commit, UpdatePath
from tacit.mls.credentials import Credential, as_credential
from tacit.mls.epochs import NextEpoch, PublicState, begin_epoch, context_after, run_schedule
from tacit.mls.extensions import Extensions
from tacit.mls.external_init import send_init_secret
from tacit.mls.framing import FramedContent, FramedContentAuthData, Sender
from tacit.mls.group import Group
from tacit.mls.group_infos import check_public_state, read_group_info, tree_of
from tacit.mls.key_packages import Authenticate
from tacit.mls.leaf_nodes import LeafNode, Support, create_leaf, lifetime_from
from tacit.mls.messages import GroupInfo, PublicMessage, encode_message
from tacit.mls.own_leaf import OwnIdentity, renew_leaf
from tacit.mls.policy import STRICT, Policy, Rules
from tacit.mls.pre_shared_keys import PreSharedKeyID
from tacit.mls.proposal_lists import Applied, CommittedProposal, psk_ids
from tacit.mls.proposals import ExternalInit, PreSharedKey, Proposal, Remove
from tacit.mls.protection import sign_content
from tacit.mls.registry import LeafNodeSource, SenderType, WireFormat
from tacit.mls.senders import NewMember
from tacit.mls.transcript import confirmed_transcript_hash, interim_transcript_hash
from tacit.mls.tree_math import LeafIndex
from tacit.mls.update_paths import NewPath, create_path, encrypt_path, path_nodes


@dataclass(frozen=True, slots=True)
class ExternalJoin:
    """An external commit, and the group that it leads to: to be kept aside until the commit has been accepted."""

    group: Group
    commit: bytes


@dataclass(frozen=True, slots=True)
class _Joiner:
    """What the one who joins brings along."""

    identity: OwnIdentity
    leaf: LeafNode
    """As it would stand in a key package; signed anew for its place in the group."""
    encryption_private: Secret


def join_externally(
    group_info: bytes,
    credential: bytes | Credential,
    signature_private: bytes,
    *,
    psks: Sequence[PreSharedKeyID] = (),
    remove: LeafIndex | None = None,
    ratchet_tree: bytes | None = None,
    known_group: Callable[[bytes], bool] | None = None,
    authenticate: Authenticate,
    policy: Policy = STRICT,
    extensions: Extensions = (),
    extension_types: tuple[int, ...] = (),
    proposal_types: tuple[int, ...] = (),
    credential_types: tuple[int, ...] = (),
    grease: bool = True,
    aad: bytes = b"",
    now_s: float,
    entropy: Entropy,
) -> ExternalJoin:
    """Make the commit by which we join; bytes for ``credential`` are the identity of a basic one.

    ``remove`` is our own old leaf, if we come back to a group that we lost track of. Otherwise ``known_group`` says
    whether we are in a group of that ID already; give it unless we are in no group at all.
    ``ratchet_tree`` is the encoded tree where the group info does not hold it, ``extensions`` are those of our leaf.
    Raises ``DecodeError``, ``InvalidMessage``, ``UnsupportedSuite`` and what ``authenticate`` raises.
    """
    rules = Rules(authenticate, policy)
    info = read_group_info(group_info)
    if remove is None and known_group is not None:
        check_group_is_new(known_group(info.group_context.group_id))
    state, public = _judge(info, ratchet_tree, rules)
    identity = OwnIdentity(as_credential(credential), Secret(signature_private))
    support = Support(extension_types, proposal_types, credential_types, grease)
    joiner = _bring_along(state, identity, support, extensions, now_s, entropy)
    kem_output, init_secret = send_init_secret(state.suite, public)
    proposals: list[Proposal] = [ExternalInit(kem_output)]
    if remove is not None:
        proposals.append(Remove(remove))
    proposals += [PreSharedKey(psk) for psk in psks]
    begun, commit = _commit(state, info.confirmation_tag, joiner, proposals, init_secret, aad, rules, entropy)
    return ExternalJoin(Group(begun.epoch, begun.secret_tree), commit)


def _judge(info: GroupInfo, ratchet_tree: bytes | None, rules: Rules) -> tuple[PublicState, bytes]:
    """The group that we are to join, and its key for that."""
    context = info.group_context
    cipher_suite = suite(context.cipher_suite)
    check_epoch_number(context.epoch + 1)
    tree = tree_of(cipher_suite, info, ratchet_tree)
    check_public_state(cipher_suite, info, tree, rules)
    return PublicState(cipher_suite, context, tree), check_external_pub(cipher_suite, info.extensions)


def _bring_along(
    state: PublicState,
    identity: OwnIdentity,
    support: Support,
    extensions: Extensions,
    now_s: float,
    entropy: Entropy,
) -> _Joiner:
    encryption = state.suite.generate_key_pair(entropy)
    leaf = create_leaf(
        state.suite,
        identity.credential,
        identity.signature_private.reveal(),
        encryption.public,
        lifetime=lifetime_from(now_s),
        support=support,
        entropy=entropy,
    )
    check_no_default_capabilities(leaf.capabilities)
    check_we_support_group_extensions(leaf, state.context.extensions)
    return _Joiner(identity, replace(leaf, extensions=(*extensions, *leaf.extensions)), Secret(encryption.private))


def _commit(
    state: PublicState,
    confirmation_tag: bytes,
    joiner: _Joiner,
    proposals: Sequence[Proposal],
    init_secret: bytes,
    aad: bytes,
    rules: Rules,
    entropy: Entropy,
) -> tuple[NextEpoch, bytes]:
    cipher_suite, context = state.suite, state.context
    listed = tuple(CommittedProposal(proposal, NewMember()) for proposal in proposals)
    _, applied = check_and_apply_external(state, listed, rules)
    own_leaf, new, sent = _create_path(state, applied, joiner, entropy)
    admit_joiner(state, applied, own_leaf, sent, rules)
    check_members(new.tree, context.extensions, rules.policy.max_members)
    private = joiner.identity.signature_private
    sender = Sender(SenderType.NEW_MEMBER_COMMIT)
    content = FramedContent(context.group_id, context.epoch, sender, aad, Commit(tuple(proposals), sent))
    signature = sign_content(cipher_suite, private.reveal(), WireFormat.PUBLIC_MESSAGE, content, context.encoded)
    interim = interim_transcript_hash(cipher_suite, context.confirmed_transcript_hash, confirmation_tag)
    confirmed = confirmed_transcript_hash(cipher_suite, interim, WireFormat.PUBLIC_MESSAGE, content, signature)
    psk_secret = rules.psk_secret(cipher_suite, psk_ids(listed))
    after = context_after(context, new.tree, context.extensions, confirmed)
    keys = run_schedule(cipher_suite, init_secret, new.commit_secret, psk_secret, after).keys
    begun = begin_epoch(cipher_suite, after, new.tree, own_leaf, new.private_keys, private, keys)
    auth = FramedContentAuthData(signature, begun.epoch.confirmation_tag)
    return begun, encode_message(PublicMessage(content, auth, None))


def _create_path(
    state: PublicState, applied: Applied, joiner: _Joiner, entropy: Entropy
) -> tuple[LeafIndex, NewPath, UpdatePath]:
    """Fresh keys from the leftmost blank leaf to the root, encrypted to the members."""
    cipher_suite, context = state.suite, state.context
    placed, own_leaf = place_joiner(applied, joiner.leaf)

    def sign_own_leaf(parent_hash: bytes) -> LeafNode:
        return renew_leaf(
            cipher_suite,
            joiner.leaf,
            joiner.identity,
            joiner.leaf.encryption_key,
            LeafNodeSource.COMMIT,
            group_id=context.group_id,
            index=own_leaf,
            parent_hash=parent_hash,
        )

    nodes = path_nodes(placed, own_leaf, ())
    first_secret = entropy(cipher_suite.hash_size)
    new = create_path(placed, own_leaf, nodes, first_secret, joiner.encryption_private.reveal(), sign_own_leaf)
    provisional = context_after(context, new.tree, context.extensions)
    return own_leaf, new, encrypt_path(new, provisional.encoded)
