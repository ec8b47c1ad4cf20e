"""The relay and the load generator as processes, each on a core of its own where that is wanted."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import psutil

from bench.measure import CannotMeasure
from tacit.identity import parse_link

ROOT: Final = Path(__file__).resolve().parents[2]
TACIT: Final = str(ROOT / "tacit")

FILES_BESIDES: Final = 256
"""Open files of a process that are not connections, with room to spare."""

Patience: TypeAlias = Callable[[], float]
"""How many seconds a process may take to end by itself, asked when it shall end."""


def patient() -> float:
    """As long as a relay with ten thousand connections needs."""
    return 20.0


class Failed(CannotMeasure):
    """A process did not do what it was asked; the text says why."""


@dataclass(frozen=True)
class Cores:
    """Which core serves and which one asks; None where nothing is pinned."""

    server: int | None = None
    generator: int | None = None

    @classmethod
    def two(cls) -> Cores:
        """The last two that this process may use. Raises ``Failed`` where there are none."""
        if not hasattr(os, "sched_getaffinity"):
            raise Failed("this system binds no process to a core")
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) < 2:
            raise Failed("pinning takes two cores, and there is one")
        return cls(usable[-1], usable[-2])


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """What is started inside runs on this core."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def connections_allowed(wanted: int) -> int:
    """How many connections a process started from here may hold; the limit on open files is raised where that helps."""
    needed = wanted + FILES_BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < needed:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, needed))
            hard = needed
    return wanted if hard < 0 else min(wanted, hard - FILES_BESIDES)


class RunningRelay:
    """A relay process on loopback."""

    def __init__(self, process: subprocess.Popen[str], link: str, folder: Path) -> None:
        self.process = process
        self.link = link
        self.folder = folder
        self.pids = [process.pid]
        parsed = parse_link(link)
        self.address = (parsed.host, parsed.port)

    def rss_bytes(self) -> int:
        """Memory that it has in use."""
        return int(psutil.Process(self.process.pid).memory_info().rss)


@contextmanager
def running_relay(folder: Path, core: int | None = None, patience: Patience = patient) -> Iterator[RunningRelay]:
    """A relay over a folder, from start to clean stop. Raises ``Failed`` when it does not start."""
    command = [
        TACIT,
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--public-host",
        "127.0.0.1",
        "--data",
        str(folder),
        "--with-parent",
    ]
    complaints = folder.with_name(f"{folder.name}.log")
    with complaints.open("a", encoding="utf-8") as log, on_core(core):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        if not link:
            said = complaints.read_text("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise Failed(f"the relay did not start: {said[-1]}")
        yield RunningRelay(process, link, folder)
    finally:
        end(process, patience)


def end(process: subprocess.Popen[Any], patience: Patience = patient) -> None:
    """Ask a process to end, and make it end if it does not, or if there is no time to wait."""
    process.terminate()
    try:
        process.wait(patience())
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


class Generator:
    """The load generator's process."""

    def __init__(self, core: int | None = None) -> None:
        with on_core(core):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.relay.load"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        """The answer to one request. Raises ``Failed``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"op": op, **request}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Failed("the load generator has ended") from None
        line = self._process.stdout.readline()
        if not line:
            raise Failed("the load generator has ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Failed(str(answer["error"]))
        return answer

    def join(self, address: Sequence[Any], population: Path) -> None:
        """Name the relay and the people."""
        self.ask("join", address=list(address), population=str(population))

    def close(self, patience: Patience = patient) -> None:
        """End the process."""
        end(self._process, patience)


@contextmanager
def generator(core: int | None = None, patience: Patience = patient) -> Iterator[Generator]:
    """A load generator from start to end."""
    started = Generator(core)
    try:
        yield started
    finally:
        started.close(patience)
