"""A group of members of different implementations who all hear everything, in one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.interop.bridges import Bridge, Refused

NUMBERS = count(1)
BASIC, X509 = 1, 2
EXPORT = {"label": "exporter", "length": 32}
"""The exporter that every implementation can be asked for; core-crypto knows this label only."""


@dataclass(frozen=True)
class Party:
    """A client of an implementation, under an identity of the form that core-crypto insists on."""

    bridge: Bridge
    number: int = field(default_factory=lambda: next(NUMBERS))

    @property
    def name(self) -> str:
        return f"{self.bridge}-{self.number}"

    @property
    def identity(self) -> str:
        return f"00000000-0000-4000-8000-{self.number:012x}:{self.number:x}@tacit.example".encode().hex()

    def __str__(self) -> str:
        return self.name

    def call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Ask our implementation."""
        return self.bridge(verb, client=self.name, **arguments)

    def begin(self, verb: str, suite: int, **arguments: Any) -> dict[str, Any]:
        """Ask for something that makes a leaf; it says that it supports what core-crypto's groups require."""
        more = {"credential_types": [BASIC, X509]} if self.bridge.name == "tacit" else {}
        if not (self.bridge.name == "tacit" and verb == "external_join"):
            more["suite"] = suite
        return self.call(verb, identity=self.identity, **more, **arguments)


class Room:
    """The members, and what is done among them. After every commit all are compared."""

    def __init__(self, suite: int, creator: Party, *, public: bool) -> None:
        self.suite = suite
        self.public = public
        self.group = f"{next(NUMBERS):08x}"
        self.members = [creator]
        self.epochs = 0
        self._locked_out: list[Party] = []
        creator.begin("create", suite, group=self.group)

    def commit(
        self,
        by: Party,
        *proposals: dict[str, Any],
        joining: Sequence[Party] = (),
        leaving: Sequence[Party] = (),
        **arguments: Any,
    ) -> None:
        """A commit that everybody takes up, and that brings ``joining`` in and puts ``leaving`` out."""
        made = by.call("commit", group=self.group, proposals=proposals, public=self.public, **arguments)
        self.deliver(by, made["commit"], leaving)
        for newcomer in joining:
            self._let_in(newcomer, made["welcome"])
        if self._locked_out:
            gone, self._locked_out = self._locked_out, []
            self.remove(next(member for member in self.members if "lone removal" not in member.bridge.lacks), *gone)
        else:
            self.agree()

    def _let_in(self, newcomer: Party, welcome: str) -> None:
        try:
            joined = newcomer.call("join", welcome=welcome)
        except Refused as refusal:
            _balks(newcomer, refusal)
            self._locked_out.append(newcomer)
            return
        assert joined["group"] == self.group
        self.members.append(newcomer)

    def deliver(self, by: Party, commit: str, leaving: Sequence[Party] = ()) -> None:
        """Let everybody have a commit, its maker too; who is removed leaves the room."""
        for member in list(self.members):
            if member in leaving:
                self.members.remove(member)
                if "own removal" in member.bridge.lacks:
                    continue
            if member is not by:
                taken = member.call("process", group=self.group, message=commit)
                assert taken["kind"] == "commit"
                assert taken["removed"] is (member in leaving)
        assert by.call("process", group=self.group, message=commit)["own"]

    def add(self, by: Party, *newcomers: Party) -> None:
        """Bring people in."""
        packages = [newcomer.begin("keypackage", self.suite)["key_package"] for newcomer in newcomers]
        self.commit(by, *({"type": "add", "key_package": each} for each in packages), joining=newcomers)

    def remove(self, by: Party, *others: Party) -> None:
        """Put people out."""
        self.commit(by, *({"type": "remove", "identity": other.identity} for other in others), leaving=others)

    def propose(self, by: Party, verb: str, **arguments: Any) -> None:
        """A proposal that everybody hears."""
        made = by.call(verb, group=self.group, public=self.public, **arguments)
        for member in self.members:
            if member is not by:
                assert member.call("process", group=self.group, message=made["message"])["kind"] == "proposal"

    def join_externally(self, newcomer: Party, groupinfo: str, **arguments: Any) -> None:
        """Somebody who lets himself in, unless his implementation balks at this tree."""
        try:
            made = newcomer.begin("external_join", self.suite, groupinfo=groupinfo, **arguments)
        except Refused as refusal:
            _balks(newcomer, refusal)
            return
        assert made["group"] == self.group
        self.deliver(newcomer, made["commit"])
        if newcomer not in self.members:
            self.members.append(newcomer)
        self.agree()

    def say(self, by: Party, data: bytes, aad: bytes = b"") -> None:
        """A message that everybody reads."""
        message = self.seal(by, data, aad)
        for member in self.members:
            if member is not by:
                self.read(member, message, data, aad)

    def seal(self, by: Party, data: bytes, aad: bytes = b"") -> str:
        """A message that nobody has read yet."""
        more = {"aad": aad.hex()} if aad else {}
        sealed: str = by.call("protect", group=self.group, data=data.hex(), **more)["message"]
        return sealed

    def read(self, member: Party, message: str, data: bytes, aad: bytes = b"") -> None:
        """Somebody reads a message."""
        opened = member.call("unprotect", group=self.group, message=message)
        assert bytes.fromhex(opened["data"]) == data
        assert bytes.fromhex(opened.get("aad", aad.hex())) == aad

    def agree(self) -> None:
        """All are in one epoch with the same secrets, and those who can say so see the same tree and history."""
        views = [
            member.call("state_auth", group=self.group)
            for member in self.members
            if "state_auth" not in member.bridge.lacks
        ]
        for view in views:
            del view["leaf"]
            assert view == views[0]
        blind = [member for member in self.members if "state_auth" in member.bridge.lacks]
        if blind:
            asked = [*blind, *(member for member in self.members if member not in blind)][: len(blind) + 1]
            assert len({member.call("export", group=self.group, **EXPORT)["secret"] for member in asked}) == 1
        names = {member.identity for member in self.members}
        for member in blind:
            assert set(member.call("members", group=self.group)["members"]) == names
        if views:
            assert {member["identity"] for member in views[0]["members"]} == names
        self.epochs += 1


def _balks(newcomer: Party, refusal: Refused) -> None:
    """Raise again what is not the known refusal of trees with unmerged leaves."""
    if "unmerged leaves" not in newcomer.bridge.lacks or "unmerged_leaves" not in str(refusal):
        raise refusal
