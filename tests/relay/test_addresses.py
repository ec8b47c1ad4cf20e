"""What one address may do, and how much of addresses the relay remembers. Hazards H1, H2, H8."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from tacit import limits
from tacit.net.origins import read_networks
from tacit.relay.addresses import NEW_ACCOUNT, Addresses
from tacit.relay.config import LOOPBACK
from tacit.relay.rates import RATES, RATES_OF_ADDRESS, Rate
from tacit.wire import errors
from tacit.wire.operations import REQUESTS, Phase
from tests.relay.peers import Moves, Someone, running

HERE, THERE = "203.0.113.9", "203.0.113.10"


def test_an_address_has_only_so_many_connections_and_others_are_not_touched(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CONNECTIONS_PER_ADDRESS", 3)
    addresses = Addresses(Moves())
    assert [addresses.enter(HERE) for _ in range(4)] == [True, True, True, False]
    assert addresses.enter(THERE)
    addresses.leave(HERE)
    assert addresses.enter(HERE)


def test_an_address_connects_only_so_often(monkeypatch):
    monkeypatch.setitem(RATES_OF_ADDRESS, "connection", Rate(1.0, 2.0))
    clock = Moves()
    addresses = Addresses(clock)
    for let_in in (True, True, False):
        assert addresses.enter(HERE) is let_in
    addresses.leave(HERE)
    assert not addresses.enter(HERE), "leaving gives no token back"
    clock.forward(1)
    assert addresses.enter(HERE)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
        ("203.0.113.9", "203.0.113.8", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_a_household_counts_as_one(monkeypatch, one, other, same):
    monkeypatch.setattr(limits, "MAX_CONNECTIONS_PER_ADDRESS", 1)
    addresses = Addresses(Moves())
    assert addresses.enter(one)
    assert addresses.enter(other) is not same


@pytest.mark.parametrize("address", ["", "127.0.0.1", "127.200.0.9", "::1", "::ffff:127.0.0.1", "no address"])
def test_what_is_exempt_or_unknown_is_not_counted(monkeypatch, address):
    monkeypatch.setattr(limits, "MAX_CONNECTIONS_PER_ADDRESS", 0)
    addresses = Addresses(Moves(), read_networks(LOOPBACK))
    assert addresses.enter(address)
    for _ in range(1_000):
        addresses.take(address, NEW_ACCOUNT)
    addresses.leave(address)
    assert len(addresses) == 0


def test_requests_are_counted_over_all_connections_of_an_address():
    clock = Moves()
    addresses = Addresses(clock)
    for _ in range(int(RATES_OF_ADDRESS["register"].burst)):
        addresses.take(HERE, "register")
    with pytest.raises(errors.RateLimited) as refused:
        addresses.take(HERE, "register")
    assert refused.value.retry_after_s == pytest.approx(1.0)
    addresses.take(THERE, "register")
    addresses.take(HERE, "login")
    clock.forward(1)
    addresses.take(HERE, "register")


def test_addresses_are_forgotten_once_there_is_nothing_to_remember():
    clock = Moves()
    addresses = Addresses(clock)
    addresses.enter(HERE)
    addresses.enter(THERE)
    addresses.leave(THERE)
    addresses.forget()
    assert len(addresses) == 2, "one is connected, the other has just been"
    clock.forward(60)
    addresses.forget()
    assert len(addresses) == 1
    addresses.leave(HERE)
    clock.forward(60)
    addresses.forget()
    assert len(addresses) == 0


def test_one_call_looks_at_some_addresses_only_and_the_next_at_those_after(monkeypatch):
    monkeypatch.setattr("tacit.relay.addresses.LOOKED_AT", 10)
    clock = Moves()
    addresses = Addresses(clock)
    for number in range(25):
        addresses.take(f"203.0.113.{number}", "login")
    clock.forward(3_600)
    left = []
    for _ in range(3):
        addresses.forget()
        left.append(len(addresses))
    assert left == [15, 5, 0]


def test_the_table_of_addresses_is_no_way_to_fill_the_memory(monkeypatch):
    """An attacker with a large IPv6 network; whoever is connected is never forgotten on the way."""
    monkeypatch.setattr(limits, "MAX_ADDRESSES", 200)
    addresses = Addresses(Moves())
    assert addresses.enter(HERE)
    tracemalloc.start()
    try:
        held = []
        for start in (0, 600, 1_200):
            for n in range(start, start + 600):
                address = f"2001:db8:{n:x}::1"
                assert addresses.enter(address)
                addresses.take(address, "login")
                addresses.leave(address)
            assert len(addresses) == 201
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[2] < held[0] * 1.2
    assert held[2] < 200 * 1_000
    addresses.leave(HERE)


def test_every_request_before_login_is_counted_by_address_and_a_restart_fits():
    at_a_rendezvous = {"pass_on", "dismiss"}  # nobody is there who was not counted when he came
    before_login = {name for name, request in REQUESTS.items() if request.phase is Phase.GREETED} - at_a_rendezvous
    assert before_login < RATES_OF_ADDRESS.keys()
    assert RATES_OF_ADDRESS["connection"].burst >= limits.MAX_CONNECTIONS_PER_ADDRESS
    assert RATES_OF_ADDRESS["login"].burst >= limits.MAX_CONNECTIONS_PER_ADDRESS
    assert all(RATES[name].burst <= RATES_OF_ADDRESS[name].burst for name in before_login)


async def test_one_address_makes_only_so_many_accounts_and_comes_back_as_often_as_it_likes():
    clock = Moves()
    async with running(None, clock=clock) as world:
        people = [Someone.new() for _ in range(int(RATES_OF_ADDRESS[NEW_ACCOUNT].burst) + 1)]
        for someone in people[:-1]:
            await (await world.connect(address=HERE)).register(someone)
        peer = await world.connect(address=HERE)
        with pytest.raises(errors.RateLimited) as refused:
            await peer.register(people[-1])
        assert refused.value.retry_after_s == limits.HOUR_S / 20
        await peer.register(people[0])
        await peer.login(people[0])
        await world.join(address=THERE)
        clock.forward(limits.HOUR_S / 20)
        await world.join(people[-1], address=HERE)


async def test_guessing_logins_from_one_address_is_slowed_down_on_all_its_connections(monkeypatch):
    monkeypatch.setitem(RATES_OF_ADDRESS, "login", Rate(0.1, 3.0))
    async with running(None, clock=Moves()) as world:
        alice = (await world.join(address=THERE)).someone
        for _ in range(3):
            with pytest.raises(errors.BadSignature):
                await (await world.connect(address=HERE)).login(alice, signature=bytes(64))
        with pytest.raises(errors.RateLimited) as refused:
            await (await world.connect(address=HERE)).login(alice)
        assert refused.value.retry_after_s == 10
        await world.back(alice, address=THERE)
