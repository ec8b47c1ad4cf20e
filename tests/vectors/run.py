"""Runs files of vectors, one row of account for each suite in each of them."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.vectors.expect import Options, Unsupported
from tests.vectors.files import VectorFile


@dataclass(slots=True)
class Row:
    """What became of the cases of one file that are of one suite; ``suite`` is ``None`` where a family has none."""

    file: Path
    family: str
    suite: int | None
    passed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    unread_fields: tuple[str, ...] = ()

    @property
    def cases(self) -> int:
        """All of them."""
        return self.passed + self.skipped.total() + len(self.failed)

    @property
    def complete(self) -> bool:
        """Whether every case passed."""
        return self.cases > 0 and not self.skipped and not self.failed


def run_file(file: VectorFile, options: Options) -> list[Row]:
    """Every case, one after the other; a case that raises has failed and does not end the run."""
    rows: dict[int | None, Row] = {}
    unread: dict[int | None, set[str]] = {}
    for index, case in enumerate(file.cases):
        number = case.get("cipher_suite")
        row = rows.setdefault(number, Row(file.path, file.name, number))
        unread.setdefault(number, set()).update(file.family.strange_fields(case))
        _run_case(row, file, index, case, options)
    for number, row in rows.items():
        row.unread_fields = tuple(sorted(unread[number]))
    return list(rows.values())


def _run_case(row: Row, file: VectorFile, index: int, case: dict[str, Any], options: Options) -> None:
    began = time.perf_counter()
    try:
        file.family.check(case, options)
    except Unsupported as error:
        row.skipped[str(error)] += 1
    except Exception as error:  # noqa: BLE001 - whatever it is, the case has failed, and the table says with what
        row.failed.append(f"case {index}: {_said(error)}")
    else:
        row.passed += 1
    row.seconds += time.perf_counter() - began


def _said(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
