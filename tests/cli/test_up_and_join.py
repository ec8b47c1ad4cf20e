"""The first screen: `./tacit up` and `./tacit join LINK` in two terminals, and what two people see there."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.cli.tacit_command import World, read_line
from tests.ui.terminal import Terminal

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

LAUNCHER = Path(__file__).parents[2] / "tacit"
TACIT = [str(LAUNCHER)] if LAUNCHER.exists() else [sys.executable, "-m", "tacit.cli"]
PASSPHRASE = "correct horse battery"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A fresh machine; what the first story below walks through is measured, and the others walk there too."""
    return World(tmp_path, measured=False)


@contextmanager
def terminal(world: World, *args: str, columns: int = 100) -> Iterator[Terminal]:
    with Terminal([*TACIT, *args], columns=columns, rows=50, inherited=world.env, env=world.env) as opened:
        yield opened


def link_on(screen: Terminal) -> str:
    """The contact link that a person would copy from the screen."""
    screen.sees("tacit join LINK")
    whole = re.compile(rb"tacit://[^\s\x1b]+#[a-z2-7]{52}(\.[a-z2-7]{26})?(?=[\s\x1b])")
    screen.wait(lambda: whole.search(screen.raw) is not None, "a link with its end")
    found = whole.search(screen.raw)
    assert found is not None
    return found[0].decode()


def test_two_people_meet(tmp_path: Path) -> None:
    world = World(tmp_path)
    with terminal(world, "up") as alice:
        alice.sees("Name")
        alice.enter("alice")
        alice.sees("Passphrase:")
        alice.enter(PASSPHRASE)
        alice.sees("The same again:")
        alice.enter(PASSPHRASE)
        link = link_on(alice)
        alice.shows("tacit>")
        with terminal(world, "join", link, "-P", "bob", columns=60) as bob:
            bob.sees("Name")
            bob.enter("bob")
            bob.sees("Enter alone means none")
            bob.sees("Passphrase:")
            bob.enter("")
            bob.sees("protected by nothing but this machine")
            bob.sees("@alice is asked to talk to you")
            bob.enter("hello before the yes")
            alice.sees("wants to talk to you")
            assert "hello before the yes" not in alice.text
            alice.enter("y")
            alice.shows("@bob>")
            alice.sees("@bob │ hello before the yes")
            alice.enter("hi bob")
            bob.sees("@alice │ hi bob")
            alice.shows("✓✓ read")
            digits = compare_safety_numbers(alice, bob)
            bob.enter(f"/verify {digits}")
            bob.sees("@alice is verified")
            talk_in_a_group(alice, bob)
            assert PASSPHRASE.encode() not in alice.raw
            bob.enter("exit")
            assert bob.ends() == 0
        alice.enter("/open bob")
        alice.enter("while you were away")
        alice.sees("you │ while you were away")
        alice.shows("✓ on the relay")
        with terminal(world, "chat", "@alice", "-P", "bob", columns=60) as bob:
            bob.sees("@alice │ while you were away")
            assert bob.text.count("while you were away") == 1
            survive_the_relay(world, alice, bob)
            bob.type("\x04")
            assert bob.ends() == 0
        alice.type("\x03")
        alice.sees("tacit serve keeps one running")
        assert alice.ends() == 0
    assert relays(world) == []
    with terminal(world, "up") as alice:
        alice.sees("Passphrase of default:")
        alice.enter("wrong one")
        alice.sees("That is not the passphrase.")
        alice.enter(PASSPHRASE)
        assert link_on(alice) == link
        alice.sees("@bob")
        alice.shows("tacit>")
        alice.enter("exit")
        assert alice.ends() == 0
        assert PASSPHRASE.encode() not in alice.raw


def compare_safety_numbers(alice: Terminal, bob: Terminal) -> str:
    """Both show the same sixty digits."""
    shown = []
    for screen in (alice, bob):
        screen.enter("/safety")
        screen.sees("Compare it with")
        rows = re.findall(r"^· +((?:\d{5} *){4})$", screen.text, re.MULTILINE)
        shown.append(" ".join(" ".join(rows).split()))
    assert len(shown[0].split()) == 12
    assert shown[0] == shown[1]
    return shown[0]


def talk_in_a_group(alice: Terminal, bob: Terminal) -> None:
    alice.enter("/create team @bob")
    alice.sees("● You added @bob.")
    bob.sees("Something new in “team”")
    bob.enter("/open team")
    bob.sees("● @alice added you.")
    bob.enter("hello team")
    alice.sees("@bob │ hello team")
    alice.enter("/users")
    alice.sees("admin")
    alice.enter("/remove @bob")
    bob.sees("● @alice removed you.")
    bob.enter("too late")
    bob.sees("ended")
    alice.sees("● You removed @bob.")


def survive_the_relay(world: World, alice: Terminal, bob: Terminal) -> None:
    """The relay is killed; what is written meanwhile arrives once, after it has come back by itself."""
    (relay,) = relays(world)
    os.kill(relay.pid, signal.SIGKILL)
    bob.sees("What you write is kept")
    bob.enter("written without a relay")
    alice.sees("@bob │ written without a relay")
    assert alice.text.count("written without a relay") == 1


def relays(world: World) -> list[psutil.Process]:
    """Relays that run in this world."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "serve" in command and str(world.folder / "data" / "relay") in command:
            found.append(process)
    return found


def test_a_taken_port_is_told_and_another_one_used(world: World) -> None:
    with world.relay("--data", str(world.folder / "other")) as other:
        port = str(other["port"])
        with terminal(world, "up", "--name", "ann", "--no-passphrase", "--port", port) as ann:
            ann.sees(f"Port {port} is taken, so the relay uses")
            assert f":{port}/" not in link_on(ann)
            ann.shows("tacit>")
            ann.enter("exit")
            assert ann.ends() == 0


def test_a_relay_that_runs_already_is_used_and_left_alone(world: World) -> None:
    with world.relay() as relay:
        with terminal(world, "up", "--name", "ann", "--no-passphrase") as ann:
            ann.sees(f"The relay that runs here on port {relay['port']} is used.")
            assert link_on(ann).endswith(relay["link"].rpartition("#")[2])
            ann.shows("tacit>")
            ann.enter("/quit")
            assert ann.ends() == 0
            assert "has stopped" not in ann.text
        world.ok("status", "--check")


def test_the_link_of_up_lets_people_in_and_the_relay_nobody_else(world: World) -> None:
    link = world.ok("up", "--name", "ann", "--no-passphrase", "--json").lines[0]["contact_link"]
    bare, _, token = link.rpartition(".")
    assert re.fullmatch("[a-z2-7]{26}", token)
    assert world.ok("link", "--json").json["contact_link"] == link
    (made,) = world.ok("relay", "invites", "--json").lines
    assert (made["note"], made["used"], made["uses"]) == ("tacit up", 1, 25)
    address = json.loads((world.folder / "data" / "relay" / "address.json").read_text("utf-8"))
    with world.running("serve", "--json", "--port", str(address["port"])) as relay:
        assert read_line(relay)["link"].rpartition("#")[2] == bare.rpartition("#")[2]
        ran = world.tacit("init", "-P", "bob", "--name", "bob", "--relay", bare, "--no-passphrase", "--json")
        assert ran.json["error"]["code"] == "invite-needed"
        assert "tacit init --relay" in ran.json["error"]["hint"]
        world.ok("init", "-P", "bob", "--name", "bob", "--relay", link, "--no-passphrase")
        world.ok("relay", "revoke", made["id"])
        renewed = world.ok("link", "--json").json["contact_link"]
        assert renewed.startswith(bare)
        assert renewed != link


def test_a_relay_does_not_outlive_an_up_that_was_killed(world: World) -> None:
    with terminal(world, "up", "--name", "ann", "--no-passphrase") as ann:
        ann.shows("tacit>")
        (relay,) = relays(world)
        ann.process.kill(signal.SIGKILL)
        relay.wait(20)
    world.ok("chats")


def test_up_without_a_terminal_waits_for_nobody(world: World) -> None:
    ran = world.tacit("up", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (2, "name-needed")
    ran = world.tacit("up", "--name", "ann", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (6, "passphrase-needed")
    ran = world.tacit("up", "--name", "ann", "--no-passphrase", "--json")
    assert ran.code == 0
    assert ran.lines[0]["contact_link"].startswith("tacit://")
    assert relays(world) == []


def test_joining_another_relay_with_the_same_identity_is_refused(world: World) -> None:
    far = World(world.folder / "far")
    with far.relay() as there, world.relay() as here:
        world.ok("init", "--name", "ann", "--relay", here["link"], "--no-passphrase")
        ran = world.tacit("join", there["link"], "--json")
        assert (ran.code, ran.json["error"]["code"]) == (2, "other-relay")


@pytest.mark.parametrize("question", ["Name", "Passphrase:"])
def test_ctrl_c_at_a_question_ends_at_once_and_leaves_nothing(world: World, question: str) -> None:
    with terminal(world, "up") as ann:
        ann.sees("Name")
        if question != "Name":
            ann.enter("ann")
        ann.sees(question)
        ann.type("\x03")
        assert ann.ends() == 130
        assert "Traceback" not in ann.text
    assert not (world.folder / "data" / "profiles").exists()


def test_a_name_that_cannot_be_is_asked_for_again(world: World) -> None:
    with terminal(world, "up") as ann:
        ann.sees("Name")
        ann.enter("Ann Other!")
        ann.sees("That cannot be a handle")
        ann.enter("@Ann")
        ann.sees("Passphrase:")
        ann.enter("")
        ann.shows("tacit>")
        ann.enter("exit")
        assert ann.ends() == 0


@pytest.mark.long
def test_the_port_that_links_name_is_not_changed_behind_peoples_backs(world: World) -> None:
    first = world.ok("up", "--name", "ann", "--no-passphrase", "--json").lines[0]["contact_link"]
    port = int(first.split(":")[2].split("/")[0])
    with socket.create_server(("", port)):
        ran = world.tacit("up", "--json")
        assert (ran.code, ran.json["error"]["code"]) == (3, "port-taken")
    assert world.ok("up", "--json").lines[0]["contact_link"] == first
