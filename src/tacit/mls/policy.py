"""What the RFC leaves to the application, as one value; the defaults are tacit's.

Source: RFC 9420 §5.3.1, §6, §7.2, §8.4; RFC 9750 §7
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tacit.codec import encode
from tacit.crypto.suites import CipherSuite
from tacit.limits import KEY_PACKAGE_MAX_RANGE_S, LARGEST_GROUP_MEMBERS, MAX_GROUP_MEMBERS
from tacit.mls.checks.leaf_nodes import check_lifetime_range, check_version_and_suite_listed
from tacit.mls.errors import BadPolicy, OutsiderRefused, PSKUnavailable
from tacit.mls.extensions import Extensions, ExternalSender, external_senders
from tacit.mls.key_packages import Authenticate
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.pre_shared_keys import PreSharedKeyID, lineage_usage, psk_secret
from tacit.mls.registry import ResumptionPSKUsage

FindPSK = Callable[[PreSharedKeyID], bytes | None]
"""Looks a pre-shared key up."""


AuthenticateSender = Callable[[ExternalSender], None]
"""Judges the credential of somebody outside who may propose changes; raises if not."""


def no_sender(sender: ExternalSender) -> None:
    """The judgement of who knows nobody outside."""
    del sender
    raise OutsiderRefused("5.3.1/external-senders")


IdentityOf = Callable[[LeafNode], bytes]
"""What stays of a member when it comes into another group, whatever credential it shows there."""


def no_psk(psk_id: PreSharedKeyID) -> bytes | None:
    """The look-up of who has no pre-shared keys."""
    del psk_id
    return None


def same_credential(leaf: LeafNode) -> bytes:
    """Who shows the same credential is the same member."""
    return encode(leaf.credential)


@dataclass(frozen=True, slots=True)
class Policy:
    """Whether handshakes may come unencrypted, how long a key package may be good for, and which PSKs there are.

    ``external_commits`` lets people in who hold a GroupInfo and pass ``authenticate``; ``outside_proposals`` listens
    to the group's ``external_senders`` and to those who ask to be added. Both are refused unless asked for.
    ``authenticate_sender`` judges who is newly named in ``external_senders``, and again who speaks as one of them, and
    raises to refuse it; without one nobody is accepted there while ``outside_proposals`` are listened to.
    ``max_members`` may be raised to 5,000, by all members alike: who has less refuses what the others go on with. How
    large a tree and a Welcome may be grows with it; the transport has to carry them. Raises ``BadPolicy`` beyond.
    ``find_psk`` is asked for external PSKs and for resumption PSKs of other groups, or of epochs too long ago.
    ``identity_of`` says who is who when the members of a group are compared with those of the group that it continues
    or branched from; where a member's certificate may be another one there, give the identity in it.

    ``lenient_capabilities_for_published_vectors`` lets members in who do not say that they support the group's own
    version and suite. Some published test vectors hold such leaves. It breaks RFC 9420 §7.2 and is for running those
    vectors, never for people: it lets a group be moved to a suite that a member never offered.
    """

    public_handshakes: bool = False
    external_commits: bool = False
    outside_proposals: bool = False
    authenticate_sender: AuthenticateSender = no_sender
    max_lifetime_s: int = KEY_PACKAGE_MAX_RANGE_S
    max_members: int = MAX_GROUP_MEMBERS
    find_psk: FindPSK = no_psk
    identity_of: IdentityOf = same_credential
    lenient_capabilities_for_published_vectors: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.max_members <= LARGEST_GROUP_MEMBERS:
            raise BadPolicy


STRICT = Policy()


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a group that is being made or joined comes from; only then is a PSK of that usage good for anything."""

    usage: ResumptionPSKUsage
    find_psk: FindPSK


@dataclass(frozen=True, slots=True)
class Rules:
    """The application's part in judging a message."""

    authenticate: Authenticate
    policy: Policy = STRICT
    lineage: Lineage | None = None

    @property
    def usage_allowed(self) -> ResumptionPSKUsage:
        """What resumption PSKs may be used for, here and now."""
        return ResumptionPSKUsage.APPLICATION if self.lineage is None else self.lineage.usage

    def admit(self, suite: CipherSuite, old: LeafNode | None, new: LeafNode) -> None:
        """The one door for leaves: every leaf that enters a tree comes through here, with the one it replaces."""
        if not self.policy.lenient_capabilities_for_published_vectors:
            check_version_and_suite_listed(suite, new)
        check_lifetime_range(new, self.policy.max_lifetime_s)
        self.authenticate(old, new)

    def admit_senders(self, before: Extensions, after: Extensions) -> None:
        """The door for those who may propose from outside, where they are listened to. Source: RFC 9420 §5.3.1"""
        if not self.policy.outside_proposals:
            return
        known = external_senders(before)
        for sender in external_senders(after):
            if sender not in known:
                self.policy.authenticate_sender(sender)

    def psk_secret(self, suite: CipherSuite, ids: Sequence[PreSharedKeyID], own: FindPSK = no_psk) -> bytes:
        """What the named keys add to the key schedule; raises ``PSKUnavailable``.

        ``own`` looks up the resumption PSKs of the group itself, which is asked before the application.
        """
        return psk_secret(suite, [(psk_id, self._psk(psk_id, own)) for psk_id in ids])

    def _psk(self, psk_id: PreSharedKeyID, own: FindPSK) -> bytes:
        usage = lineage_usage(psk_id)
        if usage is None:
            psk = own(psk_id)
            psk = self.policy.find_psk(psk_id) if psk is None else psk
        else:
            psk = self.lineage.find_psk(psk_id) if self.lineage is not None and self.lineage.usage is usage else None
        if psk is None:
            raise PSKUnavailable
        return psk
