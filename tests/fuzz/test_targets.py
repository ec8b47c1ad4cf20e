"""The fuzz targets themselves: they hold for their seeds and for seeds that were damaged a little."""

from __future__ import annotations

import importlib
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.__main__ import names
from fuzz.soak import damaged, is_steady

ROOT = Path(__file__).resolve().parents[2]
DAMAGED_EACH = 60
"""Of each seed, unless a target takes longer and says so."""


@pytest.mark.parametrize("name", names())
def test_a_target_holds_for_seeds_and_for_damaged_ones(name: str) -> None:
    target = importlib.import_module(f"fuzz.targets.{name}")
    seeds = list(target.seeds())
    assert seeds
    chance = random.Random(name)
    for seed in (b"", *seeds):
        target.check(seed)
        for _ in range(getattr(target, "DAMAGED_EACH", DAMAGED_EACH)):
            target.check(damaged(seed, chance))


@pytest.mark.processes
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not made for this machine")
def test_the_fuzzer_runs_and_counts(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", "varint", "--seconds", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    assert words[0] == "varint"
    assert int(words[1]) > 1_000
    assert words[-1] == "sound"


@pytest.mark.processes
def test_many_inputs_are_counted_and_the_memory_that_they_take_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", "relay_stranger", "--inputs", "200"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"relay_stranger\s+200 inputs\s+\d+ MiB", done.stdout)
    assert done.stdout.split()[-1] == "sound"


def test_memory_that_grows_is_a_finding() -> None:
    assert is_steady([50, 80, 90, 91, 92, 93, 92, 94, 95, 95])
    assert not is_steady([50, 80, 120, 160, 200, 240, 280, 320, 360, 400])
