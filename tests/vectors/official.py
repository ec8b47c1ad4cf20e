"""The official vectors in pytest: where they must be there, and the account that the terminal summary prints."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.files import VectorFile, find_files, official_folder


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


def official_files(family: str) -> list[VectorFile]:
    """The files of one family, by its name or that of its form; skips without any, and fails so under ``CI``."""
    files = [file for file in _all_files(official_folder()) if family in (file.name, file.family.name)]
    if not files:
        reason = f"no official vectors of {family} found; set TACIT_VECTORS to their folder"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return files


def official_cases(family: str) -> list[Any]:
    """All cases of one family."""
    return [case for file in official_files(family) for case in file.cases]


def count(family: str, ran: int, of: int, not_run: Mapping[str, int] | None = None) -> None:
    """Record that ``ran`` cases out of ``of`` passed; fails unless these and the named ``not_run`` make up all."""
    left_out = dict(not_run or {})
    if ran <= 0:
        pytest.fail(f"{family}: no case ran")
    if ran + sum(left_out.values()) != of:
        pytest.fail(f"{family}: {ran} ran and {sum(left_out.values())} are declared as not run, out of {of}")
    TALLIES[family] = Tally(family, ran, of, left_out)


@cache
def _all_files(folder: Path) -> tuple[VectorFile, ...]:
    found = find_files(folder) if folder.is_dir() else ()
    return tuple(file for file in found if isinstance(file, VectorFile))
