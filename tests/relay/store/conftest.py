"""A store of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tacit.relay.store import Store
from tests.relay.store.backends import BACKENDS


@pytest.fixture(params=BACKENDS)
async def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A new store, of whatever kind."""
    opened = BACKENDS[request.param](tmp_path)
    yield opened
    await opened.close()
