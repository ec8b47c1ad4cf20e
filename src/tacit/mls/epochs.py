"""One epoch of a group as one of its members sees it, and the step that leads to the next.

Source: RFC 9420 §8, §11, §12.4
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite
from tacit.entropy import Entropy
from tacit.mls.checks.commits import check_epoch_number
from tacit.mls.checks.trees import check_members
from tacit.mls.credentials import BasicCredential
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
from tacit.mls.leaf_nodes import NO_PARENT_HASH, LeafNode, Lifetime, own_capabilities, sign_leaf
from tacit.mls.protection import EpochKeys
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import LeafNodeSource
from tacit.mls.secret_tree import SecretTree
from tacit.mls.transcript import interim_transcript_hash
from tacit.mls.tree_math import LeafIndex, NodeIndex, node_of


@dataclass(frozen=True, slots=True)
class PastEpoch:
    """What is known to everyone about an epoch that is over, for reading messages that come late."""

    group_context: GroupContext
    own_leaf: LeafIndex
    leaves: Mapping[LeafIndex, LeafNode]


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

    @cached_property
    def leaves(self) -> Mapping[LeafIndex, LeafNode]:
        """The members."""
        return dict(self.tree.leaves())

    def keys(self, secret_tree: SecretTree) -> EpochKeys:
        """What it takes to read and write the messages of this epoch."""
        return EpochKeys(
            self.suite,
            self.context.group_id,
            self.context.epoch,
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
    context = epoch.context
    return GroupContext(
        context.cipher_suite,
        context.group_id,
        context.epoch + 1,
        tree.tree_hash,
        context.confirmed_transcript_hash if confirmed_transcript_hash is None else confirmed_transcript_hash,
        extensions,
    )


def advance_schedule(epoch: Epoch, commit_secret: bytes, psk_secret: bytes, context: GroupContext) -> Schedule:
    """Run the key schedule into the epoch that ``context`` describes."""
    suite = epoch.suite
    joiner = derive_joiner_secret(suite, epoch.secrets.init_secret.reveal(), commit_secret, context.encoded)
    member = derive_member_secret(suite, joiner, psk_secret)
    return Schedule(joiner, member, schedule_epoch(suite, derive_epoch_secret(suite, member, context.encoded)))


def first_epoch(
    suite: CipherSuite,
    group_id: bytes,
    credential_identity: bytes,
    signature_private: bytes,
    *,
    extensions: Extensions,
    extension_types: tuple[int, ...],
    lifetime: Lifetime,
    entropy: Entropy,
) -> NextEpoch:
    """The one-member epoch that every group begins with. Source: RFC 9420 §11"""
    encryption = suite.generate_key_pair(entropy)
    leaf = LeafNode(
        encryption.public,
        suite.signature_key_pair(signature_private).public,
        BasicCredential(credential_identity),
        own_capabilities((suite.id,), extension_types, entropy),
        LeafNodeSource.KEY_PACKAGE,
        lifetime,
        NO_PARENT_HASH,
        (),
        b"",
    )
    own_leaf = LeafIndex(0)
    tree = RatchetTree.of_one(suite, sign_leaf(suite, leaf, signature_private, group_id, own_leaf))
    check_members(tree, extensions)
    context = GroupContext(suite.id, group_id, 0, tree.tree_hash, b"", extensions)
    keys = schedule_epoch(suite, entropy(suite.hash_size))
    private_keys = {node_of(own_leaf): Secret(encryption.private)}
    return begin_epoch(suite, context, tree, own_leaf, private_keys, Secret(signature_private), keys)
