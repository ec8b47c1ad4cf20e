"""The unit file, and what a relay tells the manager that started it."""

from __future__ import annotations

import re
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import click
import pytest

from tacit.cli.tree import TREE
from tests.cli.tacit_command import World, read_line
from tests.ops.needed import OPS, needed

pytestmark = pytest.mark.processes

UNIT = OPS / "tacit.service"
MOST_EXPOSURE = 2.0


def test_the_unit_runs_a_command_that_exists() -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    program, name, *rest = shlex.split(line)
    assert Path(program).name == "tacit"
    command = TREE.get_command(click.Context(TREE), name)
    assert command is not None
    command.make_parser(click.Context(command)).parse_args(rest)


def test_the_unit_is_hardened() -> None:
    analyze = needed("systemd-analyze", "Debian's systemd")
    ran = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", UNIT], capture_output=True, text=True, check=False
    )
    score = re.search(r"Overall exposure level for tacit\.service: ([\d.]+)", ran.stdout)
    assert score is not None, ran
    assert float(score[1]) < MOST_EXPOSURE
    assert "Unknown key" not in ran.stderr


def test_the_unit_hides_nothing_that_a_relay_looks_at() -> None:
    """Without the figures of the machine's memory it would go on taking new accounts when that runs low."""
    unit = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE))
    assert unit.get("ProcSubset", "all") == "all"


def test_a_relay_says_that_it_is_ready_when_it_is_and_that_it_stops(tmp_path: Path) -> None:
    world = World(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        serve = ("serve", "--json", "--host", "127.0.0.1", "--port", "0")
        with world.running(*serve, NOTIFY_SOCKET=str(tmp_path / "notify")) as relay:
            assert manager.recv(1000) == b"READY=1"
            port = read_line(relay)["port"]
            socket.create_connection(("127.0.0.1", port)).close()
            relay.send_signal(signal.SIGTERM)
            assert manager.recv(1000) == b"STOPPING=1"
            assert relay.wait(20) == 0
