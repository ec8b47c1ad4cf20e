"""Who is in a group: the leaves of one epoch, read as accounts and devices.

Built from credentials that ``authenticate_leaf`` has let in; so reading them again here verifies nothing, and a leaf
that cannot be read is a programming error, not an attack.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from tacit.client.core.group_info import ExtensionLike
from tacit.client.core.nicks import nick_in
from tacit.identity import DeviceCertificate


class MemberLike(Protocol):
    """A member as ``mls.Group.members()`` lists it."""

    @property
    def leaf_index(self) -> int:
        """Place in the tree."""
        ...

    @property
    def leaf_node(self) -> LeafLike:
        """What stands there."""
        ...


class LeafLike(Protocol):
    """A leaf as far as it is looked at here."""

    @property
    def credential_identity(self) -> bytes:
        """Encoded device certificate."""
        ...

    @property
    def extensions(self) -> Sequence[ExtensionLike]:
        """What else it shows."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """One device in the group."""

    leaf: int
    account_id: bytes
    device_id: bytes
    account_key: bytes
    identity: bytes
    """The credential as it lies in the leaf."""
    nick: str = ""
    """In rooms what the leaf is called; empty where that is not well-formed."""

    @property
    def device(self) -> tuple[bytes, bytes]:
        """Account and device ID: how the relay names a reader."""
        return self.account_id, self.device_id


@dataclass(frozen=True)
class Roster:
    """The devices of one epoch in the order of their leaves."""

    members: tuple[Member, ...]

    @cached_property
    def by_leaf(self) -> Mapping[int, Member]:
        """Members by place in the tree."""
        return {member.leaf: member for member in self.members}

    @cached_property
    def accounts(self) -> frozenset[bytes]:
        """Every account with at least one device."""
        return frozenset(member.account_id for member in self.members)

    @cached_property
    def devices(self) -> frozenset[tuple[bytes, bytes]]:
        """Every device."""
        return frozenset(member.device for member in self.members)

    def of(self, account_id: bytes) -> tuple[Member, ...]:
        """The devices of one account."""
        return tuple(member for member in self.members if member.account_id == account_id)

    @cached_property
    def nicks(self) -> Mapping[bytes, str]:
        """What each account of a room is called: by its first device, if it has several."""
        return {member.account_id: member.nick for member in reversed(self.members)}

    def account_key(self, account_id: bytes) -> bytes | None:
        """The key of one account."""
        return next((member.account_key for member in self.members if member.account_id == account_id), None)


def read_roster(members: Iterable[MemberLike], previous: Roster | None = None) -> Roster:
    """List a group's members; leaves that stand unchanged in ``previous`` are not read again."""
    known = previous.by_leaf if previous else {}
    listed = []
    for member in members:
        identity = member.leaf_node.credential_identity
        old = known.get(member.leaf_index)
        nick = nick_in(member.leaf_node.extensions)
        if old is None or old.identity != identity:
            listed.append(read_member(member.leaf_index, identity, nick))
        else:
            listed.append(old if old.nick == nick else replace(old, nick=nick))
    return Roster(tuple(listed))


def read_member(leaf: int, identity: bytes, nick: str = "") -> Member:
    """Read one leaf's credential."""
    certificate = DeviceCertificate.decode(identity)
    return Member(leaf, certificate.account_id, certificate.device_id, certificate.account_key, identity, nick)
