"""H1 to H4: crowds that connect, dawdle, ask and do not listen, while an honest pair talks on."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from tacit import limits
from tacit.net.tls import client_context
from tacit.relay.rates import RATES_OF_ADDRESS
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import RequestBody, encode_request
from tests.processes.programs import Relay
from tests.relay.hazards.attacker import ANY_NAME, UPGRADE
from tests.relay.hazards.attacks import attacked
from tests.relay.hazards.guests import NOBODY_IS_EXEMPT, Guests, Timed, tell, timed
from tests.relay.peers import Someone, commit, message
from tests.stopwatch import counted_s

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """One whose limits hold for this machine, too."""
    with Relay(tmp_path_factory.mktemp("relay"), "--grpc", "--grpc-port", "0", env=NOBODY_IS_EXEMPT) as running:
        yield running
        assert "request-failed" not in running.running.said
        assert "handler-failed" not in running.running.said
        assert "Traceback" not in running.running.said


async def test_h1_a_crowd_that_dawdles_takes_nothing_from_the_honest(relay: Relay) -> None:
    async with timed(relay) as honest, attacked(relay, "slow") as attack:
        await honest.under("H1 slowloris, 400 sockets")
        came_to, cpu_s = await attack.ends()
        assert came_to.get("lost"), "what is too much for one address is closed at once"
        assert came_to["opened"] - came_to["lost"] <= 400
        tell(f"H1: {came_to}, {cpu_s:.2f} s of the relay")
        async with Guests(relay.port) as guests:
            await guests.member()


async def test_h1_silence_after_the_upgrade_has_a_deadline_and_a_crowd_of_strangers_a_bound(relay: Relay) -> None:
    """The deadlines themselves are tested with a clock that moves, in test_watch and test_ws_handshake."""
    async with timed(relay) as honest, Guests(relay.port) as guests:
        crowd = [await guests.line(f"127.0.1.{n % 4 + 1}") for n in range(60)]
        await honest.under("H1 strangers who never log in")
        assert all(not line.socket.closed for line in crowd)
    assert limits.HANDSHAKE_TIMEOUT_S <= 15
    assert limits.MAX_STRANGERS <= 1_000


@pytest.mark.long
async def test_h1_every_way_to_dawdle_ends_at_the_deadline(relay: Relay) -> None:
    """Nothing at all, half a TLS handshake, half a header, an upgrade and no login; pings do not help."""

    async def held(*said: bytes, tls: bool) -> float:
        began_s = time.monotonic()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", relay.port, ssl=client_context() if tls else None, local_addr=("127.0.5.1", 0)
        )
        for part in said:
            writer.write(part)
        async with asyncio.timeout(limits.HANDSHAKE_TIMEOUT_S + 10):
            with suppress(ConnectionError, ssl.SSLError):
                pings = 20
                while await reader.read(65_536):
                    pings -= 1
                    if pings > 0:
                        writer.write(b"\x89\x80" + bytes(4))
        writer.close()
        return time.monotonic() - began_s

    lasted_s = await asyncio.gather(
        held(tls=False),
        held(b"\x16\x03\x01\x02\x00\x01", tls=False),
        held(tls=True),
        held(b"GET / HTTP/1.1\r\nHost:", tls=True),
        held(UPGRADE, tls=True),
    )
    tell(f"H1: who dawdles is held for {', '.join(f'{s:.1f}' for s in lasted_s)} s")
    assert all(limits.HANDSHAKE_TIMEOUT_S - 1 <= s <= limits.HANDSHAKE_TIMEOUT_S + 8 for s in lasted_s)


async def test_h2_a_storm_of_connections_from_one_address_is_refused_before_tls(relay: Relay) -> None:
    async with timed(relay) as honest, attacked(relay, "connects") as attack:
        await honest.under("H2 connection flood")
        came_to, cpu_s = await attack.ends()
        tell(f"H2: {came_to}, {cpu_s:.2f} s of the relay, {cpu_s / came_to['tried'] * 1e6:.0f} us each")
    assert came_to.get("let in", 0) <= 15 * RATES_OF_ADDRESS["connection"].per_s
    assert came_to["refused"] > came_to.get("let in", 0)


async def test_h2_everybody_comes_back_at_once_after_a_restart(relay: Relay) -> None:
    """As many as one address may have, all within a moment."""
    async with Guests(relay.port) as guests:
        someone = (await guests.member(source="127.0.3.1")).someone
        assert someone is not None
        back = await asyncio.gather(*(guests.peer("127.0.3.1") for _ in range(100)))
        await back[-1].login(someone)


async def test_h3_the_most_costly_thing_a_stranger_can_ask_for_is_counted_before_it_is_done(relay: Relay) -> None:
    someone = Someone.new()
    costly = encode_request(
        1,
        pb.Register(
            protocol=1,
            account_key=someone.account.public,
            device_certificate=someone.certificate.encode(),
            signature=bytes(64),
        ),
    )
    async with timed(relay) as honest, attacked(relay, "requests", costly, source="127.0.0.73") as attack:
        await honest.under("H3 strangers who ask for signatures to be checked")
        came_to, cpu_s = await attack.ends()
    asked = came_to.get("asked", 0) + came_to.get("refused", 0)
    tell(f"H3: {came_to}, {cpu_s:.2f} s of the relay, {cpu_s / max(1, asked) * 1000:.2f} ms each")
    assert asked
    assert came_to.get("asked", 0) <= 4 * (RATES_OF_ADDRESS["connection"].burst + 300)


@pytest.mark.parametrize(
    ("they_meet", "said", "source"),
    [
        pytest.param(True, pb.PassOn(payload=b"x"), "127.0.0.67", id="who-met"),
        pytest.param(True, pb.PassOn(payload=bytes(60_000)), "127.0.0.68", id="who-say-much", marks=pytest.mark.long),
        pytest.param(False, pb.PassOn(payload=b"x"), "127.0.0.69", id="who-are-alone", marks=pytest.mark.long),
        pytest.param(False, pb.Login(), "127.0.0.70", id="who-are-refused"),
    ],
)
async def test_h3_sixteen_rendezvous_of_those_who_talk_as_fast_as_they_can_delay_nobody(
    relay: Relay, they_meet: bool, said: RequestBody, source: str
) -> None:
    come = encode_request(1, pb.JoinRendezvous(name=ANY_NAME.decode())) if they_meet else b""
    frames = encode_request(1, pb.OpenRendezvous()), come, encode_request(2, said)
    async with timed(relay) as honest, attacked(relay, "talks", *frames, source=source) as attack:
        await honest.under("H3 rendezvous")
        came_to, cpu_s = await attack.ends()
    tell(f"H3: {came_to}, {cpu_s:.2f} s of the relay")
    assert came_to["bytes said"] > 1_000_000
    assert bool(came_to.get("lost")) is not they_meet, "who is refused so often is sent away"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        pytest.param("/grpc.health.v1.Health/Check", "127.0.0.71", id="health"),
        pytest.param("/tacit.relay.v1.Relay/Connect", "127.0.0.72", id="links", marks=pytest.mark.long),
    ],
)
async def test_h3_grpc_calls_one_behind_the_other_are_counted_and_delay_nobody(
    relay: Relay, path: str, source: str
) -> None:
    port = int(relay.links[1].split("/")[2].rpartition(":")[2])
    async with timed(relay) as honest, attacked(relay, "calls", path.encode(), source=source, port=port) as attack:
        await honest.under("H3 gRPC calls")
        came_to, cpu_s = await attack.ends()
    tell(f"H3: {came_to}, {cpu_s:.2f} s of the relay")
    rate = RATES_OF_ADDRESS["connection"]
    assert came_to["let in"] < came_to["called"] <= 9 * (rate.burst + 15 * rate.per_s)


async def test_h4_a_reader_that_never_drains_is_cut_off_and_misses_nothing(relay: Relay) -> None:
    async with timed(relay) as honest, Guests(relay.port) as guests:
        writer, reader = await guests.member(source="127.0.4.1"), Someone.new()
        stuck = await guests.member(reader, source="127.0.4.2")
        log = await writer.create_log()
        await writer.ask(commit(log, b"", 0, readers_added=[reader.address]))
        await stuck.listen(log)
        assert stuck._task is not None
        stuck._task.cancel()
        before = psutil.Process(relay.running.pid).memory_info().rss
        payload, count = bytes(limits.MAX_MESSAGE_BYTES), 400
        for _ in range(count // 20):
            await asyncio.gather(*[await writer.begin(message(log, payload)) for _ in range(20)])
        await honest.under("H4 a reader that does not drain")
        grown = psutil.Process(relay.running.pid).memory_info().rss - before
        tell(f"H4: {count * len(payload) >> 20} MiB for a reader that does not drain cost {grown >> 20} MiB")
        assert grown < limits.SEND_QUEUE_BYTES + limits.MAX_BYTES_IN_FLIGHT + 24 * 2**20
        again = await guests.peer("127.0.4.2")
        await again.login(reader)
        await again.listen(log)
        assert [entry.seq for entry in await again.take(count)] == list(range(2, count + 2))
        await again.acknowledge(log, count + 1)


def test_what_is_timed_is_compared() -> None:
    """The comparison itself can fail."""

    class Slow:
        async def p99_ms(self) -> float:
            return 2_000.0

    with pytest.raises(AssertionError, match="an attack"):
        asyncio.run(Timed(Slow(), 5.0).under("an attack"))  # type: ignore[arg-type]  # all that it uses


def test_what_the_machine_takes_is_not_the_relays() -> None:
    """Nor does the relay get away with what it takes itself."""
    assert counted_s(2.0, 0.0) == 2.0
    assert counted_s(2.0, 1.5) == 0.5
    assert 0 < counted_s(2.0, 9.0) < 0.5, "everybody waited; it goes on all the same"
