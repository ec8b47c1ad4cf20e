"""A relay from start to stop: restarts, clean endings, one at a time, and nothing left behind when that was asked."""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
import time
from pathlib import Path

import pytest

from tacit.crypto.certificates import certificate_hash, make_relay_certificate
from tacit.errors import ConfigError
from tacit.identity import parse_link
from tacit.net import connect
from tacit.relay import server
from tacit.relay.config import RelayConfig
from tacit.relay.errors import AlreadyRunning, RelayKeyDamaged, StoreForeign
from tacit.relay.server import Relay
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tacit.wire.signing import verify_hello
from tests.relay.peers import Peer, Someone, commit, key_package, message, running, to_inbox


async def test_a_restart_changes_nothing(tmp_path):
    async with running(tmp_path) as world:
        fingerprint = world.relay.fingerprint
        alice, bob = await world.join(handle="alice"), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        await bob.append(log, b"before")
        await bob.ask(pb.PublishKeys(key_packages=[key_package(b"kp")]))
        await alice.ask(to_inbox(bob.someone, b"welcome"))
        repeated = message(log, b"again")
        await alice.ask(repeated)
    async with running(tmp_path) as world:
        assert world.relay.fingerprint == fingerprint
        alice, bob_again = await world.back(alice.someone), await world.connect()
        assert (await bob_again.login(bob.someone)).one_time_key_packages == 1
        assert (await alice.ask(repeated)).seq == 3
        (state,) = await alice.listen(log)
        assert (state.last_seq, state.last_commit_seq, state.own_last_seq) == (3, 1, 3)
        assert [entry.payload for entry in await alice.take(3)] == [b"add", b"before", b"again"]
        await bob_again.listen(bob.someone.certificate.device_id)
        assert (await bob_again.entry()).payload == b"welcome"
        with pytest.raises(errors.HandleTaken):
            await (await world.connect()).register(Someone.new(), handle="alice")


async def test_stopping_answers_what_was_asked_and_says_goodbye(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join(capacity_frames=1000)
        stranger = await world.connect()
        log = await alice.create_log()
        asked = [await alice.begin(message(log, b"%d" % n)) for n in range(50)]
        await asyncio.sleep(0)
        await world.relay.stop()
        await asyncio.gather(alice.wait_ended(), stranger.wait_ended())
        for peer in (alice, stranger):
            assert [(closing.code, closing.reconnect_after_s) for closing in peer.closings] == [("shutting-down", 2)]
        answers = [waiter.result() for waiter in asked if waiter.done() and waiter.exception() is None]
        acknowledged = [answer.seq for answer in answers if isinstance(answer, pb.Appended)]
        assert acknowledged == list(range(1, len(acknowledged) + 1))
        assert acknowledged
    async with running(tmp_path) as world:
        alice = await world.back(alice.someone)
        (state,) = await alice.listen(log)
        assert state.last_seq >= len(acknowledged)


async def test_stopping_does_not_wait_for_ever_for_one_who_does_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "STOP_TIMEOUT_S", 0.2)
    async with running(tmp_path) as world:
        alice = await world.join(capacity_frames=1)
        alice._task.cancel()
        for _ in range(4):
            await alice.begin(pb.Acknowledge())
        async with asyncio.timeout(20):
            await world.relay.stop()


async def test_a_stopped_relay_leaves_one_store_file_without_a_log_beside_it(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        await alice.append(await alice.create_log(), b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["relay.db", "relay.key", "relay.lock"]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [tmp_path, *tmp_path.iterdir()]}
    assert modes == {tmp_path.name: 0o700, "relay.db": 0o600, "relay.key": 0o600, "relay.lock": 0o600}


async def test_stopping_twice_or_before_the_start_does_nothing(tmp_path):
    relay = Relay(RelayConfig(tmp_path / "relay", port=None))
    await relay.stop()
    await relay.start()
    await relay.stop()
    await relay.stop()


async def test_two_relays_on_one_directory_are_refused(tmp_path):
    async with running(tmp_path):
        with pytest.raises(AlreadyRunning):
            await Relay(RelayConfig(tmp_path, port=None)).start()
    async with running(tmp_path):
        pass


async def test_a_relay_that_cannot_start_lets_go_of_everything(tmp_path):
    (tmp_path / "relay.key").write_text("ab" * 32)
    (tmp_path / "relay.db").write_text("nobody's database, but long enough to be looked at" * 100)
    with pytest.raises(StoreForeign):
        await Relay(RelayConfig(tmp_path, port=None)).start()
    (tmp_path / "relay.db").unlink()
    async with running(tmp_path):
        pass


@pytest.mark.parametrize("key", ["", "zz" * 32, "ab" * 31])
async def test_a_damaged_key_is_not_replaced(tmp_path, key):
    (tmp_path / "relay.key").write_text(key)
    with pytest.raises(RelayKeyDamaged):
        await Relay(RelayConfig(tmp_path, port=None)).start()
    assert (tmp_path / "relay.key").read_text() == key


async def test_a_lost_key_is_not_replaced_either(tmp_path):
    async with running(tmp_path):
        pass
    (tmp_path / "relay.key").unlink()
    with pytest.raises(RelayKeyDamaged):
        await Relay(RelayConfig(tmp_path, port=None)).start()


async def test_an_ephemeral_relay_does_the_same_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = open_files()
    async with running(None, registration="invite", port=0, host="127.0.0.1") as world:
        token = await world.relay.invite()
        alice = await world.connect()
        assert alice.hello.ephemeral
        someone = Someone.new()
        await alice.register(someone, invite=token)
        await alice.login(someone)
        log = await alice.create_log()
        await alice.append(log, b"only in memory")
        await alice.listen(log)
        assert (await alice.entry()).payload == b"only in memory"
        assert not {path for path in open_files() - before if path.startswith("/") and "memfd" not in path}
    assert list(tmp_path.iterdir()) == []


def open_files() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(descriptor.readlink()))
        except FileNotFoundError:
            continue
    return found


async def test_over_a_real_socket_the_link_leads_to_the_relay_and_its_certificate_is_the_signed_one(tmp_path):
    async with running(tmp_path, port=0, host="127.0.0.1", public_host="127.0.0.1") as world:
        link = parse_link(world.relay.link("invite-token"))
        assert (link.port, link.invite, link.fingerprint) == (world.relay.port, "invite-token", world.relay.fingerprint)
        peer = await Peer.over(await connect(link, timeout_s=10))
        verify_hello(peer.hello, link.fingerprint, peer.link.peer_certificate_hash)
        assert len(peer.link.peer_certificate_hash) == 32
        alice = Someone.new()
        await peer.register(alice)
        await peer.login(alice)
        log = await peer.create_log()
        await peer.listen(log)
        assert (await peer.ask(commit(log, bytes(1024 * 1024), 0))).seq == 1
        assert len((await peer.entry()).payload) == 1024 * 1024
        await world.relay.stop()
        await peer.wait_ended()
        assert [closing.code for closing in peer.closings] == ["shutting-down"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"registration": "maybe"},
        {"retention_s": 0},
        {"port": 70000},
        {"public_port": -1},
        {"certificate": Path("c.pem")},
        {"when_full": "drop-newest"},
        {"registrations_per_hour": 0},
        {"exempt_addresses": "10.0.0.0/33"},
        {"trusted_proxies": "somewhere", "behind_proxy": True},
        {"trusted_proxies": "10.0.0.1"},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(wrong):
    with pytest.raises(ConfigError):
        RelayConfig(None, **wrong)


async def test_the_operators_own_certificate_is_signed_by_the_relay_key_and_so_is_the_next_one(tmp_path):
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"

    def renew():
        made = make_relay_certificate(secrets.token_bytes(32), ["chat.example.org"], time.time())
        certificate.write_bytes(made[0])
        key.write_bytes(made[1])

    renew()
    tls = {"certificate": certificate, "private_key": key}
    async with running(tmp_path / "relay", port=0, host="127.0.0.1", public_host="127.0.0.1", **tls) as world:
        link, alice, seen = parse_link(world.relay.link()), Someone.new(), set()
        for ways_in in ("register", "login"):
            peer = await Peer.over(await connect(link, timeout_s=10))
            verify_hello(peer.hello, link.fingerprint, peer.link.peer_certificate_hash)
            assert peer.link.peer_certificate_hash == certificate_hash(certificate.read_bytes())
            await getattr(peer, ways_in)(alice)
            seen.add(peer.link.peer_certificate_hash)
            await peer.link.close()
            renew()
    assert len(seen) == 2


async def test_a_folder_that_holds_other_things_keeps_its_mode_and_the_relays_files_are_private(tmp_path):
    shared, umask = tmp_path / "shared", os.umask(0)
    try:
        shared.mkdir()
        (shared / "theirs").touch()
        async with running(shared) as world:
            await world.join()
            assert stat.S_IMODE(shared.stat().st_mode) == 0o777
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in shared.iterdir()}
        del modes["theirs"]
        assert {"relay.key", "relay.lock", "relay.db", "relay.db-wal"} <= modes.keys()
        assert set(modes.values()) == {0o600}
        (shared / "relay.key").chmod(0o644)
        async with running(tmp_path / "shared"):
            assert stat.S_IMODE((shared / "relay.key").stat().st_mode) == 0o600
        async with running(tmp_path / "new" / "relay"):
            assert stat.S_IMODE((tmp_path / "new" / "relay").stat().st_mode) == 0o700
    finally:
        os.umask(umask)
