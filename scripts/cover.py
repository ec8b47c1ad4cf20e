"""``./dev cover [ARGS]``: whether the own tests of codec, crypto and mls walk every branch; names what they leave out.

ARGS go to pytest.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent

ROOMS: Final = ("tacit.codec", "tacit.crypto", "tacit.mls")
TESTS: Final = ("tests/codec", "tests/crypto", "tests/mls", "tests/vectors")
LEFT_OUT: Final = (
    "tests/mls/machine",
    "tests/mls/test_checks_table.py::test_every_rule_hazard_and_duty_has_a_test_that_exists",
    "tests/mls/test_checks_table.py::test_the_page_is_what_the_code_and_the_tests_say",
    "tests/mls/test_checks_table.py::test_what_lacks_a_test_is_named",
    "tests/mls/test_fuzz.py",
    "tests/mls/test_fuzz_outside.py",
    "tests/mls/test_properties.py",
    "tests/mls/test_secrets_dropped.py",
)
"""Long, and at random or over the same branches: what is walked only by luck is not covered."""


def main(arguments: list[str]) -> int:
    """Run the tests and print the branches and lines that are left; no less than all of them is enough."""
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as directory:
        os.environ["COVERAGE_FILE"] = str(Path(directory) / "coverage")
        return pytest.main(
            [
                *("-q", "-n", "2", "-p", "no:cacheprovider"),
                *(f"--cov={room}" for room in ROOMS),
                *("--cov-branch", "--cov-report=term-missing:skip-covered", "--cov-fail-under=100"),
                *(f"--deselect={name}" for name in LEFT_OUT),
                *TESTS,
                *arguments,
            ]
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
