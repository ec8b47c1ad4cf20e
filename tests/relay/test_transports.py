"""The relay over each of its transports: the same greeting, the same pin, and nobody in the middle."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tacit.crypto.certificates import make_relay_certificate
from tacit.errors import Untrusted
from tacit.identity import RelayLink, format_id, parse_link
from tacit.net import CannotListen, connect
from tacit.net.grpc_library import METHOD, SERVICE
from tacit.net.tls import client_context, server_context
from tacit.relay.admin.asking import ask_relay
from tacit.relay.config import BadRelayConfig, RelayConfig
from tacit.relay.server import Relay
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tacit.wire.signing import verify_hello
from tests.relay.peers import Moves, Peer, RunningRelay, Someone, commit, running

PORTS = {"ws": "port", "grpc": "grpc_port", "tcp": "tcp_port"}
HOST = {"host": "127.0.0.1", "public_host": "127.0.0.1"}
ALPN = {"ws": ("http/1.1",), "grpc": ("h2",), "tcp": ()}


@asynccontextmanager
async def everywhere() -> AsyncIterator[RunningRelay]:
    async with running(None, port=0, grpc_port=0, tcp_port=0, **HOST) as world:
        yield world


async def reach(target: RelayLink) -> Peer:
    """A peer that has checked whom it talks to."""
    link = await connect(target, timeout_s=10)
    try:
        peer = await Peer.over(link)
        verify_hello(peer.hello, target.fingerprint, link.peer_certificate_hash)
    except BaseException:
        link.abort()
        raise
    return peer


async def test_people_on_every_transport_meet_in_one_log() -> None:
    async with everywhere() as world:
        targets = [parse_link(link) for link in world.relay.links()]
        assert [target.scheme for target in targets] == list(PORTS)
        assert [target.port for target in targets] == list(world.relay.ports.values())
        assert world.relay.link() == world.relay.links()[0]
        people = []
        for target in targets:
            people.append((await reach(target), Someone.new()))
            await people[-1][0].register(people[-1][1])
            await people[-1][0].login(people[-1][1])
        writer = people[0][0]
        log = await writer.create_log()
        await writer.ask(commit(log, b"add", 0, readers_added=[someone.address for _, someone in people[1:]]))
        for number, (peer, _) in enumerate(people):
            await peer.listen(log)
            await peer.append(log, b"from %d" % number)
        for peer, _ in people:
            said = [entry.payload for entry in await peer.take(4 if peer is writer else 3)]
            assert said[-3:] == [b"from 0", b"from 1", b"from 2"]
        metrics = world.relay._running().metrics
        assert metrics.sources.crowds_by["transport_connections"]() == dict.fromkeys(PORTS, 1)
        assert metrics.snapshot()["transport_connections"] == dict.fromkeys(PORTS, 10)
        for peer, _ in people:
            await peer.link.close()


@pytest.mark.parametrize("scheme", PORTS)
async def test_each_transport_works_alone_and_says_goodbye(scheme: str) -> None:
    async with running(None, **dict.fromkeys(PORTS.values()) | {PORTS[scheme]: 0} | HOST) as world:
        (link,) = world.relay.links()
        assert parse_link(link).port == world.relay.port
        peer, someone = await reach(parse_link(link)), Someone.new()
        await peer.register(someone)
        await peer.login(someone)
        await world.relay.stop()
        await peer.wait_ended()
        assert [closing.code for closing in peer.closings] == ["shutting-down"]
        await peer.link.close()


@pytest.mark.parametrize("scheme", PORTS)
async def test_another_key_than_the_links_is_noticed(scheme: str) -> None:
    async with everywhere() as world:
        wrong = dataclasses.replace(parse_link(world.relay.link("", scheme)), fingerprint=os.urandom(32))
        with pytest.raises(Untrusted):
            await reach(wrong)


@pytest.mark.parametrize("scheme", PORTS)
async def test_a_man_in_the_middle_with_a_certificate_of_his_own_is_noticed(scheme: str) -> None:
    """He ends TLS on both sides and passes every byte on, the relay's Hello included."""
    async with everywhere() as world:
        relay = parse_link(world.relay.link("", scheme))

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while data := await reader.read(65_536):
                    writer.write(data)
            except ConnectionError:
                pass
            finally:
                writer.close()

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = await asyncio.open_connection(relay.host, relay.port, ssl=client_context(alpn=ALPN[scheme]))
            await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))

        own = server_context(*make_relay_certificate(os.urandom(32), ["127.0.0.1"], 1.7e9), list(ALPN[scheme]) or ["x"])
        middle = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=own)
        port = middle.sockets[0].getsockname()[1]
        with pytest.raises(Untrusted):
            await reach(dataclasses.replace(relay, port=port))
        middle.close()


async def test_a_port_that_is_taken_lets_go_of_the_others() -> None:
    async with everywhere() as world:
        taken = world.relay.ports["tcp"]
        second = Relay(RelayConfig(None, port=0, grpc_port=0, tcp_port=taken, **HOST))
        with pytest.raises(CannotListen):
            await second.start()
        assert second.ports == {}


def test_ports_have_to_differ() -> None:
    with pytest.raises(BadRelayConfig) as refused:
        RelayConfig(None, port=5000, tcp_port=5000, grpc_port=99_999, metrics_port=5000)
    assert [field for field, _ in refused.value.mistakes] == ["grpc_port", "tcp_port", "metrics_port"]
    RelayConfig(None, port=0, tcp_port=0, grpc_port=0)


def test_the_service_is_the_one_of_the_schema() -> None:
    (service,) = pb.DESCRIPTOR.services_by_name.values()
    assert (service.full_name, list(service.methods_by_name)) == (SERVICE, [METHOD])
    method = service.methods_by_name[METHOD]
    assert (method.input_type.name, method.output_type.name) == ("ClientFrame", "ServerFrame")
    assert method.client_streaming
    assert method.server_streaming


def test_a_relay_without_grpc_does_not_load_it() -> None:
    program = """
import asyncio, sys
from tacit.relay.config import RelayConfig
from tacit.relay.server import Relay
async def main():
    relay = Relay(RelayConfig(None, host="127.0.0.1", port=0, tcp_port=0))
    await relay.start()
    await relay.stop()
asyncio.run(main())
sys.exit("grpc" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


async def test_a_proxy_in_front_of_websocket_leaves_the_other_ways_as_they_are() -> None:
    async with running(None, port=0, tcp_port=0, grpc_port=0, behind_proxy=True, **HOST) as world:
        hashes = {}
        for link in world.relay.links():
            opened = await connect(parse_link(link), timeout_s=10)
            peer = await Peer.over(opened)
            hashes[opened.transport] = peer.hello.certificate_hash == opened.peer_certificate_hash
            await opened.close()
        assert hashes == {"ws": False, "grpc": True, "tcp": True}


OUT = {
    "ws": ("revoke-device", "device-revoked", errors.DeviceRevoked),
    "grpc": ("suspend", "account-suspended", errors.AccountSuspended),
    "tcp": ("delete", "account-deleted", errors.NoSuchAccount),
}


async def test_whoever_is_put_out_is_out_at_once_whatever_carries_them(tmp_path: Path) -> None:
    """Before the relay's clock, which stands still, has moved."""
    async with running(tmp_path, clock=Moves(), port=0, grpc_port=0, tcp_port=0, **HOST) as world:
        for scheme, (operation, code, refusal) in OUT.items():
            target, someone = parse_link(world.relay.link("", scheme)), Someone.new()
            peer = await reach(target)
            await peer.register(someone)
            await peer.login(someone)
            asked = {"who": format_id(someone.account.id)}
            if operation == "revoke-device":
                asked["device"] = format_id(someone.certificate.device_id)
            await asyncio.to_thread(ask_relay, tmp_path, operation, asked)
            await peer.wait_ended()
            assert [closing.code for closing in peer.closings] == [code], scheme
            again = await reach(target)
            with pytest.raises(refusal):
                await again.login(someone)
            await again.link.close()
