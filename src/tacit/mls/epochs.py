"""One epoch of a group as one of its members sees it, and the step that leads to the next.

Source: RFC 9420 §8, §11, §12.4
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite
from tacit.entropy import Entropy
from tacit.limits import MAX_GROUP_MEMBERS
from tacit.mls.checks.commits import check_epoch_number
from tacit.mls.checks.leaf_nodes import (
    check_leaf,
    check_no_default_capabilities,
    check_we_support_group_extensions,
)
from tacit.mls.checks.trees import check_members
from tacit.mls.credentials import Credential
from tacit.mls.extensions import Extensions
from tacit.mls.group_context import GroupContext
from tacit.mls.key_schedule import (
    EpochSecrets,
    KeySchedule,
    derive_epoch_secret,
    derive_joiner_secret,
    derive_member_secret,
    schedule_epoch,
)
from tacit.mls.leaf_nodes import Lifetime, Support, create_leaf
from tacit.mls.members import Members
from tacit.mls.pre_shared_keys import PreSharedKeyID, ResumptionPSK
from tacit.mls.proposal_lists import ProposalList
from tacit.mls.proposals import ReInit
from tacit.mls.protection import EpochKeys
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.secret_tree import SecretTree
from tacit.mls.transcript import interim_transcript_hash
from tacit.mls.tree_math import LeafIndex, NodeIndex, node_of


@dataclass(frozen=True, slots=True)
class PastEpoch:
    """What is known to everyone about an epoch that is over, for reading messages that come late."""

    group_context: GroupContext
    own_leaf: LeafIndex
    leaves: Members


@dataclass(frozen=True, slots=True)
class EarlierPSK:
    """The resumption PSK of an epoch that is over. Source: RFC 9420 §8.6"""

    epoch: int
    psk: Secret


@dataclass(frozen=True, slots=True)
class PublicState:
    """What somebody outside can know of an epoch."""

    suite: CipherSuite
    context: GroupContext
    tree: RatchetTree


@dataclass(frozen=True)
class Epoch:
    """Everything that stays the same for as long as an epoch lasts."""

    suite: CipherSuite
    context: GroupContext
    tree: RatchetTree
    own_leaf: LeafIndex
    private_keys: Mapping[NodeIndex, Secret]
    signature_private: Secret
    secrets: EpochSecrets
    interim_transcript_hash: bytes
    confirmation_tag: bytes
    past: tuple[PastEpoch, ...] = field(default=(), compare=False)
    reinit: ReInit | None = None
    """What the commit that led here closed the group for. Source: RFC 9420 §11.2"""
    earlier_psks: tuple[EarlierPSK, ...] = ()
    """From the youngest on; bounded by ``MAX_RESUMPTION_PSKS``."""

    @property
    def public_state(self) -> PublicState:
        """The part of it that is no secret."""
        return PublicState(self.suite, self.context, self.tree)

    @property
    def leaves(self) -> Members:
        """The members."""
        return self.tree.members

    @property
    def held_psks(self) -> tuple[EarlierPSK, ...]:
        """The resumption PSKs of this epoch and of those before that are still held, from the youngest on."""
        return (EarlierPSK(self.context.epoch, self.secrets.resumption_psk), *self.earlier_psks)

    def resumption_psk(self, epoch: int) -> Secret | None:
        """What proves that one was in an epoch of this group, if that is this one or not too long ago."""
        return next((held.psk for held in self.held_psks if held.epoch == epoch), None)

    def find_psk(self, psk_id: PreSharedKeyID) -> bytes | None:
        """The named resumption PSK, if it is of this group and still held."""
        key = psk_id.key
        if not isinstance(key, ResumptionPSK) or key.psk_group_id != self.context.group_id:
            return None
        psk = self.resumption_psk(key.psk_epoch)
        return None if psk is None else psk.reveal()

    def keys(self, secret_tree: SecretTree) -> EpochKeys:
        """What it takes to read and write the messages of this epoch."""
        return EpochKeys(
            self.suite,
            self.context.encoded,
            self.own_leaf,
            self.secrets.sender_data_secret.reveal(),
            secret_tree,
            self.leaves,
        )


@dataclass(frozen=True, slots=True)
class NextEpoch:
    """An epoch that is about to begin, with its untouched message keys."""

    epoch: Epoch
    secret_tree: SecretTree

    def after(self, proposals: ProposalList) -> NextEpoch:
        """The same epoch, which knows that the commit of ``proposals`` closed the group, if that is what it did."""
        reinit = next((item.proposal for item in proposals if isinstance(item.proposal, ReInit)), None)
        return self if reinit is None else NextEpoch(replace(self.epoch, reinit=reinit), self.secret_tree)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The key schedule of the next epoch with what new members are given of it."""

    joiner_secret: bytes = field(repr=False)
    member_secret: bytes = field(repr=False)
    keys: KeySchedule


def begin_epoch(
    suite: CipherSuite,
    context: GroupContext,
    tree: RatchetTree,
    own_leaf: LeafIndex,
    private_keys: Mapping[NodeIndex, Secret],
    signature_private: Secret,
    keys: KeySchedule,
) -> NextEpoch:
    """Put an epoch together from what is known of it; the rest of the key schedule is of no further use."""
    check_epoch_number(context.epoch)
    tag = keys.confirmation_tag(suite, context.confirmed_transcript_hash)
    interim = interim_transcript_hash(suite, context.confirmed_transcript_hash, tag)
    epoch = Epoch(suite, context, tree, own_leaf, private_keys, signature_private, keys.kept, interim, tag)
    return NextEpoch(epoch, SecretTree.from_encryption_secret(tree.leaf_count, keys.encryption_secret))


def next_context(
    epoch: Epoch, tree: RatchetTree, extensions: Extensions, confirmed_transcript_hash: bytes | None = None
) -> GroupContext:
    """The context of the next epoch; provisional, with the old transcript hash, unless one is given."""
    return context_after(epoch.context, tree, extensions, confirmed_transcript_hash)


def context_after(
    context: GroupContext, tree: RatchetTree, extensions: Extensions, confirmed_transcript_hash: bytes | None = None
) -> GroupContext:
    """The same for who knows no more of an epoch than its context."""
    return GroupContext(
        context.cipher_suite,
        context.group_id,
        context.epoch + 1,
        tree.tree_hash,
        context.confirmed_transcript_hash if confirmed_transcript_hash is None else confirmed_transcript_hash,
        extensions,
    )


def advance_schedule(
    epoch: Epoch, commit_secret: bytes, psk_secret: bytes, context: GroupContext, init_secret: bytes | None = None
) -> Schedule:
    """Run the key schedule into the epoch that ``context`` describes; ``init_secret`` is that of an external commit."""
    init = epoch.secrets.init_secret.reveal() if init_secret is None else init_secret
    return run_schedule(epoch.suite, init, commit_secret, psk_secret, context)


def run_schedule(
    suite: CipherSuite, init_secret: bytes, commit_secret: bytes, psk_secret: bytes, context: GroupContext
) -> Schedule:
    """The key schedule of the epoch that ``context`` describes."""
    joiner = derive_joiner_secret(suite, init_secret, commit_secret, context.encoded)
    member = derive_member_secret(suite, joiner, psk_secret)
    return Schedule(joiner, member, schedule_epoch(suite, derive_epoch_secret(suite, member, context.encoded)))


def first_epoch(
    suite: CipherSuite,
    group_id: bytes,
    credential: Credential,
    signature_private: bytes,
    *,
    extensions: Extensions,
    support: Support,
    lifetime: Lifetime,
    leaf_extensions: Extensions = (),
    entropy: Entropy,
) -> NextEpoch:
    """The one-member epoch that every group begins with. Source: RFC 9420 §11"""
    encryption = suite.generate_key_pair(entropy)
    leaf = create_leaf(
        suite,
        credential,
        signature_private,
        encryption.public,
        lifetime=lifetime,
        support=support,
        extensions=leaf_extensions,
        entropy=entropy,
    )
    own_leaf = LeafIndex(0)
    tree = RatchetTree.of_one(suite, leaf)
    check_no_default_capabilities(leaf.capabilities)
    check_leaf(suite, leaf, b"", own_leaf)
    check_members(tree, extensions, MAX_GROUP_MEMBERS)
    check_we_support_group_extensions(leaf, extensions)
    context = GroupContext(suite.id, group_id, 0, tree.tree_hash, b"", extensions)
    keys = schedule_epoch(suite, entropy(suite.hash_size))
    private_keys = {node_of(own_leaf): Secret(encryption.private)}
    return begin_epoch(suite, context, tree, own_leaf, private_keys, Secret(signature_private), keys)
