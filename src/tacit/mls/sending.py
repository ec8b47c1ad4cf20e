"""What a member sends: application messages, and proposals and commits, which go unencrypted only if that is asked for.

Source: RFC 9420 §6.3, §12.1, §12.4.1, §15
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.errors import PeerError
from tacit.mls.commit_creation import CommitForm, CreatedCommit, create_commit
from tacit.mls.commit_effects import check_alone
from tacit.mls.commit_processing import OwnUpdate
from tacit.mls.errors import GroupReinitialized, PendingProposals
from tacit.mls.framing import AuthenticatedContent, Body, FramedContent, FramedContentAuthData, Sender, encode_body
from tacit.mls.messages import encode_message
from tacit.mls.own_leaf import OwnIdentity, renew_leaf
from tacit.mls.pending import CachedProposal, PendingCommit, select_for_commit
from tacit.mls.policy import Rules
from tacit.mls.proposal_lists import CommittedProposal
from tacit.mls.proposals import Add, GroupContextExtensions, Proposal, Remove, Update
from tacit.mls.protection import protect_public, seal_private, sign_content
from tacit.mls.registry import LeafNodeSource, WireFormat

if TYPE_CHECKING:
    from tacit.mls.group import Group

_NARROWER: Final = ((Add, Update, Remove, GroupContextExtensions), (Update, Remove), (Remove,))
"""Kinds of pending proposals that a commit still takes up when it would be refused with more."""

Include = bool | Callable[[CachedProposal], bool]


def seal(group: Group, plaintext: bytes, aad: bytes, entropy: Entropy) -> tuple[Group, bytes]:
    """Encrypt application data; raises ``GroupReinitialized`` and ``PendingProposals``."""
    _require_open(group)
    if group.pending_proposals:
        raise PendingProposals
    group, message, _ = _send(group, plaintext, WireFormat.PRIVATE_MESSAGE, aad, entropy)
    return group, message


def propose(
    group: Group,
    proposal: Proposal,
    wire_format: WireFormat,
    aad: bytes,
    entropy: Entropy,
    rules: Rules,
    own: OwnUpdate | None = None,
) -> tuple[Group, bytes]:
    """Send a proposal and remember it, since nobody can open his own messages."""
    _require_open(group)
    check_alone(group.state, CommittedProposal(proposal, group.own_leaf), rules)
    group, message, sent = _send(group, proposal, wire_format, aad, entropy)
    cached = CachedProposal(sent.proposal_ref(group.suite), group.own_leaf, proposal, own)
    if any(known.ref == cached.ref for known in group.pending_proposals):
        return group, message  # said twice: the signature is deterministic, and a list with it twice would be invalid
    return replace(group, pending_proposals=(*group.pending_proposals, cached)), message


def propose_update(
    group: Group, identity: OwnIdentity, wire_format: WireFormat, aad: bytes, entropy: Entropy, rules: Rules
) -> tuple[Group, bytes]:
    """Send a proposal for a fresh leaf of our own, and keep its private keys until it is committed."""
    suite = group.suite
    encryption = suite.generate_key_pair(entropy)
    leaf = renew_leaf(
        suite,
        group.state.leaves[group.own_leaf],
        identity,
        encryption.public,
        LeafNodeSource.UPDATE,
        group_id=group.group_id,
        index=group.own_leaf,
    )
    own = OwnUpdate(Secret(encryption.private), identity.signature_private)
    return propose(group, Update(leaf), wire_format, aad, entropy, rules, own)


def commit(
    group: Group,
    proposals: Sequence[Proposal],
    include_pending: Include,
    *,
    form: CommitForm,
    identity: OwnIdentity,
    entropy: Entropy,
    now_s: float,
    rules: Rules,
) -> tuple[Group, PendingCommit]:
    """Make a commit of ``proposals`` and of what is pending; raises ``InvalidMessage`` if it would be refused.

    Pending proposals can be valid each by itself and not together, or name keys that are not here. Then those that
    could be at odds stay out: first PSKs and what the application defines, then all but updates and removals, then all
    but removals.
    """
    _require_open(group)

    def attempt(pending: list[CachedProposal]) -> tuple[Group, PendingCommit]:
        created = create_commit(
            group.state,
            select_for_commit(pending, proposals, group.own_leaf, include_pending),
            form=form,
            identity=identity,
            entropy=entropy,
            now_s=now_s,
            rules=rules,
        )
        return _protect_commit(group, created, form, entropy, now_s)

    waiting = list(group.pending_proposals)
    for kinds in _NARROWER:
        narrower = [item for item in waiting if isinstance(item.proposal, kinds)]
        if len(narrower) == len(waiting):
            continue
        try:
            return attempt(waiting)
        except PeerError:  # a rule of the RFC, or one that ``authenticate`` has for a leaf that has become too old
            waiting = narrower
    return attempt(waiting)


def _require_open(group: Group) -> None:
    """Source: RFC 9420 §12.4.2, on a commit that included a ReInit"""
    if group.reinit is not None:
        raise GroupReinitialized


def _protect_commit(
    group: Group, created: CreatedCommit, form: CommitForm, entropy: Entropy, now_s: float
) -> tuple[Group, PendingCommit]:
    commit = AuthenticatedContent(form.wire_format, created.content, created.auth)
    after, message = _protect(group, commit, entropy)
    pending = PendingCommit(
        commit=message,
        welcome=None if created.welcome is None else encode_message(created.welcome),
        base_authenticator=Secret(group.epoch_authenticator),
        created_at=now_s,
        added=tuple(member.leaf_node for member in created.applied.added),
        removed=tuple(member.leaf_node for member in created.applied.removed),
        psks=created.psks,
        next=created.next,
    )
    return after, pending


def _send(
    group: Group, body: Body, wire_format: WireFormat, aad: bytes, entropy: Entropy
) -> tuple[Group, bytes, AuthenticatedContent]:
    state = group.state
    context = state.context
    content = FramedContent(context.group_id, context.epoch, Sender.member(state.own_leaf), aad, body)
    content.with_body_as_sent(encode_body(body))
    private = state.signature_private.reveal()
    auth = FramedContentAuthData(sign_content(state.suite, private, wire_format, content, context.encoded))
    sent = AuthenticatedContent(wire_format, content, auth)
    after, message = _protect(group, sent, entropy)
    return after, message, sent


def _protect(group: Group, sent: AuthenticatedContent, entropy: Entropy) -> tuple[Group, bytes]:
    """The message, encrypted with the next key of our ratchet or in the clear with the membership tag."""
    state = group.state
    if sent.wire_format is WireFormat.PUBLIC_MESSAGE:
        membership_key = state.secrets.membership_key.reveal()
        public = protect_public(state.suite, membership_key, sent.content, sent.auth, state.context.encoded)
        return group, encode_message(public)
    private, secret_tree = seal_private(state.keys(group.secret_tree), sent.content, sent.auth, entropy)
    return group.with_secret_tree(secret_tree), encode_message(private)
