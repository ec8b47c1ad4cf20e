"""``--ephemeral``: a relay that people talk through and that leaves nothing behind, wherever one looks for it."""

from __future__ import annotations

import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.people import befriend, opened, said
from tests.processes.programs import TIMEOUT_S, Program, environment

pytestmark = pytest.mark.processes


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Every folder that a program takes for its own without being told another one."""
    folders = {name: tmp_path / name for name in ("home", "data", "relay", "tmp", "cwd", "cache", "config", "state")}
    for folder in folders.values():
        folder.mkdir()
    return folders


@pytest.fixture
def serving(places: dict[str, Path]) -> Iterator[Program]:
    env = {
        "HOME": str(places["home"]),
        "TMPDIR": str(places["tmp"]),
        "SQLITE_TMPDIR": str(places["tmp"]),
        "XDG_DATA_HOME": str(places["data"]),
        "XDG_CACHE_HOME": str(places["cache"]),
        "XDG_CONFIG_HOME": str(places["config"]),
        "XDG_STATE_HOME": str(places["state"]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TACIT_SERVE_DATA": str(places["relay"]),
    }
    # What measures the coverage of a child writes files of its own.
    env |= {name: "" for name in environment() if name.startswith("COV")}
    command = (
        "serve",
        "--ephemeral",
        "--json",
        "-vv",
        "--host",
        "127.0.0.1",
        "--public-host",
        "127.0.0.1",
        "--port",
        "0",
    )
    with Program(*command, env=env, cwd=places["cwd"]) as program:
        yield program


def files(places: dict[str, Path]) -> list[Path]:
    return [path for folder in places.values() for path in folder.rglob("*")]


def open_files(program: Program) -> list[str]:
    """Everything that a process holds open and that a disk, or a piece of memory in a disk's place, stands behind."""
    held = []
    for link in Path(f"/proc/{program.pid}/fd").iterdir():
        try:
            mode, target = link.stat().st_mode, str(link.readlink())
        except FileNotFoundError:
            continue
        if stat.S_ISREG(mode) and link.name not in ("0", "1", "2"):
            held.append(target)
    return held


def mapped_to_write(program: Program) -> list[str]:
    """Files that a process has mapped so that what it writes gets back to them."""
    maps = Path(f"/proc/{program.pid}/maps").read_text("utf-8").splitlines()
    return [line for line in maps if re.match(r"\S+ .w.s .* /", line) and "/dev/zero" not in line]


async def test_an_ephemeral_relay_is_talked_through_and_leaves_no_file(
    places: dict[str, Path], serving: Program, tmp_path: Path
) -> None:
    listening = serving.line()
    assert listening["ephemeral"] is True
    alice, bob = await befriend(listening["link"], tmp_path / "clients", "alice", "bob")
    async with opened(alice) as one:
        for number in range(50):
            await one.send("@bob", f"{number} {'x' * 20_000}")
        waiting = await one.send("@bob", "kept for somebody who is away")
        await one.wait_for(waiting.id, "relayed", TIMEOUT_S)
        assert open_files(serving) == []
        assert mapped_to_write(serving) == []
        assert files(places) == []
    async with opened(bob):
        pass
    assert (await said(bob, "@alice"))[-1] == "@alice: kept for somebody who is away"
    ended = serving.end(signal.SIGTERM)
    assert ended is not None
    assert ended.code == 0
    assert files(places) == []


async def test_an_ephemeral_relay_that_is_killed_leaves_no_file_either(
    places: dict[str, Path], serving: Program, tmp_path: Path
) -> None:
    await befriend(serving.line()["link"], tmp_path / "clients", "alice", "bob")
    serving.end(signal.SIGKILL)
    assert files(places) == []
