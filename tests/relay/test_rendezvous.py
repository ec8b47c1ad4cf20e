"""Two strangers who meet, and those who would take the place from them."""

from __future__ import annotations

import asyncio
import itertools
import random
from contextlib import asynccontextmanager, suppress

import pytest

from tacit import limits
from tacit.clock import SystemClock
from tacit.net.errors import LinkClosed
from tacit.relay.addresses import Addresses
from tacit.relay.connection import STRANGERS_TURN
from tacit.relay.rendezvous import GUESTS, Meetings
from tacit.relay.watch import WATCH_S
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import TIMEOUT_S, Moves, Someone, running, settle

HOME = "192.0.2.1"
HOURS = 6


class Guest:
    """A connection without an account."""

    def __init__(self, peer):
        self.peer = peer
        self._read = 0

    async def open(self):
        return (await self.peer.ask(pb.OpenRendezvous())).name

    async def go(self, name):
        await self.peer.ask(pb.JoinRendezvous(name=name))

    async def say(self, payload):
        await self.peer.ask(pb.PassOn(payload=payload))

    async def dismiss(self, *, close=False):
        await self.peer.ask(pb.Dismiss(close=close))

    async def hears(self):
        """The next thing that is pushed."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.peer.errors) <= self._read:
                if self.peer.ended.is_set():
                    raise LinkClosed(1000)
                await asyncio.sleep(0.001)
        self._read += 1
        return self.peer.errors[self._read - 1]

    async def parts(self):
        pushed = await self.hears()
        assert isinstance(pushed, pb.Parted)
        return pushed.code


class Place:
    """A relay where people meet."""

    def __init__(self, world):
        self.world = world
        self.clock = world.clock

    @property
    def meetings(self):
        return self.world.relay._context.meetings

    async def guest(self, address=""):
        return Guest(await self.world.connect(address=address))

    async def pair(self):
        host, guest = await self.guest(), await self.guest()
        await guest.go(await host.open())
        assert isinstance(await host.hears(), pb.Met)
        return host, guest

    async def passes(self, seconds):
        """Let time pass, and the watch look."""
        self.clock.forward(seconds)
        self.clock.forward(WATCH_S)
        await settle()


@asynccontextmanager
async def place(**config):
    async with running(None, clock=Moves(), **config) as world:
        yield Place(world)


async def test_two_meet_and_are_passed_what_the_other_says():
    async with place() as here:
        host, guest = await here.pair()
        await host.say(b"one")
        await guest.say(b"two")
        await host.say(b"three")
        assert [(await guest.hears()).payload for _ in range(2)] == [b"one", b"three"]
        assert (await host.hears()).payload == b"two"


async def test_nobody_is_there_before_somebody_comes():
    async with place() as here:
        host = await here.guest()
        await host.open()
        with pytest.raises(errors.NobodyThere):
            await host.say(b"hello?")
        stranger = await here.guest()
        with pytest.raises(errors.NobodyThere):
            await stranger.say(b"hello?")


async def test_when_one_goes_the_other_is_told():
    async with place() as here:
        host, guest = await here.pair()
        await host.peer.close()
        assert await guest.parts() == "left"
        await guest.peer.wait_ended()
        host, guest = await here.pair()
        await guest.peer.close()
        assert await host.parts() == "left"
        with pytest.raises(errors.NobodyThere):
            await host.say(b"still there?")


async def test_a_name_says_nothing_but_that_it_is_one():
    async with place() as here:
        names = [await (await here.guest()).open() for _ in range(20)]
        assert len(set(names)) == 20
        assert all(len(name) == 6 and set(name) <= set("0123456789ABCDEF") for name in names)


@pytest.mark.parametrize("what", ["unknown", "taken", "too old", "used up", "lower case"])
async def test_all_names_where_nobody_waits_are_answered_alike(what):
    """Who tries names learns nothing of those that are in use."""
    async with place() as here:
        host = await here.guest()
        name = await host.open()
        match what:
            case "unknown":
                name = "000000" if name != "000000" else "000001"
            case "taken":
                await (await here.guest()).go(name)
            case "too old":
                here.clock.forward(limits.RENDEZVOUS_S)
            case "used up":
                for _ in range(GUESTS):
                    await (await here.guest()).go(name)
                    await host.dismiss()
            case "lower case":
                name = name.lower() if name.lower() != name else "abcdef"
        with pytest.raises(errors.NoSuchRendezvous):
            await (await here.guest()).go(name)


async def test_a_guest_who_is_sent_away_makes_room_for_another():
    async with place() as here:
        host = await here.guest()
        name = await host.open()
        for number in range(GUESTS):
            guest = await here.guest()
            await guest.go(name)
            assert isinstance(await host.hears(), pb.Met)
            await guest.say(b"%d" % number)
            assert (await host.hears()).payload == b"%d" % number
            await host.dismiss()
            assert await guest.parts() == "dismissed"
            await guest.peer.wait_ended()
        assert await host.parts() == "used-up"
        await host.peer.wait_ended()
        assert len(here.meetings) == 0


async def test_who_closes_needs_no_reason():
    async with place() as here:
        host, guest = await here.pair()
        await host.dismiss(close=True)
        assert await guest.parts() == "dismissed"
        assert len(here.meetings) == 0
        await here.passes(limits.HANDSHAKE_TIMEOUT_S)
        await host.peer.wait_ended()


async def test_only_who_waits_may_send_away():
    async with place() as here:
        _, guest = await here.pair()
        with pytest.raises(errors.BadRequest):
            await guest.dismiss()
        with pytest.raises(errors.BadRequest):
            await (await here.guest()).dismiss(close=True)


async def test_a_code_that_nobody_comes_with_is_over_after_ten_minutes():
    async with place() as here:
        host = await here.guest()
        await host.open()
        await here.passes(limits.RENDEZVOUS_S - WATCH_S - 1)
        assert len(here.meetings) == 1
        await here.passes(1)
        assert await host.parts() == "expired"
        await host.peer.wait_ended()
        assert len(here.meetings) == 0


async def test_who_has_met_in_time_may_stay_past_it():
    async with place() as here:
        host, guest = await here.pair()
        await here.passes(limits.RENDEZVOUS_S + limits.HOUR_S)
        await guest.say(b"an hour later")
        assert (await host.hears()).payload == b"an hour later"
        await guest.peer.close()
        assert await host.parts() == "left"
        assert await host.parts() == "expired"


async def test_two_who_say_nothing_for_a_night_are_parted():
    async with place() as here:
        host, guest = await here.pair()
        await here.passes(limits.RENDEZVOUS_QUIET_S - WATCH_S - 1)
        await host.say(b"still awake")
        await here.passes(limits.RENDEZVOUS_QUIET_S - WATCH_S - 1)
        assert (await guest.hears()).payload == b"still awake"
        assert len(here.meetings) == 1
        await here.passes(1)
        assert [await host.parts(), await guest.parts()] == ["quiet", "quiet"]


async def test_waiting_is_no_slow_login_and_idling_is():
    async with place() as here:
        host, idle = await here.guest(), await here.guest()
        await host.open()
        await here.passes(limits.HANDSHAKE_TIMEOUT_S)
        await idle.peer.wait_ended()
        assert not host.peer.ended.is_set()
        assert len(here.world.relay._context.strangers) == 0


async def test_a_crowd_of_strangers_puts_nobody_out_who_waits(monkeypatch):
    monkeypatch.setattr(limits, "MAX_STRANGERS", 3)
    async with place() as here:
        host = await here.guest()
        name = await host.open()
        crowd = [await here.guest() for _ in range(6)]
        await crowd[-1].go(name)
        assert isinstance(await host.hears(), pb.Met)


async def test_a_connection_for_a_rendezvous_is_for_nothing_else():
    async with place() as here:
        host, guest = await here.pair()
        someone = Someone.new()
        for side in (host, guest):
            with pytest.raises(errors.BadRequest):
                await side.peer.register(someone)
            with pytest.raises(errors.BadRequest):
                await side.open()
            with pytest.raises(errors.BadRequest):
                await side.go("000000")
        await host.say(b"and still here")
        assert (await guest.hears()).payload == b"and still here"


async def test_who_has_logged_in_has_no_rendezvous():
    async with place() as here:
        alice = await here.world.join()
        for request in (pb.OpenRendezvous(), pb.JoinRendezvous(name="000000"), pb.PassOn(), pb.Dismiss()):
            with pytest.raises(errors.AlreadyLoggedIn):
                await alice.ask(request)


async def test_an_operator_may_turn_it_off():
    async with place(sessions=False) as here:
        with pytest.raises(errors.SessionsOff):
            await (await here.guest()).open()
        with pytest.raises(errors.SessionsOff):
            await (await here.guest()).go("000000")


async def test_what_is_passed_on_is_no_larger_than_a_message():
    async with place() as here:
        host, guest = await here.pair()
        await host.say(bytes(limits.MAX_MESSAGE_BYTES))
        assert len((await guest.hears()).payload) == limits.MAX_MESSAGE_BYTES
        with pytest.raises(errors.TooLarge):
            await host.say(bytes(limits.MAX_MESSAGE_BYTES + 1))
        with pytest.raises(LinkClosed):
            await host.peer.ask(pb.PassOn(payload=bytes(limits.MAX_MESSAGE_BYTES + 2048)))


async def test_talk_is_free_and_a_tunnel_is_not():
    async with place() as here:
        host, guest = await here.pair()
        burst = int(limits.RATE_PASSED[1] / 65)
        for _ in range(burst):
            await host.say(bytes(64 * 1024))
            await guest.hears()
        left = limits.RATE_PASSED[1] - 65 * burst
        late = await host.peer.begin(pb.PassOn(payload=bytes(64 * 1024)))
        later = await host.peer.begin(pb.PassOn(payload=b"x"))
        wait_s = (65 - left) / limits.RATE_PASSED[0]
        assert not await answered(here, late, wait_s - 0.01)
        assert await answered(here, late, 0.02)
        assert not await answered(here, later, 0)
        assert await answered(here, later, 0.1)


async def answered(here, asked, after_s):
    """Whether it has been answered when so much time has passed."""
    await settle()
    here.clock.forward(after_s)
    await settle()
    return asked.done()


async def test_all_who_talk_at_one_address_share_what_that_may():
    """Ten sides have ten buckets of their own, and one for all."""
    async with place(exempt_addresses="") as here:
        pairs = [(await here.guest(HOME), await here.guest("192.0.2.7")) for _ in range(10)]
        for host, guest in pairs:
            await guest.go(await host.open())
        each = int(limits.RATE_PASSED[1] / 65)
        asked = [[await host.peer.begin(pb.PassOn(payload=bytes(64 * 1024))) for _ in range(each)] for host, _ in pairs]
        await settle()
        done = sum(one.done() for each in asked for one in each)
        assert 40 < done <= limits.RATE_PASSED_OF_ADDRESS[1] / 65 < 10 * each


async def test_all_rendezvous_together_are_passed_on_so_much_and_each_side_has_its_turn():
    """Whatever each of them may by itself, and however many addresses they come from."""
    async with place() as here:
        hosts = [(await here.pair())[0] for _ in range(10)]
        asked = [[await host.peer.begin(pb.PassOn()) for _ in range(60)] for host in hosts]
        await settle()
        done = [sum(one.done() for one in each) for each in asked]
        assert sum(done) == limits.RATE_PASSED_OF_ALL[1]
        assert max(done) - min(done) <= STRANGERS_TURN
        here.clock.forward(len(hosts) / limits.RATE_PASSED_OF_ALL[0])
        await settle()
        assert sum(one.done() for each in asked for one in each) == sum(done) + len(hosts)


@pytest.mark.parametrize("request_", [pb.Dismiss(), pb.Login(), pb.Append()])
async def test_who_sits_at_a_rendezvous_is_not_refused_for_ever(request_):
    async with place() as here:
        _, guest = await here.pair()
        answers = 0
        with suppress(LinkClosed):
            while answers < 2 * limits.MAX_SEATED_FAILURES:
                await asyncio.wait_for(await guest.peer.begin(request_), TIMEOUT_S)
                answers += 1
        assert limits.MAX_LOGIN_FAILURES < answers <= limits.MAX_SEATED_FAILURES
        assert guest.peer.closings[-1].code == errors.Closed.LOGIN_FAILURES


async def test_whoever_floods_leaves_others_their_turn():
    """However much of one connection waits to be served, a turn of the event loop serves little of it."""
    async with place() as here:
        host, guest = await here.guest(), await here.world.connect(capacity_frames=400)
        await guest.ask(pb.JoinRendezvous(name=await host.open()))
        connection = next(iter(here.meetings._places.values())).guest
        served = []
        for _ in range(200):
            await guest.begin(pb.PassOn())
        while not served or served[-1] < 200:
            served.append(connection._turn - 1)
            await asyncio.sleep(0)
        assert max(after - before for before, after in itertools.pairwise(served)) <= STRANGERS_TURN


async def test_one_who_does_not_read_holds_up_little_and_is_cut_off():
    async with place() as here:
        host, guest = await here.guest(), await here.world.connect(capacity_frames=1)
        name = await host.open()
        await guest.ask(pb.JoinRendezvous(name=name))
        guest._task.cancel()
        connection = next(iter(here.meetings._places.values())).guest
        answers = [await (await host.peer.begin(pb.PassOn(payload=bytes(60_000)))) for _ in range(12)]
        assert answers[-1].code == "rate-limited"
        assert answers[-1].retry_after_s
        assert connection.outgoing.queued_bytes <= limits.MAX_PASSING_BYTES
        assert isinstance(await host.hears(), pb.Met)
        for _ in range(3):
            await here.passes(limits.SLOW_READER_TIMEOUT_S)
        assert await host.parts() == "left"


# ---- attackers ----


async def test_those_who_do_not_read_hold_only_so_much_of_the_relay_together(monkeypatch):
    """The greediest go, and those who sat opposite are told; who holds little stays."""
    monkeypatch.setattr(limits, "MAX_PASSING_BYTES_OF_ALL", 400_000)
    async with place() as here:
        modest = await stuck(here, 20_000)
        greedy = []
        while len(greedy) < 4:
            greedy.append(await stuck(here, 110_000))
        sides = [side for meeting in here.meetings._places.values() for side in (meeting.host, meeting.guest) if side]
        assert sum(side.outgoing.queued_bytes for side in sides) <= limits.MAX_PASSING_BYTES_OF_ALL
        assert here.meetings._passing_bytes <= limits.MAX_PASSING_BYTES_OF_ALL
        await settle()
        told = [host for host in (modest, *greedy) if any(isinstance(pushed, pb.Parted) for pushed in host.peer.errors)]
        assert len(told) == 1
        assert modest not in told
        assert here.world.relay._context.metrics.cut_off["slow-reader"] == 1
        for meeting in tuple(here.meetings._places.values()):
            if meeting.guest is not None:
                meeting.guest.cut_off()


async def stuck(here, size_bytes):
    """Who talks to somebody who does not read, when so much waits there."""
    host, guest = await here.guest(), await here.world.connect(capacity_frames=1)
    await guest.ask(pb.JoinRendezvous(name=await host.open()))
    guest._task.cancel()
    assert isinstance(await host.hears(), pb.Met)
    for _ in range(3):  # the link takes the first
        await asyncio.wait_for(await host.peer.begin(pb.PassOn(payload=bytes(size_bytes // 2))), TIMEOUT_S)
    return host


async def test_one_address_cannot_take_every_place():
    """Claim-all: a stranger holds sixteen, however many connections it opens; others come through. (D5)"""
    async with place(exempt_addresses="") as here:
        refused = 0
        for _ in range(40):
            try:
                await (await here.guest(HOME)).open()
            except (errors.TooManyRendezvous, errors.RateLimited):
                refused += 1
        assert refused == 24
        assert len(here.meetings) == limits.MAX_RENDEZVOUS_PER_ADDRESS
        host, guest = await here.guest("192.0.2.2"), await here.guest("192.0.2.3")
        await guest.go(await host.open())
        assert isinstance(await host.hears(), pb.Met)


async def test_whole_networks_cannot_take_more_than_there_are(monkeypatch):
    monkeypatch.setattr(limits, "MAX_RENDEZVOUS", 30)
    async with place(exempt_addresses="") as here:
        crowd = [await here.guest(f"198.51.100.{number}") for number in range(31)]
        for guest in crowd[:30]:
            await guest.open()
        with pytest.raises(errors.TooManyRendezvous):
            await crowd[30].open()
        await here.passes(limits.RENDEZVOUS_S)
        later = await here.guest("203.0.113.1")
        assert await later.open()


async def test_one_address_tries_few_names():
    """Enumeration: twenty at once, then one a minute, over as many connections as it likes and in parallel. (D5)"""
    async with place(exempt_addresses="") as here:
        outcomes = await asyncio.gather(*(try_name(here, number) for number in range(60)))
        assert outcomes.count("no") == limits.RATE_GUESTS_OF_ADDRESS[1]
        assert outcomes.count("slow") == 60 - limits.RATE_GUESTS_OF_ADDRESS[1]
        here.clock.forward(limits.MINUTE_S)
        assert await try_name(here, 1) == "no"
        assert await try_name(here, 2) == "slow"


async def try_name(here, number):
    try:
        await (await here.guest(HOME)).go(f"{number:06X}")
    except errors.NoSuchRendezvous:
        return "no"
    except errors.RateLimited:
        return "slow"
    return "yes"


async def test_a_connection_is_closed_after_three_wrong_names():
    async with place() as here:
        guest = await here.guest()
        for number in range(limits.MAX_LOGIN_FAILURES):
            with pytest.raises(errors.NoSuchRendezvous):
                await guest.go(f"00000{number}")
        await guest.peer.wait_ended()


class Silent:
    """Somebody at a rendezvous who only counts what it is told; stands for a connection in a simulation of many."""

    def __init__(self):
        self.outgoing = self
        self.queued_bytes = 0
        self.place = None
        self.heard = 0

    def push(self, frame):
        self.heard += 1

    def seat(self, place):
        self.place = place

    def unseat(self):
        self.place = None

    def end(self, last):
        pass


def test_guessing_names_for_hours_meets_hardly_anybody():
    """A relay that is full all the time, and an attacker with a hundred addresses who tries names as fast as it may.

    Whom it meets has lost one of three attempts; the words are 33 bits more.
    """
    clock, chance = Moves(0.0), random.Random(7)
    meetings, addresses = Meetings(clock, chance.randbytes), Addresses(clock)
    attackers = [f"198.51.{number // 250}.{number % 250}" for number in range(100)]
    met = tried = 0
    hosts = []
    for _minute in range(0, HOURS * 60, 10):
        clock.forward(10 * limits.MINUTE_S)
        meetings.sweep()
        while len(meetings) < limits.MAX_RENDEZVOUS:
            hosts.append(Silent())
            meetings.open(hosts[-1], None)
        for address in attackers:
            try:
                while True:
                    addresses.take(address, "join_rendezvous")
                    tried += 1
                    try:
                        meetings.join(Silent(), chance.randbytes(3).hex().upper())
                    except errors.NoSuchRendezvous:
                        continue
                    met += 1
            except errors.RateLimited:
                pass
    # A hundred a minute and a first burst: two of 36,000 codes that were read out.
    assert tried == pytest.approx(100 * (20 + HOURS * 60), rel=0.05)
    assert len(hosts) > 30_000
    assert met < 12
    assert met * GUESTS / 2**33 < 1e-7, "the chance that one of them had the words"


def test_names_rest_before_they_are_used_again():
    """A relay whose names come from a source that says the same again and again. (D5)"""
    clock = Moves(0.0)
    draws = iter(bytes((0, 0, number // 2)) for number in range(400))
    meetings = Meetings(clock, lambda size: next(draws))
    first = Silent()
    name = meetings.open(first, None).name
    meetings.dismiss(first.place, close=True)
    following = [meetings.open(Silent(), None).name for _ in range(20)]
    assert name not in following
    assert len(set(following)) == 20
    clock.forward(limits.RENDEZVOUS_NAME_REST_S)
    meetings.sweep()
    again = Meetings(clock, lambda size: b"\0\0\0")
    one = Silent()
    assert again.open(one, None).name == "000000"
    again.dismiss(one.place, close=True)
    with pytest.raises(errors.TooManyRendezvous):
        again.open(Silent(), None)
    clock.forward(limits.RENDEZVOUS_NAME_REST_S)
    again.sweep()
    assert again.open(Silent(), None).name == "000000"


def test_names_that_rest_are_bounded():
    chance = random.Random(1)
    meetings = Meetings(Moves(0.0), chance.randbytes)
    for _ in range(limits.RENDEZVOUS_NAMES_KEPT + 50):
        host = Silent()
        meetings.open(host, None)
        meetings.dismiss(host.place, close=True)
    assert len(meetings._resting) == limits.RENDEZVOUS_NAMES_KEPT
    assert len(meetings) == 0
    assert not meetings._origins


async def test_a_relay_that_stops_says_so_to_those_who_talk():
    async with running(None, clock=SystemClock()) as world:
        here = Place(world)
        host, guest = await here.pair()
        await world.relay.stop()
        assert [peer.closings[0].code for peer in (host.peer, guest.peer)] == ["shutting-down", "shutting-down"]


async def test_nothing_of_it_touches_the_disk(tmp_path):
    async with running(tmp_path, clock=Moves()) as world:
        here = Place(world)
        host, guest = await here.pair()
        await host.say(b"MARKER-" * 100)
        await guest.hears()
        kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        name = next(iter(here.meetings._places))
        assert b"MARKER-" not in kept
        assert name.encode() not in kept


async def test_what_is_counted_names_nobody():
    async with place() as here:
        await here.pair()
        metrics = here.world.relay._context.metrics
        assert (metrics.rendezvous_opened, metrics.rendezvous_met) == (1, 1)
        assert {"rendezvous", "rendezvous_opened_total", "rendezvous_met_total"} <= metrics.snapshot().keys()
