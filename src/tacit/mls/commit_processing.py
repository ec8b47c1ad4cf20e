"""Processing another member's commit: every check of the RFC, and only then the epoch that it leads to.

Source: RFC 9420 §12.4.2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tacit.crypto.secret import Secret
from tacit.errors import InvalidMessage
from tacit.mls.checks.commits import check_path_keys_fresh, check_path_present
from tacit.mls.checks.framing import check_confirmation_tag
from tacit.mls.commit_effects import (
    admit_committer,
    admit_joiner,
    check_and_apply,
    check_and_apply_external,
    check_result,
    place_joiner,
)
from tacit.mls.commits import UpdatePath
from tacit.mls.epochs import Epoch, NextEpoch, advance_schedule, begin_epoch, next_context
from tacit.mls.external_init import receive_init_secret
from tacit.mls.framing import AuthenticatedContent
from tacit.mls.policy import Rules
from tacit.mls.proposal_lists import Applied, JoinedMember, ProposalList, psk_ids
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.transcript import confirmed_transcript_hash
from tacit.mls.tree_math import LeafIndex, NodeIndex, node_of
from tacit.mls.update_paths import PathNode, check_path_shape, decrypt_path, merge_path, path_nodes, surviving_keys


@dataclass(frozen=True, slots=True)
class ProcessedCommit:
    """What a valid commit does; ``next`` is None if it removes us."""

    applied: Applied
    next: NextEpoch | None


@dataclass(frozen=True, slots=True)
class OwnUpdate:
    """The private keys of a leaf that we proposed for ourselves, until somebody commits it."""

    encryption_private: Secret
    signature_private: Secret


OwnUpdates = Mapping[bytes, OwnUpdate]
"""Our proposed leaves by their encryption keys."""


@dataclass(frozen=True, slots=True)
class _Secrets:
    """What we get out of a commit's path, or what stands for it where there is none."""

    commit_secret: bytes = field(repr=False)
    private_keys: dict[NodeIndex, Secret]
    signature_private: Secret


def process_commit(
    epoch: Epoch,
    message: AuthenticatedContent,
    committer: LeafIndex,
    proposals: ProposalList,
    path: UpdatePath | None,
    own_updates: OwnUpdates,
    rules: Rules,
) -> ProcessedCommit:
    """Judge a commit whose signature was verified; raises ``InvalidMessage``."""
    applied = check_and_apply(epoch, proposals, committer, rules)
    check_path_present(proposals, path)
    tree, nodes = _merge(epoch, applied, committer, path, rules)
    check_result(epoch, tree, applied, rules)
    if any(removed.leaf_index == epoch.own_leaf for removed in applied.removed):
        return ProcessedCommit(applied, None)
    secrets = _open_path(epoch, applied, tree, nodes, path, own_updates)
    psk_secret = rules.psk_secret(epoch.suite, psk_ids(proposals), epoch.find_psk)
    begun = _begin(epoch, message, applied, tree, secrets, psk_secret).after(proposals)
    return ProcessedCommit(applied, begun)


def process_external_commit(
    epoch: Epoch,
    message: AuthenticatedContent,
    proposals: ProposalList,
    path: UpdatePath,
    rules: Rules,
) -> tuple[ProcessedCommit, JoinedMember]:
    """Judge an external commit whose signature was verified; raises ``InvalidMessage``. Source: RFC 9420 §12.4.3.2"""
    init, applied = check_and_apply_external(epoch.public_state, proposals, rules)
    tree, nodes, joiner = _merge_joiner(epoch, applied, path, rules)
    check_result(epoch, tree, applied, rules)
    if any(removed.leaf_index == epoch.own_leaf for removed in applied.removed):
        return ProcessedCommit(applied, None), joiner
    secrets = _open_path(epoch, applied, tree, nodes, path, {})
    psk_secret = rules.psk_secret(epoch.suite, psk_ids(proposals), epoch.find_psk)
    init_secret = receive_init_secret(epoch.suite, epoch.secrets.external_secret.reveal(), init.kem_output)
    begun = _begin(epoch, message, applied, tree, secrets, psk_secret, init_secret)
    return ProcessedCommit(applied, begun), joiner


def _merge_joiner(
    epoch: Epoch, applied: Applied, path: UpdatePath, rules: Rules
) -> tuple[RatchetTree, tuple[PathNode, ...], JoinedMember]:
    placed, index = place_joiner(applied, path.leaf_node)
    nodes = path_nodes(placed, index, ())
    check_path_shape(nodes, path)
    admit_joiner(epoch.public_state, applied, index, path, rules)
    check_path_keys_fresh(epoch.suite, path, applied.tree)
    return merge_path(placed, index, nodes, path), nodes, JoinedMember(index, path.leaf_node)


def _merge(
    epoch: Epoch, applied: Applied, committer: LeafIndex, path: UpdatePath | None, rules: Rules
) -> tuple[RatchetTree, tuple[PathNode, ...]]:
    if path is None:
        return applied.tree, ()
    nodes = path_nodes(applied.tree, committer, [member.leaf_index for member in applied.added])
    check_path_shape(nodes, path)
    admit_committer(epoch, committer, path, rules)
    check_path_keys_fresh(epoch.suite, path, applied.tree)
    return merge_path(applied.tree, committer, nodes, path), nodes


def _open_path(
    epoch: Epoch,
    applied: Applied,
    tree: RatchetTree,
    nodes: tuple[PathNode, ...],
    path: UpdatePath | None,
    own_updates: OwnUpdates,
) -> _Secrets:
    known: dict[NodeIndex, Secret] = surviving_keys(epoch.private_keys, epoch.tree, applied.tree)
    signature_private = epoch.signature_private
    for item in applied.updated:
        if item.leaf_index == epoch.own_leaf:
            own = own_updates.get(item.new.encryption_key)
            if own is None:
                raise InvalidMessage("12.1.2/own-update", "its private keys are not here")
            known[node_of(epoch.own_leaf)] = own.encryption_private
            signature_private = own.signature_private
    if path is None:
        return _Secrets(bytes(epoch.suite.hash_size), known, signature_private)
    provisional = next_context(epoch, tree, applied.extensions)
    commit_secret, shared = decrypt_path(epoch.suite, nodes, path, epoch.own_leaf, known, provisional.encoded)
    return _Secrets(commit_secret, {**surviving_keys(known, applied.tree, tree), **shared}, signature_private)


def _begin(
    epoch: Epoch,
    message: AuthenticatedContent,
    applied: Applied,
    tree: RatchetTree,
    secrets: _Secrets,
    psk_secret: bytes,
    init_secret: bytes | None = None,
) -> NextEpoch:
    suite, auth = epoch.suite, message.auth
    confirmed = confirmed_transcript_hash(
        suite, epoch.interim_transcript_hash, message.wire_format, message.content, auth.signature
    )
    context = next_context(epoch, tree, applied.extensions, confirmed)
    keys = advance_schedule(epoch, secrets.commit_secret, psk_secret, context, init_secret).keys
    check_confirmation_tag(suite, keys.confirmation_key, confirmed, auth.confirmation_tag)
    return begin_epoch(suite, context, tree, epoch.own_leaf, secrets.private_keys, secrets.signature_private, keys)
