"""``./dev mutate [MODULE ...]``: changes one thing in ``tacit.mls`` at a time and sees whether a test notices.

mutmut makes the changes, in a copy of the tree under ``build/mutation/``; it is installed there and nowhere else.
``scripts/mutation_tests.py`` runs the tests. Functions that are properties or caches are not changed. A change that no
test notices must be explained in ``tests/mls/mutants.md``, by the line that it puts in.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
WORK: Final = ROOT / "build" / "mutation"
TREE: Final = WORK / "tree"
NOTICED_BY: Final = WORK / "noticed_by.json"
"""For each change of earlier runs the test that noticed it: that one goes first the next time."""

EXPLAINED: Final = ROOT / "tests" / "mls" / "mutants.md"
TOOLS: Final = WORK / "mutmut-3.8.1"
INSTALLED: Final = ("mutmut==3.8.1", "libcst==1.9.0", "pyyaml==6.0.3")
"""What makes changes, and no more: with all that mutmut asks for, its pytest would hide ours."""

SOURCE: Final = "src/tacit/mls"
COPIED: Final = ("src", "tests", "fuzz", "scripts", "bench", "docs", "README.md", "dev", "pyproject.toml")

NEEDED: Final = 90.0
"""Percent of the changes that a test must notice."""

NOTICED: Final = ("killed", "timeout", "broken off")
"""A test failed; the change computed without end; the change ended the process. Anything else was not noticed."""

SAME_RULE: Final = re.compile(r'-\s*(raise InvalidMessage\("[^"]+"), [^\n]*\n\+\s*\1,')
"""A change that leaves an error its rule; what it says beside that is for whoever reads it."""

SAID_ANYWAY: Final = re.compile(r', (?:strict=\w+|"big")?\)')
"""How an argument ends that a change may leave out: the byte order is big-endian if nothing is said, and that two
sequences are equally long is a belief, which a rule has checked before."""

UNTOUCHED: Final = ("bridge/", "checks/table/")
"""Not rules of the protocol: the program for judges, and the words of the table of checks."""

WORDS: Final = (r"raise (ValueError|DecodeError|EncodeError)\(",)
"""Lines that are not changed: words for whoever reads a stack."""

TESTS: Final = ("tests/mls", "tests/vectors")
LEFT_OUT: Final = ("tests/mls/test_secrets_dropped.py",)
"""Runs for minutes, and over the same functions as the others."""

CHANGE: Final = """
import json, sys
from pathlib import Path
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name
found = {}
for path in map(Path, sys.argv[1:]):
    changed = mutate_file_contents(str(path), path.read_text(encoding="utf-8"))
    path.write_text(changed.code, encoding="utf-8")
    lines = changed.code.splitlines()
    spans = changed.line_span_by_function_name
    found[str(path)] = changes = {}
    for name in changed.mutant_names:
        pair = (spans[name.partition("__mutmut_")[0] + "__mutmut_orig"], spans[name])
        changes[get_mutant_name(path, name)] = [lines[span.start - 1 : span.end] for span in pair]
json.dump(found, sys.stdout)
"""
"""Run with mutmut: changes the files in place and prints each change as two functions, before and after."""


@dataclass
class Outcome:
    """What came of one module: each change as a diff, and what became of it."""

    module: str
    changes: dict[str, str]
    states: dict[str, str]

    @property
    def survivors(self) -> list[str]:
        """The changes that nobody noticed."""
        return [name for name in self.changes if self.states.get(name) not in NOTICED]

    @property
    def rate(self) -> float:
        """Noticed, in percent."""
        return 100 * (1 - len(self.survivors) / max(len(self.changes), 1))

    def unexplained(self) -> list[str]:
        """The survivors whose line is not in the list of explanations."""
        explained = self.explained()
        return [name for name in self.survivors if name not in explained]

    def explained(self) -> set[str]:
        """The changes whose line is in the list of explanations."""
        known = explanations()
        return {name for name, diff in self.changes.items() if changed_line(diff) in known.get(module_of(name), "")}


def main() -> int:
    """Mutate the chosen modules; 1 if a survivor is not explained or too few were noticed."""
    parser = argparse.ArgumentParser(prog="./dev mutate", description="Change the code and see whether a test notices.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="of tacit.mls, like checks/trees; default: all")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="changes judged at the same time")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="how much of the tests of its module, and of others, a change gets"
    )
    parser.add_argument("--unexplained", action="store_true", help="leave what is explained untried, as not noticed")
    parser.add_argument("--show", action="store_true", help="print the explained survivors too")
    chosen = parser.parse_args()
    modules = chosen.modules or list(everything())
    for module in modules:
        if not (ROOT / SOURCE / f"{module}.py").is_file():
            parser.error(f"there is no tacit.mls.{module}")
    install()
    copy()
    outcomes = [Outcome(module, diffs, {}) for module, diffs in change(modules).items() if diffs]
    if chosen.unexplained:
        for outcome in outcomes:
            outcome.states = dict.fromkeys(outcome.explained(), "untried")
    for outcome in judge(outcomes, chosen.processes, chosen.seconds):
        report(outcome, outcome.survivors if chosen.show else outcome.unexplained())
    total = Outcome("all", {}, {})
    for outcome in outcomes:
        total.changes |= outcome.changes
        total.states |= outcome.states
    report(total, [])
    return 1 if total.unexplained() or total.rate < NEEDED else 0


def everything() -> Iterator[str]:
    """All modules that have rules in them."""
    for path in sorted((ROOT / SOURCE).rglob("*.py")):
        module = path.relative_to(ROOT / SOURCE).with_suffix("").as_posix()
        if not module.startswith(UNTOUCHED):
            yield module


def install() -> None:
    """Put mutmut where only this script sees it, in one step, so that an interrupted one leaves nothing behind."""
    if TOOLS.is_dir():
        return
    fresh = TOOLS.with_name(f"{TOOLS.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    uv = Path(sys.executable).parent / "uv"
    place = ("--python", sys.executable, "--target", fresh)
    subprocess.run([uv, "pip", "install", "--quiet", "--no-deps", *place, *INSTALLED], check=True)
    fresh.rename(TOOLS)


def copy() -> None:
    """A fresh copy of the tree, with what mutmut wants to know."""
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, TREE / name, ignore=shutil.ignore_patterns("__pycache__", "corpus", "findings"))
        else:
            shutil.copy2(source, TREE / name)
    with (TREE / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[tool.mutmut]\nsource_paths = ["src"]\ndo_not_mutate_patterns = {json.dumps(WORDS)}\n')


def change(modules: list[str]) -> dict[str, dict[str, str]]:
    """Write all changes of the modules into the copy; for each module the changes with their diffs."""
    paths = [f"{SOURCE}/{module}.py" for module in modules]
    done = subprocess.run(
        [sys.executable, "-c", CHANGE, *paths], cwd=TREE, env=surroundings(), stdout=subprocess.PIPE, check=True
    )
    found: dict[str, dict[str, tuple[list[str], list[str]]]] = json.loads(done.stdout)
    diffs = {path: {name: diff(*functions) for name, functions in changes.items()} for path, changes in found.items()}
    return {
        module: {name: changed for name, changed in diffs[path].items() if not says_the_same(changed)}
        for module, path in zip(modules, paths, strict=True)
    }


def says_the_same(changed: str) -> bool:
    """Whether a change is none that a rule of the protocol depends on."""
    before, _, after = changed.partition("\n")
    same = SAID_ANYWAY.sub(")", before[1:]) == SAID_ANYWAY.sub(")", after[1:])
    return same or SAME_RULE.match(changed) is not None


def diff(before: list[str], after: list[str]) -> str:
    """The lines that a change takes out and puts in."""
    old, new = (
        [re.sub(r"x(?:_|ǁ\w+?ǁ)(\w+?)__mutmut_\w+", r"\1", line) for line in lines] for lines in (before, after)
    )
    return "\n".join(list(difflib.unified_diff(old, new, lineterm="", n=0))[3:])


def judge(outcomes: list[Outcome], processes: int, seconds: float) -> Iterator[Outcome]:
    """Run the tests over all changes, and give each module when the last of its changes has been judged."""
    changes = WORK / "changes.json"
    untried = {name: diff for each in outcomes for name, diff in each.changes.items() if name not in each.states}
    changes.write_text(json.dumps(untried), "utf-8")
    noticed_by = json.loads(NOTICED_BY.read_text("utf-8")) if NOTICED_BY.is_file() else {}
    read, write = os.pipe()
    tests = [*TESTS, *(f"--ignore={path}" for path in LEFT_OUT)]
    program = ROOT / "scripts" / "mutation_tests.py"
    given = (changes, NOTICED_BY, str(processes), str(seconds), str(write))
    log = WORK / "pytest.txt"
    with log.open("wb") as words:
        running = subprocess.Popen(
            [sys.executable, program, *given, *tests],
            cwd=TREE,
            env=surroundings(),
            pass_fds=[write],
            stdout=words,
            stderr=subprocess.STDOUT,
        )
    os.close(write)
    waiting = [each for each in outcomes if untried.keys() & each.changes]
    with os.fdopen(read, encoding="utf-8") as lines, (WORK / "verdicts.jsonl").open("w", encoding="utf-8") as verdicts:
        for line in lines:
            told = json.loads(line)
            print(line, end="", file=verdicts, flush=True)
            if "failing" in told:
                begin(told)
                continue
            outcome = next(each for each in waiting if told["name"] in each.changes)
            outcome.states[told["name"]] = told["state"]
            if told.get("by"):
                noticed_by[told["name"]] = told["by"]
            if len(outcome.states) == len(outcome.changes):
                waiting.remove(outcome)
                NOTICED_BY.write_text(json.dumps(noticed_by), "utf-8")
                yield outcome
    if running.wait() or waiting:
        raise SystemExit(f"mutation: the tests broke off\n{log.read_text(encoding='utf-8')[-3000:]}")


def begin(told: dict[str, Any]) -> None:
    """Say how many tests judge, and which cannot."""
    print(f"{told['tests']} tests judge, but for {len(told['failing'])} that fail in the copy as it is", flush=True)
    for test in told["failing"]:
        print(f"  {test}", flush=True)


def report(outcome: Outcome, shown: list[str]) -> None:
    """Print what came of a module, and some of its changes."""
    print(
        f"{outcome.module:<24} {len(outcome.changes):>5} changes"
        f" {len(outcome.changes) - len(outcome.survivors):>5} noticed {outcome.rate:>6.1f} %"
        f" {len(outcome.survivors):>4} not, {len(outcome.unexplained())} unexplained",
        flush=True,
    )
    for name in shown:
        print(f"\n{name}: {outcome.states[name]}\n{outcome.changes[name]}", flush=True)


def surroundings() -> dict[str, str]:
    """The environment of a program that sees mutmut and the changed code."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(TREE / "src"), str(TREE), str(TOOLS))), "NO_COLOR": "1"}


def module_of(name: str) -> str:
    """The module in which a change is made, like checks/trees."""
    return name.rpartition(".")[0].removeprefix("tacit.mls.").replace(".", "/")


def explanations() -> dict[str, str]:
    """What is written about each module, under the headings that name it."""
    found: dict[str, str] = {}
    for section in EXPLAINED.read_text(encoding="utf-8").split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        for module in heading.split(" and "):
            found[module] = found.get(module, "") + text
    return found


def changed_line(diff: str) -> str:
    """The line that a change puts in, by which it is explained; if it only takes lines out, the first of those."""
    lines = diff.splitlines()
    added = [line[1:].strip() for line in lines if line.startswith("+")]
    return f"`{added[0]}`" if added else f"without `{lines[0][1:].strip()}`"


if __name__ == "__main__":
    sys.exit(main())
