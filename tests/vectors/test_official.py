"""The official vectors, every family a test."""

from __future__ import annotations

import pytest

from tests.vectors.expect import DEFAULT
from tests.vectors.families import FAMILY_NAMES
from tests.vectors.official import count, official_files
from tests.vectors.run import run_file


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_every_official_case_passes(family: str) -> None:
    rows = [row for file in official_files(family) for row in run_file(file, DEFAULT)]
    assert [failure for row in rows for failure in row.failed] == []
    assert [row.unread_fields for row in rows if row.unread_fields] == []
    assert [row.skipped for row in rows if row.skipped] == []
    count(family, sum(row.passed for row in rows), sum(row.cases for row in rows))


def test_there_are_eighteen_families() -> None:
    assert len(set(FAMILY_NAMES)) == 16 + 2
