"""Rules for groups that continue another one or branch from it. Source: RFC 9420 §11.2, §11.3, §12.4.3.1

The same are asked of who begins such a group and of who is invited into it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tacit.crypto.suites import CipherSuite
from tacit.errors import InvalidMessage
from tacit.mls.group_context import GroupContext
from tacit.mls.pre_shared_keys import PreSharedKeyID, ResumptionPSK, lineage_usage
from tacit.mls.proposals import ReInit
from tacit.mls.registry import MLS10, ResumptionPSKUsage


def check_one_lineage(psks: Sequence[PreSharedKeyID]) -> None:
    """A group comes from one other group at most."""
    if sum(lineage_usage(psk_id) is not None for psk_id in psks) > 1:
        raise InvalidMessage("12.4.3.1/psk-lineage")


def check_begins(context: GroupContext) -> None:
    """A group that comes from another one is joined in its first epoch with members."""
    if context.epoch != 1:
        raise InvalidMessage("12.4.3.1/lineage-epoch")


def check_reinit_committed(reinit: ReInit | None, last_epoch: int, psk_epoch: int) -> ReInit:
    """The last commit of the old group was of a ReInit, and the PSK is of the epoch that it led to."""
    if reinit is None or psk_epoch != last_epoch:
        raise InvalidMessage("11.2/reinit-committed")
    return reinit


def check_reinit_parameters(reinit: ReInit, context: GroupContext) -> None:
    """The new group is the one that the members of the old one have agreed on."""
    agreed = (reinit.version, reinit.cipher_suite, reinit.group_id, reinit.extensions)
    if agreed != (MLS10, context.cipher_suite, context.group_id, context.extensions):
        raise InvalidMessage("11.2/parameters")


def check_continues(closed: bytes, key: ResumptionPSK | None) -> None:
    """The group that the one of ID ``closed`` was closed for is entered with a PSK of that one, and in no other way."""
    if key is None or (key.usage, key.psk_group_id) != (ResumptionPSKUsage.REINIT, closed):
        raise InvalidMessage("11.2/reinit-psk")


def check_same_members(old: Sequence[bytes], new: Sequence[bytes]) -> None:
    """Everyone who was in the old group is in the new one, as often as before, and nobody else."""
    if Counter(old) != Counter(new):
        raise InvalidMessage("11.2/same-members")


def check_same_suite(suite: CipherSuite, context: GroupContext) -> None:
    """A subgroup has the version and the suite of the group that it branched from."""
    if context.cipher_suite != suite.id:
        raise InvalidMessage("11.3/suite")


def check_subgroup(old: Sequence[bytes], new: Sequence[bytes]) -> None:
    """Nobody is in a subgroup who was not in the group that it branched from."""
    if Counter(new) - Counter(old):
        raise InvalidMessage("11.3/subgroup")
