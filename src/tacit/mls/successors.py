"""Beginning a group out of another one: one commit lets everybody in, and mixes a PSK of the old group into it.

That commit is sent to nobody, since nobody but its maker is in the group before it; there is only a Welcome to send.
Source: RFC 9420 §11, §11.2, §11.3
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tacit.crypto.secret import Secret
from tacit.crypto.suites import suite
from tacit.entropy import Entropy
from tacit.mls import sending
from tacit.mls.commit_creation import CommitForm
from tacit.mls.credentials import Credential, as_credential
from tacit.mls.errors import SignatureKeyNeeded
from tacit.mls.extensions import Extensions
from tacit.mls.founding import create_group
from tacit.mls.group import Group
from tacit.mls.key_packages import Authenticate, KeyPackage
from tacit.mls.leaf_nodes import support_of
from tacit.mls.lineage import Origin, check_origin
from tacit.mls.own_leaf import OwnIdentity
from tacit.mls.policy import Policy, Rules
from tacit.mls.pre_shared_keys import PreSharedKeyID, ResumptionPSK
from tacit.mls.proposals import Add, PreSharedKey
from tacit.mls.registry import ResumptionPSKUsage


@dataclass(frozen=True, slots=True)
class Successor:
    """A group that was begun out of another one, and the Welcome for the others in it; None if there are none."""

    group: Group
    welcome: bytes | None


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a new group is to be."""

    group_id: bytes
    suite_id: int
    extensions: Extensions


@dataclass(frozen=True, slots=True)
class Founder:
    """How we come into the new group: as in the old one, where nothing else is said."""

    credential: bytes | Credential | None = None
    signature_private: bytes | None = field(default=None, repr=False)
    extension_types: tuple[int, ...] = ()
    """Of the application; these and the next two beyond those that our leaf in the old group lists."""
    proposal_types: tuple[int, ...] = ()
    credential_types: tuple[int, ...] = ()

    def identity(self, old: Group, suite_id: int) -> OwnIdentity:
        """What we show in our leaf; raises ``SignatureKeyNeeded``."""
        own = old.state.leaves[old.own_leaf]
        if self.signature_private is None and suite(suite_id).signature != old.suite.signature:
            raise SignatureKeyNeeded
        return OwnIdentity(
            own.credential if self.credential is None else as_credential(self.credential),
            old.state.signature_private if self.signature_private is None else Secret(self.signature_private),
        )


def begin_successor(
    old: Group,
    usage: ResumptionPSKUsage,
    parameters: Parameters,
    key_packages: Sequence[KeyPackage],
    founder: Founder,
    *,
    entropy: Entropy,
    now_s: float,
    authenticate: Authenticate,
    policy: Policy,
) -> Successor:
    """The new group in epoch 1; raises ``InvalidMessage`` for one that nobody would join."""
    origin = Origin(ResumptionPSK(usage, old.group_id, old.epoch), old.state)
    identity = founder.identity(old, parameters.suite_id)
    group = _group_of_one(old, parameters, founder, identity, entropy, now_s)
    psk = PreSharedKeyID.fresh(group.suite.id, origin.key, entropy)
    group, pending = sending.commit(
        group,
        [*map(Add, key_packages), PreSharedKey(psk)],
        include_pending=False,
        form=CommitForm(),
        identity=identity,
        entropy=entropy,
        now_s=now_s,
        rules=Rules(authenticate, policy, origin.lineage),
    )
    begun = Group(pending.next.epoch, pending.next.secret_tree)
    check_origin(origin, begun.context, begun.state.tree, policy.identity_of)
    return Successor(begun, pending.welcome)


def _group_of_one(
    old: Group, parameters: Parameters, founder: Founder, identity: OwnIdentity, entropy: Entropy, now_s: float
) -> Group:
    before = support_of(old.state.leaves[old.own_leaf])
    return create_group(
        parameters.group_id,
        parameters.suite_id,
        identity.credential,
        identity.signature_private.reveal(),
        extensions=parameters.extensions,
        extension_types=(*before.extension_types, *founder.extension_types),
        proposal_types=(*before.proposal_types, *founder.proposal_types),
        credential_types=(*before.credential_types, *founder.credential_types),
        grease=before.grease,
        entropy=entropy,
        now_s=now_s,
    )
