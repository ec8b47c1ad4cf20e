"""A group as one of its members holds it: the room's face, which only routes to the modules that do the work.

A ``Group`` never changes. Every operation returns what there is afterwards, and one that raises has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite, suite
from tacit.entropy import Entropy
from tacit.errors import InvalidMessage
from tacit.limits import KEY_PACKAGE_CLOCK_SKEW_S, KEY_PACKAGE_LIFETIME_S, MAX_PAST_EPOCHS
from tacit.mls.checks.framing import check_public_allowed, check_sender_is_member
from tacit.mls.checks.proposals import check_pending_count, check_proposal
from tacit.mls.commit_creation import NewIdentity, create_commit
from tacit.mls.commit_processing import OwnUpdate, process_commit
from tacit.mls.commits import Commit, ProposalReference
from tacit.mls.credentials import BasicCredential
from tacit.mls.epochs import Epoch, NextEpoch, first_epoch
from tacit.mls.errors import CommitMismatch, OwnMessage, PendingProposals, UnsupportedOperation, WrongEpoch, WrongGroup
from tacit.mls.events import (
    ApplicationData,
    Authorize,
    Member,
    Processed,
    ProposalReceived,
    SenderPosition,
    StagedCommit,
)
from tacit.mls.extensions import Extensions
from tacit.mls.framing import AuthenticatedContent, Body, FramedContent, FramedContentAuthData, Sender
from tacit.mls.group_context import GroupContext
from tacit.mls.key_packages import Authenticate, KeyPackageBundle
from tacit.mls.key_schedule import export
from tacit.mls.leaf_nodes import LeafNode, Lifetime, sign_leaf
from tacit.mls.messages import PrivateMessage, PublicMessage, decode_message, encode_message
from tacit.mls.past_epochs import PastKeys, expire, past_epoch_of
from tacit.mls.pending import CachedProposal, PendingCommit, select_for_commit
from tacit.mls.proposal_lists import CommittedProposal
from tacit.mls.proposals import Add, Proposal, Update
from tacit.mls.protection import EpochKeys, open_private, open_public, open_sender_data, seal_private, sign_content
from tacit.mls.registry import ContentType, LeafNodeSource, SenderType, WireFormat
from tacit.mls.secret_tree import RatchetKind, SecretTree
from tacit.mls.tree_math import LeafIndex
from tacit.mls.welcome import join_by_welcome


@dataclass(frozen=True, slots=True)
class Joined:
    """A group that was joined, the KeyPackage that this used up, and the member whose signature invited us."""

    group: Group
    used_ref: bytes
    signer: LeafIndex


@dataclass(frozen=True, slots=True)
class Group:
    """One group in one epoch: what lasts as long as the epoch, and what moves with every message."""

    state: Epoch
    secret_tree: SecretTree
    pending_proposals: tuple[CachedProposal, ...] = ()
    past_keys: tuple[PastKeys, ...] = field(default=(), repr=False)

    @property
    def group_id(self) -> bytes:
        """Names the group; any bytes."""
        return self.context.group_id

    @property
    def epoch(self) -> int:
        """Number of the epoch, from 0."""
        return self.context.epoch

    @property
    def context(self) -> GroupContext:
        """The public state that all members agree on."""
        return self.state.context

    @property
    def suite(self) -> CipherSuite:
        """The cipher suite."""
        return self.state.suite

    @property
    def own_leaf(self) -> LeafIndex:
        """Our place in the tree."""
        return self.state.own_leaf

    @property
    def extensions(self) -> Extensions:
        """The extensions in the group context."""
        return self.context.extensions

    @property
    def epoch_authenticator(self) -> bytes:
        """Equal for two members exactly if they are in the same epoch of the same group: Nh bytes."""
        return self.state.secrets.epoch_authenticator.reveal()

    def members(self) -> tuple[Member, ...]:
        """All members, ourselves included, from left to right."""
        return tuple(Member(index, leaf) for index, leaf in self.state.leaves.items())

    def member(self, leaf_index: LeafIndex) -> LeafNode | None:
        """The member at a leaf."""
        return self.state.leaves.get(leaf_index)

    def export(self, label: str, context: bytes, length: int) -> Secret:
        """A secret of this epoch for the use that ``label`` names. Source: RFC 9420 §8.5"""
        secret = self.state.secrets.exporter_secret.reveal()
        return Secret(export(self.suite, secret, label.encode(), context, length))

    def seal(self, plaintext: bytes, *, aad: bytes = b"", entropy: Entropy) -> tuple[Group, bytes]:
        """Encrypt an application message, padded; ``aad`` is authenticated and stays readable.

        Raises ``PendingProposals`` while there are any: they have to be committed first. Source: RFC 9420 §12.4
        """
        if self.pending_proposals:
            raise PendingProposals
        group, message, _ = self._send(plaintext, aad, entropy)
        return group, message

    def propose(self, proposal: Proposal, *, aad: bytes = b"", entropy: Entropy) -> tuple[Group, bytes]:
        """Send a proposal for somebody to commit; for our own leaf use ``propose_update``."""
        if isinstance(proposal, Update):
            raise UnsupportedOperation("12.1.2/own-update", "propose_update makes the leaf and keeps its keys")
        return self._propose(proposal, aad, entropy, None)

    def propose_update(
        self,
        *,
        credential_identity: bytes | None = None,
        signature_private: bytes | None = None,
        aad: bytes = b"",
        entropy: Entropy,
    ) -> tuple[Group, bytes]:
        """Propose a leaf with fresh keys for ourselves; somebody else has to commit it."""
        identity = self._identity(credential_identity, signature_private)
        encryption = self.suite.generate_key_pair(entropy)
        private = identity.signature_private.reveal()
        leaf = replace(
            self.state.leaves[self.own_leaf],
            encryption_key=encryption.public,
            signature_key=self.suite.signature_key_pair(private).public,
            credential=BasicCredential(identity.credential_identity),
            source=LeafNodeSource.UPDATE,
            lifetime=None,
            parent_hash=b"",
            signature=b"",
        )
        leaf = sign_leaf(self.suite, leaf, private, self.group_id, self.own_leaf)
        own = OwnUpdate(Secret(encryption.private), identity.signature_private)
        return self._propose(Update(leaf), aad, entropy, own)

    def create_commit(
        self,
        proposals: Sequence[Proposal] = (),
        *,
        include_pending: bool | Callable[[CachedProposal], bool] = True,
        force_path: bool = True,
        credential_identity: bytes | None = None,
        signature_private: bytes | None = None,
        aad: bytes = b"",
        entropy: Entropy,
        now_s: float,
        authenticate: Authenticate,
    ) -> tuple[Group, PendingCommit]:
        """Commit ``proposals`` and those pending that go with them; the group stays in its epoch until ``merge``.

        Keep both results before the commit leaves; raises ``InvalidMessage`` if the receivers would refuse the commit.
        """
        listed = select_for_commit(self.pending_proposals, proposals, self.own_leaf, include_pending)
        created = create_commit(
            self.state,
            listed,
            force_path=force_path,
            identity=self._identity(credential_identity, signature_private),
            authenticated_data=aad,
            entropy=entropy,
            now_s=now_s,
            authenticate=authenticate,
        )
        message, secret_tree = seal_private(self._keys(), created.content, created.auth, entropy)
        pending = PendingCommit(
            commit=encode_message(message),
            welcome=None if created.welcome is None else encode_message(created.welcome),
            base_authenticator=Secret(self.epoch_authenticator),
            created_at=now_s,
            added=tuple(member.key_package.leaf_node for member in created.applied.added),
            next=created.next,
        )
        return replace(self, secret_tree=secret_tree), pending

    def merge(self, pending: PendingCommit) -> Group:
        """The group after our own commit, to be called when it has come back in the group's order of messages.

        Raises ``CommitMismatch`` if the commit was made in another epoch or group.
        """
        if pending.base_authenticator != Secret(self.epoch_authenticator):
            raise CommitMismatch
        return self._next(pending.next, pending.created_at)

    def process(
        self,
        message: bytes,
        *,
        authenticate: Authenticate,
        authorize: Authorize | None = None,
        now_s: float | None = None,
        allow_public: bool = False,
    ) -> Processed:
        """Judge a message of this group, and give what it says and the group with it.

        Raises ``DecodeError``, ``InvalidMessage`` and what the callbacks raise; ``now_s`` lets past epochs expire.
        ``allow_public`` takes handshake messages that are not encrypted, which tacit itself never sends.
        """
        decoded = decode_message(message)
        if isinstance(decoded, PrivateMessage):
            event = self._process_private(decoded, authenticate, now_s)
        elif isinstance(decoded, PublicMessage):
            check_public_allowed(allow_public)
            event = self._process_public(decoded, authenticate, now_s)
        else:
            raise InvalidMessage("6/not-for-members")
        if authorize is not None and not isinstance(event, ApplicationData):
            authorize(event)
        return event

    def sender_position(self, message: bytes) -> SenderPosition:
        """Who sent a private message with which key, without opening it; any member could have written that."""
        decoded = decode_message(message)
        if not isinstance(decoded, PrivateMessage):
            raise InvalidMessage("6/not-private")
        data = open_sender_data(self._keys_for(decoded), decoded)
        is_handshake = decoded.content_type is not ContentType.APPLICATION
        return SenderPosition(decoded.epoch, data.leaf_index, data.generation, is_handshake)

    def advance_own_ratchet(self, generation: int, *, handshake: bool = False) -> Group:
        """The group that sends its next message with ``generation`` at least, after its state was set back.

        Raises ``GenerationTooFar`` past the window.
        """
        kind = RatchetKind.HANDSHAKE if handshake else RatchetKind.APPLICATION
        return replace(self, secret_tree=self.secret_tree.advanced_to(self.suite, self.own_leaf, kind, generation))

    def without_expired(self, now_s: float) -> Group:
        """The group without keys of past epochs that have become too old."""
        return replace(self, past_keys=expire(self.past_keys, now_s))

    def _identity(self, credential_identity: bytes | None, signature_private: bytes | None) -> NewIdentity:
        own = self.state.leaves[self.own_leaf]
        return NewIdentity(
            own.credential_identity if credential_identity is None else credential_identity,
            self.state.signature_private if signature_private is None else Secret(signature_private),
        )

    def _keys(self) -> EpochKeys:
        return self.state.keys(self.secret_tree)

    def _keys_for(self, message: PrivateMessage) -> EpochKeys:
        """The keys for a message's epoch; raises ``WrongGroup`` and ``WrongEpoch``."""
        if message.group_id != self.group_id:
            raise WrongGroup
        if message.epoch == self.epoch:
            return self._keys()
        if message.content_type is ContentType.APPLICATION:
            for past, keys in zip(self.state.past, self.past_keys, strict=False):
                if past.group_context.epoch == message.epoch:
                    return keys.reading(self.suite, past)
        raise WrongEpoch(message.epoch)

    def _send(self, body: Body, aad: bytes, entropy: Entropy) -> tuple[Group, bytes, AuthenticatedContent]:
        content = FramedContent(self.group_id, self.epoch, Sender.member(self.own_leaf), aad, body)
        private, wire_format = self.state.signature_private.reveal(), WireFormat.PRIVATE_MESSAGE
        auth = FramedContentAuthData(sign_content(self.suite, private, wire_format, content, self.context.encoded))
        message, secret_tree = seal_private(self._keys(), content, auth, entropy)
        sent = AuthenticatedContent(wire_format, content, auth)
        return replace(self, secret_tree=secret_tree), encode_message(message), sent

    def _propose(self, proposal: Proposal, aad: bytes, entropy: Entropy, own: OwnUpdate | None) -> tuple[Group, bytes]:
        check_proposal(self.suite, self.state.tree, self.group_id, proposal, self.own_leaf)
        group, message, sent = self._send(proposal, aad, entropy)
        return group._with_pending(CachedProposal(sent.proposal_ref(self.suite), self.own_leaf, proposal, own)), message

    def _with_pending(self, proposal: CachedProposal) -> Group:
        if any(other.ref == proposal.ref for other in self.pending_proposals):
            return self
        check_pending_count(len(self.pending_proposals))
        return replace(self, pending_proposals=(*self.pending_proposals, proposal))

    def _process_private(self, message: PrivateMessage, authenticate: Authenticate, now_s: float | None) -> Processed:
        group = self if now_s is None else self.without_expired(now_s)
        keys = group._keys_for(message)
        opened = open_private(keys, message)
        verified = opened.verify(keys)
        group = group._with_secret_tree(message.epoch, opened.secret_tree)
        content = verified.content
        if isinstance(content.body, bytes):
            sender = LeafIndex(content.sender.index)
            return ApplicationData(
                group,
                sender,
                opened.sender_leaf,
                message.epoch,
                opened.generation,
                message.authenticated_data,
                content.body,
            )
        return group._process_handshake(self, verified, opened.sender_leaf, authenticate, now_s)

    def _process_public(self, message: PublicMessage, authenticate: Authenticate, now_s: float | None) -> Processed:
        content = message.content
        if content.group_id != self.group_id:
            raise WrongGroup
        if content.epoch != self.epoch:
            raise WrongEpoch(content.epoch)
        if content.sender.sender_type is not SenderType.MEMBER:
            raise UnsupportedOperation("6.1/external-sender")
        leaf = check_sender_is_member(self.state.leaves.get(LeafIndex(content.sender.index)))
        membership_key = self.state.secrets.membership_key.reveal()
        verified = open_public(self.suite, membership_key, message, leaf.signature_key, self.context.encoded)
        if content.sender.index == self.own_leaf:
            raise OwnMessage(content.epoch, 0)
        return self._process_handshake(self, verified, leaf, authenticate, now_s)

    def _process_handshake(
        self,
        before: Group,
        message: AuthenticatedContent,
        sender_leaf: LeafNode,
        authenticate: Authenticate,
        now_s: float | None,
    ) -> Processed:
        sender = LeafIndex(message.content.sender.index)
        body = message.content.body
        if isinstance(body, Commit):
            return self._process_commit(before, message, body, sender, sender_leaf, authenticate, now_s)
        if isinstance(body, bytes):
            raise InvalidMessage("6/application-is-private")
        check_proposal(self.suite, self.state.tree, self.group_id, body, sender)
        if isinstance(body, Add):
            authenticate(None, body.key_package.leaf_node)
        elif isinstance(body, Update):
            authenticate(sender_leaf, body.leaf_node)
        ref = message.proposal_ref(self.suite)
        group = self._with_pending(CachedProposal(ref, sender, body, None))
        return ProposalReceived(group, sender, body, ref, message.content.authenticated_data)

    def _process_commit(
        self,
        before: Group,
        message: AuthenticatedContent,
        commit: Commit,
        committer: LeafIndex,
        committer_leaf: LeafNode,
        authenticate: Authenticate,
        now_s: float | None,
    ) -> StagedCommit:
        proposals = tuple(self._resolve(item, committer) for item in commit.proposals)
        own_updates = {
            cached.proposal.leaf_node.encryption_key: cached.own
            for cached in self.pending_proposals
            if cached.own is not None and isinstance(cached.proposal, Update)
        }
        result = process_commit(self.state, message, committer, proposals, commit.path, own_updates, authenticate)
        applied = result.applied
        return StagedCommit(
            before,
            None if result.next is None else self._next(result.next, now_s),
            committer,
            committer_leaf,
            proposals,
            applied.added,
            applied.removed,
            applied.updated,
            applied.extensions if applied.extensions != self.extensions else None,
            message.content.authenticated_data,
        )

    def _resolve(self, item: Proposal | ProposalReference, committer: LeafIndex) -> CommittedProposal:
        if not isinstance(item, ProposalReference):
            return CommittedProposal(item, committer)
        cached = next((cached for cached in self.pending_proposals if cached.ref == item.ref), None)
        if cached is None:
            raise InvalidMessage("12.4/proposal-ref")
        return CommittedProposal(cached.proposal, cached.sender, cached.ref)

    def _with_secret_tree(self, epoch: int, secret_tree: SecretTree) -> Group:
        if epoch == self.epoch:
            return replace(self, secret_tree=secret_tree)
        past_keys = tuple(
            replace(keys, secret_tree=secret_tree) if past.group_context.epoch == epoch else keys
            for past, keys in zip(self.state.past, self.past_keys, strict=False)
        )
        return replace(self, past_keys=past_keys)

    def _next(self, begun: NextEpoch, now_s: float | None) -> Group:
        """The group in its next epoch, with this one among those that late messages can still be read from."""
        ended = PastKeys(self.epoch, now_s, self.state.secrets.sender_data_secret, self.secret_tree)
        past_keys = (ended, *self.past_keys)[:MAX_PAST_EPOCHS]
        if now_s is not None:
            past_keys = expire(past_keys, now_s)
        past = (past_epoch_of(self.state), *self.state.past)[: len(past_keys)]
        return Group(replace(begun.epoch, past=past), begun.secret_tree, (), past_keys)


def create_group(
    group_id: bytes,
    suite_id: int,
    credential_identity: bytes,
    signature_private: bytes,
    *,
    extensions: Extensions = (),
    extension_types: tuple[int, ...] = (),
    entropy: Entropy,
    now_s: float,
) -> Group:
    """A group of one; ``extension_types`` are those of the application that we support."""
    begun = first_epoch(
        suite(suite_id),
        group_id,
        credential_identity,
        signature_private,
        extensions=extensions,
        extension_types=extension_types,
        lifetime=Lifetime(max(int(now_s) - KEY_PACKAGE_CLOCK_SKEW_S, 0), int(now_s) + KEY_PACKAGE_LIFETIME_S),
        entropy=entropy,
    )
    return Group(begun.epoch, begun.secret_tree)


def join(
    welcome: bytes,
    bundles: Sequence[KeyPackageBundle],
    *,
    authenticate: Authenticate,
    known_group: Callable[[bytes], bool],
    now_s: float | None = None,
    ratchet_tree: bytes | None = None,
) -> Joined:
    """Join the group of a Welcome; keeping it, delete the KeyPackage ``used_ref`` unless that is a last resort.

    Raises ``NotForUs``, ``DecodeError``, ``InvalidMessage`` and what ``authenticate`` raises.
    """
    del now_s  # a leaf may have aged since it was added, so lifetimes are not asked here
    joined = join_by_welcome(
        welcome, bundles, authenticate=authenticate, known_group=known_group, ratchet_tree=ratchet_tree
    )
    return Joined(Group(joined.next.epoch, joined.next.secret_tree), joined.used_ref, joined.signer)
