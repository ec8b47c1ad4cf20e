"""Bit rot: what the disk gives back otherwise than it was written is never served, and told of."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tacit.relay.store.database import FILE_NAME
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import Someone, commit, key_package, message, running


def spoil(folder: Path, sql: str, *values: object) -> None:
    """Change what the store holds behind its back."""
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as db:
        assert db.execute(sql, values).rowcount == 1


@pytest.mark.parametrize(
    "change",
    [
        "payload = x'74776F21'",
        "payload = zeroblob(length(payload))",
        "kind = 2",
        "received_at_ms = received_at_ms + 1",
        "message_id = x'01'",
        "checksum = 0",
    ],
)
async def test_a_spoilt_entry_keeps_its_number_and_nothing_else(tmp_path, caplog, change):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        for message_id, payload in ((bytes(16), b"one"), (two := bytes(range(16)), b"two"), (b"3" * 16, b"three")):
            await alice.append(log, payload, message_id=message_id)
        spoil(tmp_path, f"UPDATE entries SET {change} WHERE payload = ?", b"two")
        for reader, after in ((bob, 1), (alice, 1), (bob, 2)):
            await reader.listen(log, after=after)
            entries = await reader.take(4 - after)
            assert [(entry.seq, entry.payload) for entry in entries if not entry.damaged][-1] == (4, b"three")
            (bad,) = (entry for entry in entries if entry.damaged)
            assert (bad.log_id, bad.seq, bad.payload) == (log, 3, b"")
            # Where all but the payload is as it was, its author can tell which one it is.
            assert (bad.own, bad.message_id) == ((reader is alice, two) if "payload" in change else (False, b""))
        for reader in (alice, bob):
            await reader.acknowledge(log, 4)
        assert world.relay._context.metrics.snapshot()["damaged_total"] == 1
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        assert db.execute("SELECT count(*) FROM entries").fetchone() == (0,), (
            "it does not keep its log from being cleared"
        )
        assert db.execute("SELECT count(*) FROM damage").fetchone() == (1,)
    assert [record.getMessage() for record in caplog.records if "damaged" in record.getMessage()] == [
        "damaged kind='entry' count=1"
    ]


async def test_a_record_that_its_index_does_not_know_any_more_does_not_stop_the_writer(tmp_path):
    """Bytes of the file itself: the record says another message ID than the index."""
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        spoilt = message(log, b"spoilt on the disk")
        await alice.ask(spoilt)
        await alice.append(log, b"intact")
    file = tmp_path / FILE_NAME
    written = file.read_bytes()
    at = written.index(spoilt.message_id + spoilt.payload)
    file.write_bytes(written[:at] + bytes([written[at] ^ 1]) + written[at + 1 :])
    async with running(tmp_path) as world:
        back = await world.back(alice.someone)
        await back.listen(log)
        assert [(entry.damaged, entry.payload) for entry in await back.take(2)] == [(True, b""), (False, b"intact")]
        await back.acknowledge(log, 2)
        assert await back.append(log, b"more") == 3
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_spoilt_key_package_is_not_given_out(tmp_path, caplog):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join(Someone.new())
        asks = pb.RecipientKeysRequest(who=pb.Who(account_id=bob.someone.account.id), suite=1)
        first, second = key_package(b"first", expires_in_s=1000), key_package(b"second", expires_in_s=2000)
        await bob.ask(pb.PublishKeys(key_packages=[first, second]))
        spoil(tmp_path, "UPDATE key_packages SET key_package = ? WHERE key_package = ?", b"fIrst", b"first")
        claimed = await alice.ask(asks)
        assert [device.key_package.key_package for device in claimed.devices] == [b"second"]
        await bob.ask(pb.PublishKeys(key_packages=[key_package(b"last", last_resort=True)]))
        spoil(tmp_path, "UPDATE key_packages SET key_package = ? WHERE key_package = ?", b"lost", b"last")
        with pytest.raises(errors.NoKeyPackages):
            await alice.ask(asks)
        assert world.relay._context.metrics.snapshot()["damaged_total"] == 2
        left = await bob.ask(pb.PublishKeys())
        assert (left.one_time_key_packages, left.last_resort_used) == (0, True), "its owner is asked for new ones"
    assert [record.getMessage() for record in caplog.records if "damaged" in record.getMessage()] == [
        "damaged kind='key-package' count=1", "damaged kind='key-package' count=1"
    ]  # fmt: skip
