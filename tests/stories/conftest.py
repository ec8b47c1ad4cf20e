"""Stories write much and prove nothing about disks: where there is a disk in memory, they use that."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit import limits
from tacit.client import key_stock

IN_MEMORY = Path("/dev/shm")
KEY_PACKAGES = 4


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """A folder that is gone after the test."""
    if not IN_MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="tacit-story-", dir=IN_MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def few_key_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here is invited more often at once; making as many as usual would be a fifth of all that stories do."""
    monkeypatch.setattr(limits, "ONE_TIME_KEY_PACKAGES", KEY_PACKAGES)
    monkeypatch.setattr(key_stock, "LOW", KEY_PACKAGES // 2)
