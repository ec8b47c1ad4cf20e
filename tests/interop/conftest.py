"""The judges, installed once and running for as long as the tests do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.bridges import Bridge, judge, tacit

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def judges_folder() -> Path:
    """Where the judges are installed; skips where they cannot be, and fails so under ``CI``."""
    done = subprocess.run([sys.executable, ROOT / "scripts" / "judges.py"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if os.environ.get("CI"):
            pytest.fail(done.stderr)
        pytest.skip(done.stderr.strip())
    return ROOT / ".judges"


@pytest.fixture(scope="session")
def bridge_to(judges_folder: Path) -> Iterator[Callable[[str], Bridge]]:
    """The bridge to an implementation by its name, one process each."""
    running: dict[str, Bridge] = {}
    with ExitStack() as stack:

        def start(name: str) -> Bridge:
            if name not in running:
                started = tacit() if name == "tacit" else judge(name, judges_folder)
                running[name] = stack.enter_context(started)
            return running[name]

        yield start
