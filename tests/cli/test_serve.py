"""The relay as a process: starts, says where it is, stops when told, and tells its log nothing."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tacit.cli import relay_server
from tacit.cli.settings import ServeSettings, Settings
from tests.cli.tacit_command import World, read_line
from tests.relay.peers import running

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

HERE = ("--host", "127.0.0.1", "--port", "0")


def test_a_signal_stops_it_cleanly_and_it_starts_into_the_same_state(world: World) -> None:
    """The last of them comes when the window that it was started in is closed."""
    keys = set()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with world.running("serve", "--json", *HERE) as relay:
            keys.add(read_line(relay)["link"].rpartition("#")[2])
            relay.send_signal(number)
            assert relay.wait(20) == 0
    assert len(keys) == 1


def test_a_relay_that_can_write_nothing_any_longer_ends_so_that_a_supervisor_notices(world: World) -> None:
    """The disk refuses, and there is no memory to say so: the thread that writes cannot go on."""
    program = """
import logging, sys
from tacit.cli.main import main

def out_of_memory(record):
    if "transaction-failed" in record.getMessage():
        raise MemoryError
    return True

logging.getLogger("tacit.relay.store").addFilter(out_of_memory)
main(sys.argv[1:])
"""
    command = (sys.executable, "-c", program, "serve", *HERE)
    # Not measured: what is measured wants to write a file at the end, too.
    env = {name: value for name, value in world.env.items() if not name.startswith("COV")}
    with subprocess.Popen(command, env=env, stdout=-1, stderr=-1, stdin=subprocess.DEVNULL, text=True) as relay:
        try:
            assert relay.stdout is not None
            assert relay.stdout.readline().startswith("tacit://")
            resource.prlimit(relay.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            assert world.tacit("relay", "invite").code != 0
            _, said = relay.communicate(timeout=20)
        finally:
            relay.kill()
    assert relay.returncode == 1
    assert "event=writer-failed" in said
    assert "event=stopped" in said
    assert "The relay could write nothing any longer" in said


def test_its_link_is_data_and_its_talk_is_not(world: World) -> None:
    with world.running("serve", *HERE, "--public-host", "chat.example.org") as relay:
        assert relay.stdout is not None
        assert relay.stderr is not None
        link = relay.stdout.readline().strip()
        assert link.startswith("tacit://chat.example.org:")
        relay.send_signal(signal.SIGTERM)
        relay.wait(20)
        talk = relay.stderr.read()
    assert "can register" in talk
    assert "event=" in talk


async def test_between_the_lines_of_a_log_in_json_stands_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    async with running(None, port=0, grpc_port=0, host="127.0.0.1") as world:
        links = "".join(f"{link}\n" for link in world.relay.links())
        for serve, log_file, told in (("json", "", ""), ("json", "relay.log", "for gRPC"), ("logfmt", "", "for gRPC")):
            settings = Settings(serve=ServeSettings(log_format=serve), log_file=log_file)
            relay_server._announce(settings, world.relay.config, world.relay, "")
            said = capsys.readouterr()
            assert (said.out, bool(said.err), told in said.err) == (links, bool(told), True)


def test_an_ephemeral_relay_leaves_no_file_and_can_be_by_invite(world: World) -> None:
    with world.relay("--ephemeral", "--registration", "invite") as relay:
        assert relay["ephemeral"] is True
        assert "." in relay["link"].rpartition("#")[2]
        world.ok("init", "--name", "ann", "--relay", relay["link"], "--no-passphrase")
    assert not (world.folder / "data" / "relay").exists()


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="limits are read from /proc")
def test_it_takes_all_the_files_that_it_may_open_and_leaves_no_core(world: World) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        with world.running("serve", "--json", *HERE) as relay:
            read_line(relay)
            limits = Path(f"/proc/{relay.pid}/limits").read_text("utf-8").splitlines()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    values = {line[:26].strip(): line[26:].split()[0] for line in limits}
    assert values["Max core file size"] == "0"
    assert values["Max open files"] == ("unlimited" if hard == resource.RLIM_INFINITY else str(hard))


def test_it_ends_with_its_parent(world: World) -> None:
    with world.running("serve", "--json", "--with-parent", *HERE) as relay:
        read_line(relay)
        assert relay.stdin is not None
        relay.stdin.close()
        assert relay.wait(20) == 0


def test_a_taken_port_and_a_taken_folder_are_said(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = world.tacit("serve", "--host", "127.0.0.1", "--port", port, "--json")
        assert ran.code == 3
        assert ran.json["error"]["code"] == "cannot-listen"
    with world.relay():
        ran = world.tacit("serve", *HERE, "--json")
        assert ran.code == 2
        assert ran.json["error"]["code"] == "already-running"


def test_invitations_are_made_used_listed_and_revoked(world: World) -> None:
    with world.relay("--registration", "invite", "--tcp", "--tcp-port", "0") as relay:
        bare = world.tacit("init", "--name", "ann", "--relay", relay["link"], "--no-passphrase", "--json")
        assert bare.json["error"]["code"] == "invite-needed"
        assert not (world.folder / "data" / "profiles" / "default").exists()
        made = world.ok("relay", "invite", "--uses", "2", "--expires", "1d", "--note", "for ann", "--json").json
        over_ws, over_tcp = made["links"]
        assert (over_ws, over_tcp.partition("/#")[2]) == (made["link"], over_ws.partition("/#")[2])
        world.ok("init", "--name", "ann", "--relay", over_tcp, "--no-passphrase")
        (listed,) = world.ok("relay", "invites", "--json").lines
        assert (listed["used"], listed["uses"], listed["note"]) == (1, 2, "for ann")
        assert listed["expires_at"] - listed["created_at"] == 86400
        assert "1 of 2 used" in world.ok("relay", "invites").out
        assert world.ok("relay", "revoke", made["id"], "--json").json["revoked_at"]
        again = world.tacit("init", "-P", "bea", "--name", "bea", "--relay", made["link"], "--no-passphrase", "--json")
        assert again.json["error"]["code"] == "invite-invalid"
        assert world.tacit("relay", "revoke", "ffffffffffff").code == 7
        held = world.ok("relay", "inspect", "@ann", "--json").json
        assert held["handle"] == "ann"
        assert held["devices"][0]["key_packages"] >= 20
    assert world.tacit("relay", "inspect", "@nobody").code == 7


def test_every_column_is_told_with_its_purpose(world: World) -> None:
    columns = world.ok("relay", "inspect", "--json").lines
    assert {"table": "entries", "name": "payload"}.items() <= next(c for c in columns if c["name"] == "payload").items()
    assert all(column["purpose"] and column["kept"] for column in columns)
    assert "entries.payload" in world.ok("relay", "inspect").out


def test_before_the_first_start_there_is_nothing_to_invite_to(world: World) -> None:
    ran = world.tacit("relay", "invite", "--json")
    assert ran.code == 7
    assert ran.json["error"]["code"] == "never-started"


def test_the_log_names_nobody_and_no_address(world: World, tmp_path: Path) -> None:
    log = tmp_path / "relay.log"
    with world.relay("-vv", "--log-file", str(log)) as relay:
        made = world.ok("init", "--name", "zebulon", "--relay", relay["link"], "--no-passphrase", "--json").json
        world.tacit("send", "@nobody", "xylophone")
    text = log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    for line in text.splitlines():
        json.loads(line)
    for secret in ("zebulon", "127.0.0.1", made["me"]["id"], made["me"]["id"].replace("-", ""), "xylophone"):
        assert secret not in text


def test_a_relay_is_backed_up_while_it_runs_and_restored_when_it_does_not(world: World) -> None:
    file = world.folder / "backup"
    with world.running("serve", "--json", *HERE) as relay:
        link = read_line(relay)["link"]
        made = world.ok("relay", "backup", str(file), "--json").json
        assert (made["accounts"], made["damaged_entries"], made["bytes"]) == (0, 0, file.stat().st_size)
        assert world.tacit("relay", "backup", str(file)).code == 2, "nothing is replaced"
        assert world.ok("relay", "doctor", "--json").json["sound"] is True
        assert world.tacit("relay", "restore", str(file), "--force").code != 0, "it runs"
        relay.send_signal(signal.SIGTERM)
        assert relay.wait(20) == 0
    assert world.tacit("relay", "restore", str(file)).code == 2, "there is data"
    restored = world.ok("relay", "restore", str(file), "--force", "--json").json
    assert Path(restored["moved_to"], "relay.db").is_file()
    with world.running("serve", "--json", *HERE) as relay:
        assert read_line(relay)["link"].rpartition("#")[2] == link.rpartition("#")[2]
        relay.send_signal(signal.SIGTERM)
        assert relay.wait(20) == 0
