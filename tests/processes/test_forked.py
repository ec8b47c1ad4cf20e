"""A forked process cannot be told from one that was started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

import pytest

from tests.processes import forked
from tests.ui.terminal import Forked, Spawned, Terminal

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is forked"),
]


def started(*arguments: str, fresh: bool, **how: Any) -> Popen[str] | forked.Forked:
    """A process that tells what it was given."""
    how = {"env": forked.environment(False), "stdin": DEVNULL, "stdout": PIPE, "stderr": PIPE, "text": True} | how
    process = forked.start("tests.processes.portrait", arguments, fresh=fresh, **how)
    assert isinstance(process, Popen if fresh else forked.Forked)
    return process


def both(*arguments: str, said: str | None = None, **how: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What a started and what a forked process print and how they end."""
    came = []
    for fresh in (True, False):
        with started(*arguments, fresh=fresh, **how) as process:
            out, err = process.communicate(said, timeout=60)
            came.append((json.loads(out), err, process.wait()))
    return came[0], came[1]


def differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


def test_it_is_given_what_a_started_one_is_given(tmp_path: Path) -> None:
    env = forked.environment(False) | {"TZ": "Asia/Kolkata", "HOME": str(tmp_path), "TERM": "dumb", "ODD": "\udcff"}
    del env["PATH"]
    (tmp_path / "tests").symlink_to(forked.ROOT / "tests")
    how: dict[str, Any] = {
        "said": "zwölf\r\nlines",
        "stdin": PIPE,
        "env": env,
        "cwd": tmp_path,
        "start_new_session": True,
    }
    ours, other = both("a", "--b", "ö\udcff", **how)
    assert differing(ours[0], other[0]) == {}
    assert ours == other
    told = ours[0]
    assert told["read"] == "zwölf\r\nlines"
    assert told["environment"]["ODD"] == "\udcff"
    assert "PATH" not in told["environment"]
    assert told["folder"] == str(tmp_path)
    assert told["leads its session"]
    assert told["time zone"][1] == -19800


def test_its_parents_session_and_nothing_to_read_are_the_same_too() -> None:
    ours, other = both()
    assert differing(ours[0], other[0]) == {}
    assert ours == other
    assert not ours[0]["leads its session"]


def test_a_terminal_belongs_to_it() -> None:
    command = [sys.executable, "-m", "tests.processes.portrait"]
    told = []
    for argv, kind in ((command, Forked), (["env", *command], Spawned)):
        with Terminal(argv, columns=90, rows=30, inherited=forked.environment(False)) as screen:
            assert type(screen.process) is kind
            screen.type("\x04")
            assert screen.ends() == 7
            told.append(json.loads(screen.raw[screen.raw.index(b"{") :]))
    for process in told:
        assert process["descriptors"].pop("0").isdigit(), "a pseudo-terminal of its own"
        assert process["terminal"] == [90, 30, True]
    assert differing(*told).keys() <= {"descriptors"}
    assert told[0]["descriptors"].keys() == told[1]["descriptors"].keys()
    assert told[0]["leads its session"]


@pytest.mark.parametrize(("order", "code"), [("", 7), ("die", -signal.SIGKILL), ("fail", 1)])
def test_it_ends_as_a_started_one_ends(order: str, code: int) -> None:
    (_, said, ended), (_, also_said, also_ended) = both(order)
    assert ended == also_ended == code
    assert said.splitlines()[-1:] == also_said.splitlines()[-1:]


def test_it_can_be_waited_for_signalled_and_asked_how_it_is() -> None:
    with started(fresh=False, stdin=PIPE) as process:
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        os.kill(process.pid, 0)
        process.terminate()
        assert process.wait(60) == process.poll() == -signal.SIGTERM
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def test_it_writes_into_a_file_that_it_is_given(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+b") as out, started(fresh=False, stdout=out) as process:
        assert process.stdout is None
        assert process.wait(60) == 7
        out.seek(0)
        assert json.loads(out.read())["arguments"][1:] == []


def test_what_an_interpreter_reads_at_its_start_is_never_forked() -> None:
    env = forked.environment(False)
    for name in ("PYTHONFAULTHANDLER", "LC_ALL", "COVERAGE_PROCESS_START"):
        assert forked.server_for(env | {name: "C"}) is None
    assert forked.server_for(env | {"TERM": "dumb"}) is not None
