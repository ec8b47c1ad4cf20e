from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.tacit_command import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A fresh machine."""
    return World(tmp_path)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A machine with a relay that runs, and three identities without passphrases: alice, bob, carol."""
    town = World(tmp_path_factory.mktemp("town"))
    with town.relay() as relay:
        for name in ("alice", "bob", "carol"):
            town.ok("init", "-P", name, "--name", name, "--relay", relay["link"], "--no-passphrase")
        town.extra["RELAY_LINK"] = relay["link"]
        yield town
