"""A group as one of its members holds it: the room's face, which only routes to the modules that do the work.

A ``Group`` never changes. Every operation returns what there is afterwards, and one that raises has changed nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite
from tacit.entropy import Entropy
from tacit.mls import handshakes, receiving, sending
from tacit.mls.checks.leaf_nodes import check_lifetime
from tacit.mls.commit_creation import CommitForm
from tacit.mls.credentials import Credential, as_credential
from tacit.mls.epochs import Epoch
from tacit.mls.errors import BadLength, CommitMismatch, GroupReinitialized, UseProposeUpdate
from tacit.mls.events import ApplicationData, Authorize, Member, Processed, SenderPosition
from tacit.mls.extensions import Extensions
from tacit.mls.group_context import GroupContext
from tacit.mls.group_infos import create_group_info
from tacit.mls.key_packages import Authenticate
from tacit.mls.key_schedule import export
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.messages import encode_message
from tacit.mls.own_leaf import OwnIdentity
from tacit.mls.past_epochs import PastKeys, expire
from tacit.mls.pending import CachedProposal, PendingCommit
from tacit.mls.policy import STRICT, Policy, Rules
from tacit.mls.pre_shared_keys import ExternalPSK, PreSharedKeyID, ResumptionPSK
from tacit.mls.proposals import Add, PreSharedKey, Proposal, ReInit, Update
from tacit.mls.ratchet_tree_extension import encode_ratchet_tree
from tacit.mls.registry import WireFormat
from tacit.mls.secret_tree import RatchetKind, SecretTree
from tacit.mls.tree_math import LeafIndex


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
        return self.state.context.group_id

    @property
    def epoch(self) -> int:
        """Number of the epoch, from 0."""
        return self.state.context.epoch

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
        return self.state.context.extensions

    @property
    def epoch_authenticator(self) -> bytes:
        """Equal for two members exactly if they are in the same epoch of the same group: Nh bytes."""
        return self.state.secrets.epoch_authenticator.reveal()

    def resumption_psk(self, epoch: int) -> Secret | None:
        """What proves that we were in an epoch, if it is the present one or one of the last few. Source: §8.6"""
        return self.state.resumption_psk(epoch)

    @property
    def reinit(self) -> ReInit | None:
        """What a commit has closed this group for; then nothing is sent any more, and ``reinitialize`` goes on."""
        return self.state.reinit

    def name_psk(self, key: ExternalPSK | ResumptionPSK, *, entropy: Entropy) -> PreSharedKey:
        """A proposal to mix a pre-shared key into the next epoch, with a nonce for this one use. Source: §8.4"""
        return PreSharedKey(PreSharedKeyID.fresh(self.suite.id, key, entropy))

    def members(self) -> tuple[Member, ...]:
        """All members, ourselves included, from left to right."""
        return tuple(Member(index, leaf) for index, leaf in self.state.leaves.items())

    def member(self, leaf_index: LeafIndex) -> LeafNode | None:
        """The member at a leaf."""
        return self.state.leaves.get(leaf_index)

    def export(self, label: str, context: bytes, length: int) -> Secret:
        """A secret of this epoch, of ``length`` bytes, for the use that ``label`` names.

        Raises ``BadLength`` for less than one byte or more than the KDF gives, 255 Nh. Source: RFC 9420 §8.5
        """
        if not 0 < length <= 255 * self.suite.hash_size:
            raise BadLength
        secret = self.state.secrets.exporter_secret.reveal()
        return Secret(export(self.suite, secret, label.encode(), context, length))

    def seal(self, plaintext: bytes, *, aad: bytes = b"", entropy: Entropy) -> tuple[Group, bytes]:
        """Encrypt an application message, padded; ``aad`` is authenticated and stays readable.

        Raises ``PendingProposals`` while there are any: they have to be committed first. Source: RFC 9420 §12.4
        """
        return sending.seal(self, plaintext, aad, entropy)

    def group_info(self, *, external_pub: bool = True, ratchet_tree: bool = True, extensions: Extensions = ()) -> bytes:
        """The MLSMessage by which others can join this epoch by an external commit. Source: RFC 9420 §12.4.3.2"""
        if self.reinit is not None:
            raise GroupReinitialized
        info = create_group_info(
            self.state, with_external_pub=external_pub, with_ratchet_tree=ratchet_tree, extensions=extensions
        )
        return encode_message(info)

    def ratchet_tree_bytes(self) -> bytes:
        """The encoded tree, for joiners whose Welcome or group info does not hold it. Source: RFC 9420 §12.4.3.3"""
        return encode_ratchet_tree(self.state.tree)

    def propose(
        self,
        proposal: Proposal,
        *,
        public: bool = False,
        aad: bytes = b"",
        entropy: Entropy,
        now_s: float | None = None,
        authenticate: Authenticate | None = None,
        policy: Policy = STRICT,
    ) -> tuple[Group, bytes]:
        """Send a proposal for somebody to commit; for our own leaf use ``propose_update``.

        ``public`` sends it signed and not encrypted. ``now_s``, ``authenticate`` and ``policy`` judge whom an ``Add``
        brings in, as far as ``read_key_package`` has not just done so.
        """
        if isinstance(proposal, Update):
            raise UseProposeUpdate
        if isinstance(proposal, Add) and now_s is not None:
            check_lifetime(proposal.key_package.leaf_node, now_s)
        return sending.propose(self, proposal, _format(public), aad, entropy, Rules(authenticate or _accept, policy))

    def propose_update(
        self,
        *,
        credential: bytes | Credential | None = None,
        signature_private: bytes | None = None,
        public: bool = False,
        aad: bytes = b"",
        entropy: Entropy,
    ) -> tuple[Group, bytes]:
        """Propose a leaf with fresh keys for ourselves; somebody else has to commit it."""
        identity = self._identity(credential, signature_private)
        return sending.propose_update(self, identity, _format(public), aad, entropy, Rules(_accept))

    def create_commit(
        self,
        proposals: Sequence[Proposal] = (),
        *,
        include_pending: sending.Include = True,
        force_path: bool = True,
        credential: bytes | Credential | None = None,
        signature_private: bytes | None = None,
        leaf_extensions: Extensions | None = None,
        public: bool = False,
        ratchet_tree_in_welcome: bool = True,
        aad: bytes = b"",
        entropy: Entropy,
        now_s: float,
        authenticate: Authenticate,
        policy: Policy = STRICT,
    ) -> tuple[Group, PendingCommit]:
        """Commit ``proposals`` and those pending that go with them; the group stays in its epoch until ``merge``.

        Keep both results before the commit leaves; raises ``InvalidMessage`` if the receivers would refuse the commit.
        ``public`` sends it signed and not encrypted; without ``ratchet_tree_in_welcome`` new members need
        ``ratchet_tree_bytes()`` of ``pending.group_after``. Another ``credential`` or ``signature_private`` is shown in
        the path, so there always is one then, and so are ``leaf_extensions``, which replace all those of our leaf.
        """
        force_path = force_path or any(new is not None for new in (credential, signature_private, leaf_extensions))
        return sending.commit(
            self,
            proposals,
            include_pending,
            form=CommitForm(force_path, aad, public, ratchet_tree_in_welcome),
            identity=self._identity(credential, signature_private, leaf_extensions),
            entropy=entropy,
            now_s=now_s,
            rules=Rules(authenticate, policy),
        )

    def merge(self, pending: PendingCommit) -> Group:
        """The group after our own commit, to be called when it has come back in the group's order of messages.

        Raises ``CommitMismatch`` if the commit was made in another epoch or group.
        """
        if pending.base_authenticator != Secret(self.epoch_authenticator):
            raise CommitMismatch
        return handshakes.begin(self, pending.next, pending.created_at)

    def process(
        self,
        message: bytes,
        *,
        authenticate: Authenticate,
        authorize: Authorize | None = None,
        now_s: float | None = None,
        policy: Policy = STRICT,
    ) -> Processed:
        """Judge a message of this group, and give what it says and the group with it.

        Raises ``DecodeError``, ``InvalidMessage`` and what the callbacks raise; ``now_s`` lets past epochs expire.
        """
        event = receiving.process(self, message, Rules(authenticate, policy), now_s)
        if authorize is not None and not isinstance(event, ApplicationData):
            authorize(event)
        return event

    def sender_position(self, message: bytes) -> SenderPosition:
        """Who sent a private message with which key, without opening it; any member could have written that."""
        return receiving.sender_position(self, message)

    def advance_own_ratchet(self, generation: int, *, handshake: bool = False) -> Group:
        """The group that sends its next message with ``generation`` at least, after its state was set back.

        Raises ``GenerationTooFar`` past the window.
        """
        kind = RatchetKind.HANDSHAKE if handshake else RatchetKind.APPLICATION
        return replace(self, secret_tree=self.secret_tree.advanced_to(self.suite, self.own_leaf, kind, generation))

    def with_secret_tree(self, secret_tree: SecretTree) -> Group:
        """The group after a message has used up a key of this epoch."""
        return Group(self.state, secret_tree, self.pending_proposals, self.past_keys)

    def without_expired(self, now_s: float) -> Group:
        """The group without keys of past epochs that have become too old."""
        kept = expire(self.past_keys, now_s)
        return self if kept is self.past_keys else replace(self, past_keys=kept)

    def _identity(
        self,
        credential: bytes | Credential | None,
        signature_private: bytes | None,
        leaf_extensions: Extensions | None = None,
    ) -> OwnIdentity:
        own = self.state.leaves[self.own_leaf]
        return OwnIdentity(
            own.credential if credential is None else as_credential(credential),
            self.state.signature_private if signature_private is None else Secret(signature_private),
            leaf_extensions,
        )


def _format(public: bool) -> WireFormat:
    return WireFormat.PUBLIC_MESSAGE if public else WireFormat.PRIVATE_MESSAGE


def _accept(old: LeafNode | None, new: LeafNode) -> None:
    """What we propose ourselves was judged before."""
    del old, new
