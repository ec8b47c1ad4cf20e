"""One connection against a relay that is scripted frame by frame, honest or not."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import pytest

from tacit import limits
from tacit.client.connection import Connection, Replaced
from tacit.client.errors import RelayStopping, RequestTimeout, UnexpectedAnswer
from tacit.client.handshake import Login, SlowHandshake, Welcomed, open_connection
from tacit.crypto.eddsa import ED25519
from tacit.crypto.keys import KeyPair
from tacit.errors import RelayError, TransportError
from tacit.identity import AccountKey, DeviceCertificate, RelayLink, device_id
from tacit.net import LinkClosed, NotARelay
from tacit.net.memory import MemoryLink, memory_pair
from tacit.testing.clock import FakeClock, run_in_world
from tacit.testing.entropy import SeededEntropy
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import BadSignature, DeviceRevoked, HandleTaken, NoSuchAccount, RateLimited
from tacit.wire.frames import decode_request, encode_response
from tacit.wire.signing import PinMismatch, hello_tbs

ENTROPY = SeededEntropy(5, "connection")
RELAY_KEY = ED25519.generate(ENTROPY)
LINK = RelayLink("relay.test", 8765, hashlib.sha256(RELAY_KEY.public).digest())
ACCOUNT, DEVICE = AccountKey.generate(ENTROPY), ED25519.generate(ENTROPY)
CERTIFICATE = DeviceCertificate.issue(ACCOUNT, DEVICE.public, 1_767_225_600)
LOGIN = Login(ACCOUNT, ACCOUNT.id, device_id(DEVICE.public), DEVICE.private, CERTIFICATE.encode(), "alice")

Script = Callable[[MemoryLink], Awaitable[None]]


def hello(*, key: KeyPair = RELAY_KEY, certificate_hash: bytes = b"", protocol: int = 1) -> pb.Hello:
    said = pb.Hello(
        protocol_min=protocol,
        protocol_max=protocol,
        challenge=b"c" * 32,
        certificate_hash=certificate_hash,
        relay_key=key.public,
    )
    said.signature = ED25519.sign(
        key.private,
        hello_tbs(
            protocol_min=protocol,
            protocol_max=protocol,
            challenge=said.challenge,
            certificate_hash=certificate_hash,
            relay_key=key.public,
        ),
    )
    return said


async def say(link: MemoryLink, body: object, request_id: int = 0) -> None:
    await link.send(encode_response(request_id, body))  # type: ignore[arg-type]


async def asked(link: MemoryLink) -> object:
    return decode_request(await link.receive()).body


async def greet_and_log_in(link: MemoryLink) -> None:
    await say(link, hello())
    assert isinstance(await asked(link), pb.Login)
    await say(link, pb.LoggedIn(handle="alice", one_time_key_packages=20), 1)


async def knocked(script: Script) -> tuple[Connection, Welcomed]:
    ours, theirs = memory_pair()

    async def connect(_: RelayLink, _verify_name: bool) -> MemoryLink:
        return ours

    relay = asyncio.create_task(script(theirs))
    try:
        return await open_connection(LINK, LOGIN, connect, FakeClock())
    finally:
        await asyncio.gather(relay, return_exceptions=True)


def refused(script: Script) -> Exception:
    async def tell() -> Exception:
        with pytest.raises((RelayError, TransportError, PinMismatch)) as caught:
            await knocked(script)
        return caught.value

    return run_in_world(tell)


def carried(script: Callable[[MemoryLink], Awaitable[None]], use: Callable[[Connection], Awaitable[object]]) -> object:
    """Log in, let the relay go on with its script, and use the connection."""

    async def tell() -> object:
        async def whole(link: MemoryLink) -> None:
            await greet_and_log_in(link)

        ours, theirs = memory_pair()

        async def connect(_: RelayLink, _verify_name: bool) -> MemoryLink:
            return ours

        greeting = asyncio.create_task(whole(theirs))
        connection, _ = await open_connection(LINK, LOGIN, connect, FakeClock())
        await greeting
        relay = asyncio.create_task(script(theirs))
        running = asyncio.create_task(connection.run())
        try:
            return await use(connection)
        except (RelayError, TransportError):
            raise
        finally:
            await connection.close()
            ended = await asyncio.gather(running, relay, return_exceptions=True)
            assert isinstance(ended[0], RelayError | TransportError)

    return run_in_world(tell)


# ---- the door ----


def test_the_relay_of_the_link_lets_us_in() -> None:
    async def tell() -> None:
        _, welcomed = await knocked(greet_and_log_in)
        assert (welcomed.registered, welcomed.logged_in.handle) == (False, "alice")

    run_in_world(tell)


def test_behind_a_proxy_the_name_is_verified_before_anything_of_us_is_said() -> None:
    async def tell() -> None:
        relays: list[asyncio.Task[object]] = []
        asked_to_verify: list[bool] = []

        async def connect(_: RelayLink, verify_name: bool) -> MemoryLink:
            asked_to_verify.append(verify_name)
            ours, theirs = memory_pair(peer_certificate_hash=b"of the proxy".ljust(32))
            relays.append(asyncio.create_task(greet_and_log_in(theirs)))
            return ours

        _, welcomed = await open_connection(LINK, LOGIN, connect, FakeClock())
        assert (asked_to_verify, welcomed.logged_in.handle) == ([False, True], "alice")
        unverified, verified = await asyncio.gather(*relays, return_exceptions=True)
        assert isinstance(unverified, LinkClosed)
        assert verified is None

    run_in_world(tell)


def test_a_relay_with_another_key_is_refused_and_hears_nothing_of_us() -> None:
    heard: list[bytes] = []

    async def other(link: MemoryLink) -> None:
        await say(link, hello(key=ED25519.generate(ENTROPY)))
        heard.append(await link.receive())

    assert isinstance(refused(other), PinMismatch)
    assert heard == []


def test_a_relay_behind_another_certificate_is_refused() -> None:
    async def in_the_middle(link: MemoryLink) -> None:
        await say(link, hello(certificate_hash=b"h" * 32))

    assert isinstance(refused(in_the_middle), PinMismatch)


def test_a_relay_that_is_silent_is_left() -> None:
    async def silent(link: MemoryLink) -> None:
        with pytest.raises(LinkClosed):
            await link.receive()

    assert isinstance(refused(silent), SlowHandshake)


def test_who_hangs_up_without_a_greeting_is_no_relay() -> None:
    async def elsewhere(link: MemoryLink) -> None:
        await link.close()

    error = refused(elsewhere)
    assert isinstance(error, NotARelay)
    assert str(error) == f"{LINK.host}:{LINK.port}"


@pytest.mark.parametrize("frame", [b"\xff\xff", b"", encode_response(0, pb.Acknowledged())])
def test_a_relay_that_talks_nonsense_is_left(frame: bytes) -> None:
    async def nonsense(link: MemoryLink) -> None:
        await link.send(frame)

    assert isinstance(refused(nonsense), RelayError)


def test_refusals_at_the_door_keep_their_code() -> None:
    async def refuse(link: MemoryLink) -> None:
        await say(link, hello())
        await asked(link)
        await say(link, pb.LoginFailed(code="bad-signature", next_challenge=b"d" * 32), 1)

    assert isinstance(refused(refuse), BadSignature)

    async def busy(link: MemoryLink) -> None:
        await say(link, pb.Error(code="rate-limited", retry_after_s=9))

    error = refused(busy)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 9


def test_a_relay_that_has_forgotten_us_is_told_again() -> None:
    told: list[pb.Register] = []

    async def forgetful(link: MemoryLink) -> None:
        await say(link, hello())
        await asked(link)
        await say(link, pb.LoginFailed(code="no-such-account", next_challenge=b"d" * 32), 1)
        register = await asked(link)
        assert isinstance(register, pb.Register)
        told.append(register)
        await say(link, pb.Registered(account_id=ACCOUNT.id, handle="alice", next_challenge=b"e" * 32), 1)
        await asked(link)
        await say(link, pb.LoggedIn(handle="alice"), 1)

    async def tell() -> None:
        _, welcomed = await knocked(forgetful)
        assert (welcomed.registered, welcomed.handle_lost) == (True, False)

    run_in_world(tell)
    assert told[0].handle == "alice"


def test_a_handle_that_was_given_away_meanwhile_is_not_insisted_on() -> None:
    handles: list[str] = []

    async def forgetful(link: MemoryLink) -> None:
        await say(link, hello())
        await asked(link)
        await say(link, pb.LoginFailed(code=NoSuchAccount.code, next_challenge=b"d" * 32), 1)
        for answer in (
            pb.RegistrationFailed(code=HandleTaken.code, next_challenge=b"e" * 32),
            pb.Registered(account_id=ACCOUNT.id, next_challenge=b"f" * 32),
        ):
            register = await asked(link)
            assert isinstance(register, pb.Register)
            handles.append(register.handle)
            await say(link, answer, 1)
        await asked(link)
        await say(link, pb.LoggedIn(), 1)

    async def tell() -> None:
        _, welcomed = await knocked(forgetful)
        assert (welcomed.registered, welcomed.handle_lost) == (True, True)

    run_in_world(tell)
    assert handles == ["alice", ""]


# ---- behind the door ----


def test_answers_find_their_requests_in_any_order() -> None:
    async def relay(link: MemoryLink) -> None:
        first, second = decode_request(await link.receive()), decode_request(await link.receive())
        await say(link, pb.Appended(seq=2), second.request_id)
        await say(link, pb.Appended(seq=1), first.request_id)

    async def use(connection: Connection) -> list[int]:
        answers = [connection.begin(pb.Append(message_id=b"m" * 16)) for _ in range(2)]
        return [answer.seq for answer in await asyncio.gather(*answers) if isinstance(answer, pb.Appended)]

    assert carried(relay, use) == [1, 2]


def test_a_refused_request_raises_its_code() -> None:
    async def relay(link: MemoryLink) -> None:
        request = decode_request(await link.receive())
        await say(link, pb.Error(code="no-such-account"), request.request_id)

    async def use(connection: Connection) -> object:
        return await connection.request(pb.SenderKeysRequest(), pb.SenderKeys)

    with pytest.raises(NoSuchAccount):
        carried(relay, use)


def test_an_answer_of_another_kind_is_not_taken_for_it() -> None:
    async def relay(link: MemoryLink) -> None:
        request = decode_request(await link.receive())
        await say(link, pb.Acknowledged(), request.request_id)

    async def use(connection: Connection) -> object:
        return await connection.request(pb.SenderKeysRequest(), pb.SenderKeys)

    with pytest.raises(UnexpectedAnswer):
        carried(relay, use)


def test_a_request_without_an_answer_ends_the_connection() -> None:
    async def deaf(link: MemoryLink) -> None:
        await link.receive()

    async def use(connection: Connection) -> None:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(LinkClosed):
            await connection.begin(pb.Acknowledge())
        assert asyncio.get_running_loop().time() - begun < 2 * limits.REQUEST_TIMEOUT_S

    carried(deaf, use)


def test_who_waits_at_a_door_is_not_cut_off_before_his_time() -> None:
    """A place in a queue is answered late; a relay that has fallen silent is found out by the next question."""

    async def deaf(link: MemoryLink) -> None:
        while True:
            await link.receive()

    async def use(connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        place = connection.begin(pb.EnterRoom(name="lobby"), patience_s=600.0)
        await asyncio.sleep(300.0)
        assert not place.done()
        with pytest.raises(LinkClosed):
            await connection.begin(pb.Acknowledge())
        assert 300.0 < loop.time() - begun < 300.0 + 2 * limits.REQUEST_TIMEOUT_S
        with pytest.raises(LinkClosed):
            await place

    carried(deaf, use)


def test_why_a_connection_ended_is_told() -> None:
    async def ended(closing: pb.Closing | None) -> Exception:
        ours, theirs = memory_pair()
        connection = Connection(ours, FakeClock())
        running = asyncio.create_task(connection.run())
        if closing is not None:
            await say(theirs, closing)
        await theirs.close()
        with pytest.raises((RelayError, TransportError)) as caught:
            await running
        return caught.value

    async def tell() -> None:
        assert isinstance(await ended(None), LinkClosed)
        assert isinstance(await ended(pb.Closing(code="replaced")), Replaced)
        assert isinstance(await ended(pb.Closing(code="device-revoked")), DeviceRevoked)
        again = await ended(pb.Closing(code="shutting-down", reconnect_after_s=7))
        assert isinstance(again, RelayStopping)
        assert again.retry_after_s == 7

    run_in_world(tell)


def test_a_deaf_relay_is_a_timeout() -> None:
    async def tell() -> None:
        ours, _theirs = memory_pair()
        connection = Connection(ours, FakeClock())
        running = asyncio.create_task(connection.run())
        connection.begin(pb.Acknowledge())
        with pytest.raises(RequestTimeout):
            await running
        with pytest.raises(LinkClosed):
            connection.begin(pb.Acknowledge())

    run_in_world(tell)


@pytest.mark.parametrize(
    "push",
    [
        pb.Entry(log_id=b"l" * 15, seq=1, message_id=b"m" * 16),
        pb.Entry(log_id=b"l" * 16, seq=0, message_id=b"m" * 16),
        pb.Entry(log_id=b"l" * 16, seq=2**63, message_id=b"m" * 16),
        pb.Entry(log_id=b"l" * 16, seq=1, message_id=b""),
        pb.Listening(logs=[pb.LogState(log_id=b"l" * 16, readable=True, first_seq=1, last_seq=2**60)]),
        pb.Listening(logs=[pb.LogState(log_id=b"l" * 16, readable=True, first_seq=9, last_seq=3)]),
        pb.Listening(logs=[pb.LogState(log_id=b"l" * 16, readable=True, first_seq=0, last_seq=3)]),
        pb.Listening(logs=[pb.LogState(log_id=b"l" * 16, readable=True, first_seq=1, last_seq=3, own_last_seq=4)]),
    ],
)
def test_numbers_that_cannot_be_end_the_connection(push: object) -> None:
    async def tell() -> None:
        ours, theirs = memory_pair()
        connection = Connection(ours, FakeClock())
        running = asyncio.create_task(connection.run())
        await say(theirs, push)
        with pytest.raises(UnexpectedAnswer):
            await running
        assert connection.take_pushes(10) == []
        await connection.close()

    run_in_world(tell)


def test_pushes_keep_their_order() -> None:
    async def tell() -> None:
        ours, theirs = memory_pair()
        connection = Connection(ours, FakeClock())
        woken = []
        connection.on_push = lambda: woken.append(1)
        running = asyncio.create_task(connection.run())
        entries = [pb.Entry(log_id=b"l" * 16, seq=n, message_id=b"m" * 16) for n in (1, 2)]
        listening = pb.Listening(logs=[pb.LogState(log_id=b"l" * 16, readable=True, first_seq=1, last_seq=2)])
        for push in (*entries, listening):
            await say(theirs, push)
        await theirs.close()
        with pytest.raises(LinkClosed):
            await running
        assert woken
        assert connection.take_pushes(2) == entries
        assert connection.take_pushes(2) == [listening]

    run_in_world(tell)
