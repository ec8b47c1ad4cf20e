"""Creating a commit: from a list of proposals to the message, the Welcome and the epoch that they lead to.

Nothing changes until the commit has come back in the group's order of messages. Source: RFC 9420 §12.4.1
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tacit.crypto.secret import Secret
from tacit.crypto.suites import suite
from tacit.entropy import Entropy
from tacit.mls.checks.leaf_nodes import check_lifetime
from tacit.mls.commit_effects import admit_committer, check_and_apply, check_result
from tacit.mls.commits import Commit, ProposalReference, UpdatePath
from tacit.mls.epochs import Epoch, NextEpoch, advance_schedule, begin_epoch, next_context
from tacit.mls.framing import FramedContent, FramedContentAuthData, Sender
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.messages import Welcome
from tacit.mls.own_leaf import OwnIdentity, renew_leaf
from tacit.mls.policy import Rules
from tacit.mls.pre_shared_keys import PreSharedKeyID
from tacit.mls.proposal_lists import Applied, ProposalList, of_type, psk_ids, requires_path
from tacit.mls.proposals import Add, ReInit
from tacit.mls.protection import sign_content
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import LeafNodeSource, WireFormat
from tacit.mls.transcript import confirmed_transcript_hash
from tacit.mls.tree_math import NodeIndex
from tacit.mls.update_paths import NewPath, create_path, encrypt_path, path_nodes, surviving_keys
from tacit.mls.welcome import create_welcome


@dataclass(frozen=True, slots=True)
class CommitForm:
    """How a commit is to look, apart from what it does; ``public`` sends it signed and not encrypted."""

    force_path: bool = True
    authenticated_data: bytes = b""
    public: bool = False
    ratchet_tree_in_welcome: bool = True

    @property
    def wire_format(self) -> WireFormat:
        """What its signature covers."""
        return WireFormat.PUBLIC_MESSAGE if self.public else WireFormat.PRIVATE_MESSAGE


@dataclass(frozen=True, slots=True)
class CreatedCommit:
    """A signed commit that is still to be protected, and where it leads."""

    content: FramedContent
    auth: FramedContentAuthData
    welcome: Welcome | None
    next: NextEpoch
    applied: Applied
    psks: tuple[PreSharedKeyID, ...]


@dataclass(frozen=True, slots=True)
class _Path:
    """The path that a commit carries, or what stands for it where there is none."""

    tree: RatchetTree
    commit_secret: bytes = field(repr=False)
    private_keys: dict[NodeIndex, Secret]
    new: NewPath | None = None
    sent: UpdatePath | None = None


def create_commit(
    epoch: Epoch,
    proposals: ProposalList,
    *,
    form: CommitForm,
    identity: OwnIdentity,
    entropy: Entropy,
    now_s: float,
    rules: Rules,
) -> CreatedCommit:
    """Commit a list of proposals; raises ``InvalidMessage`` if the receivers would refuse it.

    Raises ``UnsupportedSuite`` for a ReInit to a suite that is not here, which receivers would not refuse.
    """
    applied = check_and_apply(epoch, proposals, epoch.own_leaf, rules)
    for add, _ in of_type(proposals, Add):
        check_lifetime(add.key_package.leaf_node, now_s)
    _check_we_can_go_on(proposals)
    path = _create_path(epoch, applied, form.force_path or requires_path(proposals), identity, entropy)
    if path.sent is not None:
        admit_committer(epoch, epoch.own_leaf, path.sent, rules)
    check_result(epoch, path.tree, applied, rules)
    content, signature = _sign(epoch, proposals, path.sent, form)
    confirmed = confirmed_transcript_hash(
        epoch.suite, epoch.interim_transcript_hash, form.wire_format, content, signature
    )
    psks = psk_ids(proposals)
    context = next_context(epoch, path.tree, applied.extensions, confirmed)
    psk_secret = rules.psk_secret(epoch.suite, psks, epoch.find_psk)
    schedule = advance_schedule(epoch, path.commit_secret, psk_secret, context)
    signature_private = epoch.signature_private if path.new is None else identity.signature_private
    begun = begin_epoch(
        epoch.suite, context, path.tree, epoch.own_leaf, path.private_keys, signature_private, schedule.keys
    ).after(proposals)
    welcome = None
    if applied.added:
        with_tree = form.ratchet_tree_in_welcome
        welcome = create_welcome(begun.epoch, schedule, applied.added, path.new, psks, with_tree)
    auth = FramedContentAuthData(signature, begun.epoch.confirmation_tag)
    return CreatedCommit(content, auth, welcome, begun, applied, psks)


def _check_we_can_go_on(proposals: ProposalList) -> None:
    """Whoever closes a group has the suite that it is closed for."""
    for item in proposals:
        if isinstance(item.proposal, ReInit):
            suite(item.proposal.cipher_suite)


def _create_path(epoch: Epoch, applied: Applied, with_path: bool, identity: OwnIdentity, entropy: Entropy) -> _Path:
    suite, own_leaf = epoch.suite, epoch.own_leaf
    kept = surviving_keys(epoch.private_keys, epoch.tree, applied.tree)
    if not with_path:
        return _Path(applied.tree, bytes(suite.hash_size), kept)
    encryption = suite.generate_key_pair(entropy)

    def sign_new_leaf(parent_hash: bytes) -> LeafNode:
        return renew_leaf(
            suite,
            epoch.leaves[own_leaf],
            identity,
            encryption.public,
            LeafNodeSource.COMMIT,
            group_id=epoch.context.group_id,
            index=own_leaf,
            parent_hash=parent_hash,
        )

    nodes = path_nodes(applied.tree, own_leaf, [member.leaf_index for member in applied.added])
    new = create_path(applied.tree, own_leaf, nodes, entropy(suite.hash_size), encryption.private, sign_new_leaf)
    provisional = next_context(epoch, new.tree, applied.extensions)
    sent = encrypt_path(new, provisional.encoded)
    private_keys = {**surviving_keys(kept, applied.tree, new.tree), **new.private_keys}
    return _Path(new.tree, new.commit_secret, private_keys, new, sent)


def _sign(
    epoch: Epoch, proposals: ProposalList, path: UpdatePath | None, form: CommitForm
) -> tuple[FramedContent, bytes]:
    """The commit in its frame and its signature, which covers the context of the epoch that it ends."""
    context = epoch.context
    commit = Commit(tuple(ProposalReference(p.ref) if p.ref else p.proposal for p in proposals), path)
    sender = Sender.member(epoch.own_leaf)
    content = FramedContent(context.group_id, context.epoch, sender, form.authenticated_data, commit)
    private = epoch.signature_private.reveal()
    return content, sign_content(epoch.suite, private, form.wire_format, content, context.encoded)
