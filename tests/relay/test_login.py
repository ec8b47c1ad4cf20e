from __future__ import annotations

import os

import pytest

from tacit import limits
from tacit.crypto.eddsa import ED25519
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import encode_request
from tacit.wire.signing import login_tbs, verify_hello
from tests.relay.peers import Moves, Someone, message, running


async def test_the_greeting_is_signed_by_the_key_that_links_name(tmp_path):
    async with running(tmp_path) as world:
        peer = await world.connect()
        verify_hello(peer.hello, world.relay.fingerprint, b"")
        assert (peer.hello.registration, peer.hello.ephemeral) == ("open", False)
        other = await world.connect()
        assert other.challenge != peer.challenge


async def test_a_known_device_is_let_in_and_told_how_it_stands(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join(handle="alice")
        answer = await (await world.connect()).login(alice.someone)
        assert (answer.handle, answer.one_time_key_packages, answer.last_resort_used) == ("alice", 0, False)


async def test_only_the_device_itself_gets_in(tmp_path):
    async with running(tmp_path) as world:
        alice = (await world.join()).someone
        peer = await world.connect()
        thief = Someone(alice.account, ED25519.generate(os.urandom), alice.certificate)
        with pytest.raises(errors.BadSignature):
            await peer.login(thief)
        with pytest.raises(errors.NotLoggedIn):
            await peer.create_log()
        await peer.login(alice)


async def test_who_is_not_known_is_told_so(tmp_path):
    async with running(tmp_path) as world:
        alice = (await world.join()).someone
        peer = await world.connect()
        with pytest.raises(errors.NoSuchAccount):
            await peer.login(Someone.new())
        with pytest.raises(errors.NoSuchDevice):
            await peer.login(Someone.new(alice.account))


async def test_a_challenge_serves_once(tmp_path):
    async with running(tmp_path) as world:
        alice = (await world.join()).someone
        peer = await world.connect()
        first = peer.challenge
        with pytest.raises(errors.BadSignature):
            await peer.login(alice, signature=bytes(64))
        peer.challenge, fresh = first, peer.challenge
        with pytest.raises(errors.BadSignature):
            await peer.login(alice)
        assert len({first, fresh, peer.challenge}) == 3
        await peer.login(alice)


async def test_a_login_for_another_relay_is_worthless(tmp_path):
    """Hazard D1: a relay in the middle passes on the challenge of the relay where its victim is known."""
    async with running(tmp_path / "one") as one, running(tmp_path / "two") as two:
        alice = (await one.join()).someone
        await two.join(alice)
        to_victim, to_target = await two.connect(), await one.connect()
        to_victim.challenge = to_target.challenge
        signed_for_two = login_tbs(
            protocol=1,
            relay_key=to_victim.hello.relay_key,
            certificate_hash=b"",
            challenge=to_target.challenge,
            account_id=alice.account.id,
            device_id=alice.certificate.device_id,
        )
        with pytest.raises(errors.BadSignature):
            await to_target.login(alice, signature=ED25519.sign(alice.device.private, signed_for_two))


async def test_a_login_over_another_certificate_is_worthless(tmp_path):
    async with running(tmp_path) as world:
        alice = (await world.join()).someone
        peer = await world.connect()
        peer.hello.certificate_hash = b"s" * 32
        with pytest.raises(errors.BadSignature):
            await peer.login(alice)


async def test_another_protocol_version_is_refused_before_anything_else(tmp_path):
    async with running(tmp_path) as world:
        peer = await world.connect()
        with pytest.raises(errors.ProtocolVersion):
            await peer.login(Someone.new(), protocol=2)
        with pytest.raises(errors.ProtocolVersion):
            await peer.register(Someone.new(), protocol=0)


async def test_three_failures_end_the_connection(tmp_path):
    async with running(tmp_path) as world:
        alice = (await world.join()).someone
        peer = await world.connect()
        for n in range(limits.MAX_LOGIN_FAILURES):
            before = peer.challenge
            with pytest.raises(errors.BadSignature):
                await peer.login(alice, signature=bytes(64))
            assert (peer.challenge == before) is (n == limits.MAX_LOGIN_FAILURES - 1)
        await peer.wait_ended()
        assert [closing.code for closing in peer.closings] == ["login-failures"]


async def test_a_stranger_has_only_so_much_time(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        stranger, alice = await world.connect(), await world.join()
        clock.forward(limits.HANDSHAKE_TIMEOUT_S)
        await stranger.wait_ended()
        assert [closing.code for closing in stranger.closings] == ["login-timeout"]
        await alice.ask(pb.Acknowledge())


async def test_a_stranger_may_say_little(tmp_path):
    async with running(tmp_path) as world:
        peer = await world.connect()
        with pytest.raises(errors.NotLoggedIn):
            await peer.ask(pb.Listen())
        await peer.link.send(bytes(limits.MAX_LOGIN_FRAME_BYTES + 1))
        await peer.wait_ended()


async def test_one_connection_for_each_device_the_later_one_counts(tmp_path):
    """Hazard F5: a copied store shows up as two connections of one device."""
    async with running(tmp_path) as world:
        first = await world.join()
        second = await world.back(first.someone)
        await first.wait_ended()
        assert [(closing.code, closing.reconnect_after_s) for closing in first.closings] == [("replaced", 60)]
        await second.ask(pb.Acknowledge())
        third = await world.back(first.someone)
        await second.wait_ended()
        await third.ask(pb.Acknowledge())


async def test_logging_in_twice_on_one_connection_is_refused(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        with pytest.raises(errors.AlreadyLoggedIn):
            await alice.login(alice.someone)
        with pytest.raises(errors.AlreadyLoggedIn):
            await alice.register(alice.someone)


async def test_what_is_not_known_yet_is_unsupported_and_harmless(tmp_path):
    async with running(tmp_path) as world:
        peer = await world.connect()
        with pytest.raises(errors.Unsupported):
            await peer.ask(pb.SubmitOtp(request="1", code="2"))
        alice = await world.join()
        field_8000_of_request_77 = b"\x08\x4d" + b"\x82\xf4\x03\x00"
        assert (await (await alice.begin_frame(77, field_8000_of_request_77))).code == "unsupported"
        await alice.ask(pb.Acknowledge())


@pytest.mark.parametrize("frame", [b"", b"\xff\xff\xff", pb.ClientFrame(listen=pb.Listen()).SerializeToString()])
async def test_a_malformed_frame_gets_an_error_and_the_end(tmp_path, frame):
    async with running(tmp_path) as world:
        alice = await world.join()
        await alice.link.send(frame)
        await alice.wait_ended()
        assert [error.code for error in alice.errors] == ["malformed"]
        await world.back(alice.someone)


async def test_a_crowd_that_holds_connections_open_keeps_nobody_out(tmp_path, monkeypatch):
    """Hazard H1: each further stranger takes the place of the one that has been here longest."""
    monkeypatch.setattr(limits, "MAX_STRANGERS", 2)
    async with running(tmp_path) as world:
        alice = await world.join()
        crowd = [await world.connect() for _ in range(5)]
        for early in crowd[:3]:
            await early.wait_ended()
        await world.join()
        await crowd[3].wait_ended()
        assert not crowd[4].ended.is_set()
        await alice.ask(pb.Acknowledge())


async def test_a_stranger_may_be_refused_only_so_often_whatever_he_asks(tmp_path):
    async with running(tmp_path) as world:
        peer = await world.connect()
        for _ in range(limits.MAX_LOGIN_FAILURES):
            with pytest.raises(errors.NotLoggedIn):
                await peer.ask(pb.Acknowledge())
        await peer.wait_ended()
        assert [closing.code for closing in peer.closings] == ["login-failures"]


async def test_what_comes_after_the_end_has_no_effect(tmp_path):
    async with running(tmp_path) as world:
        first = await world.join(capacity_frames=1000)
        log = await first.create_log()
        (connection,) = world.relay._connections
        connection.end(pb.Closing(code="replaced"))
        for n in range(5):
            await first.link.send(encode_request(100 + n, message(log, b"too late")))
        await first.wait_ended()
        again = await world.back(first.someone)
        assert (await again.listen(log))[0].last_seq == 0
