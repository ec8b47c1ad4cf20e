"""The demo holds, and its search would have found something."""

from __future__ import annotations

import base64
import os
import sqlite3
from pathlib import Path

import pytest

from tacit.cli.demo.evidence import Relay
from tacit.cli.demo.story import RARE, SECRETS
from tests.cli.tacit_command import World

WORD = b"marzipan"


@pytest.mark.processes
@pytest.mark.timeout(200)
def test_the_demo_holds(world: World) -> None:
    report = world.ok("demo", "--json").json
    assert report["ok"] is True
    assert len(report["said"]) == 7
    assert all(check["ok"] for check in report["checks"])
    assert len(report["checks"]) >= 11
    for said in report["said"]:
        assert said["text"] in SECRETS
        assert said["stored_bytes"] > len(said["text"])
        assert bytes.fromhex(said["stored_hex"])
        assert said["text"].encode().hex() not in said["stored_hex"]
    assert len({said["stored_hex"] for said in report["said"]}) == 7


def test_each_secret_has_a_rare_word() -> None:
    assert all(sum(word in secret for secret in SECRETS) == 1 for word in RARE)
    assert all(any(word in secret for word in RARE) for secret in SECRETS)


@pytest.fixture
def relay(tmp_path: Path) -> Relay:
    folder = tmp_path / "relay"
    folder.mkdir()
    with sqlite3.connect(folder / "relay.db") as db:
        db.execute("CREATE TABLE entries (payload BLOB, note TEXT)")
    db.close()
    (tmp_path / "log").write_bytes(b"")
    return Relay(folder, tmp_path / "log", os.getpid())


def test_nothing_is_found_where_nothing_is(relay: Relay) -> None:
    assert not relay.in_files([WORD])
    assert not relay.in_log([WORD])
    assert not relay.in_database([WORD])


@pytest.mark.parametrize(
    "leak",
    [
        WORD,
        b"x" + WORD + b"x",
        WORD.decode().encode("utf-16-le"),
        WORD.hex().encode(),
        base64.b64encode(WORD + b"lighthouse"),
        base64.b64encode(b"a" + WORD + b"lighthouse"),
        base64.b64encode(b"ab" + WORD + b"lighthouse"),
    ],
)
def test_a_leak_in_any_spelling_is_found_everywhere(relay: Relay, leak: bytes) -> None:
    relay.log.write_bytes(b"level=info " + leak)
    (relay.folder / "core").write_bytes(b"\0" * 99 + leak)
    with sqlite3.connect(relay.folder / "relay.db") as db:
        db.execute("INSERT INTO entries VALUES (?, 'x')", (leak,))
    db.close()
    assert relay.in_files([WORD]) == {WORD}
    assert relay.in_log([WORD]) == {WORD}
    assert relay.in_database([WORD]) == {WORD}


def test_a_leak_in_memory_is_found(relay: Relay) -> None:
    leak = b"rhu" + b"barb-in-memory"
    found = relay.in_memory([leak])
    assert found is None or found == {leak}
