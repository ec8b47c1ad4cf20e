"""Where a group comes from: one that it continues after a ReInit, or one that it branched from.

A resumption PSK of the old group ties the new one to it, so that nobody can begin such a group, or be let into it, who
was not in the old one. Source: RFC 9420 §8.4, §11.2, §11.3
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tacit.mls.checks.lineage import (
    check_begins,
    check_continues,
    check_one_lineage,
    check_reinit_committed,
    check_reinit_parameters,
    check_same_members,
    check_same_suite,
    check_subgroup,
)
from tacit.mls.epochs import Epoch
from tacit.mls.errors import PSKUnavailable
from tacit.mls.group_context import GroupContext
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.policy import IdentityOf, Lineage
from tacit.mls.pre_shared_keys import PreSharedKeyID, ResumptionPSK, lineage_usage
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import ResumptionPSKUsage

FindEpoch = Callable[[bytes], Epoch | None]
"""Looks up the present epoch of another group of ours by its ID, or else of the one that was closed for that ID."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The old group as we hold it, and the PSK that ties the new one to it; ``key.usage`` says in which way."""

    key: ResumptionPSK
    old: Epoch

    @property
    def lineage(self) -> Lineage:
        """What lets the key be used."""
        return Lineage(self.key.usage, self.old.find_psk)


def find_origin(psks: Sequence[PreSharedKeyID], find_epoch: FindEpoch) -> Origin | None:
    """What a Welcome with these keys says that its group comes from; raises ``InvalidMessage``, ``PSKUnavailable``."""
    check_one_lineage(psks)
    for psk_id in psks:
        if isinstance(psk_id.key, ResumptionPSK) and lineage_usage(psk_id) is not None:
            old = find_epoch(psk_id.key.psk_group_id)
            if old is None:
                raise PSKUnavailable
            return Origin(psk_id.key, old)
    return None


def find_psk_of_others(find_epoch: FindEpoch) -> Callable[[PreSharedKeyID], bytes | None]:
    """The look-up for resumption PSKs of all groups that ``find_epoch`` knows."""

    def find(psk_id: PreSharedKeyID) -> bytes | None:
        old = find_epoch(psk_id.key.psk_group_id) if isinstance(psk_id.key, ResumptionPSK) else None
        return None if old is None else old.find_psk(psk_id)

    return find


def check_origin(origin: Origin, context: GroupContext, tree: RatchetTree, identity_of: IdentityOf) -> None:
    """Judge a new group by the one that it comes from; raises ``InvalidMessage``."""
    check_begins(context)
    new = _identities((leaf for _, leaf in tree.leaves()), identity_of)
    if origin.key.usage is ResumptionPSKUsage.REINIT:
        old = origin.old
        reinit = check_reinit_committed(old.reinit, old.context.epoch, origin.key.psk_epoch)
        check_reinit_parameters(reinit, context)
        check_same_members(_identities(old.leaves.values(), identity_of), new)
    else:
        check_same_suite(origin.old.suite, context)
        check_subgroup(_identities(_members_then(origin), identity_of), new)


def check_expected(origin: Origin | None, context: GroupContext, find_epoch: FindEpoch) -> None:
    """Judge a new group by the one that was closed for it, if ``find_epoch`` answers for its ID with that one."""
    closed = find_epoch(context.group_id)
    if closed is not None and closed.reinit is not None and closed.reinit.group_id == context.group_id:
        check_continues(closed.context.group_id, None if origin is None else origin.key)


def _members_then(origin: Origin) -> Iterable[LeafNode]:
    """Who was in the epoch that the key is of; who is in the group now, if that is not known any more."""
    for past in origin.old.past:
        if past.group_context.epoch == origin.key.psk_epoch:
            return past.leaves.values()
    return origin.old.leaves.values()


def _identities(leaves: Iterable[LeafNode], identity_of: IdentityOf) -> list[bytes]:
    return [identity_of(leaf) for leaf in leaves]
