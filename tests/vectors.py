"""Finds the official test vectors and keeps account of how many cases of each family ran.

A family's test loads the whole file, runs every case of what tacit supports, and ends with ``count``: what ran, out of
how many, and by name what did not run. ``count`` fails when the numbers do not add up, so no case is passed over in
silence. The terminal summary in ``conftest.py`` prints the account.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@dataclass
class Tally:
    """What ran of one family; ``not_run`` maps the name of each part left out to its number of cases."""

    family: str
    ran: int
    of: int
    not_run: dict[str, int] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The line that the terminal summary prints."""
        left_out = ", ".join(f"{name} ({cases})" for name, cases in self.not_run.items())
        return f"{self.family:<32} {self.ran:>4} of {self.of:<4}" + (f" not run: {left_out}" if left_out else "")


TALLIES: dict[str, Tally] = {}


def vectors_directory() -> Path:
    """``$TACIT_VECTORS``, or the folder ``shared/mls/vectors`` beside the project."""
    named = os.environ.get("TACIT_VECTORS")
    return Path(named) if named else PROJECT.parent / "shared" / "mls" / "vectors"


def load_vectors(name: str) -> list[Any]:
    """All cases of one family such as ``tree-math``; skips where the files are absent, and fails so under ``CI``."""
    path = vectors_directory() / f"{name}.json"
    if not path.is_file():
        reason = f"official vectors {path.name} not found; set TACIT_VECTORS to their directory"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    cases = json.loads(path.read_text())
    if not isinstance(cases, list) or not cases:
        pytest.fail(f"{path.name} holds no list of cases")
    return cases


def count(family: str, ran: int, of: int, not_run: Mapping[str, int] | None = None) -> None:
    """Record that ``ran`` cases out of ``of`` passed; fails unless these and the named ``not_run`` make up all.

    A family that is tested in parts gives each part its own name, such as ``treekem: updates``.
    """
    left_out = dict(not_run or {})
    if ran <= 0:
        pytest.fail(f"{family}: no case ran")
    if ran + sum(left_out.values()) != of:
        pytest.fail(f"{family}: {ran} ran and {sum(left_out.values())} are declared as not run, out of {of}")
    TALLIES[family] = Tally(family, ran, of, left_out)
