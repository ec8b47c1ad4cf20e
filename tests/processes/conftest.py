"""One relay process for each module of tests; tests that stop or break a relay start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes.programs import Relay


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with Relay(tmp_path_factory.mktemp("relay")) as running:
        yield running
