"""Two to twenty members of mixed implementations do two hundred random things; after every epoch all agree."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

from tests.interop.bridges import Bridge, Refused
from tests.interop.rooms import Party, Room

pytestmark = pytest.mark.interop

LONG = os.environ.get("TACIT_INTEROP") == "all"
SEEDS = range(5) if LONG else range(1)
OPERATIONS = 200
FEWER_OPERATIONS = OPERATIONS if LONG else 50
FEWEST, MOST = 2, 20
MIXES = {
    "tacit and ts-mls": (0x0001, ("tacit", "ts-mls"), FEWER_OPERATIONS),
    "tacit and core-crypto": (0x0002, ("tacit", "core-crypto"), FEWER_OPERATIONS),
    "all three": (0x0001, ("tacit", "core-crypto", "ts-mls"), OPERATIONS),
    "tacit and ts-mls, post-quantum": (0xF062, ("tacit", "ts-mls"), FEWER_OPERATIONS),
}
LONG_ONES = {name: pytest.param(name, marks=pytest.mark.long) for name in ("tacit and ts-mls", "tacit and core-crypto")}


class Story:
    """A room and what happens in it, drawn from a seed."""

    def __init__(self, bridges: list[Bridge], suite: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.bridges = bridges
        self.ours = bridges[0]
        public = any("private handshakes" in bridge.lacks for bridge in bridges)
        self.founder = Party(self.ours)
        self.room = Room(suite, self.founder, public=public)
        self.done: dict[str, int] = {}
        self.seen: set[str] = set()
        self.acts: dict[Callable[[], None], int] = {
            self.add: 20,
            self.remove: 12,
            self.update: 16,
            self.join_externally: 8,
            self.propose: 14,
            self.mix_in_a_key: 6,
            self.lose_a_race: 6,
            self.talk: 12,
            self.restart: 6,
        }

    def tell(self, operations: int) -> None:
        """So many acts, each of them possible where it comes."""
        self.add()
        while sum(self.done.values()) < operations:
            self.seen.update(member.bridge.name for member in self.room.members)
            (act,) = self.random.choices(list(self.acts), list(self.acts.values()))
            act()

    def able(self, *needs: str) -> list[Party]:
        """Members whose implementation does not lack any of that."""
        return [member for member in self.room.members if not member.bridge.lacks.intersection(needs)]

    def count(self, name: str) -> None:
        self.done[name] = self.done.get(name, 0) + 1

    def newcomers(self, most: int) -> list[Party]:
        room_left = min(most, MOST - len(self.room.members))
        return [Party(self.random.choice(self.bridges)) for _ in range(self.random.randint(1, max(room_left, 1)))]

    def leaving(self, most: int, *staying: Party) -> list[Party]:
        """Who may be put out; the founder stays, so that no half of the tree is ever empty."""
        others = [member for member in self.room.members if member not in (self.founder, *staying)]
        return self.random.sample(others, min(most, len(others), max(len(self.room.members) - FEWEST, 0)))

    def add(self) -> None:
        if len(self.room.members) < MOST:
            self.room.add(self.random.choice(self.room.members), *self.newcomers(3))
            self.count("add")

    def remove(self) -> None:
        by = self.random.choice(self.room.members)
        gone = self.leaving(self.random.choice((1, 2)), by)
        if gone and not (len(gone) == 1 and "lone removal" in by.bridge.lacks):
            self.room.remove(by, *gone)
            self.count("remove")

    def update(self) -> None:
        self.room.commit(self.random.choice(self.room.members))
        self.count("update")

    def join_externally(self) -> None:
        if len(self.room.members) < MOST:
            holder = self.random.choice(self.able("groupinfo"))
            info = holder.call("groupinfo", group=self.room.group)["groupinfo"]
            (newcomer,) = self.newcomers(1)
            self.room.join_externally(newcomer, info)
            self.count("external join" if newcomer in self.room.members else "external join in vain")

    def propose(self) -> None:
        """A few proposals of members who can make them, committed by somebody else of ours."""
        by, guest = self.random.choice(self.able("propose")), Party(self.random.choice(self.bridges))
        gone = self.leaving(1, by)
        for member in gone:
            self.room.propose(by, "remove", identity=member.identity)
        joining = [guest] if len(self.room.members) < MOST else []
        for member in joining:
            package = member.begin("keypackage", self.room.suite)["key_package"]
            self.room.propose(by, "add", key_package=package)
        committers = [member for member in self.able("mixed commits", "commit update") if member not in gone]
        committer = self.random.choice(committers)
        for member in self.able("propose update"):
            if member not in (committer, *gone) and self.random.random() < 0.5:
                self.room.propose(member, "update")
        self.room.commit(committer, joining=joining, leaving=gone)
        self.count("proposals")

    def mix_in_a_key(self) -> None:
        if any("psk" in member.bridge.lacks for member in self.room.members):
            return
        psk_id, psk = self.random.randbytes(8).hex(), self.random.randbytes(32).hex()
        for member in self.room.members:
            member.call("psk", psk_id=psk_id, psk=psk)
        self.room.commit(self.random.choice(self.room.members), {"type": "psk", "psk_id": psk_id})
        self.count("psk")

    def lose_a_race(self) -> None:
        """Two commit at once, and one of them comes too late."""
        loser, winner = self.founder, self.random.choice(self.room.members[1:])
        late = loser.call("commit", group=self.room.group, public=self.room.public)["commit"]
        self.room.commit(winner)
        with pytest.raises(Refused):
            loser.call("process", group=self.room.group, message=late)
        self.count("lost race")

    def talk(self) -> None:
        """Two speak at once; everybody hears them in an order of his own, and again in vain."""
        speakers = self.random.sample(self.room.members, 2)
        sealed = [(by, data, self.room.seal(by, data)) for by in speakers for data in (b"one", b"two")]
        for member in self.room.members:
            heard = [message for message in sealed if message[0] is not member]
            self.random.shuffle(heard)
            for _, data, message in heard:
                self.room.read(member, message, data)
            with pytest.raises(Refused):
                member.call("unprotect", group=self.room.group, message=heard[0][2])
        self.count("talk")

    def restart(self) -> None:
        """Our members come back from what they have stored."""
        for member in self.room.members:
            if member.bridge is self.ours:
                member.call("reload")
        self.room.agree()
        self.count("restart")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mix", [LONG_ONES.get(name, name) for name in MIXES])
def test_all_agree_after_every_epoch(bridge_to: Callable[[str], Bridge], mix: str, seed: int) -> None:
    suite, names, operations = MIXES[mix]
    story = Story([bridge_to(name) for name in names], suite, seed)
    story.tell(operations)
    assert sum(story.done.values()) == operations
    assert story.room.epochs >= operations // 2
    assert story.seen == set(names)
