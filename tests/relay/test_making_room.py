"""What goes when there is no room, where the operator wants the oldest to go: never silently, and nobody else's."""

from __future__ import annotations

import pytest

from tacit import limits
from tacit.relay.backups import examine
from tacit.relay.rates import RATES, ROOM_MADE, Rate
from tacit.wire import errors
from tests.relay.peers import Moves, Someone, commit, running, to_inbox


async def test_by_default_what_has_no_room_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_INBOX_ENTRIES", 1)
    async with running(tmp_path) as world:
        bob, alice, carol = await world.join(), await world.join(), await world.join()
        await alice.ask(to_inbox(bob.someone, b"first"))
        with pytest.raises(errors.QuotaExceeded):
            await carol.ask(to_inbox(bob.someone, b"second"))


async def test_the_oldest_go_from_a_full_inbox_and_its_reader_sees_that_numbers_are_missing(tmp_path, monkeypatch):
    """Hazard H5."""
    monkeypatch.setattr(limits, "MAX_INBOX_ENTRIES", 2)
    async with running(tmp_path, when_full="drop-oldest") as world:
        bob, senders = await world.join(), [await world.join() for _ in range(4)]
        for n, sender in enumerate(senders):
            assert (await sender.ask(to_inbox(bob.someone, b"%d" % n))).seq == n + 1
        inbox = bob.someone.certificate.device_id
        (state,) = await bob.listen(inbox)
        assert (state.first_seq, state.last_seq) == (3, 4)
        assert [(entry.seq, entry.payload) for entry in await bob.take(2)] == [(3, b"2"), (4, b"3")]
        await bob.acknowledge(inbox, 4)
        assert await held(world) == {0}


async def test_bytes_make_room_as_entries_do_and_one_that_fits_nowhere_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_INBOX_BYTES", 1_000)
    async with running(tmp_path, when_full="drop-oldest") as world:
        bob, alice = await world.join(), await world.join()
        for size_bytes in (300, 300, 300, 500):
            await alice.ask(to_inbox(bob.someone, bytes(size_bytes)))
        with pytest.raises(errors.QuotaExceeded):
            await alice.ask(to_inbox(bob.someone, bytes(1_001)))
        await bob.listen(bob.someone.certificate.device_id)
        assert [len(entry.payload) for entry in await bob.take(2)] == [300, 500]


async def test_a_sender_past_its_share_pushes_nobody_out(tmp_path, monkeypatch):
    """Hazard H5."""
    monkeypatch.setattr(limits, "MAX_INBOX_ENTRIES", 3)
    monkeypatch.setattr(limits, "MAX_INBOX_ENTRIES_PER_SENDER", 2)
    async with running(tmp_path, when_full="drop-oldest") as world:
        bob, alice, eve = await world.join(), await world.join(), await world.join()
        await alice.ask(to_inbox(bob.someone, b"honest"))
        for _ in range(2):
            await eve.ask(to_inbox(bob.someone, b"buy"))
        for _ in range(3):
            with pytest.raises(errors.QuotaExceeded):
                await eve.ask(to_inbox(bob.someone, b"buy"))
        await bob.listen(bob.someone.certificate.device_id)
        assert [entry.payload for entry in await bob.take(3)] == [b"honest", b"buy", b"buy"]


async def test_of_an_account_with_too_much_waiting_the_oldest_messages_become_gaps(tmp_path, monkeypatch):
    """In whichever log; commits stay, others lose nothing, and the operator is told of no damage."""
    monkeypatch.setattr(limits, "MAX_HELD_BYTES_PER_ACCOUNT", 16_000)
    clock = Moves()
    async with running(tmp_path, when_full="drop-oldest", clock=clock) as world:
        alice, bob, reader = await world.join(), await world.join(), await world.join()
        everybody = [bob.someone.address, reader.someone.address]
        logs = [await alice.create_log() for _ in range(2)]
        for log in logs:
            await alice.ask(commit(log, bytes(200), 0, readers_added=everybody))
        await bob.append(logs[0], bytes(9_000))
        for n in range(7):
            clock.forward(1)
            await alice.append(logs[n % 2], b"%d" % n * 2_000)
        await alice.append(logs[0], b"x" * 2_000)
        for log in logs:
            await reader.listen(log)
        got = await reader.take(9)
        emptied = [(entry.log_id, entry.seq, entry.payload) for entry in got if entry.damaged]
        assert emptied == [(logs[0], 3, b""), (logs[1], 2, b"")], "the two oldest of hers: one, and a sixteenth's room"
        assert sum(len(entry.payload) for entry in got) == 9_000 + 6 * 2_000
        assert not world.relay._context.metrics.damaged
        found = examine(tmp_path, progress=lambda step, done: None)
        assert (found.entries, found.damaged_entries, found.problems) == (11, 0, ())
        for log in logs:
            for peer in (alice, bob, reader):
                await peer.acknowledge(log, 9)
        assert await held(world) == {0}


async def test_an_account_whose_entries_are_all_empty_is_refused(tmp_path, monkeypatch):
    """Hazard H6: rows take room too."""
    monkeypatch.setattr(limits, "MAX_HELD_BYTES_PER_ACCOUNT", 10 * limits.ENTRY_OVERHEAD_BYTES)
    async with running(tmp_path, when_full="drop-oldest") as world:
        alice = await world.join()
        log = await alice.create_log()
        for _ in range(10):
            await alice.append(log, b"")
        with pytest.raises(errors.QuotaExceeded):
            await alice.append(log, b"")


async def test_nobody_makes_the_oldest_go_without_end(tmp_path, monkeypatch):
    """Hazard H5: looking for them is work, and what they held is gone."""
    monkeypatch.setattr(limits, "MAX_INBOX_ENTRIES", 1)
    monkeypatch.setitem(RATES, ROOM_MADE, Rate(0.1, 2.0))
    clock = Moves()
    async with running(tmp_path, when_full="drop-oldest", clock=clock) as world:
        bob, carol = await world.join(), await world.join()
        for _ in range(3):
            await carol.ask(to_inbox(bob.someone, b"x"))
        with pytest.raises(errors.QuotaExceeded):
            await carol.ask(to_inbox(bob.someone, b"x"))
        clock.forward(10)
        await carol.ask(to_inbox(bob.someone, b"y"))


async def test_so_many_entries_are_looked_through_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_HELD_BYTES_PER_ACCOUNT", 16_000)
    monkeypatch.setattr(limits, "MAX_ENTRIES_LOOKED_THROUGH", 0)
    async with running(tmp_path, when_full="drop-oldest") as world:
        alice = await world.join()
        log = await alice.create_log()
        for _ in range(7):
            await alice.append(log, bytes(2_000))
        with pytest.raises(errors.QuotaExceeded):
            await alice.append(log, bytes(2_000))


async def test_what_was_refused_for_another_reason_drops_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_INBOX_ENTRIES", 1)
    async with running(tmp_path, when_full="drop-oldest") as world:
        bob, alice, carol = await world.join(), await world.join(), await world.join()
        await alice.ask(to_inbox(bob.someone, b"first"))
        with pytest.raises(errors.NoSuchAccount):
            await carol.ask(to_inbox(Someone.new(), b"second"))
        await bob.listen(bob.someone.certificate.device_id)
        assert (await bob.entry()).payload == b"first"


async def held(world):
    """What each account and log is said to hold."""
    rows = await world.relay._context.store.query(
        lambda db: db.execute("SELECT held_bytes FROM accounts UNION SELECT held_bytes FROM logs").fetchall()
    )
    return {row[0] for row in rows}
