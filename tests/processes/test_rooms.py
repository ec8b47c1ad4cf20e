"""Rooms as people see them: the command line in pseudo-terminals, a relay process between, nothing scripted."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.tacit_command import World
from tests.processes.ways import EVERYWHERE, WAYS, coming_by, link_by
from tests.ui.terminal import Terminal

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

ROOM_LINK = re.compile(rb"tacit(?:\+\w+)?://[^\s\x1b]+/room/[\w-]{22}#[a-z2-7]{52}\.[\w-]*\.[\w-]{43}")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with town_in(tmp_path_factory.mktemp("town")) as town:
        yield town


@contextmanager
def town_in(folder: Path) -> Iterator[World]:
    """A relay that listens on every transport, and nobody yet."""
    town = World(folder, measured=False)
    with town.relay(*EVERYWHERE) as relay:
        town.extra["RELAY_LINK"] = relay["link"]
        town.extra.update({f"BY_{way}": link_by(way, relay["links"]) for way in WAYS})
        yield town


@contextmanager
def terminal(town: World, *args: str, columns: int = 90) -> Iterator[Terminal]:
    argv = [sys.executable, "-m", "tacit.cli", *args]
    with Terminal(argv, columns=columns, rows=50, inherited=town.env, env=town.env) as opened:
        yield opened


def make(town: World, *names: str, way: str = "ws") -> None:
    for name in names:
        town.ok("init", "-P", name, "--name", name, "--relay", town.extra[f"BY_{way}"], "--no-passphrase")


def led_by(town: World, way: str, link: str) -> str:
    """The link of a room by another transport."""
    place = town.extra[f"BY_{way}"].partition("#")[0]
    return f"{place}{link[link.index('room/') :]}"


def link_on(screen: Terminal) -> str:
    """The room link that a person would copy from the screen."""
    screen.sees("Others come in with: tacit room join LINK")
    screen.wait(lambda: ROOM_LINK.search(screen.raw) is not None, "the link of the room")
    found = ROOM_LINK.search(screen.raw)
    assert found is not None
    return found[0].decode()


def rows_with(screen: Terminal, words: str) -> list[str]:
    return [row for row in screen.text.splitlines() if words in row]


@coming_by("ws", "tcp", "grpc")
def test_an_evening_in_the_lobby(tmp_path: Path, ways: tuple[str, str, str]) -> None:
    """Ana makes the room, Maya comes in without an identity, Bob wants her name; they talk, one alone, and go.

    None of them can tell by which way the others are there.
    """
    with town_in(tmp_path) as town:
        spend_an_evening(town, *ways)


def spend_an_evening(town: World, anas: str, mayas: str, bobs: str) -> None:
    make(town, "ana", way=anas)
    make(town, "bob", way=bobs)
    with terminal(town, "room", "create", "lobby", "-P", "ana") as ana:
        link = link_on(ana)
        ana.sees("█▀")  # the QR code
        ana.sees("You are ana here, and nobody else yet.")
        with terminal(town, "join", led_by(town, mayas, link), "-P", "maya", "--nick", "maya") as maya:
            maya.sees("Name")
            maya.enter("maya-at-home")
            maya.sees("Passphrase:")
            maya.enter("")
            maya.sees("You are maya here, with ana.")
            ana.sees("● maya joined.")
            with terminal(town, "room", "join", link, "-P", "bob", "--nick", "Mауа") as bob:  # two of it Cyrillic
                bob.sees("Somebody in that room has this nickname, or one that looks like it")
                bob.sees("Nickname [Mауа2]:")
                bob.enter("not one")
                bob.wait(lambda: bob.text.count("Nickname [Mауа2]:") == 2, "what is free, once more")
                bob.enter("bob")
                bob.sees("You are bob here, with ana, maya.")
                for screen in (ana, maya):
                    screen.sees("● bob joined.")
                    assert "Mауа" not in screen.text, "nothing is sent under a name that is refused"
                talk(ana, maya, bob)
                change_names(ana, maya, bob)
                bob.enter("/quit")
                bob.sees("You leave the room.")
                assert bob.ends() == 0
            for screen in (ana, maya):
                screen.sees("● robert left.")
            maya.type("\x04")
            assert maya.ends() == 0
        ana.enter("while maya is away")
        ana.sees("you │ while maya is away")
        with terminal(town, "chat", "lobby", "-P", "maya") as maya:
            maya.sees("ana │ while maya is away")
            maya.enter("/users")
            maya.sees("you, @maya-at-home")
            assert rows_with(maya, "bob │ hello everybody")
            maya.enter("exit")
            assert maya.ends() == 0
        ana.sees("● maya left.")
        assert "asked to leave" not in ana.text
        ana.enter("/exit")
        assert ana.ends() == 0
    left = town.ok("chats", "-P", "ana", "--json").lines
    assert [(chat["kind"], chat["status"]) for chat in left] == [("room", "ended")], "what is private is none of hers"
    ended = [chat["status"] for chat in town.ok("room", "list", "-P", "bob", "--json").lines]
    assert ended == ["ended"]


def talk(ana: Terminal, maya: Terminal, bob: Terminal) -> None:
    """Everybody reads everybody, nobody their own line as somebody else's, and what is private stays so."""
    bob.enter("hello everybody")
    for screen in (ana, maya):
        screen.sees("bob │ hello everybody")
    bob.sees("you │ hello everybody")
    ana.enter("hi bob")
    bob.sees("ana │ hi bob")
    maya.sees("ana │ hi bob")
    maya.enter("/msg bob only for you")
    bob.sees("maya → you │ only for you")
    maya.sees("you → bob │ only for you")
    bob.enter("/msg maya and back")
    maya.sees("bob → you │ and back")
    bob.enter("did it come?")
    for screen in (ana, maya):
        screen.sees("bob │ did it come?")
    assert "only for you" not in ana.text
    assert "and back" not in ana.text
    assert len(rows_with(bob, "hello everybody")) == 1
    assert "bob │" not in bob.text
    bob.enter("/users")
    for words in ("ana", "maya", "you, @bob"):
        bob.sees(words)


def change_names(ana: Terminal, maya: Terminal, bob: Terminal) -> None:
    """A name that is taken stays taken; another one is a line for everybody."""
    bob.enter("/nick ANA")
    bob.sees("ANA2 is free")
    bob.enter("/nick robert")
    bob.sees("● You are called robert from now on.")
    for screen in (ana, maya):
        screen.sees("● bob is called robert from now on.")
    bob.enter("and still me")
    ana.sees("robert │ and still me")


@pytest.mark.long
def test_a_room_is_locked_somebody_is_put_out_and_the_old_link_is_worth_nothing(town: World) -> None:
    make(town, "owner", "guest", "late")
    made = town.ok("room", "create", "den", "-P", "owner", "--nick", "boss", "--json").json
    old = made["link"]
    assert made["chat"]["nicks"] == {made["chat"]["members"][0]["id"]: "boss"}
    with terminal(town, "chat", "den", "-P", "owner") as owner:
        owner.sees("You are boss here")
        with terminal(town, "room", "join", old, "-P", "guest", "--nick", "guest") as guest:
            guest.sees("You are guest here, with boss.")
            owner.sees("● guest joined.")
            guest.enter("/kick boss")
            guest.sees("Only an admin may do that")
            owner.enter("/lock")
            guest.sees("● boss locked the room")
            refused = town.tacit("room", "join", old, "-P", "late", "--nick", "late", "--json")
            assert refused.json["error"]["code"] == "room-locked"
            owner.enter("/unlock")
            guest.sees("● boss unlocked the room")
            owner.enter("/kick guest")
            owner.sees("● You removed guest.")
            guest.sees("● boss removed you.")
        refused = town.tacit("room", "join", old, "-P", "late", "--nick", "late", "--json")
        assert refused.json["error"]["code"] == "no-such-room"
        owner.enter("/link")
        owner.wait(lambda: len({*ROOM_LINK.findall(owner.raw)}) == 1, "the new link")
        new = ROOM_LINK.findall(owner.raw)[-1].decode()
        assert new != old
        with terminal(town, "room", "join", new, "-P", "late", "--nick", "guest") as late:
            late.sees("You are guest here, with boss.")
            owner.sees("● guest joined.")
            owner.enter("/invite @guest")
            owner.sees("gets the link of the room")
    for name in ("owner", "guest"):  # what was typed last may not have left, nor have been fetched
        town.ok("status", "-P", name, "--check")
    town.ok("accept", "@owner", "-P", "guest")
    town.ok("status", "-P", "guest", "--check")
    invited = town.ok("history", "@owner", "-P", "guest").out
    assert new[new.index("/room/") :] in invited.replace("\n", "").replace(" ", "")
    town.ok("room", "create", "yard", "--public", "-P", "owner", "--nick", "boss")
    with terminal(town, "room", "join", "yard", "-P", "late", "--nick", "late") as late:
        late.sees("You are late here, with boss.")


def test_a_public_room_is_entered_by_its_name_in_pipes_too(town: World) -> None:
    make(town, "host", "bot")
    made = town.tacit("room", "create", "hall", "--public", "-P", "host")
    assert made.code == 0
    assert ROOM_LINK.fullmatch(made.out.strip().encode())
    assert "So could the relay" in made.err
    taken = town.tacit("room", "create", "Hall", "--public", "-P", "bot", "--json")
    assert taken.json["error"]["code"] == "room-name-taken"
    said = town.tacit("room", "join", "hall", "-P", "bot", "--nick", "bot", input="from a pipe\n/users\n")
    assert said.code == 0
    assert "you, @bot" in said.err
    town.ok("status", "-P", "host", "--check")
    lines = town.ok("history", "-P", "host", "hall").out
    assert "● bot joined." in lines
    assert "bot │ from a pipe" in lines
    assert town.tacit("room", "join", "hall", "-P", "host", "--nick", "x", "--json", input="").code == 0
    assert town.tacit("room", "join", "attic", "-P", "bot", "--json").json["error"]["code"] == "no-such-room"


def test_one_who_has_no_name_and_nobody_to_ask_is_told_what_is_missing(town: World, tmp_path: Path) -> None:
    nobody = World(tmp_path, measured=False)
    ran = nobody.tacit("room", "create", "lobby", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (2, "relay-needed")
    ran = nobody.tacit("room", "create", "lobby", "--relay", town.extra["RELAY_LINK"], "--json")
    assert (ran.code, ran.json["error"]["code"]) == (2, "name-needed")
    ran = nobody.tacit("room", "kick", "somebody", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (7, "no-such-profile")
    make(town, "lonely")
    assert town.tacit("room", "kick", "somebody", "-P", "lonely", "--json").json["error"]["code"] == "no-room"


def test_commands_in_pipes_and_json(town: World) -> None:
    make(town, "anton", "berta", "carl")
    link = town.ok("room", "create", "yard", "-P", "anton").out.strip()
    town.ok("room", "join", link, "-P", "berta", "--nick", "berta", input="")
    town.ok("room", "join", "yard", "-P", "berta", input="in by its name, since she is in it\n")
    assert town.tacit("room", "nick", "anton", "-P", "berta", "--json").json["error"]["code"] == "nick-taken"
    assert "bea" in town.ok("room", "nick", "yard", "bea", "-P", "berta", "--json").json["nicks"].values()
    town.ok("status", "-P", "anton", "--check")
    assert "tacit room join comes in" in town.tacit("chat", link, "-P", "carl", "--json").json["error"]["sentence"]
    members = town.ok("room", "members", "-P", "anton", "--json").lines
    assert {member["nick"]: member["admin"] for member in members} == {"anton": True, "bea": False}
    assert town.ok("room", "lock", "-P", "anton", "--json").json["locked"] is True
    assert town.tacit("room", "link", "-P", "anton", "--json").json["error"]["code"] == "room-locked"
    coming = ("room", "join", link, "-P", "carl", "--json")
    assert town.tacit(*coming).json["error"]["code"] == "room-locked"
    town.ok("room", "unlock", "-P", "anton")
    assert len(town.ok("room", "kick", "bea", "-P", "anton", "--json").json["members"]) == 1
    assert town.ok("room", "link", "-P", "anton").out.strip() != link
    assert town.tacit(*coming).json["error"]["code"] == "no-such-room"
    town.ok("room", "leave", "-P", "anton")
    assert town.ok("room", "list", "-P", "anton", "--json").json["status"] == "ended"
