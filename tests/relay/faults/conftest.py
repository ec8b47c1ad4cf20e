from __future__ import annotations

from pathlib import Path

import pytest

from tests.relay.faults.disks import compiled


@pytest.fixture(scope="session")
def shim(tmp_path_factory) -> Path:
    """The disk between a program and its files."""
    return compiled(tmp_path_factory.mktemp("shim"))
