"""D1, D2, D3: what was signed, shown or recorded elsewhere or before opens nothing here and now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tacit.crypto.certificates import make_relay_certificate
from tacit.crypto.eddsa import ED25519
from tacit.errors import TacitError
from tacit.identity import DeviceCertificate
from tacit.net import FrameLink
from tacit.net.errors import LinkClosed
from tacit.net.tls import server_context
from tacit.net.ws_server import serve_ws
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import decode_request, decode_response, encode_response
from tacit.wire.signing import login_tbs, register_tbs, revoke_tbs
from tests.processes.people import create
from tests.processes.programs import Relay
from tests.relay.hazards.guests import Guests
from tests.relay.peers import Peer, Someone
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with Relay(tmp_path_factory.mktemp("relay")) as running:
        yield running
        assert "request-failed" not in running.running.said


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with Relay(tmp_path_factory.mktemp("other")) as running:
        yield running


@dataclass
class Middle:
    """A relay in the middle: its own TLS, another relay's words."""

    port: int
    target: int
    hello: pb.Hello | None = None
    """What it says instead of what the other relay said; None passes that on."""
    heard: list[str] = field(default_factory=list)
    """Names of the requests that its victims made."""
    frames: list[bytes] = field(default_factory=list)

    async def __call__(self, victim: FrameLink) -> None:
        async with Guests(self.target) as guests:
            line = await guests.line()
            first = await line.receive()
            await victim.send(first if self.hello is None else encode_response(0, self.hello))
            back = asyncio.create_task(self._pass_on(line, victim))
            try:
                while True:
                    frame = await victim.receive()
                    self.heard.append(decode_request(frame).name)
                    self.frames.append(frame)
                    await line.send(frame)
            except LinkClosed:
                pass
            finally:
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)

    async def _pass_on(self, source: object, victim: FrameLink) -> None:
        while True:
            await victim.send(await source.receive())  # type: ignore[attr-defined]  # a Line


@asynccontextmanager
async def in_the_middle(target: Relay) -> AsyncIterator[Middle]:
    middle = Middle(0, target.port)
    tls = server_context(*make_relay_certificate(bytes(32), ["localhost"], time.time()))
    listener = await serve_ws(middle, "127.0.0.1", 0, tls)
    middle.port = listener.port
    try:
        yield middle
    finally:
        await listener.close()


async def test_d1_a_client_says_nothing_to_one_in_the_middle_that_passes_its_relays_words_on(
    relay: Relay, tmp_path: Path
) -> None:
    """The certificate that TLS showed is not the one that the relay signed, even with the right key behind it."""
    async with in_the_middle(relay) as middle:
        with pytest.raises(TacitError) as refused:
            await create(f"tacit://127.0.0.1:{middle.port}/#{relay.link.rpartition('#')[2]}", tmp_path, "victim")
        assert refused.value.code == "relay-pin-mismatch"
        assert middle.heard == []


async def test_d1_a_login_for_one_relay_opens_no_other_that_asked_the_same(relay: Relay, other: Relay) -> None:
    """The victim is known at both; the evil one shows the challenge of the other as its own."""
    async with Guests(relay.port) as here, Guests(other.port) as there:
        alice = (await here.member()).someone
        assert alice is not None
        await there.member(alice)
        evil, target = await there.peer(), await here.peer()
        evil.challenge = target.challenge
        signed = login_tbs(
            protocol=1,
            relay_key=evil.hello.relay_key,
            certificate_hash=evil.hello.certificate_hash,
            challenge=target.challenge,
            account_id=alice.account.id,
            device_id=alice.certificate.device_id,
        )
        with pytest.raises(errors.BadSignature):
            await target.login(alice, signature=ED25519.sign(alice.device.private, signed))


async def test_d1_a_registration_for_one_relay_makes_no_account_at_another(relay: Relay, other: Relay) -> None:
    async with Guests(relay.port) as here, Guests(other.port) as there:
        target, evil, someone = await here.peer(), await there.peer(), Someone.new()
        fields = {
            "protocol": 1,
            "account_key": someone.account.public,
            "device_certificate": someone.certificate.encode(),
            "handle": "",
            "invite": "",
        }
        signed = register_tbs(
            relay_key=evil.hello.relay_key,
            certificate_hash=evil.hello.certificate_hash,
            challenge=target.challenge,
            **fields,  # type: ignore[arg-type]  # as a Register has them
        )
        with pytest.raises(errors.BadSignature):
            await target.ask(pb.Register(**fields, signature=someone.account.sign_bytes(signed)))  # type: ignore[arg-type]


async def test_d2_what_the_relay_signs_is_no_login_even_for_a_device_with_the_relays_own_key(relay: Relay) -> None:
    """A certificate needs no proof that its owner has the device's key, so anybody can name the relay's."""
    async with Guests(relay.port) as guests:
        peer = await guests.peer()
        eve = Someone.new()
        mirrored = Someone(
            eve.account, eve.device, DeviceCertificate.issue(eve.account, peer.hello.relay_key, time.time())
        )
        await peer.register(mirrored)
        greeted = await guests.peer()
        with pytest.raises(errors.BadSignature):
            await greeted.login(mirrored, signature=greeted.hello.signature)


async def recorded(guests: Guests, someone: Someone) -> tuple[Peer, list[bytes]]:
    """A device that logs in, writes and reads, and every frame that it sent."""
    sent: list[bytes] = []
    peer = await guests.peer()
    await peer.register(someone)
    send = peer.link.send

    async def send_and_keep(frame: bytes) -> None:
        sent.append(frame)
        await send(frame)

    peer.link.send = send_and_keep  # type: ignore[method-assign]  # what somebody at the wire would see
    await peer.login(someone)
    log = await peer.create_log()
    await peer.append(log, b"hello")
    await peer.listen(log)
    return peer, sent


async def replayed(guests: Guests, sent: list[bytes]) -> list[str]:
    """What a new connection is answered that says all of it again."""
    line = await guests.line()
    await line.receive()
    codes = []
    try:
        for frame in sent:
            await line.send(frame)
            body = decode_response(await line.receive()).body
            codes.append(getattr(body, "code", type(body).__name__))
    except LinkClosed:
        codes.append("closed")
    return codes


async def test_d3_there_is_no_token_what_was_recorded_opens_nothing_while_and_after_a_session(relay: Relay) -> None:
    async with Guests(relay.port) as guests:
        peer, sent = await recorded(guests, Someone.new())
        refused = ["bad-signature", "not-logged-in", "not-logged-in", "login-failures"]
        assert await replayed(guests, sent) == refused
        await peer.close()
        assert await replayed(guests, sent) == refused


async def test_d3_a_revoked_device_is_out_at_once_and_what_it_recorded_or_signs_anew_opens_nothing(
    relay: Relay,
) -> None:
    async with Guests(relay.port) as guests:
        someone = Someone.new()
        peer, sent = await recorded(guests, someone)
        phone = await guests.member(Someone.new(someone.account))
        device_id = someone.certificate.device_id
        signed = revoke_tbs(account_id=someone.account.id, device_id=device_id)
        with Stopwatch(relay.running.pid) as watch:
            await phone.ask(pb.RevokeDevice(device_id=device_id, signature=someone.account.sign_bytes(signed)))
            await peer.wait_ended()
            assert watch.passed_s < 1.0
        assert [closing.code for closing in peer.closings] == ["device-revoked"]
        assert (await replayed(guests, sent))[0] == "bad-signature"
        again = await guests.peer()
        with pytest.raises(errors.DeviceRevoked):
            await again.login(someone)
        with pytest.raises(errors.NotLoggedIn):
            await again.create_log()


async def test_d3_what_opens_anything_is_neither_in_an_address_nor_in_the_log(relay: Relay) -> None:
    async with Guests(relay.port) as guests:
        someone = Someone.new()
        _, sent = await recorded(guests, someone)
        login = decode_request(sent[0]).body
        assert isinstance(login, pb.Login)
        said = relay.running.said
        for secret in (login.signature, login.account_id, login.device_id, someone.account.public):
            assert secret.hex() not in said
            assert repr(secret)[2:-1] not in said
    assert "?" not in relay.link
