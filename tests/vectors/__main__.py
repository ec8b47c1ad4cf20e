"""``./dev vectors [PATH] [--lenient-capabilities] [--json]``: runs all test vectors below a path, prints an account.

Ends with 0 only if there were vectors, every case of every one passed, and nothing that looks like vectors was left.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.vectors.expect import Options
from tests.vectors.files import LeftFile, VectorFile, find_files, official_folder
from tests.vectors.run import Row, run_file

MIN_COLUMNS = 130
"""A table that wraps is not one; who has a narrower screen scrolls."""

REASONS_SHOWN = 5
"""Of one row's failures; how many more there are is said."""


@dataclass(frozen=True, slots=True)
class Account:
    """All that was found below ``path``."""

    path: Path
    rows: tuple[Row, ...]
    left: tuple[LeftFile, ...]

    @property
    def passed(self) -> bool:
        """Whether there is nothing to worry about."""
        return bool(self.rows) and all(row.complete for row in self.rows) and not any(self.unknown)

    @property
    def unknown(self) -> list[LeftFile]:
        """Files that look like vectors of a form that nobody knows here."""
        return [file for file in self.left if file.looks_like_vectors]

    def name(self, file: Path) -> str:
        """A file by its path below the one that was asked for."""
        return file.name if file == self.path else str(file.relative_to(self.path))

    def as_json(self) -> dict[str, Any]:
        """The account for programs."""
        return {
            "passed": self.passed,
            "rows": [
                {
                    "file": self.name(row.file),
                    "family": row.family,
                    "suite": row.suite,
                    "cases": row.cases,
                    "passed": row.passed,
                    "skipped": dict(row.skipped),
                    "failed": row.failed,
                    "unread_fields": row.unread_fields,
                    "seconds": round(row.seconds, 3),
                }
                for row in self.rows
            ],
            "unknown": {self.name(file.path): file.why for file in self.unknown},
            "left": {self.name(file.path): file.why for file in self.left if not file.looks_like_vectors},
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(
        prog="./dev vectors", description="Run every file of MLS test vectors below a path."
    )
    parser.add_argument("path", nargs="?", type=Path, default=official_folder(), metavar="PATH")
    parser.add_argument(
        "--lenient-capabilities",
        action="store_true",
        help="accept passive-client files with leaves that do not list the group's own suite",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    chosen = parser.parse_args(arguments)
    if not chosen.path.exists():
        parser.error(f"there is no {chosen.path}; TACIT_VECTORS names the folder that is used without PATH")
    screen = Console(stderr=chosen.json)
    screen.width = max(screen.width, MIN_COLUMNS)
    account = _run(chosen.path, Options(chosen.lenient_capabilities), screen)
    if chosen.json:
        print(json.dumps(account.as_json()))  # noqa: T201 - the command's output
    else:
        _print(account, screen)
    return 0 if account.passed else 1


def _run(path: Path, options: Options, screen: Console) -> Account:
    rows: list[Row] = []
    left: list[LeftFile] = []
    for found in find_files(path):
        if isinstance(found, VectorFile):
            with screen.status(f"running {found.path.name}"):
                rows += run_file(found, options)
        else:
            left.append(found)
    return Account(path, tuple(sorted(rows, key=lambda row: (row.family, str(row.file), row.suite or 0))), tuple(left))


def _print(account: Account, screen: Console) -> None:
    grid = Table(title=str(account.path), title_justify="left", title_style="bold")
    for heading, justify in (("family", "left"), ("file", "left"), ("suite", "left")):
        grid.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for heading in ("cases", "passed", "skipped", "failed", "s"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for row in account.rows:
        suite = "" if row.suite is None else f"0x{row.suite:04x}"
        counts = (row.cases, row.passed, row.skipped.total(), len(row.failed))
        style = None if row.complete else "red"
        grid.add_row(row.family, account.name(row.file), suite, *map(str, counts), f"{row.seconds:.2f}", style=style)
    screen.print(grid)
    for line in _remarks(account):
        screen.print(Text(line), highlight=False, soft_wrap=True)
    cases = sum(row.cases for row in account.rows)
    passed = sum(row.passed for row in account.rows)
    verdict = "all passed" if account.passed else "FAILED"
    screen.print(Text(f"vectors: {passed} of {cases} cases passed: {verdict}"), highlight=False)


def _remarks(account: Account) -> list[str]:
    """Reasons for all that did not pass, fields that nobody reads, and files that were left."""
    lines = []
    for row in account.rows:
        where = account.name(row.file) + ("" if row.suite is None else f", suite 0x{row.suite:04x}")
        lines += [f"{where}: {count} skipped: {reason}" for reason, count in row.skipped.items()]
        lines += [f"{where}: {reason}" for reason in row.failed[:REASONS_SHOWN]]
        if more := len(row.failed) - REASONS_SHOWN:
            lines += [f"{where}: and {more} more"] if more > 0 else []
        if row.unread_fields:
            lines.append(f"{where}: not of the format and not looked at: {', '.join(row.unread_fields)}")
    lines += [f"{account.name(file.path)}: NOT RUN: {file.why}" for file in account.unknown]
    lines += [f"{account.name(file.path)}: left: {file.why}" for file in account.left if not file.looks_like_vectors]
    return lines if account.rows else [*lines, "no file of test vectors was found"]


if __name__ == "__main__":
    sys.exit(main())
