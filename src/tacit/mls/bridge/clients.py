"""What a client of the bridge has. Every value is frozen: a verb gives the client that there is afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tacit.crypto.secret import Secret
from tacit.crypto.suites import suite
from tacit.entropy import Entropy
from tacit.mls.bridge.arguments import Arguments
from tacit.mls.bridge.errors import GroupExists, IdentityChanged, NoSuchGroup, NoSuchMember
from tacit.mls.external_commits import ExternalJoin
from tacit.mls.group import Group
from tacit.mls.key_packages import KeyPackageBundle
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.pending import PendingCommit
from tacit.mls.policy import Policy
from tacit.mls.pre_shared_keys import ExternalPSK, PreSharedKeyID
from tacit.mls.senders import ExternalSenderIndex, NewMember, ProposalSender
from tacit.mls.tree_math import LeafIndex

Answer = dict[str, object]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a verb is given besides its arguments: the time in Unix seconds, and randomness."""

    now_s: float
    entropy: Entropy


@dataclass(frozen=True, slots=True)
class Membership:
    """A group, and our commit that has not come back yet."""

    group: Group
    pending: PendingCommit | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """One client: a signature key for each suite, key packages that nobody has used, PSKs by ID, groups by ID.

    ``joining`` holds external commits of ours that have not come back yet.
    """

    identity: bytes
    signature_keys: Mapping[int, Secret] = field(default_factory=dict)
    bundles: tuple[KeyPackageBundle, ...] = ()
    psks: Mapping[bytes, Secret] = field(default_factory=dict)
    groups: Mapping[bytes, Membership] = field(default_factory=dict)
    joining: Mapping[bytes, ExternalJoin] = field(default_factory=dict)

    @property
    def policy(self) -> Policy:
        """Everything that the RFC leaves to the application is allowed; PSKs are those that were given."""
        return Policy(
            public_handshakes=True,
            external_commits=True,
            outside_proposals=True,
            authenticate_sender=lambda sender: None,
            find_psk=self._find_psk,
        )

    def with_signature_key(self, suite_id: int, entropy: Entropy) -> tuple[Client, bytes]:
        """The client with a key of that suite, and the private key; raises ``UnsupportedSuite``."""
        cipher_suite = suite(suite_id)
        if suite_id not in self.signature_keys:
            pair = cipher_suite.generate_signature_key_pair(entropy)
            self = replace(self, signature_keys={**self.signature_keys, suite_id: Secret(pair.private)})
        return self, self.signature_keys[suite_id].reveal()

    def membership(self, group_id: bytes) -> Membership:
        """The group of that ID; raises ``NoSuchGroup``."""
        if group_id not in self.groups:
            raise NoSuchGroup
        return self.groups[group_id]

    def find_group(self, group_id: bytes) -> Group | None:
        """The group of that ID, for those that come from it."""
        return self.groups[group_id].group if group_id in self.groups else None

    def entering(self, group: Group) -> Client:
        """The client in one group more; raises ``GroupExists``."""
        if group.group_id in self.groups:
            raise GroupExists
        return self.keeping(Membership(group))

    def keeping(self, membership: Membership) -> Client:
        """The client with a group as it is now."""
        return replace(self, groups={**self.groups, membership.group.group_id: membership})

    def joining_with(self, join: ExternalJoin) -> Client:
        """The client with an external commit under way."""
        return replace(self, joining={**self.joining, join.group.group_id: join})

    def joined(self, group_id: bytes) -> tuple[Client, Group]:
        """The client in the group that its external commit leads to, in place of an older state of the same group."""
        group = self.joining[group_id].group
        joining = {known: join for known, join in self.joining.items() if known != group_id}
        return replace(self, joining=joining).keeping(Membership(group)), group

    def leaving(self, group_id: bytes) -> Client:
        """The client without a group."""
        return replace(self, groups={known: group for known, group in self.groups.items() if known != group_id})

    def _find_psk(self, psk_id: PreSharedKeyID) -> bytes | None:
        found = self.psks.get(psk_id.key.psk_id) if isinstance(psk_id.key, ExternalPSK) else None
        return None if found is None else found.reveal()


def accept(old: LeafNode | None, new: LeafNode) -> None:
    """Believe everybody's credential, and let nobody change it on the way."""
    if old is not None and old.credential != new.credential:
        raise IdentityChanged


def named_member(group: Group, args: Arguments) -> LeafIndex:
    """The member that ``leaf`` or ``identity`` names; raises ``NoSuchMember``."""
    if args.has("leaf"):
        leaf = LeafIndex(args.integer("leaf"))
        if group.member(leaf) is not None:
            return leaf
    else:
        identity = args.octets("identity")
        for member in group.members():
            if member.leaf_node.credential_identity == identity:
                return member.leaf_index
    raise NoSuchMember


def named_sender(sender: ProposalSender) -> object:
    """A leaf, or who it is outside the group."""
    match sender:
        case ExternalSenderIndex(index):
            return {"external": index}
        case NewMember():
            return "new-member"
        case _:
            return sender


def view(group: Group) -> Answer:
    """Where a group stands."""
    return {"group": group.group_id.hex(), "epoch": group.epoch, "leaf": group.own_leaf}
