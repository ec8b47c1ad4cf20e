"""What one account, one sender or one slow reader can make the relay hold. Hazards H4, H5, H6."""

from __future__ import annotations

import asyncio
import os

import pytest

from tacit import limits
from tacit.net.errors import LinkClosed
from tacit.relay.outgoing import Outgoing
from tacit.relay.pausing import LOOK_S
from tacit.relay.rates import (
    ANY_REQUEST,
    BY_NUMBER,
    INBOX_APPEND,
    RATES,
    REFUSED,
    ROOM_INFO,
    ROOM_MADE,
    Bucket,
    Buckets,
    Rate,
)
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import encode_request
from tacit.wire.operations import REQUESTS
from tests.relay.peers import Moves, Someone, commit, key_package, message, running, settle, to_inbox


async def test_one_account_can_put_only_so_much_into_an_inbox(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_INBOX_ENTRIES_PER_SENDER", 3)
    async with running(tmp_path) as world:
        bob, eve, carol = await world.join(), await world.join(), await world.join()
        eves_phone = await world.join(Someone.new(eve.someone.account))
        for sender in (eve, eve, eves_phone):
            await sender.ask(to_inbox(bob.someone, b"buy"))
        for sender in (eve, eves_phone):
            with pytest.raises(errors.QuotaExceeded):
                await sender.ask(to_inbox(bob.someone, b"buy more"))
        assert (await carol.ask(to_inbox(bob.someone, b"hello"))).seq == 4
        await bob.acknowledge(bob.someone.certificate.device_id, 2)
        await eve.ask(to_inbox(bob.someone, b"room again"))


async def test_an_inbox_holds_only_so_much_of_everybody(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_INBOX_ENTRIES", 2)
    async with running(tmp_path) as world:
        bob, one, two = await world.join(), await world.join(), await world.join()
        await one.ask(to_inbox(bob.someone, b"1"))
        await two.ask(to_inbox(bob.someone, b"2"))
        with pytest.raises(errors.QuotaExceeded):
            await one.ask(to_inbox(bob.someone, b"3"))


async def test_an_account_holds_only_so_many_bytes_in_all_its_logs(tmp_path, monkeypatch):
    """Hazard H6: neither many logs nor many devices nor entries without a payload get round it."""
    monkeypatch.setattr(limits, "MAX_HELD_BYTES_PER_ACCOUNT", 1000 + 3 * limits.ENTRY_OVERHEAD_BYTES)
    async with running(tmp_path) as world:
        alice = await world.join()
        phone = await world.join(Someone.new(alice.someone.account))
        logs = [await alice.create_log(), await phone.create_log()]
        await alice.append(logs[0], bytes(400))
        await phone.append(logs[1], bytes(400))
        with pytest.raises(errors.QuotaExceeded):
            await phone.append(logs[1], bytes(201))
        await alice.append(logs[0], bytes(200))
        with pytest.raises(errors.QuotaExceeded):
            await alice.append(logs[0], b"")
        await alice.acknowledge(logs[0], 2)
        await alice.append(logs[0], bytes(600))
        await alice.acknowledge(logs[0], 3)
        await phone.acknowledge(logs[1], 1)
        held = await world.relay._context.store.query(
            lambda db: db.execute("SELECT DISTINCT held_bytes FROM accounts").fetchall()
        )
        assert held == [(0,)]


async def test_one_who_fills_a_log_closes_it_for_nobody_else_and_can_be_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_HELD_BYTES_PER_ACCOUNT", 2000)
    async with running(tmp_path) as world:
        alice, eve = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"", 0, readers_added=[eve.someone.address]))
        for _ in range(2000 // (400 + limits.ENTRY_OVERHEAD_BYTES)):
            await eve.append(log, bytes(400))
        with pytest.raises(errors.QuotaExceeded):
            await eve.append(log, bytes(400))
        await alice.append(log, b"what is this")
        await alice.ask(commit(log, b"out", 1, readers_removed=[eve.someone.address]))
        await alice.append(log, b"better")


async def test_an_inbox_holds_only_so_many_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_INBOX_BYTES", 1000)
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        await alice.ask(to_inbox(bob.someone, bytes(1000)))
        with pytest.raises(errors.QuotaExceeded):
            await alice.ask(to_inbox(bob.someone, b"x"))


async def test_an_account_makes_only_so_many_logs(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_LOGS_PER_ACCOUNT", 2)
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        logs = [await alice.create_log() for _ in range(2)]
        with pytest.raises(errors.QuotaExceeded):
            await alice.create_log()
        await alice.ask(pb.CreateLog(log_id=logs[0]))
        await bob.ask(commit(await bob.create_log(), b"", 0, readers_added=[alice.someone.address]))


async def test_a_log_has_only_so_many_readers(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_READERS_PER_LOG", 2)
    async with running(tmp_path) as world:
        alice, bob, carol = await world.join(), await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"", 0, readers_added=[bob.someone.address]))
        with pytest.raises(errors.QuotaExceeded):
            await alice.ask(commit(log, b"", 1, readers_added=[carol.someone.address]))
        await alice.ask(
            commit(log, b"", 1, readers_added=[carol.someone.address], readers_removed=[bob.someone.address])
        )


async def test_who_is_let_in_and_out_again_and_again_takes_little_room(tmp_path, monkeypatch):
    """Hazard H6: a removed reader who fetches nothing is a row that counts in no quota."""
    monkeypatch.setattr(limits, "MAX_FORMER_READERS_PER_LOG", 8)
    async with running(tmp_path) as world:
        eve, bob = await world.join(), await world.join()
        phone = Someone.new(eve.someone.account)
        await world.join(phone)
        log, last = await eve.create_log(), 0
        for _ in range(30):
            for change in ("readers_added", "readers_removed"):
                last = (await eve.ask(commit(log, b"", last, **{change: [phone.address]}))).seq
        assert 6 <= await counted(world, "readers WHERE end_seq IS NOT NULL") <= 8
        await eve.ask(commit(log, b"", last, readers_added=[bob.someone.address, phone.address]))
        await eve.ask(commit(log, b"bye", last + 1, readers_removed=[bob.someone.address]))
        (state,) = await bob.listen(log)
        assert (state.readable, [entry.payload for entry in await bob.take(1)]) == (True, [b"bye"])


async def test_answers_to_what_has_gone_take_little_room(tmp_path, monkeypatch):
    """Hazard H6: they outlive entry, log and quota; a device that repeats what it said last gets the first answer."""
    monkeypatch.setattr(limits, "MAX_ANSWERS_PER_DEVICE", 8)
    async with running(tmp_path) as world:
        eve, bob = await world.join(), await world.join()
        for _ in range(5):
            log = await eve.create_log()
            for _ in range(6):
                await eve.append(log, b"")
            await eve.ask(commit(log, b"", 0, readers_removed=[eve.someone.address]))
            await eve.acknowledge(log, 7)
        assert 6 <= await counted(world, "answers") <= 8
        repeated = to_inbox(bob.someone, b"said once")
        first = await eve.ask(repeated)
        await bob.acknowledge(bob.someone.certificate.device_id, first.seq)
        assert await eve.ask(repeated) == first


async def test_key_packages_that_were_given_out_are_remembered_up_to_a_bound(tmp_path, monkeypatch):
    """Hazard H6: whoever publishes and claims his own by turns counts in no quota."""
    monkeypatch.setattr(limits, "MAX_GIVEN_OUT_KEPT", 4)
    async with running(tmp_path) as world:
        eve, friend = await world.join(), await world.join()
        for n in range(10):
            await eve.ask(pb.PublishKeys(key_packages=[key_package(b"%d" % n, expires_in_s=1000 + n)]))
            await friend.ask(pb.RecipientKeysRequest(who=pb.Who(account_id=eve.someone.account.id), suite=1))
        left = await eve.ask(pb.PublishKeys(key_packages=[key_package(b"9", expires_in_s=1009)]))
        assert left.one_time_key_packages == 0, "one that was given out does not come back"
        assert await counted(world, "key_packages") == 4


async def counted(world, what):
    return (await world.relay._context.store.query(lambda db: db.execute(f"SELECT count(*) FROM {what}").fetchone()))[0]


async def test_a_payload_past_its_bound_is_refused_and_the_connection_stays(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        with pytest.raises(errors.TooLarge):
            await alice.append(log, bytes(limits.MAX_MESSAGE_BYTES + 1))
        assert await alice.append(log, bytes(limits.MAX_MESSAGE_BYTES)) == 1


async def test_a_frame_past_the_bound_ends_the_connection(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join(max_frame=limits.MAX_FRAME_BYTES)
        await alice.link.send(bytes(limits.MAX_FRAME_BYTES + 1))
        await alice.wait_ended()
        await world.back(alice.someone)


async def test_a_slow_reader_is_fed_from_its_cursor_and_misses_nothing(tmp_path, monkeypatch):
    """Hazard H4: what does not fit the queue stays in the store."""
    monkeypatch.setattr(limits, "SEND_QUEUE_FRAMES", 8)
    async with running(tmp_path) as world:
        alice = await world.join()
        reader = Someone.new()
        slow = await world.join(reader, capacity_frames=1)
        log = await alice.create_log()
        await alice.ask(commit(log, b"", 0, readers_added=[reader.address]))
        await slow.listen(log)
        slow._task.cancel()
        for n in range(200):
            await alice.append(log, b"%d" % n)
        (connection,) = (c for c in world.relay._connections if c.session.account_id == reader.account.id)
        assert len(connection.outgoing._frames) <= 8
        slow._task = asyncio.create_task(slow._receive())
        assert [entry.payload for entry in await slow.take(200)] == [b"%d" % n for n in range(200)]
        await alice.append(log, b"live")
        assert (await slow.entry()).payload == b"live"


async def test_a_reader_that_does_not_drain_is_cut_off_and_resumes_by_its_cursor(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "SEND_QUEUE_FRAMES", 8)
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice, reader = await world.join(), Someone.new()
        stuck = await world.join(reader, capacity_frames=1)
        log = await alice.create_log()
        await alice.ask(commit(log, b"", 0, readers_added=[reader.address]))
        await stuck.listen(log)
        stuck._task.cancel()
        for n in range(20):
            await alice.append(log, b"%d" % n)
        for _ in range(limits.SLOW_READER_TIMEOUT_S // 5 + 1):
            clock.forward(5)
            await alice.ask(pb.Acknowledge())
        with pytest.raises(LinkClosed):
            await stuck.link.receive()
        again = await world.back(reader)
        await again.listen(log)
        assert [entry.payload for entry in await again.take(20)] == [b"%d" % n for n in range(20)]


async def test_time_counts_against_a_reader_only_from_when_it_was_first_seen_to_stall(tmp_path):
    async with running(tmp_path) as world:
        peer = await world.join(capacity_frames=1)
        peer._task.cancel()
        (connection,) = world.relay._connections
        outgoing = Outgoing(connection._link, connection._context.store, connection._context.hub, list)
        outgoing.push(b"not yet sent")
        assert outgoing.stalled_s(1_000_000.0) == 0.0
        assert outgoing.stalled_s(1_000_007.0) == 7.0
        peer.link.abort()


async def test_one_who_asks_and_does_not_listen_is_read_no_further(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "SEND_QUEUE_FRAMES", 4)
    async with running(tmp_path) as world:
        deaf = await world.join(capacity_frames=1)
        deaf._task.cancel()
        sent = 0

        async def ask_on() -> None:
            nonlocal sent
            while True:
                await deaf.link.send(encode_request(1, pb.Acknowledge()))
                sent += 1

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask_on(), 0.5)
        assert sent < 16
        deaf.link.abort()


async def test_who_is_told_a_last_word_and_does_not_read_it_is_read_no_further(tmp_path):
    """Else its frames would be work for as long as a reader may be slow."""
    async with running(tmp_path, clock=Moves()) as world:
        link = world.raw_link(capacity_frames=1)
        for _ in range(2):  # the last word waits behind the greeting that nobody reads, and one more is under way
            await link.send(b"no request")
        flooding = asyncio.create_task(link.send(b"one more"))
        await settle()
        assert not flooding.done()
        link.abort()
        with pytest.raises(LinkClosed):
            await flooding
        await world.one_gone()


async def test_many_requests_in_flight_are_all_answered(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join(capacity_frames=1000)
        log = await alice.create_log()
        asked = [await alice.begin(message(log, b"%d" % n)) for n in range(limits.MAX_REQUESTS_IN_FLIGHT * 5)]
        answers = await asyncio.gather(*asked)
        assert [answer.seq for answer in answers] == list(range(1, len(asked) + 1))


async def test_a_full_queue_to_the_disk_asks_for_patience(tmp_path, monkeypatch):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        monkeypatch.setattr("tacit.relay.store.store.MAX_WRITE_QUEUE_BYTES", 100)
        with pytest.raises(errors.RateLimited) as refused:
            await alice.append(log, bytes(101))
        assert refused.value.retry_after_s == 1
        assert await alice.append(log, bytes(99)) == 1


async def test_a_flood_of_one_account_is_slowed_down_on_all_its_connections(tmp_path, monkeypatch):
    monkeypatch.setitem(RATES, "append", Rate(1.0, 4.0))
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice, bob = await world.join(), await world.join()
        phone = await world.join(Someone.new(alice.someone.account))
        log = await alice.create_log()
        await alice.ask(commit(log, b"", 0, readers_added=[phone.someone.address]))
        await alice.append(log, b"2")
        await phone.append(log, b"3")
        for peer in (alice, phone):
            with pytest.raises(errors.RateLimited):
                await peer.append(log, os.urandom(4))
        await bob.append(await bob.create_log(), b"not bob's fault")
        clock.forward(1)
        assert await alice.append(log, b"4") == 4


def test_a_bucket_refills_and_never_overflows():
    bucket = Bucket(Rate(per_s=2.0, burst=3.0), 100.0)
    for _ in range(3):
        bucket.take(100.0)
    with pytest.raises(errors.RateLimited) as refused:
        bucket.take(100.0)
    assert refused.value.retry_after_s == 0.5
    bucket.take(100.5)
    assert not bucket.is_full(101.0)
    assert bucket.is_full(10_000.0)
    for _ in range(3):
        bucket.take(10_000.0)
    with pytest.raises(errors.RateLimited):
        bucket.take(10_000.0)


def test_a_clock_that_goes_back_costs_nothing():
    bucket = Bucket(Rate(per_s=1.0, burst=2.0), 100.0)
    bucket.take(50.0)
    bucket.take(50.0)
    with pytest.raises(errors.RateLimited):
        bucket.take(50.0)
    bucket.take(51.0)


@pytest.mark.parametrize(
    ("request_name", "body", "tokens"),
    [
        ("append", message(b"l" * 16, b"x"), 1),
        ("append", commit(b"l" * 16, b"x", 0, readers_added=[pb.Device()] * 3, readers_removed=[pb.Device()]), 5),
        ("acknowledge", pb.Acknowledge(), 1),
        ("acknowledge", pb.Acknowledge(positions=[pb.Position()] * 7), 7),
        ("listen", pb.Listen(after=[pb.Position()] * 9), 9),
        ("create_log", pb.CreateLog(), 1),
    ],
)
def test_a_request_counts_for_the_work_that_it_makes(request_name, body, tokens):
    buckets = Buckets()
    left = int(RATES[request_name].burst / tokens)
    for _ in range(left):
        buckets.take_request(request_name, body, 0.0)
    with pytest.raises(errors.RateLimited):
        buckets.take_request(request_name, body, 0.0)


def test_what_goes_to_inboxes_is_counted_apart():
    buckets, to_somebody = Buckets(), to_inbox(Someone.new(), b"x")
    for _ in range(int(RATES[INBOX_APPEND].burst)):
        buckets.take_request("append", to_somebody, 0.0)
    with pytest.raises(errors.RateLimited):
        buckets.take_request("append", to_somebody, 0.0)
    buckets.take_request("append", message(b"l" * 16, b"x"), 0.0)


def test_every_request_has_a_rate_that_its_largest_form_fits():
    assert RATES.keys() == REQUESTS.keys() | {ANY_REQUEST, REFUSED, INBOX_APPEND, ROOM_INFO, ROOM_MADE, BY_NUMBER}
    assert RATES[INBOX_APPEND].burst >= limits.MAX_READERS_PER_LOG
    assert RATES["append"].burst >= 1 + 2 * limits.MAX_READERS_PER_LOG
    assert RATES["listen"].burst >= limits.MAX_LISTEN_LOGS


@pytest.mark.parametrize("refused", [pb.OpenRendezvous(), pb.Append()], ids=["phase", "shape"])
async def test_refusals_of_an_account_are_counted_and_past_that_it_is_not_read(monkeypatch, refused):
    """By all its devices together; and nobody else waits."""
    clock = Moves()
    rate = Rate(10.0, 30.0)
    monkeypatch.setitem(RATES, REFUSED, rate)
    async with running(None, clock=clock) as world:
        alice, bob = await world.join(), await world.join()
        asked = [await alice.begin(refused) for _ in range(60)]
        late = await alice.begin(pb.Acknowledge())
        await bob.ask(pb.Acknowledge())
        await settle()
        for seconds in range(1, 4):
            answered = sum(one.done() for one in asked)
            assert rate.burst <= answered <= rate.burst + seconds * rate.per_s
            assert not late.done()
            for _ in range(10):
                clock.forward(0.1)
                await settle(100)
        for _ in range(10):
            clock.forward(0.1)
            await settle(100)
        assert isinstance(await late, pb.Acknowledged)


async def test_whoever_goes_while_it_has_to_wait_is_gone_soon(monkeypatch):
    """However long it would have had to wait: its place is free, and who sat opposite hears of it."""
    monkeypatch.setitem(RATES, ANY_REQUEST, Rate(0.001, 1.0))
    clock = Moves()
    async with running(None, clock=clock) as world:
        alice = await world.join()
        for _ in range(3):
            await alice.begin(pb.Acknowledge())
        await settle()
        alice.link.abort()
        for _ in range(2):
            clock.forward(LOOK_S)
            await settle()
        assert len(world.relay._context.sessions) == 0


async def test_an_account_that_waits_is_let_go_when_the_relay_stops(monkeypatch):
    monkeypatch.setitem(RATES, ANY_REQUEST, Rate(0.001, 5.0))
    async with running(None, clock=Moves()) as world:
        alice = await world.join()
        for _ in range(40):
            await alice.begin(pb.OpenRendezvous())
        await world.relay.stop()
        await alice.wait_ended()
