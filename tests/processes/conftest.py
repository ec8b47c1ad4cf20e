"""One relay process for each module of tests, listening on each transport; what stops or breaks one starts its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes.programs import Relay
from tests.processes.ways import EVERYWHERE


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with Relay(tmp_path_factory.mktemp("relay"), *EVERYWHERE) as running:
        yield running
