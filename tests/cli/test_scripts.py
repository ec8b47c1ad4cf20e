"""Three people who use one-shot commands through a real relay; codes, states and JSON as scripts see them."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest

from tests.cli.tacit_command import World, read_line
from tests.ui.terminal import Terminal

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def acquainted(town: World) -> World:
    """Alice and Bob have begun to talk."""
    first = town.ok("send", "-P", "alice", "@bob", "hello bob", "--json").json
    assert first["state"] == "relayed"
    (asked,) = town.ok("requests", "-P", "bob", "--json").lines
    assert asked["status"] == "requested"
    assert asked["invited_by"]["handle"] == "alice"
    assert town.ok("chats", "-P", "bob", "--json").out == ""
    accepted = town.ok("accept", "-P", "bob", "@alice", "--json").json
    assert accepted["status"] == "active"
    return town


def texts(town: World, profile: str, chat: str) -> list[str]:
    lines = town.ok("history", "-P", profile, chat, "--json").lines
    return [line["text"] for line in lines if line["kind"] == "text"]


def test_a_request_is_accepted_and_what_was_said_before_arrives(acquainted: World) -> None:
    assert texts(acquainted, "bob", "@alice")[0] == "hello bob"
    assert "hello bob" in acquainted.ok("history", "-P", "bob", "alice").out


def test_text_from_standard_input_is_one_message(acquainted: World) -> None:
    acquainted.ok("send", "-P", "bob", "@alice", "-", input="two\nlines\n")
    acquainted.ok("status", "-P", "alice", "--check")
    assert texts(acquainted, "alice", "@bob")[-1] == "two\nlines"
    binary = acquainted.tacit("send", "-P", "bob", "@alice", "-", "--json", input="caf\udce9")
    assert (binary.code, binary.json["error"]["code"]) == (2, "not-text")
    empty = acquainted.tacit("send", "-P", "bob", "@alice", "-", "--json", input="\n")
    assert (empty.code, empty.json["error"]["code"]) == (2, "empty")


def test_listen_prints_what_waited_and_what_comes_and_marks_it_read(acquainted: World) -> None:
    acquainted.ok("send", "-P", "alice", "@bob", "while bob was out")
    with acquainted.running("listen", "-P", "bob", "--json") as listening:
        while read_line(listening).get("message", {}).get("text") != "while bob was out":
            pass
        waited = acquainted.ok("send", "-P", "alice", "@bob", "live \x1b[2J", "--wait", "read", "--json")
        assert waited.json["state"] == "read"
        assert listening.stdout is not None
        line = listening.stdout.readline()
        while '"live' not in line:
            line = listening.stdout.readline()
    assert "\x1b" not in line
    assert json.loads(line)["message"]["text"] == "live \x1b[2J"
    (chat,) = [c for c in acquainted.ok("chats", "-P", "bob", "--json").lines if c["kind"] == "direct"]
    assert chat["unread"] == 0


def test_listen_ends_after_as_many_messages_as_asked_for(acquainted: World) -> None:
    for text in ("one", "two", "three"):
        acquainted.ok("send", "-P", "alice", "@bob", text)
    heard = acquainted.ok("listen", "-P", "bob", "--count", "2").out
    assert "one" in heard
    assert "two" in heard
    assert "three" not in heard
    assert "three" in acquainted.ok("listen", "-P", "bob", "--count", "1").out


def test_waiting_too_short_is_code_124_and_says_how_far_it_came(acquainted: World) -> None:
    """Nobody reads it; but in so many seconds the relay, too, has to be reached, which would be another code."""
    ran = acquainted.tacit("send", "-P", "alice", "@bob", "into the void", "--wait", "read", "--timeout", "5", "--json")
    assert ran.code == 124
    assert ran.json["error"]["code"] == "timeout"
    assert ran.json["message"]["id"]


def test_a_second_process_on_one_profile_is_refused(acquainted: World) -> None:
    with acquainted.running("listen", "-P", "bob", "--json") as listening:
        read_line(listening)
        ran = acquainted.tacit("chats", "-P", "bob", "--json")
        assert (ran.code, ran.json["error"]["code"]) == (6, "profile-in-use")
        os.kill(listening.pid, signal.SIGKILL)
        listening.wait(20)
    acquainted.ok("chats", "-P", "bob")


@pytest.mark.parametrize(
    ("args", "code", "word"),
    [
        (("send", "@nobody", "hi"), 7, "not"),
        (("send", "no such person", "hi"), 7, "not"),
        (("history", "@nobody"), 7, "not"),
        (("verify", "@bob", "--digits", "1 2 3"), 2, "safety-number"),
        (("verify", "@bob", "--digits", " ".join(["12345"] * 12)), 4, "safety-number-mismatch"),
        (("send", "@bob", "x" * 40_000), 2, "text-too-long"),
        (("contacts", "add", "tacit://broken"), 2, "bad-link"),
        (("group", "invite", "nothing", "@bob"), 7, "not"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, tuple) else None,
)
def test_what_cannot_be_done_has_a_code(acquainted: World, args: tuple[str, ...], code: int, word: str) -> None:
    ran = acquainted.tacit(*args, "-P", "alice", "--json")
    assert ran.code == code, ran
    assert word in ran.json["error"]["code"]
    assert ran.err == ""


@pytest.mark.parametrize(("answer", "code", "words"), [("n", 4, "The safety numbers differ"), ("", 0, "not verified")])
def test_who_sees_other_digits_is_told_what_that_means(acquainted: World, answer: str, code: int, words: str) -> None:
    argv = [sys.executable, "-m", "tacit.cli", "verify", "-P", "alice", "@bob"]
    with Terminal(argv, columns=100, rows=50, inherited=acquainted.env) as at:
        at.sees("Does the other side show the same?")
        at.enter(answer)
        at.sees(words)
        assert at.ends() == code


def test_two_people_verify_each_other(acquainted: World) -> None:
    mine = acquainted.ok("verify", "-P", "alice", "@bob", "--json").json
    theirs = acquainted.ok("verify", "-P", "bob", "@alice", "--json").json
    assert mine["digits"] == theirs["digits"]
    assert mine["verified"] is False
    assert (
        acquainted.ok("verify", "-P", "alice", "@bob", "--digits", theirs["digits"], "--json").json["verified"] is True
    )
    assert acquainted.ok("verify", "-P", "bob", "@alice", "--yes", "--json").json["verified"] is True
    assert "verified" in acquainted.ok("contacts", "-P", "alice").out


def test_a_group_is_made_changed_and_left(acquainted: World) -> None:
    town = acquainted
    made = town.ok("group", "create", "-P", "alice", "book club", "@bob", "--json").json
    assert len(made["members"]) == 2
    town.ok("send", "-P", "alice", "book club", "chapter one")
    town.ok("status", "-P", "bob", "--check")
    assert texts(town, "bob", "book club") == ["chapter one"]
    town.ok("group", "invite", "-P", "alice", "book club", "@carol")
    town.ok("accept", "-P", "carol", "@alice")
    town.ok("group", "rename", "-P", "alice", "book club", "reading group")
    refused = town.tacit("group", "rename", "-P", "carol", "reading group", "mine", "--json")
    assert refused.json["error"]["code"] in ("not-allowed", "not-found")
    town.ok("group", "remove", "-P", "alice", "reading group", "@carol")
    members = town.ok("group", "members", "-P", "alice", "reading group", "--json").lines
    assert {member["handle"]: member["admin"] for member in members} == {"alice": True, "bob": False}
    town.ok("group", "leave", "-P", "bob", "reading group")
    lines = town.ok("history", "-P", "alice", "reading group").out
    for sentence in ("You added @carol.", "You renamed the group to “reading group”.", "You removed @carol."):
        assert sentence in lines


def test_contacts_are_named_and_blocked(town: World) -> None:
    added = town.ok("contacts", "add", "-P", "carol", "@bob", "--name", "Robert", "--json").json
    assert added["name"] == "Robert"
    assert "Robert  @bob" in town.ok("contacts", "-P", "carol").out
    assert town.ok("contacts", "block", "-P", "carol", "Robert", "--json").json["status"] == "blocked"
    town.ok("contacts", "unblock", "-P", "carol", "Robert")
    assert town.ok("contacts", "rename", "-P", "carol", "Robert", "", "--json").json["name"] == "@bob"


def test_a_pipe_is_a_chat(acquainted: World) -> None:
    ran = acquainted.tacit("chat", "-P", "alice", "@bob", input="first of a pipe\n/users\n//second\n/nonsense\n")
    assert ran.code == 2
    assert "There is no command /nonsense" in ran.err
    assert "@bob" in ran.err
    acquainted.ok("status", "-P", "bob", "--check")
    assert texts(acquainted, "bob", "@alice")[-2:] == ["first of a pipe", "/second"]


def test_a_request_can_be_refused(town: World) -> None:
    town.ok("send", "-P", "carol", "@bob", "let me in")
    (asked,) = [r for r in town.ok("requests", "-P", "bob", "--json").lines if r["kind"] == "direct"]
    town.ok("refuse", "-P", "bob", asked["id"], "--json")
    assert town.ok("requests", "-P", "bob", "--json").out == ""


def test_the_link_is_data_and_reaches_the_person(town: World) -> None:
    link = town.ok("link", "-P", "carol").out.strip()
    assert link.startswith("tacit://127.0.0.1:")
    assert town.ok("link", "-P", "carol", "--json").json["contact_link"] == link
    assert town.ok("contacts", "add", "-P", "bob", link, "--json").json["handle"] == "carol"
