"""The fuzz targets themselves: they hold for their seeds and for seeds that were damaged a little."""

from __future__ import annotations

import importlib
import random
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.__main__ import names

ROOT = Path(__file__).resolve().parents[2]
DAMAGED_EACH = 60


def damaged(seed: bytes, chance: random.Random) -> bytes:
    """A seed with a few bytes changed, and perhaps cut, repeated or grown."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0 if at < len(data):
                data[at] = chance.choice((0, 1, 0x3F, 0x40, 0x7F, 0x80, 0xBF, 0xC0, 0xFF, chance.randrange(256)))
            case 1:
                del data[at:]
            case 2:
                data[at:at] = chance.randbytes(chance.randint(1, 5))
            case _:
                data[at:at] = data[: chance.randrange(len(data) + 1)]
    return bytes(data)


@pytest.mark.parametrize("name", names())
def test_a_target_holds_for_seeds_and_for_damaged_ones(name: str) -> None:
    target = importlib.import_module(f"fuzz.targets.{name}")
    seeds = list(target.seeds())
    assert seeds
    chance = random.Random(name)
    for seed in (b"", *seeds):
        target.check(seed)
        for _ in range(DAMAGED_EACH):
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
