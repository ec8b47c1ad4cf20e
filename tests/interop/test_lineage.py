"""Groups that come from others, between tacit and ts-mls: who closes, who begins and who follows, both ways round."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import pytest

from tests.interop.bridges import Bridge, Refused
from tests.interop.rooms import NUMBERS, Party, Room

pytestmark = pytest.mark.interop

BridgeTo = Callable[[str], Bridge]
WHO = [pytest.param(ours, id="tacit" if ours else "ts-mls") for ours in (True, False)]


def follow(room: Room, begun: dict[str, str], group: str, suite: int, founder: Party, followers: list[Party]) -> Room:
    """Let others into the new group, whose Welcome may come without a tree and whose origin ts-mls is told."""
    later = copy(room)
    later.suite, later.group, later.members = suite, group, [founder]
    for follower in followers:
        more = {"resume": room.group} if follower.bridge.name == "ts-mls" else {}
        joined = follower.call("join", welcome=begun["welcome"], ratchet_tree=begun["ratchet_tree"], **more)
        assert (joined["group"], joined["epoch"]) == (group, 1)
        later.members.append(follower)
    later.agree()
    return later


def talk(room: Room) -> None:
    for member in list(room.members):
        room.say(member, b"on we go")
        room.commit(member)


def room_of_three(bridge_to: BridgeTo, suite: int, begins: bool) -> tuple[Room, Party, list[Party]]:
    """Two of the one and one of the other, and the one who will begin the new group."""
    tacit, other = bridge_to("tacit"), bridge_to("ts-mls")
    mine, theirs, third = Party(tacit), Party(other), Party(tacit)
    room = Room(suite, mine, public=False)
    room.add(mine, theirs)
    room.add(mine, third)
    founder = mine if begins else theirs
    return room, founder, [member for member in room.members if member is not founder]


@pytest.mark.parametrize("begins", WHO)
@pytest.mark.parametrize("closes", WHO)
@pytest.mark.parametrize(("suite", "later"), [(1, 3), (1, 2)])
def test_a_group_moves_to_another_suite(
    bridge_to: BridgeTo, suite: int, later: int, closes: bool, begins: bool
) -> None:
    room, founder, others = room_of_three(bridge_to, suite, begins)
    closer = next(member for member in room.members if (member.bridge.name == "tacit") is closes)
    group = f"{next(NUMBERS):08x}"
    room.commit(closer, {"type": "reinit", "new_group": group, "suite": later})
    for member in room.members:
        with pytest.raises(Refused):
            member.call("protect", group=room.group, data="00")
    packages = [member.begin("keypackage", later)["key_package"] for member in others]
    begun = founder.call("reinitialize", group=room.group, key_packages=packages)
    talk(follow(room, begun, group, later, founder, others))


@pytest.mark.parametrize("begins", WHO)
@pytest.mark.parametrize("suite", [1, 2, 0xF062])
def test_some_of_a_group_go_aside(bridge_to: BridgeTo, suite: int, begins: bool) -> None:
    room, founder, others = room_of_three(bridge_to, suite, begins)
    group = f"{next(NUMBERS):08x}"
    packages = [others[0].begin("keypackage", suite)["key_package"]]
    begun = founder.call("branch", group=room.group, new_group=group, key_packages=packages)
    talk(follow(room, begun, group, suite, founder, others[:1]))
    talk(room)


@pytest.mark.parametrize("begins", WHO)
def test_nobody_is_left_out_of_a_group_that_moved(bridge_to: BridgeTo, begins: bool) -> None:
    """ts-mls begins a group without one of its members; tacit neither begins it nor goes there."""
    room, founder, others = room_of_three(bridge_to, 1, begins)
    group = f"{next(NUMBERS):08x}"
    room.commit(founder, {"type": "reinit", "new_group": group, "suite": 1})
    packages = [others[0].begin("keypackage", 1)["key_package"]]
    if begins:
        with pytest.raises(Refused, match=r"11\.2/same-members"):
            founder.call("reinitialize", group=room.group, key_packages=packages)
        return
    begun = founder.call("reinitialize", group=room.group, key_packages=packages)
    with pytest.raises(Refused, match=r"11\.2/same-members"):
        others[0].call("join", welcome=begun["welcome"], ratchet_tree=begun["ratchet_tree"])
