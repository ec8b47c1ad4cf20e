"""The control sockets of a running relay: who gets what answer, and who cannot even connect."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path

import msgspec
import pytest

from tacit.errors import TransportError
from tacit.identity import format_id
from tacit.net import local, local_asking
from tacit.net.errors import LocalForbidden
from tacit.net.local import LocalListener
from tacit.net.local_asking import ask_line
from tacit.relay import control, control_lines, refusals
from tacit.relay.admin import asking
from tacit.relay.admin.asking import ask_relay
from tacit.relay.admin.desk import Live, running_desk
from tacit.relay.admin.operations import OPERATIONS
from tacit.relay.control_lines import MAX_REQUEST_BYTES, SOCKETS, VERSION, Failure, Role
from tacit.relay.data_dir import LET_THROUGH, DataDir
from tacit.relay.errors import ControlUnavailable, ControlVersion, NoStore, ReadOnlySocket
from tacit.relay.refusals import refused
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import NoSuchAccount
from tests.relay.peers import running

NOBODY, GROUP = 65_534, 54_321


async def say(path: Path, line: bytes) -> dict:
    """One line, as it is, and what comes back."""
    return json.loads(await asyncio.to_thread(ask_line, path, line, timeout_s=20, max_answer_bytes=2**20))


def request(operation: str, version: int = VERSION, **args) -> bytes:
    return json.dumps({"v": version, "op": operation, "args": args}).encode()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_two_sockets_for_their_owner_only_are_there_while_it_runs(tmp_path):
    before = os.umask(0)
    try:
        async with running(tmp_path):
            for name in SOCKETS.values():
                assert stat.S_ISSOCK((tmp_path / name).stat().st_mode)
                assert mode(tmp_path / name) == 0o600
            assert (await say(tmp_path / "control.sock", request("stats")))["ok"]["running"] is True
    finally:
        os.umask(before)
    assert [path.name for path in tmp_path.iterdir() if ".sock" in path.name] == []


async def test_sockets_that_a_killed_relay_left_are_replaced(tmp_path):
    async with running(tmp_path):
        pass
    for name in ("control.sock", "control.sock.new"):
        with closing(socket.socket(socket.AF_UNIX)) as left:
            left.bind(str(tmp_path / name))
    assert (await asyncio.to_thread(ask_relay, tmp_path, "stats"))["running"] is False
    async with running(tmp_path):
        assert (await asyncio.to_thread(ask_relay, tmp_path, "stats"))["running"] is True


async def test_what_is_no_socket_is_left_alone_and_the_relay_runs_without(tmp_path, caplog):
    (tmp_path / "monitor.sock").write_text("mine")
    async with running(tmp_path):
        assert (tmp_path / "monitor.sock").read_text() == "mine"
        assert (await say(tmp_path / "control.sock", request("users")))["ok"]["users"] == []
    assert "no-control-socket" in caplog.text


async def test_the_monitor_may_look_and_change_nothing(tmp_path):
    async with running(tmp_path):
        for name, operation in OPERATIONS.items():
            answer = await say(tmp_path / "monitor.sock", request(name))
            refused = answer.get("error", {}).get("code") == "read-only-socket"
            assert refused is (operation.role is Role.ADMIN), name
        assert {name for name, operation in OPERATIONS.items() if operation.role is Role.MONITOR} == {
            "users", "account", "invites", "invite-uses", "rooms", "stats",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", "control-malformed"),
        (b"\x00\xff", "control-malformed"),
        (b"[]", "control-malformed"),
        (b'{"v": 1}', "control-malformed"),
        (b'{"v": "1", "op": "stats"}', "control-malformed"),
        (request("shutdown"), "control-malformed"),
        (request("users", after="x"), "control-malformed"),
        (request("users", colour="red"), "control-malformed"),
        (request("account"), "control-malformed"),
        (request("account", who="@nobody"), "no-such-account"),
        (request("account", who="00000000"), "no-such-account"),
        (request("account", who="\x1b[2J"), "bad-handle"),
        (request("stats", version=2), "control-version"),
        (request("invite", uses=0), "bad-invite"),
        (request("suspend", who="@nobody", note="n" * 201), "bad-note"),
        (request("revoke-invite", invite="ffffffffffff"), "no-such-invite"),
    ],
)
async def test_what_makes_no_sense_gets_a_code_and_the_talk_goes_on(tmp_path, line, code):
    async with running(tmp_path):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
        writer.write(line + b"\n" + request("stats") + b"\n")
        answer = json.loads(await reader.readline())
        assert (answer["v"], answer["error"]["code"]) == (VERSION, code)
        assert answer["error"]["sentence"].endswith(".") or answer["error"]["detail"]
        assert json.loads(await reader.readline())["ok"]["accounts"] == 0
        writer.close()


SENSE_AND_NONSENSE = (
    None, True, -1, 0, 60, 2**70, 1.5, "", "@al", "@bo", "00000000", "\ud800", "\x00", "x" * 300, [], {}, {"who": 1},
)  # fmt: skip


async def test_whatever_is_asked_gets_an_answer_and_no_fault(tmp_path):
    chance = random.Random(20260202)
    codes = set()
    async with running(tmp_path) as world:
        for handle in ("al", "bo"):
            await world.join(handle=handle)
        desk = running_desk(Live(world.relay._context, 0.0, lambda: 0, lambda back_in_s, stay: None), tmp_path)
        for _ in range(3_000):
            operation = chance.choice(list(OPERATIONS))
            fields = [*(field.name for field in msgspec.structs.fields(OPERATIONS[operation].asked)), "more"]
            named = chance.choice([fields[:-1], chance.sample(fields, chance.randrange(len(fields) + 1))])
            whole = {"v": 1, "op": operation, "args": {name: chance.choice(SENSE_AND_NONSENSE) for name in named}}
            if chance.random() < 0.1:
                whole[chance.choice(["v", "op", "args"])] = chance.choice(SENSE_AND_NONSENSE)
            line = json.dumps(whole).encode()
            if chance.random() < 0.1:
                line = line[: chance.randrange(len(line))] + bytes([chance.randrange(256)])
            reply = json.loads(await control.answer(desk, chance.choice(list(Role)), line))
            assert ("ok" in reply) is not ("error" in reply), line
            codes.add(reply["error"]["code"] if "error" in reply else "ok")
    assert codes <= {"ok", *refusals.KNOWN} - {"internal"}
    assert codes >= {"ok", "control-malformed", "read-only-socket", "no-such-account", "bad-invite"}


DEEDS = {
    "close-room": {"room": "lobby"},
    "invite": {},
    "revoke-invite": {"invite": "INVITE"},
    "suspend": {"who": "alice", "note": "a secret note"},
    "resume": {"who": "alice"},
    "revoke-device": {"who": "alice", "device": "DEVICE"},
    "delete": {"who": "alice"},
    "gc": {},
    "backup-made": {},
    "drain": {"stay": True},
}
"""Every operation that changes something, and what it is asked with."""


def deeds(caplog) -> list[tuple[str, str]]:
    said = [record.msg for record in caplog.records if str(record.msg).startswith("operator-did")]
    return [(event.fields["kind"], event.fields["way"]) for event in said]


@pytest.mark.parametrize("runs", [True, False])
async def test_what_the_operator_changes_leaves_a_word_in_the_log_and_nobodys_name(tmp_path, caplog, runs):
    caplog.set_level("INFO")
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(running(tmp_path))
        alice = await world.join(handle="alice")
        lobby = pb.Room(join_token_hash=b"h" * 32, group_info=b"info", name="lobby", link_secret=b"s" * 32)
        await alice.ask(pb.CreateLog(log_id=bytes(16), room=lobby))
        if not runs:
            await stack.aclose()
        ids = {"DEVICE": alice.someone.certificate.device_id.hex()}
        done = []
        for name, args in DEEDS.items():
            if name == "drain" and not runs:
                continue
            asked = {key: ids.get(value, value) if isinstance(value, str) else value for key, value in args.items()}
            told = await asyncio.to_thread(ask_relay, tmp_path, name, asked)
            ids |= {"INVITE": told["invite"]["id"]} if name == "invite" else {}
            done.append((name, "socket" if runs else "direct"))
        with pytest.raises(NoSuchAccount):
            await asyncio.to_thread(ask_relay, tmp_path, "delete", {"who": "alice"})
        await asyncio.to_thread(ask_relay, tmp_path, "stats")
        assert deeds(caplog) == done
    account = format_id(alice.someone.account.id)
    names = ("alice", "lobby", "secret note")
    for secret in (*names, account, account[:9], ids["INVITE"], ids["DEVICE"], ids["DEVICE"][:8]):
        assert secret not in caplog.text


def test_no_operation_that_changes_something_goes_without_a_word():
    assert DEEDS.keys() == {name for name, operation in OPERATIONS.items() if operation.role is Role.ADMIN}


async def test_a_fault_inside_is_told_without_details_and_ends_nothing(tmp_path, monkeypatch, caplog):
    async with running(tmp_path) as world:
        monkeypatch.setattr(world.relay._context.store, "query", None)
        answer = await say(tmp_path / "control.sock", request("users"))
        assert answer["error"]["code"] == "internal"
        monkeypatch.undo()
        assert (await say(tmp_path / "control.sock", request("users")))["ok"]["users"] == []
    assert "operation-failed" in caplog.text


async def test_a_line_without_end_and_a_crowd_are_hung_up_on(tmp_path, monkeypatch):
    async with running(tmp_path):
        path = tmp_path / "control.sock"
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"x" * (MAX_REQUEST_BYTES * 3))
        assert await reader.read() == b""
        writer.close()
        crowd = [await asyncio.open_unix_connection(path) for _ in range(local.MAX_CONNECTIONS)]
        for reader, writer in crowd:
            writer.write(request("stats") + b"\n")
            assert b'"ok"' in await reader.readline()
        reader, one_more = await asyncio.open_unix_connection(path)
        assert await reader.read() == b""
        crowd[0][1].close()
        for _, writer in [*crowd[1:], (None, one_more)]:
            writer.close()
        while True:  # as soon as the relay has seen that they went
            answer = await asyncio.to_thread(_try, path)
            if answer:
                break


async def test_one_who_says_nothing_is_hung_up_on_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "LINE_TIMEOUT_S", 0.05)
    async with running(tmp_path):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


async def test_one_who_stays_connected_does_not_hold_up_the_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "CLOSE_TIMEOUT_S", 1_000)
    async with running(tmp_path) as world:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
        writer.write(request("stats") + b"\n")
        await reader.readline()
        async with asyncio.timeout(20):
            await world.relay.stop()
        assert await reader.read() == b""
        writer.close()


async def test_a_folder_with_a_path_too_long_for_a_socket_has_them_all_the_same(tmp_path):
    folder = tmp_path / ("d" * 60) / ("e" * 60) / "relay"
    async with running(folder):
        assert len(os.fsencode(folder / "control.sock")) > 108
        assert (await asyncio.to_thread(ask_relay, folder, "stats"))["running"] is True
    assert not (folder / "control.sock").exists()


async def test_where_no_system_has_room_for_the_path_it_is_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(local_asking, "_OWN_FOLDER", tmp_path / "nowhere")
    monkeypatch.setattr(asking, "SETTLE_S", 0.05)
    folder = tmp_path / ("d" * 60) / ("e" * 60) / "relay"
    async with running(folder):
        assert "no-control-socket" in caplog.text
        with pytest.raises(ControlUnavailable):
            await asyncio.to_thread(ask_relay, folder, "stats")


async def test_a_relay_that_keeps_nothing_has_no_socket(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with running(None) as world:
        assert world.relay._control is None
    assert list(tmp_path.iterdir()) == []


async def test_a_group_that_may_pass_through_the_folder_may_ask_the_monitor(tmp_path):
    async with running(tmp_path):
        assert mode(tmp_path) == 0o700
    tmp_path.chmod(0o2710)
    async with running(tmp_path):
        assert mode(tmp_path) == 0o2710
        assert mode(tmp_path / "monitor.sock") == 0o660
        assert mode(tmp_path / "control.sock") == 0o600
        assert (tmp_path / "monitor.sock").stat().st_gid == tmp_path.stat().st_gid
        assert mode(tmp_path / "relay.db") == 0o600
    tmp_path.chmod(0o755)
    async with running(tmp_path):
        assert (mode(tmp_path), mode(tmp_path / "monitor.sock")) == (0o700, 0o600)


@pytest.fixture
def reached():
    """A folder that no folder above it keeps anybody from."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_a_member_of_that_group_reaches_the_monitor_and_nothing_else(reached):
    async with running(reached):
        assert reachable(reached) == []
    os.chown(reached, -1, GROUP)
    reached.chmod(LET_THROUGH)
    async with running(reached):
        assert reachable(reached) == ["monitor.sock"]
        assert reachable(reached, group=GROUP + 1) == []


async def test_whoever_may_only_look_is_led_to_the_monitor(tmp_path, monkeypatch):
    asked = []

    def ask(path, operation, args, *, timeout_s):
        asked.append((path.name, operation))
        if path.name == "control.sock":
            raise LocalForbidden
        return control_lines.ask(path, operation, args, timeout_s=timeout_s)

    monkeypatch.setattr(asking, "ask", ask)
    async with running(tmp_path):
        assert (await asyncio.to_thread(ask_relay, tmp_path, "stats"))["running"] is True
        with pytest.raises(LocalForbidden):
            await asyncio.to_thread(ask_relay, tmp_path, "gc")
    assert asked == [("control.sock", "stats"), ("monitor.sock", "stats"), ("control.sock", "gc")]


async def test_a_relay_that_is_starting_is_waited_for(tmp_path):
    async with running(tmp_path):
        pass
    held = DataDir.open(tmp_path)
    answer = asyncio.create_task(asyncio.to_thread(ask_relay, tmp_path, "stats"))
    done, _ = await asyncio.wait([answer], timeout=0.3)
    assert not done
    held.close()
    assert (await answer)["running"] is False


def test_before_the_first_start_there_is_nothing_to_ask(tmp_path):
    with pytest.raises(NoStore):
        ask_relay(tmp_path / "relay", "users")
    assert list(tmp_path.iterdir()) == []


async def test_an_answer_that_is_none_is_no_answer(tmp_path):
    path = tmp_path / "control.sock"
    for told, error in (
        (b"nonsense", ControlVersion),
        (b'{"v": 2, "ok": {}}', ControlVersion),
        (b'{"v": 1}', ControlVersion),
        (b'{"v": 1, "error": {"code": "read-only-socket", "sentence": "?"}}', ReadOnlySocket),
    ):

        async def tell(_: bytes, told: bytes = told) -> bytes:
            return told

        listener = await LocalListener.open(path, tell, mode=0o600, max_line_bytes=1000)
        with pytest.raises(error):
            await asyncio.to_thread(control_lines.ask, path, "stats", {}, timeout_s=20)
        await listener.close()


def test_an_error_comes_out_as_the_one_that_went_in():
    for code, error in refusals.KNOWN.items():
        again = refused(Failure(code, "whatever", "detail"))
        assert (type(again), again.code) == (error, code)
    assert refused(Failure("made-up", "?")).code == "relay-refused"


def reachable(folder: Path, group: int = GROUP) -> list[str]:
    """What in a folder another user, of a group, can connect to or read."""
    names = sorted(path.name for path in folder.iterdir())
    found = []
    groups, own = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(group)
    os.seteuid(NOBODY)
    try:
        for name in names:
            with suppress(PermissionError), closing(socket.socket(socket.AF_UNIX)) as asking:
                if name.endswith(".sock"):
                    asking.connect(str(folder / name))
                else:
                    (folder / name).read_bytes()
                found.append(name)
    finally:
        os.seteuid(0)
        os.setegid(own)
        os.setgroups(groups)
    return found


def _try(path: Path) -> bytes:
    try:
        return ask_line(path, request("stats"), timeout_s=20, max_answer_bytes=2**20)
    except TransportError:
        return b""


def test_whoever_only_asks_loads_neither_a_relay_nor_an_event_loop():
    """A person waits at Tab for the names that come of it."""
    ran = "import sys, tacit.relay.control_lines; print('asyncio' in sys.modules, 'tacit.relay.context' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", ran], text=True).split() == ["False", "False"]
