"""Welcomes: how the members that a commit added are let in, and how one of them joins.

Source: RFC 9420 §12.4.3
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tacit.codec import decode, encode
from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite, suite
from tacit.errors import CryptoError, DecodeError, InvalidMessage
from tacit.mls.checks.framing import check_confirmation_tag
from tacit.mls.checks.leaf_nodes import check_we_support_group_extensions
from tacit.mls.checks.welcomes import (
    check_group_is_new,
    check_group_suite,
    check_own_leaf,
    check_path_node,
    check_path_secret_complete,
    check_path_secret_matches,
    check_welcome_psks,
    check_welcome_suite,
)
from tacit.mls.commits import HPKECiphertext
from tacit.mls.epochs import Epoch, NextEpoch, Schedule, begin_epoch
from tacit.mls.errors import NotForUs
from tacit.mls.group_infos import check_public_state, create_group_info, tree_of
from tacit.mls.key_packages import KeyPackageBundle
from tacit.mls.key_schedule import (
    derive_epoch_secret,
    derive_member_secret,
    derive_welcome_key,
    schedule_epoch,
)
from tacit.mls.labels import (
    WELCOME,
    decrypt_with_label,
    derive_secret,
    encrypt_with_label,
)
from tacit.mls.lineage import FindEpoch, check_expected, check_origin, find_origin, find_psk_of_others
from tacit.mls.messages import (
    EncryptedGroupSecrets,
    GroupInfo,
    GroupSecrets,
    Welcome,
    decode_message,
)
from tacit.mls.policy import Rules
from tacit.mls.pre_shared_keys import PreSharedKeyID, ResumptionPSK
from tacit.mls.proposal_lists import AddedMember
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.tree_math import LeafIndex, NodeIndex, common_ancestor, direct_path, node_of
from tacit.mls.update_paths import NewPath, derive_node_key


@dataclass(frozen=True, slots=True)
class JoinedEpoch:
    """The epoch that a Welcome lets us into, the KeyPackage that it used up and who invites."""

    next: NextEpoch
    used_ref: bytes
    signer: LeafIndex
    origin: ResumptionPSK | None
    """Names the group that this one comes from."""


def create_welcome(
    epoch: Epoch,
    schedule: Schedule,
    added: Sequence[AddedMember],
    path: NewPath | None,
    psks: Sequence[PreSharedKeyID],
    with_ratchet_tree: bool,
) -> Welcome:
    """One Welcome for all members that a commit added; ``epoch`` is the one that they join in."""
    cipher_suite = epoch.suite
    group_info = create_group_info(epoch, with_external_pub=False, with_ratchet_tree=with_ratchet_tree)
    key, nonce = derive_welcome_key(cipher_suite, schedule.member_secret)
    encrypted_group_info = cipher_suite.aead_seal(key, nonce, b"", encode(group_info))
    secrets = []
    for member in added:
        path_secret = None if path is None else _shared_path_secret(path, epoch.own_leaf, member.leaf_index)
        group_secrets = encode(GroupSecrets(schedule.joiner_secret, path_secret, tuple(psks)))
        init_key = member.key_package.init_key
        sealed = encrypt_with_label(cipher_suite, init_key, WELCOME, encrypted_group_info, group_secrets)
        secrets.append(EncryptedGroupSecrets(member.key_package.ref(cipher_suite), HPKECiphertext(*sealed)))
    return Welcome(cipher_suite.id, tuple(secrets), encrypted_group_info)


def join_by_welcome(
    data: bytes,
    bundles: Sequence[KeyPackageBundle],
    *,
    rules: Rules,
    known_group: Callable[[bytes], bool],
    find_epoch: FindEpoch,
    ratchet_tree: bytes | None = None,
) -> JoinedEpoch:
    """Join by a Welcome; raises ``NotForUs``, ``DecodeError`` and ``InvalidMessage``, and then nothing has happened.

    ``ratchet_tree`` is the encoded tree where it did not come in the Welcome, and ``find_epoch`` looks up the groups
    that the new one may come from. Source: RFC 9420 §12.4.3.1
    """
    welcome = decode_message(data)
    if not isinstance(welcome, Welcome):
        raise DecodeError("not a Welcome")
    bundle, entry = _find_entry(welcome, bundles)
    check_welcome_suite(welcome, bundle.key_package)
    cipher_suite = suite(welcome.cipher_suite)
    group_secrets = open_group_secrets(cipher_suite, welcome, entry, bundle.init_private.reveal())
    check_welcome_psks(cipher_suite, group_secrets)
    origin = find_origin(group_secrets.psks, find_epoch)
    if origin is not None:
        rules = replace(rules, lineage=origin.lineage)
    psk_secret = rules.psk_secret(cipher_suite, group_secrets.psks, find_psk_of_others(find_epoch))
    member_secret = derive_member_secret(cipher_suite, group_secrets.joiner_secret, psk_secret)
    group_info = open_group_info(cipher_suite, welcome, member_secret)
    tree = tree_of(cipher_suite, group_info, ratchet_tree)
    own_leaf = check_group_info(cipher_suite, group_info, tree, bundle, rules, known_group)
    check_expected(origin, group_info.group_context, find_epoch)
    if origin is not None:
        check_origin(origin, group_info.group_context, tree, rules.policy.identity_of)
    private_keys = _private_keys(tree, own_leaf, LeafIndex(group_info.signer), group_secrets, bundle)
    begun = _begin(cipher_suite, group_info, tree, own_leaf, private_keys, member_secret, bundle)
    return JoinedEpoch(begun, bundle.ref, LeafIndex(group_info.signer), None if origin is None else origin.key)


def check_group_info(
    cipher_suite: CipherSuite,
    group_info: GroupInfo,
    tree: RatchetTree,
    bundle: KeyPackageBundle,
    rules: Rules,
    known_group: Callable[[bytes], bool],
) -> LeafIndex:
    """Judge everything public about the group that we are invited to; returns our place in it."""
    context, leaf = group_info.group_context, bundle.key_package.leaf_node
    check_group_is_new(known_group(context.group_id))
    check_group_suite(context, cipher_suite)
    check_we_support_group_extensions(leaf, context.extensions)
    check_public_state(cipher_suite, group_info, tree, rules)
    return check_own_leaf(tree, leaf)


def open_group_secrets(
    cipher_suite: CipherSuite, welcome: Welcome, entry: EncryptedGroupSecrets, init_private: bytes
) -> GroupSecrets:
    """Decrypt what is meant for us; raises ``InvalidMessage`` and ``DecodeError``."""
    sealed = entry.encrypted_group_secrets
    try:
        data = decrypt_with_label(
            cipher_suite, init_private, WELCOME, welcome.encrypted_group_info, sealed.kem_output, sealed.ciphertext
        )
    except CryptoError:
        raise InvalidMessage("12.4.3.1/group-secrets") from None
    return decode(GroupSecrets, data)


def open_group_info(cipher_suite: CipherSuite, welcome: Welcome, member_secret: bytes) -> GroupInfo:
    """Decrypt what is meant for all new members; raises ``InvalidMessage`` and ``DecodeError``."""
    key, nonce = derive_welcome_key(cipher_suite, member_secret)
    try:
        data = cipher_suite.aead_open(key, nonce, b"", welcome.encrypted_group_info)
    except CryptoError:
        raise InvalidMessage("12.4.3.1/group-info") from None
    return decode(GroupInfo, data)


def _find_entry(
    welcome: Welcome, bundles: Sequence[KeyPackageBundle]
) -> tuple[KeyPackageBundle, EncryptedGroupSecrets]:
    by_ref = {bundle.ref: bundle for bundle in bundles}
    for entry in welcome.secrets:
        bundle = by_ref.get(entry.new_member)
        if bundle is not None:
            return bundle, entry
    raise NotForUs


def _shared_path_secret(path: NewPath, own_leaf: LeafIndex, new_leaf: LeafIndex) -> bytes:
    shared = common_ancestor(own_leaf, new_leaf)
    return next(secret for step, secret in zip(path.nodes, path.path_secrets, strict=True) if step.node == shared)


def _private_keys(
    tree: RatchetTree, own_leaf: LeafIndex, signer: LeafIndex, group_secrets: GroupSecrets, bundle: KeyPackageBundle
) -> dict[NodeIndex, Secret]:
    """Our leaf's private key and those of the parents above us that we share; all of them, or we are not let in."""
    keys = {node_of(own_leaf): bundle.encryption_private}
    if group_secrets.path_secret is not None:
        keys.update(_path_keys(tree, own_leaf, signer, group_secrets.path_secret))
    for node in direct_path(node_of(own_leaf), tree.leaf_count):
        parent = tree.parent(node)
        if parent is not None:
            check_path_secret_complete(node in keys or own_leaf in parent.unmerged_leaves)
    return keys


def _path_keys(tree: RatchetTree, own_leaf: LeafIndex, signer: LeafIndex, secret: bytes) -> dict[NodeIndex, Secret]:
    """The private keys from the common ancestor with the committer up that a path secret gives."""
    check_path_node(own_leaf != signer)
    node = common_ancestor(own_leaf, signer)
    check_path_node(tree.parent(node) is not None)
    keys = {}
    for ancestor in (node, *direct_path(node, tree.leaf_count)):
        parent = tree.parent(ancestor)
        if parent is None:
            continue
        pair = derive_node_key(tree.suite, secret)
        check_path_secret_matches(pair.public, parent)
        keys[ancestor] = Secret(pair.private)
        secret = derive_secret(tree.suite, secret, b"path")
    return keys


def _begin(
    cipher_suite: CipherSuite,
    group_info: GroupInfo,
    tree: RatchetTree,
    own_leaf: LeafIndex,
    private_keys: dict[NodeIndex, Secret],
    member_secret: bytes,
    bundle: KeyPackageBundle,
) -> NextEpoch:
    context = group_info.group_context
    keys = schedule_epoch(cipher_suite, derive_epoch_secret(cipher_suite, member_secret, context.encoded))
    confirmed = context.confirmed_transcript_hash
    check_confirmation_tag(cipher_suite, keys.confirmation_key, confirmed, group_info.confirmation_tag)
    return begin_epoch(cipher_suite, context, tree, own_leaf, private_keys, bundle.signature_private, keys)
