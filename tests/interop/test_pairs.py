"""Tacit and one judge at a time: every operation that both know, in every suite that both have, in both directions."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from tacit.crypto.suites import suite
from tests.interop.bridges import Bridge, Refused
from tests.interop.rooms import Party, Room

pytestmark = pytest.mark.interop

POST_QUANTUM = 0xF062
SUITES = {"ts-mls": (1, 2, 3, 4, 5, 6, 7, POST_QUANTUM), "core-crypto": (1, 2, 3, 5, 7)}
FEW_SUITES = {"ts-mls": (1, 2, POST_QUANTUM), "core-crypto": (1, 2)}
WANTED = SUITES if os.environ.get("TACIT_INTEROP") == "all" else FEW_SUITES

PAIRS = [
    pytest.param((name, suite, ours), id=f"{name}-{suite:#06x}-{'tacit' if ours else name}-creates")
    for name, suites in WANTED.items()
    for suite in suites
    for ours in (True, False)
]
WITH_TS_MLS = [case for case in PAIRS if case.id is not None and case.id.startswith("ts-mls")]

BridgeTo = Callable[[str], Bridge]


class Pair:
    """A room with a member of each implementation in it."""

    def __init__(self, bridge_to: BridgeTo, name: str, suite: int, ours: bool) -> None:
        self.tacit, self.judge = bridge_to("tacit"), bridge_to(name)
        first, second = (self.tacit, self.judge) if ours else (self.judge, self.tacit)
        self.creator, self.joiner = Party(first), Party(second)
        self.room = Room(suite, self.creator, public="private handshakes" in self.judge.lacks)
        self.room.add(self.creator, self.joiner)

    @property
    def ours(self) -> Party:
        return self.creator if self.creator.bridge is self.tacit else self.joiner

    @property
    def theirs(self) -> Party:
        return self.joiner if self.creator.bridge is self.tacit else self.creator


@pytest.fixture
def pair(bridge_to: BridgeTo, request: pytest.FixtureRequest) -> Pair:
    return Pair(bridge_to, *request.param)


ALL = pytest.mark.parametrize("pair", PAIRS, indirect=True)
TS_MLS = pytest.mark.parametrize("pair", WITH_TS_MLS, indirect=True)


@pytest.mark.parametrize("name", SUITES)
def test_the_suites_of_these_tests_are_those_that_both_have(bridge_to: BridgeTo, name: str) -> None:
    ours, theirs = (set(bridge_to(each)("suites")["suites"]) for each in ("tacit", name))
    assert ours & theirs == set(SUITES[name])


@ALL
def test_members_come_and_go_and_talk(pair: Pair) -> None:
    room, ours, theirs = pair.room, pair.ours, pair.theirs
    for member in (ours, theirs):
        room.say(member, b"hello")
        room.commit(member)
    mine, yours, both = [Party(pair.tacit) for _ in range(3)], [Party(pair.judge) for _ in range(3)], list(room.members)
    room.add(pair.joiner, mine[0], yours[0])
    room.add(pair.creator, yours[1])
    room.add(yours[1], mine[1])
    room.add(mine[1], yours[2], mine[2])
    for member in list(room.members):
        room.say(member, bytes(1000))
        room.commit(member)
    room.remove(mine[1], yours[0])
    room.remove(yours[1], mine[0], mine[2])
    room.remove(mine[1], *(both[1:] if "empty half" in pair.judge.lacks else both))
    room.commit(yours[1])
    for member in list(room.members):
        room.say(member, b"still here")


@ALL
def test_proposals_of_one_are_committed_by_the_other(pair: Pair) -> None:
    room, guests, newcomer = pair.room, [Party(pair.tacit) for _ in range(4)], Party(pair.judge)
    room.add(pair.creator, *guests)
    room.propose(pair.ours, "add", key_package=newcomer.begin("keypackage", room.suite)["key_package"])
    if "mixed commits" in pair.judge.lacks:
        room.commit(pair.theirs, joining=[newcomer])
    room.propose(guests[3], "update")
    if "commit update" in pair.judge.lacks:
        room.commit(guests[2])
    room.propose(pair.ours, "remove", identity=guests[0].identity)
    room.propose(pair.ours, "remove", identity=guests[1].identity)
    joining = [] if newcomer in room.members else [newcomer]
    room.commit(pair.theirs, joining=joining, leaving=guests[:2])
    if "propose" in pair.judge.lacks:
        return
    package = guests[0].begin("keypackage", room.suite)["key_package"]
    room.propose(pair.theirs, "remove", identity=guests[3].identity)
    room.propose(pair.theirs, "add", key_package=package)
    room.commit(pair.ours, joining=[guests[0]], leaving=[guests[3]])


@ALL
def test_messages_that_come_out_of_order_are_read(pair: Pair) -> None:
    room = pair.room
    for sender, reader in ((pair.ours, pair.theirs), (pair.theirs, pair.ours)):
        messages = [room.seal(sender, bytes([number])) for number in range(5)]
        for number in (1, 0, 2, 4):
            room.read(reader, messages[number], bytes([number]))
        room.commit(reader)
        room.say(sender, b"in the new epoch")
        room.read(reader, messages[3], bytes([3]))
        for message in messages:
            with pytest.raises(Refused):
                reader.call("unprotect", group=room.group, message=message)


@ALL
def test_whoever_holds_a_group_info_lets_himself_in(pair: Pair) -> None:
    room = pair.room
    for holder in (pair.ours, pair.theirs):
        for bridge in (pair.tacit, pair.judge):
            room.commit(holder)
            newcomer = Party(bridge)
            room.join_externally(newcomer, holder.call("groupinfo", group=room.group)["groupinfo"])
            assert newcomer in room.members
    for member in list(room.members):
        room.say(member, b"hello")
        room.commit(member)


@TS_MLS
def test_whoever_lost_a_group_comes_back_in_its_own_place(pair: Pair) -> None:
    room = pair.room
    room.add(pair.creator, Party(pair.tacit), Party(pair.judge))
    for lost, holder in ((pair.ours, pair.theirs), (pair.theirs, pair.ours)):
        room.members.remove(lost)
        room.join_externally(lost, holder.call("groupinfo", group=room.group)["groupinfo"], resync=True)
        assert lost in room.members
        room.say(lost, b"back")
        room.commit(lost)


@TS_MLS
def test_authenticated_data_stays_with_every_message(pair: Pair) -> None:
    room = pair.room
    for sender, reader in ((pair.ours, pair.theirs), (pair.theirs, pair.ours)):
        room.say(sender, b"hello", b"about this")
        commit = sender.call("commit", group=room.group, aad="0102")["commit"]
        assert reader.call("process", group=room.group, message=commit)["aad"] == "0102"
        sender.call("process", group=room.group, message=commit)
        room.agree()


@TS_MLS
def test_pre_shared_keys_go_into_the_epoch(pair: Pair) -> None:
    room, newcomer = pair.room, {pair.ours: Party(pair.judge), pair.theirs: Party(pair.tacit)}
    for number, sender in enumerate((pair.ours, pair.theirs)):
        first, second = (f"{number}{which}".encode().hex() for which in "ab")
        package = newcomer[sender].begin("keypackage", room.suite)["key_package"]
        for member in (*room.members, newcomer[sender]):
            for psk_id in (first, second):
                member.call("psk", psk_id=psk_id, psk=psk_id * 20)
        room.propose(sender, "psk", psk_id=first)
        add = {"type": "add", "key_package": package}
        room.commit(sender, {"type": "psk", "psk_id": second}, add, joining=[newcomer[sender]])
        room.propose(sender, "psk", psk_id=second)
        room.commit(next(member for member in room.members if member is not sender))


@TS_MLS
def test_who_has_another_pre_shared_key_is_left_behind(pair: Pair) -> None:
    room = pair.room
    for sender, reader in ((pair.ours, pair.theirs), (pair.theirs, pair.ours)):
        psk_id = sender.name.encode().hex()
        sender.call("psk", psk_id=psk_id, psk="01" * 32)
        commit = sender.call("commit", group=room.group, proposals=[{"type": "psk", "psk_id": psk_id}])["commit"]
        for psk in (None, "02" * 32):
            if psk is not None:
                reader.call("psk", psk_id=psk_id, psk=psk)
            with pytest.raises(Refused):
                reader.call("process", group=room.group, message=commit)
        reader.call("psk", psk_id=psk_id, psk="01" * 32)
        room.deliver(sender, commit)
        room.agree()


@TS_MLS
def test_the_past_of_the_group_itself_is_a_pre_shared_key(pair: Pair) -> None:
    room = pair.room
    epoch = pair.ours.call("state_auth", group=room.group)["epoch"]
    room.commit(pair.theirs)
    room.commit(pair.ours, {"type": "psk", "epoch": epoch})


@TS_MLS
def test_what_ts_mls_makes_against_the_rfc_is_refused(pair: Pair) -> None:
    """No path with exactly one removal; a path to somebody new; a path to the old key of somebody updated."""
    room, guests = pair.room, [Party(pair.tacit) for _ in range(2)]
    room.add(pair.creator, *guests)
    removals = [{"type": "remove", "identity": guest.identity} for guest in guests]
    package = Party(pair.judge).begin("keypackage", room.suite)["key_package"]
    refused(pair, "12.4/path-required", removals[:1])
    refused(pair, "7.6/ciphertext-count", [*removals, {"type": "add", "key_package": package}])
    for guest in guests:
        room.propose(guest, "update")
    refused(pair, "7.5/path-secret", [], guests[0])
    room.commit(pair.ours)


def refused(pair: Pair, check: str, proposals: list[dict[str, str]], reader: Party | None = None) -> None:
    """A commit of theirs does not pass, and nothing has changed."""
    group, reader = pair.room.group, reader or pair.ours
    commit = pair.theirs.call("commit", group=group, proposals=proposals)["commit"]
    before = reader.call("state_auth", group=group)
    with pytest.raises(Refused, match=re.escape(check)):
        reader.call("process", group=group, message=commit)
    assert reader.call("state_auth", group=group) == before


@pytest.mark.parametrize("length", [0, 1, 32, 48, 100])
def test_the_default_suite_derives_the_keys_of_hpke_pq(bridge_to: BridgeTo, length: int) -> None:
    """The judge's own X-Wing derives other keys; ours is put together from its parts, and so is that which it uses."""
    ikm = bytes(range(length))
    theirs = bridge_to("ts-mls")("derive_key_pair", suite=POST_QUANTUM, ikm=ikm.hex())
    ours = suite(POST_QUANTUM).derive_key_pair(ikm)
    assert (theirs["private"], theirs["public"]) == (ours.private.hex(), ours.public.hex())
