"""Creating a commit: from a list of proposals to the message, the Welcome and the epoch that they lead to.

Nothing changes until the commit has come back in the group's order of messages. Source: RFC 9420 §12.4.1
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.mls.checks.leaf_nodes import check_lifetime
from tacit.mls.commit_effects import check_and_apply, check_result
from tacit.mls.commits import Commit, ProposalReference, UpdatePath
from tacit.mls.credentials import BasicCredential
from tacit.mls.epochs import Epoch, NextEpoch, advance_schedule, next_context
from tacit.mls.framing import FramedContent, FramedContentAuthData, Sender
from tacit.mls.leaf_nodes import LeafNode, sign_leaf
from tacit.mls.messages import Welcome
from tacit.mls.policy import Rules
from tacit.mls.proposal_lists import Applied, ProposalList, of_type, psk_ids, requires_path
from tacit.mls.proposals import Add
from tacit.mls.protection import sign_content
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import LeafNodeSource, WireFormat
from tacit.mls.secret_tree import SecretTree
from tacit.mls.transcript import confirmed_transcript_hash, interim_transcript_hash
from tacit.mls.tree_math import NodeIndex
from tacit.mls.update_paths import NewPath, create_path, encrypt_path, path_nodes, surviving_keys
from tacit.mls.welcome import create_welcome


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """What the committer's new leaf says where it differs from the old one."""

    credential_identity: bytes
    signature_private: Secret


@dataclass(frozen=True, slots=True)
class CreatedCommit:
    """A signed commit that is still to be encrypted, and where it leads."""

    content: FramedContent
    auth: FramedContentAuthData
    welcome: Welcome | None
    next: NextEpoch
    applied: Applied


@dataclass(frozen=True, slots=True)
class _Path:
    """The path that a commit carries, or what stands for it where there is none."""

    tree: RatchetTree
    commit_secret: bytes
    private_keys: dict[NodeIndex, Secret]
    new: NewPath | None = None
    sent: UpdatePath | None = None


def create_commit(
    epoch: Epoch,
    proposals: ProposalList,
    *,
    force_path: bool,
    identity: NewIdentity,
    authenticated_data: bytes,
    entropy: Entropy,
    now_s: float,
    rules: Rules,
) -> CreatedCommit:
    """Commit a list of proposals; raises ``InvalidMessage`` if the receivers would refuse it."""
    suite = epoch.suite
    applied = check_and_apply(epoch, proposals, epoch.own_leaf, rules)
    for add, _ in of_type(proposals, Add):
        check_lifetime(add.key_package.leaf_node, now_s)
    path = _create_path(epoch, applied, force_path or requires_path(proposals), identity, entropy)
    check_result(path.tree, applied)
    commit = Commit(tuple(ProposalReference(p.ref) if p.ref else p.proposal for p in proposals), path.sent)
    content = FramedContent(
        epoch.context.group_id, epoch.context.epoch, Sender.member(epoch.own_leaf), authenticated_data, commit
    )
    signature = sign_content(
        suite, epoch.signature_private.reveal(), WireFormat.PRIVATE_MESSAGE, content, epoch.context.encoded
    )
    confirmed = confirmed_transcript_hash(
        suite, epoch.interim_transcript_hash, WireFormat.PRIVATE_MESSAGE, content, signature
    )
    context = next_context(epoch, path.tree, applied.extensions, confirmed)
    psks = psk_ids(proposals)
    schedule = advance_schedule(epoch, path.commit_secret, rules.psk_secret(suite, psks), context)
    tag = schedule.keys.confirmation_tag(suite, confirmed)
    begun = Epoch(
        suite,
        context,
        path.tree,
        epoch.own_leaf,
        path.private_keys,
        identity.signature_private if path.new else epoch.signature_private,
        schedule.keys.kept,
        interim_transcript_hash(suite, confirmed, tag),
        tag,
    )
    welcome = create_welcome(begun, schedule, applied.added, path.new, psks, entropy) if applied.added else None
    secret_tree = SecretTree.from_encryption_secret(path.tree.leaf_count, schedule.keys.encryption_secret)
    auth = FramedContentAuthData(signature, tag)
    return CreatedCommit(content, auth, welcome, NextEpoch(begun, secret_tree), applied)


def _create_path(epoch: Epoch, applied: Applied, with_path: bool, identity: NewIdentity, entropy: Entropy) -> _Path:
    suite, own_leaf = epoch.suite, epoch.own_leaf
    kept = surviving_keys(epoch.private_keys, epoch.tree, applied.tree)
    if not with_path:
        return _Path(applied.tree, bytes(suite.hash_size), kept)
    encryption = suite.generate_key_pair(entropy)
    old_leaf = epoch.leaves[own_leaf]

    def sign_new_leaf(parent_hash: bytes) -> LeafNode:
        leaf = replace(
            old_leaf,
            encryption_key=encryption.public,
            signature_key=suite.signature_key_pair(identity.signature_private.reveal()).public,
            credential=BasicCredential(identity.credential_identity),
            source=LeafNodeSource.COMMIT,
            lifetime=None,
            parent_hash=parent_hash,
            signature=b"",
        )
        return sign_leaf(suite, leaf, identity.signature_private.reveal(), epoch.context.group_id, own_leaf)

    nodes = path_nodes(applied.tree, own_leaf, [member.leaf_index for member in applied.added])
    new = create_path(applied.tree, own_leaf, nodes, entropy(suite.hash_size), encryption.private, sign_new_leaf)
    provisional = next_context(epoch, new.tree, applied.extensions)
    sent = encrypt_path(new, provisional.encoded)
    private_keys = {**surviving_keys(kept, applied.tree, new.tree), **new.private_keys}
    return _Path(new.tree, new.commit_secret, private_keys, new, sent)
