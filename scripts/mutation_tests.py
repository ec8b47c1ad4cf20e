"""Judges changed code: pytest collects the tests once, and every change is judged in a child of its own.

``./dev mutate`` runs this in its copy of the tree; it is no program of its own. First all tests run over the unchanged
code, which tells what functions each of them enters and what it costs. Then each change gets the tests that enter its
function, cheap ones first, until one of them notices. Time is counted as time of the processor, so a busy machine never
looks like a change that hangs.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import pytest

CHOSEN: Final = "MUTANT_UNDER_TEST"
"""The variable by which changed code knows which of its changes is on."""

SPARE_CPU_S: Final = 5
"""Processor time that a test gets on top of five times what it costs without the change."""

MOST_MEMORY: Final = 6 << 30
"""Bytes of address space for one change: what collects for ever fails."""

STUCK_S: Final = 1800
"""Seconds on the clock after which a change that does not even compute is given up; that is not counted as noticed."""

KEPT_FRONT: Final = 20
"""Tests that noticed other changes of the same function, or of the same module, and go first."""


NEIGHBOURS: Final = {
    "commits": ("test_bounds", "test_reinit"),
    "commit_creation": ("test_commits", "test_group", "test_pending", "test_sending"),
    "commit_effects": ("test_commits", "test_grease", "test_leaf_nodes", "test_policy", "test_proposals"),
    "commit_processing": ("test_commits",),
    "credentials": ("test_x509",),
    "epochs": ("test_receiving", "test_reinit", "test_resumption"),
    "extensions": ("test_last_resort",),
    "group": ("test_group_info", "test_sending", "test_state"),
    "key_package_reading": ("test_key_packages",),
    "key_packages": ("test_grease", "test_last_resort"),
    "leaf_nodes": ("test_bounds", "test_decoding", "test_grease"),
    "messages": ("test_decoding",),
    "parent_hashes": ("test_trees",),
    "parent_nodes": ("test_trees",),
    "past_epochs": ("test_receiving", "test_state"),
    "proposals": ("test_bounds", "test_policy"),
    "ratchet_tree": ("test_trees", "test_tree_counts", "test_properties"),
    "ratchet_tree_extension": ("test_trees",),
    "secret_tree": ("test_secret_tree_bounds",),
    "sending": ("test_group", "test_proposals"),
    "state": ("test_stolen_state",),
    "stored_epochs": ("test_state",),
    "stored_rows": ("test_state",),
    "stored_secrets": ("test_state",),
    "tree_hashes": ("test_trees",),
    "trees": ("test_bounds", "test_commits", "test_policy"),
    "update_paths": ("test_commits", "test_sizes"),
}
"""Files of tests that are about a module and do not bear its name."""


@dataclass(frozen=True)
class Known:
    """What the unchanged code tells: processor seconds per test, tests per function, tests that fail by themselves."""

    costs: dict[int, float]
    entering: dict[str, list[int]]
    failing: list[str]


@dataclass
class Running:
    """A change that is being judged."""

    name: str
    deadline: float
    heard: bytes = b""


@dataclass(eq=False)
class Judges:
    """The plugin: takes the place of pytest's own loop over the tests."""

    changes: list[str]
    earlier: dict[str, str]
    processes: int
    seconds: float
    out: int
    failed: bool = False
    known: Known = field(default_factory=lambda: Known({}, {}, []))
    noticed_by: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember in the child whether a test failed."""
        self.failed = self.failed or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge all changes."""
        importlib.import_module("cryptography.hazmat.backends.openssl.backend")  # else each child does it
        gc.collect()
        gc.freeze()
        self.known = self.unchanged(session.items)
        self.remember(session.items)
        self.tell({"failing": self.known.failing, "tests": len(session.items)})
        waiting = iter(self.changes)
        running: dict[int, tuple[int, Running]] = {}
        while True:
            while len(running) < self.processes and (name := next(waiting, None)) is not None:
                tests = self.tests_for(session.items, name)
                if not tests:
                    self.tell({"name": name, "state": "no tests"})
                    continue
                pid, end = self.fork(partial(self.judge, session.items, name, tests))
                running[end] = (pid, Running(name, time.monotonic() + STUCK_S))
            if not running:
                return True
            self.listen(session.items, running)

    def remember(self, items: list[pytest.Item]) -> None:
        """Let the tests go first that noticed changes in earlier runs."""
        places = {item.nodeid: test for test, item in enumerate(items)}
        for name, test in self.earlier.items():
            if test in places:
                self.put_first(name, places[test])

    def put_first(self, name: str, test: int) -> None:
        """Let a test that noticed a change be the first for the next change of that function, and of that module."""
        for place in (name.partition("__mutmut_")[0], name.rpartition(".")[0]):
            front = self.noticed_by[place]
            if test in front:
                front.remove(test)
            front.insert(0, test)
            del front[KEPT_FRONT:]

    def unchanged(self, items: list[pytest.Item]) -> Known:
        """Run every test over the unchanged code, each file in a child of its own, so that nothing stays here of it."""
        known = Known({}, defaultdict(list), [])
        files: dict[Path, list[int]] = defaultdict(list)
        for test, item in enumerate(items):
            files[item.path].append(test)
        for tests in files.values():
            pid, end = self.fork(partial(self.observe, items, tests))
            with os.fdopen(end, "rb") as file:
                told = [json.loads(line) for line in file]
            os.waitpid(pid, 0)
            known.failing.extend(items[test].nodeid for test in set(tests) - {test for test, _, _ in told})
            for test, cost, entered in told:
                known.costs[test] = cost
                for function in entered:
                    known.entering[function].append(test)
        return known

    def observe(self, items: list[pytest.Item], tests: list[int], write: int) -> None:
        """Tell what each test enters and costs; nothing about those that fail."""
        os.environ[CHOSEN] = "stats"
        entered: set[str] = set()
        trampoline = importlib.import_module("mutmut.mutation.trampoline")
        vars(trampoline)["record_trampoline_hit"] = lambda function, **_: entered.add(function)
        with os.fdopen(write, "w") as file:
            for test in tests:
                entered.clear()
                self.failed = False
                began = time.process_time()
                items[test].config.hook.pytest_runtest_protocol(item=items[test], nextitem=None)
                if not self.failed:
                    print(json.dumps((test, time.process_time() - began, sorted(entered))), file=file)

    def tests_for(self, items: list[pytest.Item], name: str) -> list[int]:
        """The tests for a change: those that noticed its neighbours, then those of its module, then the cheap ones."""
        function = name.partition("__mutmut_")[0]
        module = function.split(".")[-2]
        files = (f"test_{module}", f"test_{module}s", *NEIGHBOURS.get(module, ()))
        tests = sorted(self.known.entering.get(function, []), key=self.known.costs.__getitem__)
        about = self.cheap([test for test in tests if items[test].path.stem in files])
        chosen = about + self.cheap([test for test in tests if test not in about])
        near = [test for test in self.noticed_by[function] if test in tests]
        nearby = [test for test in self.noticed_by[name.rpartition(".")[0]] if test in chosen]
        front = list(dict.fromkeys(near + nearby))
        front.sort(key=lambda test: items[test].nodeid != self.earlier.get(name))
        return front + [test for test in chosen if test not in front]

    def cheap(self, tests: list[int]) -> list[int]:
        """As many of the tests, cheap ones first, as there is time for; at least one if there is any."""
        spent = list(accumulate(self.known.costs[test] for test in tests))
        return [test for test, total in zip(tests, spent, strict=True) if test == tests[0] or total <= self.seconds]

    def judge(self, items: list[pytest.Item], name: str, tests: list[int], write: int) -> None:
        """Run the tests over one change until one notices."""
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        os.environ[CHOSEN] = name
        for test in tests:
            most = int(time.process_time() + SPARE_CPU_S + 5 * self.known.costs[test])
            resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
            items[test].config.hook.pytest_runtest_protocol(item=items[test], nextitem=None)
            if self.failed:
                os.write(write, f"killed {test}".encode())
                return
        os.write(write, b"survived")

    def fork(self, work: Callable[[int], None]) -> tuple[int, int]:
        """Do `work` in a child, which may write to the pipe whose other end this gives with its number."""
        read, write = os.pipe()
        pid = os.fork()
        if pid:
            os.close(write)
            return pid, read
        code = 1
        try:
            os.setsid()
            quiet = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1):
                os.dup2(quiet, stream)
            work(write)
            code = 0
        except BaseException:  # noqa: BLE001 - whatever happens, the child must not go on as its parent
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)

    def listen(self, items: list[pytest.Item], running: dict[int, tuple[int, Running]]) -> None:
        """Take in what the children say, and give up those that are stuck."""
        ready, _, _ = select.select(list(running), [], [], 1.0)
        for end in ready:
            pid, change = running[end]
            piece = os.read(end, 4096)
            change.heard += piece
            if not piece:
                self.finish(items, end, pid, change)
                del running[end]
        for pid, change in running.values():
            if time.monotonic() > change.deadline:
                change.heard = b"stuck"
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)

    def finish(self, items: list[pytest.Item], end: int, pid: int, change: Running) -> None:
        """Report one change. A child that broke off without a word was stopped by its change: that is noticed."""
        os.close(end)
        _, status = os.waitpid(pid, 0)
        word, _, test = change.heard.decode().partition(" ")
        if test:
            self.put_first(change.name, int(test))
        if not word:
            word = "timeout" if os.WIFSIGNALED(status) and os.WTERMSIG(status) in CPU_SIGNALS else "broken off"
        self.tell({"name": change.name, "state": word, "by": items[int(test)].nodeid if test else ""})

    def tell(self, what: dict[str, Any]) -> None:
        """One line for ``scripts/mutation.py``."""
        os.write(self.out, json.dumps(what).encode() + b"\n")


CPU_SIGNALS: Final = (signal.SIGXCPU, signal.SIGKILL)


def arguments() -> Iterator[str]:
    """For pytest: no clock that others slow down, and nothing that explains failures: it costs more than the tests."""
    yield from ("--tb=native", "--assert=plain")
    yield from ("-q", "-s", "--timeout=0", "-p", "no:cacheprovider", "-p", "no:randomly")
    for plugin in ("xdist", "pytest_cov", "cov"):
        yield from ("-p", f"no:{plugin}")


def main() -> int:
    """Arguments: files of changes and of who noticed what, processes, seconds, a descriptor to write to, then tests."""
    changes, noticed_by, processes, seconds, out, *paths = sys.argv[1:]
    names = list(json.loads(Path(changes).read_text(encoding="utf-8")))
    earlier = json.loads(Path(noticed_by).read_text(encoding="utf-8")) if Path(noticed_by).is_file() else {}
    judges = Judges(names, earlier, int(processes), float(seconds), int(out))
    return int(pytest.main([*arguments(), *paths], plugins=[judges]))


if __name__ == "__main__":
    sys.exit(main())
