"""A17, A19, D13, H5, H6, H7: what can be taken once, what can be filled, and a conversation of very many."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tacit import limits
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.identity import parse_link
from tacit.relay.rates import INBOX_APPEND, RATES, REFUSED
from tacit.relay.store.database import FILE_NAME
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.processes.people import becomes, create, opened
from tests.processes.programs import Relay, environment, run
from tests.relay.hazards.attacks import crowded
from tests.relay.hazards.crowd import PEOPLE
from tests.relay.hazards.guests import Guests, tell, timed
from tests.relay.peers import Peer, Someone, commit, key_package, message, to_inbox

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """One where this machine may register as many as it likes."""
    many = {"TACIT_SERVE_REGISTRATIONS_PER_HOUR": "100000", "TACIT_SERVE_REGISTRATION": "open"}
    with Relay(tmp_path_factory.mktemp("relay"), env=many) as running:
        yield running
        assert "request-failed" not in running.running.said
        assert "change-failed" not in running.running.said
        assert "Traceback" not in running.running.said


def claim(someone: Someone) -> pb.RecipientKeysRequest:
    return pb.RecipientKeysRequest(who=pb.Who(account_id=someone.account.id), suite=1)


async def logged_in(guests: Guests, people: Sequence[Someone]) -> list[Peer]:
    peers = []
    for someone in people:
        peer = await guests.peer()
        await peer.login(someone)
        peers.append(peer)
    return peers


async def test_h3_accounts_that_are_refused_as_fast_as_they_can_ask_wait_and_delay_nobody(relay: Relay) -> None:
    async with timed(relay) as honest, crowded(relay, "refusals") as attack:
        await honest.under("H3 refusals")
        came_to, cpu_s = await attack.ends()
    tell(f"H3: {came_to}, {cpu_s:.2f} s of the relay")
    rate = RATES[REFUSED]
    assert 0 < came_to["refused"] <= PEOPLE * (rate.burst + (came_to["lasted ms"] / 1000 + 1) * rate.per_s)


async def test_a17_100_claims_at_once_get_100_different_key_packages(relay: Relay) -> None:
    async with Guests(relay.port) as guests:
        owner, claimers = await guests.member(), [await guests.member() for _ in range(4)]
        assert owner.someone is not None
        await owner.ask(pb.PublishKeys(key_packages=[key_package(b"%d" % n) for n in range(100)]))
        asked = [claimers[n % 4].ask(claim(owner.someone)) for n in range(100)]
        given = [answer.devices[0].key_package.key_package for answer in await asyncio.gather(*asked)]
        assert sorted(given) == sorted(b"%d" % n for n in range(100))
        with pytest.raises(errors.NoKeyPackages):
            await claimers[0].ask(claim(owner.someone))


async def test_a19_one_account_that_drains_is_slowed_down_and_the_last_resort_serves_everybody_else(
    relay: Relay,
) -> None:
    async with Guests(relay.port) as guests:
        owner, eve, friend = [await guests.member() for _ in range(3)]
        assert owner.someone is not None
        packages = [key_package(b"%d" % n) for n in range(5)] + [key_package(b"last", last_resort=True)]
        await owner.ask(pb.PublishKeys(key_packages=packages))
        given, refused = [], []
        while len(refused) < 20 and len(given) < 2 * RATES["recipient_keys"].burst:
            try:
                given.append((await eve.ask(claim(owner.someone))).devices[0].key_package)
            except errors.RateLimited as slow_down:
                refused.append(slow_down.retry_after_s)
        assert sorted(p.key_package for p in given[:5]) == [b"%d" % n for n in range(5)]
        assert {p.key_package for p in given[5:]} == {b"last"}
        assert all(p.last_resort for p in given[5:])
        assert refused
        assert set(refused) == {1}
        assert (await friend.ask(claim(owner.someone))).devices[0].key_package.key_package == b"last"


@pytest.mark.parametrize("crowd", [25, pytest.param(1_000, marks=pytest.mark.long)])
async def test_a19_a_crowd_drains_a_client_that_is_away_and_it_refills_and_changes_its_last_resort(
    relay: Relay, tmp_path: Path, crowd: int
) -> None:
    (profile,) = await create(relay.link, tmp_path, f"drained{crowd}")
    async with Guests(relay.port) as guests:
        people = await guests.accounts(crowd)
        victim = await victim_id(guests, people[0], f"drained{crowd}")
        given = [p for p in await claims(guests, people, victim) if p.key_package]
        one_time = [p for p in given if not p.last_resort]
        last = {p.key_package for p in given if p.last_resort}
        assert len({p.key_package for p in one_time}) == len(one_time) == limits.ONE_TIME_KEY_PACKAGES
        assert len(last) == 1
        async with opened(profile) as me:

            async def is_refilled() -> bool:
                return (await me.status()).key_packages == limits.ONE_TIME_KEY_PACKAGES

            await becomes(is_refilled)
        again = await claims(guests, [people[-1]] * (limits.ONE_TIME_KEY_PACKAGES + 2), victim)
        fresh = {p.key_package for p in again if p.last_resort}
        assert len(fresh) == 1
        assert not fresh & last, "the one that a crowd has seen is not used any more"


async def victim_id(guests: Guests, someone: Someone, handle: str) -> bytes:
    peer = await guests.peer()
    await peer.login(someone)
    return bytes((await peer.ask(pb.SenderKeysRequest(who=pb.Who(handle=handle)))).account_id)


async def claims(guests: Guests, people: Sequence[Someone], victim: bytes) -> list[pb.KeyPackage]:
    """What each of these is given for the victim's one device."""
    given: list[pb.KeyPackage] = []
    peers: dict[bytes, Peer] = {}
    for someone in people:
        peer = peers.get(someone.account.id)
        if peer is None:
            peer = peers[someone.account.id] = await guests.peer()
            await peer.login(someone)
        answer = await peer.ask(pb.RecipientKeysRequest(who=pb.Who(account_id=victim), suite=DEFAULT_SUITE))
        given.append(answer.devices[0].key_package)
    return given


async def test_d13_of_100_who_redeem_one_invitation_at_once_exactly_one_comes_in(tmp_path: Path) -> None:
    invited = {"TACIT_SERVE_REGISTRATION": "invite", "TACIT_SERVE_DATA": str(tmp_path / "relay")}
    with Relay(tmp_path / "relay", env=invited) as relay:
        made = run("relay", "invite", "--json", env=invited | {"TACIT_SERVE_PUBLIC_HOST": "127.0.0.1"})
        token = parse_link(made.value["link"]).invite
        async with Guests(relay.port) as guests:
            people = [Someone.new() for _ in range(100)]
            peers = [await guests.peer() for _ in people]
            asked = [peer.register(someone, invite=token) for peer, someone in zip(peers, people, strict=True)]
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(outcome, pb.Registered) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, errors.InviteInvalid) for outcome in outcomes) == 99


async def test_h5_a_mailbox_that_is_flooded_keeps_room_for_others_and_what_is_refused_has_a_code(relay: Relay) -> None:
    async with timed(relay) as honest, Guests(relay.port) as guests:
        victim, friend = await guests.member(), await guests.member()
        assert victim.someone is not None
        floods = await logged_in(guests, await guests.accounts(4))
        refusals: list[str] = []

        async def flood(peer: Peer) -> None:
            assert victim.someone is not None
            for _ in range(6):
                asked = [await peer.begin(to_inbox(victim.someone, bytes(1_000))) for _ in range(50)]
                refusals.extend(answer.code for answer in await asyncio.gather(*asked) if isinstance(answer, pb.Error))

        flooding = [asyncio.create_task(flood(peer)) for peer in floods]
        await honest.under("H5 mailbox flood")
        await asyncio.gather(*flooding)
        assert set(refusals) <= {"quota", "rate-limited"}
        assert len(refusals) == 4 * (6 * 50 - limits.MAX_INBOX_ENTRIES_PER_SENDER)
        assert (await friend.ask(to_inbox(victim.someone, b"hello"))).seq == 4 * limits.MAX_INBOX_ENTRIES_PER_SENDER + 1
        inbox = victim.someone.certificate.device_id
        await victim.listen(inbox)
        received = await victim.take(4 * limits.MAX_INBOX_ENTRIES_PER_SENDER + 1)
        assert received[-1].payload == b"hello"
        assert [entry.seq for entry in received] == list(range(1, len(received) + 1))
    a_day = RATES[INBOX_APPEND].per_s * limits.DAY_S
    assert a_day * limits.ENTRY_OVERHEAD_BYTES < limits.MAX_HELD_BYTES_PER_ACCOUNT, "a flood that lasts is a trickle"


async def test_h6_one_account_can_make_the_relay_hold_only_so_much(relay: Relay) -> None:
    """KeyPackages, conversations and unread entries, each to its bound: the folder grows no further."""
    async with timed(relay) as honest, Guests(relay.port) as guests:
        eve = await guests.member()
        codes = set()

        async def ask(body: object) -> None:
            answer = await (await eve.begin(body))  # type: ignore[arg-type]  # a request of any kind
            if isinstance(answer, pb.Error):
                codes.add(answer.code)

        async def hoard() -> None:
            packages = [key_package(os.urandom(2_000)) for _ in range(limits.MAX_KEY_PACKAGES_PER_DEVICE)]
            await ask(pb.PublishKeys(key_packages=packages))
            await ask(pb.PublishKeys(key_packages=[key_package(b"one more")]))
            assert codes == {"quota"}
            codes.clear()
            while not codes:
                await ask(pb.CreateLog(log_id=os.urandom(16)))
            assert codes == {"rate-limited"}

        hoarding = asyncio.create_task(hoard())
        await honest.under("H6 storage bomb")
        await hoarding


async def test_h6_those_who_hammer_at_the_doors_of_rooms_get_little_and_delay_nobody(relay: Relay) -> None:
    async with timed(relay) as honest, crowded(relay, "doors") as attack:
        await honest.under("H6 doors of rooms")
        came_to, cpu_s = await attack.ends()
    tell(f"H6: {came_to}, {cpu_s:.2f} s of the relay")
    rate = RATES["enter_room"]
    assert 0 < came_to["shown"] <= PEOPLE * (rate.burst + 15 * rate.per_s)
    assert came_to["refused"]


async def test_h6_payloads_that_nobody_fetches_stop_at_the_quota(tmp_path: Path) -> None:
    """The quota in bytes, of a relay whose quota is small, as a process of its own."""
    program = (sys.executable, "-m", "tests.relay.hazards.small_relay", str(tmp_path))
    process = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE, env=environment())
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        async with Guests(port) as guests:
            eve = await guests.member()
            log, written = await eve.create_log(), 0
            for _ in range(2_000_000 // (60_000 + limits.ENTRY_OVERHEAD_BYTES)):
                await eve.append(log, bytes(60_000))
                written += 60_000
            on_disk = size_of(tmp_path)
            await asyncio.gather(*(swallowed(eve, log) for _ in range(40)))
            after = size_of(tmp_path)
            tell(f"H6: {written} bytes kept of one account in {on_disk} bytes on disk, {after} after 40 more refusals")
            assert after - on_disk < 200_000
    finally:
        process.terminate()
        await process.communicate()


async def swallowed(peer: Peer, log: bytes) -> None:
    with pytest.raises(errors.QuotaExceeded):
        await peer.append(log, bytes(60_000))


@pytest.mark.parametrize(
    ("members", "count", "per_s"), [(60, 40, 20.0), pytest.param(1_000, 12, 1.0, marks=pytest.mark.long)]
)
@pytest.mark.timeout(300)
async def test_h7_a_hot_conversation_of_many_delays_nobody_else_and_is_stored_once(
    relay: Relay, members: int, count: int, per_s: float
) -> None:
    process = psutil.Process(relay.running.pid)
    async with timed(relay) as honest, Guests(relay.port) as guests:
        people = await guests.accounts(members)
        peers = await logged_in(guests, people)
        log = await peers[0].create_log()
        await peers[0].ask(commit(log, b"", 0, readers_added=[someone.address for someone in people[1:]]))
        for peer in peers[1:]:
            await peer.listen(log)
        stored = pages_of(relay.folder)
        before_s, began_s = sum(process.cpu_times()[:2]), time.perf_counter()

        async def chatter() -> None:
            for n in range(count):
                await asyncio.sleep(began_s + n / per_s - time.perf_counter())
                await (await peers[n % members].begin(message(log, bytes(1_000))))

        talking = asyncio.create_task(chatter())
        await honest.under(f"H7 {per_s:.0f} messages a second to {members}")
        await talking
        for peer in peers[1:]:
            assert [entry.seq for entry in await peer.take(count)] == list(range(2, count + 2))
        cpu_s = sum(process.cpu_times()[:2]) - before_s
        tell(f"H7: {cpu_s / (count * members) * 1e6:.0f} us of the relay for each delivery to {members}")
        grown = pages_of(relay.folder) - stored
        assert count * 1_000 < grown < count * 1_000 * 8 + 200_000, "once, and not for each of the members"


def pages_of(folder: Path) -> int:
    """What the pages of a running relay's database hold.

    Its files say something else: the write-ahead log takes whole pages for each transaction of anybody until it has
    reached its size, and none after that.
    """
    with closing(sqlite3.connect(f"file:{folder / FILE_NAME}?mode=ro", uri=True)) as db:
        (pages,), (free,), (size,) = (
            db.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
