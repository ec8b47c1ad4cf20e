"""``./dev mutate [MODULE ...]``: changes one thing in ``tacit.mls`` at a time and sees whether a test notices.

mutmut makes the changes and runs the tests, in a copy of the tree under ``build/mutation/``; it is installed there and
nowhere else. Functions that are properties or caches are not changed by it. A change that no test notices must be
explained in ``tests/mls/mutants.md``, by its name and the line that it changes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
WORK: Final = ROOT / "build" / "mutation"
TOOLS: Final = WORK / "tools"
TREE: Final = WORK / "tree"
EXPLAINED: Final = ROOT / "tests" / "mls" / "mutants.md"
MUTMUT: Final = "mutmut==3.8.1"
COPIED: Final = ("src", "tests", "fuzz", "scripts", "bench", "docs", "README.md", "dev", "pyproject.toml")

UNNOTICED: Final = ("survived", "no tests", "suspicious")

REPORT: Final = """
import json, sys
from pathlib import Path
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
data = SourceFileMutationData(path=Path(sys.argv[1]))
data.load()
found = {}
for name, code in data.exit_code_by_key.items():
    state = status_by_exit_code[code]
    diff = "" if state == "killed" else get_diff_for_mutant(name, path=sys.argv[1])
    found[name] = {"state": state, "diff": diff}
json.dump(found, sys.stdout)
"""
"""Printed by mutmut's own modules, in one process for all changes of a module."""

WORDS: Final = (r"raise (ValueError|DecodeError|EncodeError)\(",)
"""Lines that are not changed: words for whoever reads a stack."""

SCENARIOS: Final = ("test_group.py", "checks/test_commits.py", "checks/test_proposals.py")
"""Tests of whole groups, for modules that are only one station of a message."""

TESTS: Final = {
    "tree_math": ("test_tree_math.py",),
    "key_schedule": ("test_by_the_letter.py", "test_state.py"),
    "secret_tree": ("test_secret_tree_bounds.py", "test_by_the_letter.py", "test_secret_tree.py"),
    "protection": (
        "test_protection.py",
        "test_by_the_letter.py",
        "checks/test_framing.py",
        "test_external_proposals.py",
    ),
    "proposal_lists": SCENARIOS,
    "commit_processing": (*SCENARIOS, "test_external_commits.py", "test_sending.py"),
    "pending": (*SCENARIOS, "test_sending.py", "test_state.py"),
    "update_paths": ("test_group.py", "checks/test_commits.py"),
}
"""The tests that judge a module, fast ones first; a module that is not named here is judged by all of ``tests/mls``."""


@dataclass(frozen=True)
class Outcome:
    """What came of one module: the names of the changes that were noticed, and of those that were not."""

    module: str
    killed: int
    survivors: tuple[str, ...]
    unexplained: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Noticed, in percent."""
        return 100 * self.killed / max(self.killed + len(self.survivors), 1)


def main() -> int:
    """Mutate the chosen modules; 1 if a survivor is not explained or fewer than nine in ten were noticed."""
    parser = argparse.ArgumentParser(prog="./dev mutate", description="Change the code and see whether a test notices.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of tacit.mls; default: {', '.join(TESTS)}")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="tests at the same time")
    parser.add_argument("--show", action="store_true", help="print the changes that nobody noticed")
    chosen = parser.parse_args()
    modules = chosen.modules or list(TESTS)
    for module in modules:
        if not (ROOT / "src" / "tacit" / "mls" / f"{module}.py").is_file():
            parser.error(f"there is no tacit.mls.{module}")
    install()
    outcomes = [mutate(module, chosen.processes, show=chosen.show) for module in modules]
    failed = [outcome for outcome in outcomes if outcome.unexplained or outcome.rate < 90]
    return 1 if failed else 0


def install() -> None:
    """Put mutmut where only this script sees it."""
    if not (TOOLS / "mutmut").is_dir():
        uv = Path(sys.executable).parent / "uv"
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", TOOLS, MUTMUT], check=True
        )


def mutate(module: str, processes: int, *, show: bool) -> Outcome:
    """Run all changes of one module and print what came of them."""
    began = time.monotonic()
    prepare(module)
    run("-m", "mutmut", "run", "--max-children", str(processes))
    changes: dict[str, dict[str, str]] = json.loads(run("-c", REPORT, f"src/tacit/mls/{module}.py"))
    survivors = tuple(sorted(name for name, change in changes.items() if change["state"] in UNNOTICED))
    known = EXPLAINED.read_text(encoding="utf-8") if EXPLAINED.is_file() else ""
    unexplained = tuple(name for name in survivors if changed_line(changes[name]["diff"]) not in known)
    outcome = Outcome(module, len(changes) - len(survivors), survivors, unexplained)
    print(
        f"{module:<20} {len(changes):>5} changes {outcome.killed:>5} noticed {outcome.rate:>6.1f} %"
        f" {len(survivors):>4} not, {len(unexplained)} unexplained {time.monotonic() - began:>6.0f} s",
        flush=True,
    )
    for name in survivors if show else unexplained:
        print(f"\n{name}: {changes[name]['state']}\n{changes[name]['diff']}", flush=True)
    return outcome


def prepare(module: str) -> None:
    """Copy the tree and tell mutmut what to change and which tests to run."""
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, TREE / name, ignore=shutil.ignore_patterns("__pycache__", "corpus", "findings"))
        else:
            shutil.copy2(source, TREE / name)
    tests = [f"tests/mls/{name}" for name in TESTS.get(module, ())]
    found = [path for path in tests if (TREE / path).exists()] or ["tests/mls"]
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/tacit/mls/{module}.py"],
        "pytest_add_cli_args_test_selection": found,
        "do_not_mutate_patterns": list(WORDS),
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov"],
        "also_copy": [name for name in COPIED if name not in ("src", "tests", "pyproject.toml")],
    }
    with (TREE / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))


def run(*arguments: str) -> str:
    """Run Python with mutmut in the copy; what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=TREE,
        env={**os.environ, "PYTHONPATH": str(TOOLS), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"mutation: {arguments[:3]} failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def changed_line(diff: str) -> str:
    """The line that a change puts in, by which it is explained."""
    added = [line[1:].strip() for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
    return f"`{added[0]}`" if added else "(removed)"


if __name__ == "__main__":
    sys.exit(main())
