"""``tacit relay``: every command, at a relay that runs and at one that does not, for people and for scripts."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tacit.cli import asking, held_words, main, relay_words
from tacit.cli.home import Address, save_address
from tacit.relay.admin import asking as relay_asking
from tacit.relay.errors import ControlUnavailable
from tacit.relay.store import maintenance
from tacit.relay.store.columns import COLUMNS
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.cli.tacit_command import Ran, World, read_line
from tests.relay.peers import RunningRelay, Someone, commit, key_package, running

BOTH = pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
LINK = "tacit://127.0.0.1:1/#urfzdmihmwxkuned6xkhnwt52uhc7suha2fe6tx3oltbiysibrqq"

USER = {"account", "short", "handle", "state", "created_at", "suspended_at", "note", "devices", "revoked_devices"}
DEVICE = {"device", "created_at", "certificate_expires_at", "revoked_at", "connected", "key_packages", "last_resort"}
INVITE = {"id", "note", "uses", "used", "created_at", "expires_at", "revoked_at"}


async def tacit(folder: Path, *args: str) -> Ran:
    """A command in this process, beside the event loop of the relay."""
    out, err = io.StringIO(), io.StringIO()

    def run() -> int:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            return main._run(["relay", "--data", str(folder), *args])

    return Ran(await asyncio.to_thread(run), out.getvalue(), err.getvalue())


async def ok(folder: Path, *args: str) -> Ran:
    ran = await tacit(folder, *args)
    assert ran.code == 0, (args, ran)
    return ran


@asynccontextmanager
async def town(folder: Path, *, runs: bool) -> AsyncIterator[RunningRelay | None]:
    """A relay with alice, who has two devices, and bob, who waits for an entry of hers; running or not."""
    async with running(folder, registration="invite") as world:
        token = await world.relay.invite(uses=2, note="for \x1b[31mfriends")
        save_address(folder, Address(link=LINK, port=1, registration="invite"))
        people = {name: Someone.new() for name in ("alice", "bob")}
        for name, someone in people.items():
            await (await world.connect()).register(someone, handle=name, invite=token)
        laptop, bob = [await world.back(someone) for someone in people.values()]
        phone = await world.join(Someone.new(people["alice"].account))
        await phone.ask(pb.PublishKeys(key_packages=[key_package(b"kp"), key_package(b"l", last_resort=True)]))
        log = await laptop.create_log()
        await laptop.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        await laptop.append(log, bytes(2048))
        if runs:
            yield world
            return
    yield None


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Somebody who is in the middle of reading the database."""
    with contextlib.closing(sqlite3.connect(folder / "relay.db")) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM accounts").fetchone()
        yield


@BOTH
async def test_users_are_listed_sorted_and_found(tmp_path, runs):
    async with town(tmp_path, runs=runs):
        plain = (await ok(tmp_path, "users")).out.splitlines()
        assert plain[0].split() == ["ID", "NAME", "SINCE", "DEVICES", "WAITING", "STATE"]
        assert [line.split()[1] for line in plain[1:]] == ["@alice", "@bob"]
        assert "2.3 KiB" in plain[1]
        listed = (await ok(tmp_path, "users", "--json")).lines
        assert all(user.keys() == USER | {"held_bytes"} for user in listed)
        assert [(user["handle"], user["devices"], user["state"]) for user in listed] == [
            ("alice", 2, "active"),
            ("bob", 1, "active"),
        ]
        for sort, first in (("held", "alice"), ("devices", "alice"), ("name", "alice"), ("created", "alice")):
            assert (await ok(tmp_path, "users", "--sort", sort, "--json")).lines[0]["handle"] == first
        for wanted in ("@bo", "BOB", listed[1]["short"]):
            assert [user["handle"] for user in (await ok(tmp_path, "users", wanted, "--json")).lines] == ["bob"]
        nobody = await ok(tmp_path, "users", "--suspended")
        assert (nobody.out, nobody.err) == ("", "Nobody of that name.\n")


@BOTH
async def test_devices_are_shown_and_one_is_shut_out_after_a_yes(tmp_path, runs):
    async with town(tmp_path, runs=runs):
        found = (await ok(tmp_path, "devices", "@alice", "--json")).lines
        assert all(device.keys() >= DEVICE for device in found)
        assert [(device["key_packages"], device["last_resort"]) for device in found] == [(0, "none"), (1, "unused")]
        assert [device["connected"] for device in found] == ([True, True] if runs else [None, None])
        assert "last resort unused" in (await ok(tmp_path, "devices", "alice")).out
        wanted = found[1]["device"][:13]
        refused = await tacit(tmp_path, "devices", "alice", "--revoke", wanted, "--json")
        assert (refused.code, refused.json["error"]["code"]) == (2, "not-confirmed")
        revoked = (await ok(tmp_path, "devices", "alice", "--revoke", wanted, "--yes", "--json")).lines
        assert [device["revoked_at"] is None for device in revoked] == [True, False]
        nowhere = await tacit(tmp_path, "devices", "alice", "--revoke", "0" * 12, "--yes")
        assert (nowhere.code, "tacit relay devices" in nowhere.err) == (7, True)


@BOTH
async def test_an_account_is_suspended_with_a_note_and_resumed(tmp_path, runs):
    async with town(tmp_path, runs=runs):
        done = await ok(tmp_path, "suspend", "@bob", "--note", "spam \x1b]0;owned\x07")
        assert "\x1b" not in done.out
        assert "suspended" in done.out
        for command in (("users", "--suspended"), ("inspect", "bob")):
            shown = (await ok(tmp_path, *command)).out
            assert "\\x1b]0;owned\\x07" in shown
            assert "\x1b" not in shown
        (listed,) = (await ok(tmp_path, "users", "--suspended", "--json")).lines
        assert (listed["handle"], listed["state"], listed["note"]) == ("bob", "suspended", "spam \x1b]0;owned\x07")
        held = (await ok(tmp_path, "resume", listed["short"], "--json")).json
        assert (held["handle"], held["state"], held["suspended_at"], held["note"]) == ("bob", "active", None, "")


@BOTH
async def test_an_account_is_deleted_after_a_yes(tmp_path, runs, monkeypatch):
    async with town(tmp_path, runs=runs):
        unasked = await tacit(tmp_path, "delete", "alice")
        assert unasked.code == 2
        assert "@alice" in unasked.err
        assert "2 devices" in unasked.err
        assert "--yes" in unasked.err

        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr(asking, "ask_line", lambda question: "no")
        assert (await tacit(tmp_path, "delete", "alice", "--json")).json["error"]["code"] == "declined"
        monkeypatch.setattr(asking, "ask_line", lambda question: "y")
        gone = (await ok(tmp_path, "delete", "alice", "--json")).json
        assert gone.keys() == {"account", "handle", "devices", "entries_left", "log_emptied"}
        assert (gone["handle"], gone["devices"], gone["entries_left"]) == ("alice", 2, 1)

        again = await tacit(tmp_path, "delete", "@alice", "--yes")
        assert (again.code, "tacit relay users" in again.err) == (7, True)
        monkeypatch.setattr(maintenance, "WAIT_MS", 10)
        # Beside a reader, a relay that does not run takes ten seconds to open and to close.
        with reading(tmp_path) if runs else contextlib.nullcontext():
            told = await ok(tmp_path, "delete", "@bob", "--yes")
        assert "nothing of it" in told.out
        assert ("write-ahead log still holds" in told.err) is runs
        assert (await ok(tmp_path, "users")).err.startswith("Nobody yet")


@BOTH
async def test_invitations_tell_who_used_them(tmp_path, runs):
    async with town(tmp_path, runs=runs):
        (made,) = (await ok(tmp_path, "invites", "--json")).lines
        assert made.keys() == INVITE
        shown = (await ok(tmp_path, "invites")).out
        assert "2 of 2 used" in shown
        assert "\\x1b[31mfriends" in shown
        used = (await ok(tmp_path, "invites", made["id"], "--json")).lines
        assert [use.keys() for use in used] == [{"account", "handle", "used_at"}] * 2
        assert [use["handle"] for use in used] == ["alice", "bob"]
        assert "@bob" in (await ok(tmp_path, "invites", made["id"])).out
        held = (await ok(tmp_path, "inspect", "@bob", "--json")).json
        assert held["invite"] == made["id"]
        fresh = (await ok(tmp_path, "invite", "--uses", "3", "--expires", "never", "--note", "x", "--json")).json
        assert fresh.keys() == INVITE | {"link", "links"}
        assert fresh["link"].startswith(f"{LINK}.")
        assert (await ok(tmp_path, "invites", fresh["id"])).err == "Nobody who is still here came in with it.\n"
        assert (await ok(tmp_path, "revoke", fresh["id"], "--json")).json["revoked_at"]
        for command in ("revoke", "invites"):
            unknown = await tacit(tmp_path, command, "f" * 12)
            assert (unknown.code, "tacit relay invites" in unknown.err) == (7, True)
        for wrong in (("--uses", "0"), ("--uses", "9" * 30), ("--expires", "99999d"), ("--expires", "0s")):
            assert (await tacit(tmp_path, "invite", *wrong, "--json")).json["error"]["code"] == "bad-invite"
        assert "30m or 90s, or never" in (await tacit(tmp_path, "invite", "--expires", "soon")).err


@BOTH
async def test_everything_that_is_held_on_an_account_is_printed(tmp_path, runs):
    async with town(tmp_path, runs=runs):
        held = (await ok(tmp_path, "inspect", "@alice", "--json")).json
        assert held.keys() == {
            "account", "handle", "state", "created_at", "suspended_at", "note", "held_bytes", "invite",
            "invite_used_at", "phone", "conversations_made", "rooms", "answers", "brought", "absent", "devices",
        }  # fmt: skip
        assert (held["conversations_made"], len(held["devices"]), held["devices"][0]["written_entries"]) == (1, 2, 2)
        plain = (await ok(tmp_path, "inspect", held["account"])).out
        for words in ("@alice", held["account"], held["devices"][1]["device"], "invitation", held["invite"]):
            assert words in plain
        assert "the ID by which others find the account; kept as long as the account" in plain


def test_every_table_that_holds_something_on_an_account_is_explained_there() -> None:
    """The others are about the relay, about invitations, or about messages to phones, whoever had asked for them."""
    explained = {*held_words.ACCOUNT_COLUMNS.values(), *held_words.DEVICE_COLUMNS.values()}
    assert explained <= {f"{column.table}.{column.name}" for column in COLUMNS}
    tables = {column.table for column in COLUMNS}
    others = {"invites", "relay", "damage", "phone_sends", "phone_rests"}
    assert tables - {name.partition(".")[0] for name in explained} == others


def test_connections_are_told_by_what_carries_them_where_there_is_more_than_one_way() -> None:
    running = {"running": True, "draining": False, "uptime_s": 5, "sessions": 1, "connections": 3}
    for transports, words in (
        ({"ws": 3}, "3 connections, "),
        ({"ws": 2, "grpc": 1}, "3 connections (2 over WebSocket and 1 over gRPC), "),
        ({"ws": 1, "grpc": 1, "tcp": 1}, "3 connections (1 over WebSocket, 1 over gRPC and 1 over TCP), "),
        ({"ws": 3, "tcp": 0}, "3 connections (3 over WebSocket), "),
    ):
        assert words in relay_words._standing(running | {"transports": transports})


def test_each_line_on_an_account_says_why_it_is_kept_and_how_long() -> None:
    room = {"created_at": 1, "devices": 2, "locked": False, "entries": 1, "group_info_bytes": 9}
    rooms = [{"name": "lobby", **room}, {"name": "", **room}]
    counts = dict.fromkeys(("created_at", "held_bytes", "conversations_made", "answers", "brought", "absent"), 1)
    held = {"account": "id", "handle": "a", "suspended_at": None, "invite_used_at": None, "phone": "none", **counts}
    pairs = held_words.held_pairs(held | {"rooms": rooms, "devices": []})
    assert [label for label, _ in pairs if label] == list(held_words.ACCOUNT_COLUMNS)
    made = [words for _, words in pairs][[label for label, _ in pairs].index("rooms made") :][:3]
    assert made[0].startswith("lobby, made 1970")
    assert made[1].startswith("one without a public name, made")
    assert made[2].endswith("kept until the log has no readers left")
    # A relay of the version before an update says less.
    older = {key: value for key, value in held.items() if key not in {"brought", "absent", "phone"}}
    assert len(held_words.held_pairs(older | {"devices": []})) == len(pairs) - 2 * 2 - 1


@BOTH
async def test_one_page_says_how_it_stands(tmp_path, runs):
    async with town(tmp_path, runs=runs):
        page = (await ok(tmp_path, "stats", "--json")).json
        assert (page["running"], page["accounts"], page["devices"], page["entries"]) == (runs, 2, 3, 2)
        plain = (await ok(tmp_path, "stats")).out
        assert ("not running" in plain) is not runs
        for words in ("2, 0 of them suspended", "oldest waits since", "write-ahead log", "free"):
            assert words in plain


@BOTH
async def test_what_is_past_its_time_goes_now(tmp_path, runs):
    async with town(tmp_path, runs=runs):
        swept = (await ok(tmp_path, "gc", "--vacuum", "--json")).json
        assert swept.keys() >= {"entries", "answers", "key_packages", "invites", "snapshots", "freed_bytes"}
        assert swept["entries"] == 0
        plain = (await ok(tmp_path, "gc")).out
        assert "given back" in plain
    assert (await tacit(tmp_path, "gc", "--json")).json["entries"] == 0


@BOTH
async def test_a_copy_is_made_and_examined(tmp_path, runs, caplog):
    caplog.set_level("INFO")
    folder, file = tmp_path / "relay", tmp_path / "backup"
    async with town(folder, runs=runs):
        assert (await ok(folder, "backup", str(file), "--json")).json["accounts"] == 2
        assert (await ok(folder, "doctor", "--json")).json["sound"] is True
        refused = await tacit(folder, "restore", str(file), "--json")
        assert refused.json["error"]["code"] == ("already-running" if runs else "relay-data-there")
        said = [record.getMessage() for record in caplog.records if "operator-did" in record.getMessage()]
        ways = ["direct", "socket"] if runs else ["direct"]
        assert said == [f"operator-did kind='backup-made' way='{way}'" for way in ways]


async def test_what_a_command_does_on_the_files_is_in_its_own_log(tmp_path, world):
    folder, log = tmp_path / "relay", tmp_path / "log"
    async with town(folder, runs=False):
        suspend = ("relay", "--data", str(folder), "suspend", "@bob", "--json")
        await asyncio.to_thread(world.ok, *suspend, TACIT_LOG_FILE=str(log))
    (told,) = map(json.loads, log.read_text().splitlines())
    assert told.keys() == {"event", "kind", "way", "level", "timestamp"}
    assert (told["event"], told["kind"], told["way"]) == ("operator-did", "suspend", "direct")


async def test_only_a_relay_that_runs_can_be_emptied(tmp_path):
    async with town(tmp_path, runs=False):
        refused = await tacit(tmp_path, "drain", "--json")
        assert (refused.code, refused.json["error"]["code"]) == (2, "relay-not-running")


async def test_a_relay_that_is_emptied_stays_if_it_is_to(tmp_path):
    async with town(tmp_path, runs=True):
        done = await ok(tmp_path, "drain", "--stay", "--back-in", "5m", "--json")
        assert done.json == {"drained": True, "running": True}
        assert done.err.endswith("No connection is left.\n")


@BOTH
async def test_public_rooms_are_listed_and_closed_and_others_are_not_seen(tmp_path, runs):
    async with running(tmp_path) as world:
        carol = await world.join(handle="carol")
        for number, name in enumerate(("lobby", "attic", "")):
            room = pb.Room(join_token_hash=b"h" * 32, group_info=b"info", name=name, link_secret=b"s" * 32)
            await carol.ask(pb.CreateLog(log_id=bytes([number]) * 16, room=room))
        if runs:
            await closing_a_room(tmp_path)
    if not runs:
        await closing_a_room(tmp_path)


async def closing_a_room(folder: Path) -> None:
    listed = (await ok(folder, "rooms", "--json")).lines
    assert [(room["name"], room["handle"], room["devices"], room["locked"]) for room in listed] == [
        ("attic", "carol", 1, False),
        ("lobby", "carol", 1, False),
    ]
    assert "lobby  1 device, made" in (await ok(folder, "rooms")).out
    assert (await tacit(folder, "close-room", "lobby", "--no-input")).code == 2
    assert (await ok(folder, "close-room", "Lobby", "--yes", "--json")).json == {"name": "lobby"}
    assert [room["name"] for room in (await ok(folder, "rooms", "--json")).lines] == ["attic"]
    unknown = await tacit(folder, "close-room", "lobby", "--yes", "--json")
    assert (unknown.code, unknown.json["error"]["code"]) == (7, "no-such-room")
    assert unknown.json["error"]["hint"].startswith("tacit relay rooms ")
    assert (await ok(folder, "close-room", "attic", "--yes")).out == "closed  attic, free again\n"
    assert (await ok(folder, "rooms")).err == "No public rooms.\n"


async def test_before_the_first_start_every_command_says_so_and_makes_nothing(tmp_path):
    for command in (
        "users",
        "invites",
        "rooms",
        "stats",
        "gc",
        "drain",
        ("suspend", "x"),
        ("delete", "x"),
        ("devices", "x"),
    ):
        ran = await tacit(tmp_path / "none", *([command] if isinstance(command, str) else command), "--json")
        assert (ran.code, ran.json["error"]["code"]) == (7, "no-store"), command
        assert str(tmp_path) in ran.json["error"]["hint"], command
    assert list(tmp_path.iterdir()) == []


async def test_a_relay_whose_sockets_are_gone_is_said_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(relay_asking, "SETTLE_S", 0.05)
    async with town(tmp_path, runs=True):
        for name in ("control.sock", "monitor.sock"):
            (tmp_path / name).unlink()
        ran = await tacit(tmp_path, "users", "--json")
        assert (ran.code, ran.json["error"]["code"]) == (2, "control-unavailable")


async def test_a_drained_relay_has_ended_when_its_store_is_closed_however_long_that_takes(tmp_path, monkeypatch):
    """Its sockets are gone before, so for that time it is in the way of whoever asks."""
    asked_meanwhile, stopping = threading.Event(), list[asyncio.Task[None]]()

    class InTheWay(ControlUnavailable):
        def __init__(self) -> None:
            super().__init__()
            asked_meanwhile.set()

    monkeypatch.setattr(relay_asking, "SETTLE_S", 0.0)
    monkeypatch.setattr(relay_asking, "ControlUnavailable", InTheWay)
    async with running(tmp_path) as world:
        store = world.relay._context.store
        close = store.close

        async def close_slowly() -> None:
            await asyncio.to_thread(asked_meanwhile.wait, 60)
            await close()

        monkeypatch.setattr(store, "close", close_slowly)
        world.relay.on_drained = lambda: stopping.append(asyncio.create_task(world.relay.stop()))
        done = await ok(tmp_path, "drain", "--json")
        assert done.json == {"drained": True, "running": False}
        await asyncio.gather(*stopping)
    assert asked_meanwhile.is_set()


async def test_names_are_completed(tmp_path):
    async with town(tmp_path, runs=True):
        from click.shell_completion import ShellComplete

        from tacit.cli.tree import TREE

        complete = ShellComplete(TREE, {}, "tacit", "_TACIT_COMPLETE")
        for incomplete, names in (("@a", ["@alice"]), ("", ["@alice", "@bob"]), ("@x", [])):
            words = ["relay", "--data", str(tmp_path), "suspend"]
            found = await asyncio.to_thread(complete.get_completions, words, incomplete)
            assert [item.value for item in found] == names
        words = ["relay", "--data", str(tmp_path / "none"), "suspend"]
        assert await asyncio.to_thread(complete.get_completions, words, "") == []
        commands = [item.value for item in complete.get_completions(["relay"], "dr")]
        assert commands == ["drain"]


def test_help_lists_the_commands_by_what_they_are_for(capsys):
    assert main._run(["relay", "--help"]) == 0
    shown = capsys.readouterr().out
    places = [shown.index(f"\n{title}:\n") for title in ("Let people in", "People", "The relay", "Its data")]
    assert places == sorted(places)
    assert "  suspend " in shown[places[1] : places[2]]


@pytest.mark.processes
def test_who_is_suspended_is_told_so_and_a_drained_relay_ends_by_itself(world: World) -> None:
    with world.running("serve", "--json", "--host", "127.0.0.1", "--port", "0") as relay:
        link = read_line(relay)["link"]
        world.ok("init", "--name", "ann", "--relay", link, "--no-passphrase")
        world.ok("relay", "suspend", "@ann")
        # Waits to the end, in case that the operator changes his mind; the relay has to be reached before.
        refused = world.tacit("status", "--check", "--timeout", "5", "--json")
        assert (refused.code, refused.json["error"]["code"]) == (6, errors.AccountSuspended.code)
        began = time.monotonic()
        done = world.ok("relay", "drain", "--json")
        assert done.json == {"drained": True, "running": False}
        assert time.monotonic() - began < 20
        assert relay.wait(20) == 0
        assert relay.stderr is not None
        said = relay.stderr.read()
        assert said.index("drained") < said.index("stopping") < said.index("stopped")
