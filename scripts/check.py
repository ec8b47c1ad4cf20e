"""Runs every check that needs no test: format, lint, types, import walls, generated code and pages; names failures."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import conformance
import proto

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def tool(name: str, *arguments: str) -> Callable[[], bool]:
    """A check that is one command of the environment."""

    def run() -> bool:
        return subprocess.run([BIN / name, *arguments], cwd=ROOT, check=False).returncode == 0

    return run


def generated_code_is_current() -> bool:
    """Whether the checked-in protobuf modules are what the schemas give."""
    with tempfile.TemporaryDirectory() as directory:
        fresh = proto.generate(Path(directory))
        stale = [
            path.relative_to(directory)
            for path in fresh
            if not (checked_in := proto.SOURCE / path.relative_to(directory)).is_file()
            or checked_in.read_bytes() != path.read_bytes()
        ]
    for path in stale:
        print(f"src/{path} is not what its schema gives: run ./dev proto")
    return not stale


def conformance_page_is_current() -> bool:
    """Whether docs/conformance.md says what the code and the tests say."""
    problems = conformance.problems()
    for problem in problems:
        print(problem)
    return not problems


CHECKS: dict[str, Callable[[], bool]] = {
    "format": tool("ruff", "format", "--check", "--quiet"),
    "lint": tool("ruff", "check", "--quiet"),
    "types": tool("mypy"),
    "walls": tool("lint-imports", "--no-logo"),
    "generated code": generated_code_is_current,
    "conformance": conformance_page_is_current,
}


def main() -> int:
    """Run all checks, even after one has failed."""
    failed = []
    for name, check in CHECKS.items():
        print(f"== {name}", flush=True)
        began = time.monotonic()
        passed = check()
        print(f"   {'ok' if passed else 'FAILED'} in {time.monotonic() - began:.1f} s", flush=True)
        if not passed:
            failed.append(name)
    print(f"check: {'all passed' if not failed else 'failed: ' + ', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
