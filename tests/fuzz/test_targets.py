"""The fuzz targets themselves: they hold for their seeds and for seeds that were damaged a little."""

from __future__ import annotations

import importlib
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError

from fuzz.__main__ import names
from fuzz.relays import frames
from fuzz.soak import damaged, is_steady
from tacit.wire import relay_pb2 as pb

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
            target.check(getattr(target, "damage", damaged)(seed, chance))


@pytest.mark.parametrize("name", ["relay_device", "relay_stranger"])
def test_what_a_peer_says_is_bent_in_its_fields_and_still_parses(name: str) -> None:
    """Else nearly all of it ends at the first frame, and nothing behind that is tried."""
    target, chance = importlib.import_module(f"fuzz.targets.{name}"), random.Random(name)
    seeds = list(target.seeds())
    told = [list(map(_request, frames(target.damage(chance.choice(seeds), chance)))) for _ in range(1_000)]
    said = [frame for input_ in told for frame in input_]
    assert sum(frame is not None for frame in said) > len(said) * 2 / 3
    honest = {str(_request(frame)) for seed in seeds for frame in frames(seed)}
    assert sum(any(frame is not None and str(frame) not in honest for frame in input_) for input_ in told) > 400
    if name == "relay_device":
        asked = {frame.WhichOneof("request") for frame in said if frame is not None}
        assert asked >= {field.name for field in pb.ClientFrame.DESCRIPTOR.oneofs_by_name["request"].fields}


def _request(data: bytes) -> pb.ClientFrame | None:
    try:
        return pb.ClientFrame.FromString(data)
    except DecodeError:
        return None


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
    # However little a machine does in a second, it tries the seeds first.
    assert int(words[1]) >= len(list(importlib.import_module("fuzz.targets.varint").seeds()))
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
