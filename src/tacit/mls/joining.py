"""Joining by a Welcome: the face of it, which gives a group. Source: RFC 9420 §12.4.3.1"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tacit.mls.epochs import Epoch
from tacit.mls.group import Group
from tacit.mls.key_packages import Authenticate, KeyPackageBundle
from tacit.mls.policy import STRICT, Policy, Rules
from tacit.mls.pre_shared_keys import ResumptionPSK
from tacit.mls.tree_math import LeafIndex
from tacit.mls.welcome import join_by_welcome


@dataclass(frozen=True, slots=True)
class Joined:
    """A group that was joined, and the KeyPackage that this used up."""

    group: Group
    used_ref: bytes
    signer: LeafIndex
    """The member whose signature invites us."""
    origin: ResumptionPSK | None = None
    """Names the group that this one continues or branched from, by its ``usage``; None for every other group."""


def _no_group(group_id: bytes) -> Group | None:
    """Who knows of no other group."""
    del group_id
    return None


def join(
    welcome: bytes,
    bundles: Sequence[KeyPackageBundle],
    *,
    authenticate: Authenticate,
    known_group: Callable[[bytes], bool],
    resume: Callable[[bytes], Group | None] = _no_group,
    ratchet_tree: bytes | None = None,
    policy: Policy = STRICT,
) -> Joined:
    """Join the group of a Welcome; keeping it, delete the KeyPackage ``used_ref`` unless that is a last resort.

    ``ratchet_tree`` is the encoded tree where the Welcome does not hold it. ``resume`` looks up a group of ours by its
    ID: one that the new group may continue or branch from, which is refused without it. It is asked for the ID of the
    new group too. Answer with the group that was closed for that ID, and only its members can be behind the Welcome;
    answer None, and a Welcome for that ID is as good as any other, whoever made it.
    Raises ``NotForUs``, ``DecodeError``, ``PSKUnavailable``, ``InvalidMessage`` and what ``authenticate`` raises.
    """
    # Members may have aged since they were added, so nobody's lifetime is asked here.
    rules = Rules(authenticate, policy)

    def find_epoch(group_id: bytes) -> Epoch | None:
        group = resume(group_id)
        return None if group is None else group.state

    joined = join_by_welcome(
        welcome, bundles, rules=rules, known_group=known_group, find_epoch=find_epoch, ratchet_tree=ratchet_tree
    )
    return Joined(Group(joined.next.epoch, joined.next.secret_tree), joined.used_ref, joined.signer, joined.origin)
