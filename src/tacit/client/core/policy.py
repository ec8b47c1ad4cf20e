"""Who may change what in a group: one pure function that every member runs on every commit, its own ones included.

It sees accounts and roles only; that the commit is valid MLS, and that every leaf belongs to the account it names, has
been checked before. All members judge the same authenticated bytes, so all come to the same answer. A commit that is
refused here changes nothing: the group goes on with the next one.

Each proposal is judged by its *author*: the committer for proposals in the commit itself, the sender for those that
it takes up by reference. Whoever commits somebody else's wish is a messenger.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tacit.client.core.group_info import GroupInfo, GroupKind


class Deed(StrEnum):
    """What one proposal does."""

    ADD = "add"
    REMOVE = "remove"
    UPDATE = "update"
    CHANGE_INFO = "change-info"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Act:
    """One proposal of a commit, in terms of accounts."""

    deed: Deed
    author: bytes
    """Account ID of whoever wants it."""
    subject: bytes = b""
    """Account ID of who is added or removed."""
    own_leaf: bool = False
    """A Remove, by reference, of the very leaf that sent it."""
    by_ref: bool = False
    """It was proposed before it is committed."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit does, in terms of accounts and roles."""

    acts: tuple[Act, ...]
    before: frozenset[bytes]
    """Accounts in the group before the commit."""
    after: frozenset[bytes]
    """Accounts in the group after it."""
    info_before: GroupInfo
    info_after: GroupInfo | None
    """None when the group would no longer describe itself."""
    other_extensions_changed: bool = False
    """The commit touches extensions of the group that no member may touch."""
    epoch_after: int = 0
    """Number of the epoch that the commit begins."""


class Rejected(Exception):
    """The roles do not allow the commit; ``reason`` is a stable word for the notice."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def admins_of(info: GroupInfo, members: frozenset[bytes]) -> frozenset[bytes]:
    """Accounts that may add, remove and rename.

    When no admin is left in the group, everybody is one: a group must not become unmanageable because somebody left.
    """
    present = members.intersection(info.admins)
    return present or members


def check_change(change: Change) -> None:
    """Raise ``Rejected`` unless the roles allow every part of a commit."""
    for act in change.acts:
        _check_act(act, change.info_before, change.before)
    if change.info_after is None:
        raise Rejected("no-group-info")
    if change.other_extensions_changed:
        raise Rejected("extensions")
    _check_info(change.info_before, change.info_after, by=_info_authors(change), change=change)
    if change.info_before.kind is GroupKind.DIRECT:
        _check_direct(change)
    if change.info_before.kind is GroupKind.ROOM:
        _check_room(change, change.info_after)


def _check_act(act: Act, info: GroupInfo, members: frozenset[bytes]) -> None:
    """Raise ``Rejected`` unless the author may propose this in a group of these members."""
    if info.kind is GroupKind.ROOM and (act.deed is Deed.ADD or (act.by_ref and not act.own_leaf)):
        # Into a room one comes by its link. What waits there for a commit must never make one fail: a leaf that was
        # proposed could show a nickname that is taken.
        raise Rejected(f"{act.deed}-in-room")
    match act.deed:
        case Deed.UPDATE | Deed.CHANGE_INFO:
            return
        case Deed.REMOVE if act.own_leaf:
            return
        case Deed.ADD | Deed.REMOVE:
            if act.author not in admins_of(info, members):
                raise Rejected(f"{act.deed}-by-non-admin")
        case _:
            raise Rejected("unknown-proposal")


def _info_authors(change: Change) -> frozenset[bytes]:
    return frozenset(act.author for act in change.acts if act.deed is Deed.CHANGE_INFO)


def _check_info(before: GroupInfo, after: GroupInfo, *, by: frozenset[bytes], change: Change) -> None:
    if not by:
        if before != after:
            raise Rejected("info-changed-by-nobody")
        return
    if not by <= admins_of(before, change.before):
        raise Rejected("change-info-by-non-admin")
    if (before.version, before.kind, before.pq_draft) != (after.version, after.kind, after.pq_draft):
        raise Rejected("fixed-info")


def _check_direct(change: Change) -> None:
    """A direct chat is between two people, for ever the same two, and has no name."""
    if change.info_before != change.info_after:
        raise Rejected("direct-info")
    if not change.after <= change.before and len(change.before | change.after) > 2:
        raise Rejected("direct-third")


def _check_room(change: Change, after: GroupInfo) -> None:
    """The link secret is drawn anew exactly where the description says so, and always when somebody was put out."""
    before = change.info_before
    renewed = after.link_epoch != before.link_epoch
    if renewed and after.link_epoch != change.epoch_after:
        raise Rejected("link-epoch")
    if not renewed and any(act.deed is Deed.REMOVE and not act.own_leaf for act in change.acts):
        raise Rejected("kick-keeps-link")
    if before.public != after.public or (before.public and before.name != after.name):
        raise Rejected("fixed-info")
