"""Passphrases, relays that are away or false, and disks: a clear error with a stable code, at once, nothing lost."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from tests.cli.tacit_command import World

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.fixture
def locked(world: World) -> World:
    """An identity with a passphrase, and its relay gone."""
    with world.relay() as relay:
        world.ok("init", "--name", "ann", "--relay", relay["link"], TACIT_PASSPHRASE="open sesame")
        world.extra["RELAY_LINK"] = relay["link"]
    return world


def test_a_passphrase_is_needed_and_must_be_right(locked: World, tmp_path: Path) -> None:
    none = locked.tacit("chats", "--json")
    assert (none.code, none.json["error"]["code"]) == (6, "passphrase-needed")
    wrong = locked.tacit("chats", "--json", TACIT_PASSPHRASE="open barley")
    assert (wrong.code, wrong.json["error"]["code"]) == (6, "wrong-passphrase")
    assert "barley" not in wrong.out + wrong.err
    locked.ok("chats", TACIT_PASSPHRASE="open sesame")
    file = tmp_path / "secret"
    file.write_text("open sesame\n")
    locked.ok("chats", "--passphrase-file", str(file))
    locked.ok("chats", "--passphrase-fd", "0", input="open sesame\n")
    assert locked.ok("status", "--json", TACIT_PASSPHRASE="open sesame").json["encrypted_at_rest"] is True


def test_making_an_identity_without_a_passphrase_has_to_be_said(world: World) -> None:
    with world.relay() as relay:
        ran = world.tacit("init", "--name", "ann", "--relay", relay["link"], "--json")
        assert (ran.code, ran.json["error"]["code"]) == (6, "passphrase-needed")
        nameless = world.tacit("join", relay["link"], "--no-passphrase", "--json")
        assert (nameless.code, nameless.json["error"]["code"]) == (2, "name-needed")
        assert not (world.folder / "data" / "profiles" / "default").exists()


def test_a_relay_that_is_away_keeps_the_message_and_ends_with_code_3(locked: World) -> None:
    ran = locked.tacit("send", "@bob", "hi", "--timeout", "1", "--json", TACIT_PASSPHRASE="open sesame")
    assert ran.code == 3
    check = locked.tacit("status", "--check", "--timeout", "2", "--json", TACIT_PASSPHRASE="open sesame")
    assert check.code == 3
    nowhere = locked.tacit(
        "init", "-P", "bea", "--name", "bea", "--relay", locked.extra["RELAY_LINK"], "--no-passphrase"
    )
    assert nowhere.code == 3
    assert not (locked.folder / "data" / "profiles" / "bea").exists()


@pytest.mark.long
def test_another_relay_in_its_place_is_refused_loudly(world: World) -> None:
    with world.relay() as relay:
        world.ok("init", "--name", "ann", "--relay", relay["link"], "--no-passphrase")
        place, _, _ = relay["link"].partition("#")
        false = place + "#" + base64.b32encode(os.urandom(32)).decode().rstrip("=").lower()
        ran = world.tacit("init", "-P", "bea", "--name", "bea", "--relay", false, "--no-passphrase", "--json")
        assert (ran.code, ran.json["error"]["code"]) == (4, "relay-pin-mismatch")
    imposter = World(world.folder / "imposter")
    with imposter.relay(port=relay["port"]):
        ran = world.tacit("status", "--check", "--timeout", "2", "--json")
        assert (ran.code, ran.json["error"]["code"]) == (4, "relay-pin-mismatch")


def test_a_taken_name_and_a_second_identity_are_refused(world: World) -> None:
    with world.relay() as relay:
        make = ("init", "--name", "ann", "--relay", relay["link"], "--no-passphrase", "--json")
        world.ok(*make)
        assert world.tacit(*make).json["error"]["code"] == "profile-exists"
        assert world.tacit(*make, "-P", "other").json["error"]["code"] == "handle-taken"
        bad = world.tacit(
            "init", "-P", "x", "--name", "Ann Other!", "--relay", relay["link"], "--no-passphrase", "--json"
        )
        assert (bad.code, bad.json["error"]["code"]) == (2, "bad-handle")


def test_everything_kept_is_for_its_owner_alone(world: World) -> None:
    with world.relay() as relay:
        world.ok("init", "--name", "ann", "--relay", relay["link"], "--no-passphrase")
        for path in (world.folder / "data").rglob("*"):
            assert path.stat().st_mode & 0o077 == 0 or path.name == "profiles", path


@pytest.mark.long
def test_what_was_written_while_the_relay_was_away_goes_out_later_once(world: World) -> None:
    with world.relay() as relay:
        for name in ("ann", "ben"):
            world.ok("init", "-P", name, "--name", name, "--relay", relay["link"], "--no-passphrase")
        world.ok("send", "-P", "ann", "@ben", "first")
        world.ok("accept", "-P", "ben", "@ann")
    away = world.tacit("send", "-P", "ann", "@ben", "second", "--timeout", "1", "--json")
    assert away.code == 3
    assert away.json["message"]["state"] == "queued"
    with world.relay(port=relay["port"]):
        world.ok("send", "-P", "ann", "@ben", "third")
        world.ok("status", "-P", "ben", "--check")
        lines = world.ok("history", "-P", "ben", "@ann", "--json").lines
        assert [line["text"] for line in lines if line["kind"] == "text"] == ["first", "second", "third"]
