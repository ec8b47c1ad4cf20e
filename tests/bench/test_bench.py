"""The benchmarks' own arithmetic, and that they start."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import names
from bench.measure import Row, cost_each_us, cost_us, percentile
from bench.mls import warm_group
from tacit.crypto.suites import X25519_SUITE

ROOT = Path(__file__).resolve().parents[2]


def test_a_cost_is_compared_upwards_and_a_speed_downwards() -> None:
    assert Row("", 30.0, "ms", 10.0).against_floor == "3.00 x"
    assert Row("", 10.0, "messages/s", 30.0).against_floor == "3.00 x"
    assert Row("", 10.0, "ms").against_floor == ""


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (51.0, 100.0, 7.0)


def test_costs_are_in_microseconds_of_one_call() -> None:
    calls: list[int] = []
    assert 0 < cost_us(lambda: calls.append(1)) < 1_000
    assert len(calls) > 1_000
    assert 0 < cost_each_us([lambda: calls.append(1)] * 5) < 10_000


def test_the_group_that_is_measured_has_no_blank_and_no_unmerged_leaf() -> None:
    group = warm_group(X25519_SUITE, 5)
    tree = group.first.state.tree
    assert group.first.epoch_authenticator == group.last.epoch_authenticator
    assert [index for index, node in enumerate(tree.nodes) if node is None and index < 9] == []
    assert [node for node in tree.nodes[1::2] if getattr(node, "unmerged_leaves", ())] == []


def test_every_table_can_be_loaded() -> None:
    assert {"crypto", "mls", "relay"} <= set(names())
    assert all(callable(importlib.import_module(f"bench.{name}").table) for name in names())


@pytest.mark.processes
def test_figures_for_programs_are_one_object_with_the_machine_in_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "crypto", "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert told["machine"].keys() >= {"processor", "cores", "python", "cryptography"}
    assert all(row["value"] > 0 for row in told["tables"]["crypto"]["rows"])


def test_an_unknown_table_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "magic"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "nothing is called magic" in done.stderr
