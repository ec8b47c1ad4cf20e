"""H9, H10: a wire that is not what it was, and a disk that takes nothing more."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import json
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tacit.crypto.eddsa import ED25519
from tacit.errors import RelayError, TacitError
from tacit.identity import RelayLink, format_link, parse_link
from tacit.net import FrameLink
from tacit.net.errors import LinkClosed
from tacit.net.tls import server_context
from tacit.net.ws_server import serve_ws
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import RequestBody, decode_request, encode_response
from tacit.wire.signing import hello_tbs
from tests.processes.people import create
from tests.processes.programs import environment
from tests.relay.faults import disks
from tests.relay.hazards.guests import Guests, Timed, tell
from tests.relay.peers import Peer, Someone, commit, key_package, to_inbox
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.processes

RELAY_KEY = bytes(range(32))
DAY = dt.timedelta(days=1)
CLOSED = {"storage-full", "storage-failed"}
"""What a file that may not grow is to the relay depends on where its bound is met."""


class Impostor:
    """What listens in the place of a relay behind a proxy, with that relay's own key; notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, link: FrameLink) -> None:
        public = ED25519.key_pair(RELAY_KEY).public
        challenge = bytes(32)
        signed = hello_tbs(protocol_min=1, protocol_max=1, challenge=challenge, certificate_hash=b"", relay_key=public)
        hello = pb.Hello(
            protocol_min=1,
            protocol_max=1,
            challenge=challenge,
            relay_key=public,
            signature=ED25519.sign(RELAY_KEY, signed),
            registration="open",
        )
        await link.send(encode_response(0, hello))
        try:
            while True:
                self.asked.append(decode_request(await link.receive()).name)
        except LinkClosed:
            pass


def certificate(name: str, *, ends: dt.datetime, authority: ed25519.Ed25519PrivateKey) -> tuple[bytes, bytes]:
    """A certificate for a name, from an authority that this machine trusts; and its key."""
    key = ed25519.Ed25519PrivateKey.generate()
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - 30 * DAY)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(authority, None)
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return built.public_bytes(Encoding.PEM), private


@asynccontextmanager
async def impostor(pem: tuple[bytes, bytes]) -> AsyncIterator[tuple[Impostor, str]]:
    """An impostor and the link to it."""
    from tacit.crypto.certificates import relay_fingerprint

    there = Impostor()
    listener = await serve_ws(there, "127.0.0.1", 0, server_context(*pem))
    fingerprint = relay_fingerprint(ED25519.key_pair(RELAY_KEY).public)
    try:
        yield there, format_link(RelayLink("localhost", listener.port, fingerprint, ""))
    finally:
        await listener.close()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ed25519.Ed25519PrivateKey:
    """One that clients here trust."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    now = dt.datetime.now(dt.UTC)
    root = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 90 * DAY)
        .not_valid_after(now + 90 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    file = tmp_path / "authority.pem"
    file.write_bytes(root.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return key


@pytest.mark.parametrize("wrong", ["expired", "of another host", "of nobody known"])
async def test_h9_behind_a_proxy_a_certificate_that_is_not_good_for_the_name_is_refused_before_a_word_is_said(
    tmp_path: Path, authority: ed25519.Ed25519PrivateKey, wrong: str
) -> None:
    now = dt.datetime.now(dt.UTC)
    name, ends, issuer = "localhost", now + 20 * DAY, authority
    match wrong:
        case "expired":
            ends = now - DAY
        case "of another host":
            name = "other.example"
        case "of nobody known":
            issuer = ed25519.Ed25519PrivateKey.generate()
    async with impostor(certificate(name, ends=ends, authority=issuer)) as (there, link):
        with pytest.raises(TacitError) as refused:
            await create(link, tmp_path, "victim")
        assert refused.value.code == "name-not-verified"
        assert there.asked == []


async def test_h9_a_good_certificate_for_the_name_is_taken(
    tmp_path: Path, authority: ed25519.Ed25519PrivateKey
) -> None:
    """The check above refuses for the reason that it names."""
    pem = certificate("localhost", ends=dt.datetime.now(dt.UTC) + 20 * DAY, authority=authority)
    async with impostor(pem) as (there, link):
        trying = asyncio.create_task(create(link, tmp_path, "victim"))
        try:
            async with asyncio.timeout(20):
                while not there.asked:  # noqa: ASYNC110 - what another task has heard
                    await asyncio.sleep(0.01)
        finally:
            trying.cancel()
            await asyncio.gather(trying, return_exceptions=True)
        assert there.asked[0] == "register"


async def test_h9_a_certificate_that_the_relays_key_did_not_sign_is_refused(tmp_path: Path) -> None:
    """Changed, whatever for, without the key: the hash in the Hello is not that of what TLS shows."""
    from tacit.crypto.certificates import make_relay_certificate, relay_fingerprint

    class Changed(Impostor):
        async def __call__(self, link: FrameLink) -> None:
            public, of_old = ED25519.key_pair(RELAY_KEY).public, b"\x01" * 32
            signed = hello_tbs(
                protocol_min=1, protocol_max=1, challenge=bytes(32), certificate_hash=of_old, relay_key=public
            )
            hello = pb.Hello(
                protocol_min=1, protocol_max=1, challenge=bytes(32), certificate_hash=of_old, relay_key=public,
                signature=ED25519.sign(RELAY_KEY, signed),
            )  # fmt: skip
            await link.send(encode_response(0, hello))
            with suppress(LinkClosed):
                self.asked.append(decode_request(await link.receive()).name)

    there = Changed()
    tls = server_context(*make_relay_certificate(b"\x02" * 32, ["localhost"], time.time()))
    listener = await serve_ws(there, "127.0.0.1", 0, tls)
    link = format_link(RelayLink("127.0.0.1", listener.port, relay_fingerprint(ED25519.key_pair(RELAY_KEY).public), ""))
    try:
        with pytest.raises(TacitError) as refused:
            await create(link, tmp_path, "victim")
        assert refused.value.code == "relay-pin-mismatch"
        assert there.asked == []
    finally:
        await listener.close()


async def test_h9_a_port_without_tls_hears_a_tls_greeting_and_nothing_else(tmp_path: Path) -> None:
    heard = bytearray()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(65_536))
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        heard.extend(await reader.read(65_536))
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(TacitError) as refused:
            await create(f"tacit://127.0.0.1:{port}/#{'a' * 52}", tmp_path, "victim")
    assert refused.value.code == "not-a-relay"
    assert heard[0] == 0x16, "a TLS handshake record"
    assert b"GET " not in heard
    assert b"victim" not in heard


async def test_h9_the_relay_answers_nobody_without_tls(tmp_path: Path) -> None:
    async with served(tmp_path) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(20):
            answer = await reader.read()
        assert b"HTTP" not in answer
        writer.close()
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=old)


@asynccontextmanager
async def served(folder: Path, **told: str) -> AsyncIterator[tuple[int, int]]:
    """A relay process; its port and its number."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.relay.relay_process", str(folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(**told),
    )
    assert process.stdout is not None
    try:
        link = json.loads(await process.stdout.readline())["link"]
        port = parse_link(link).port
        assert port is not None
        yield port, process.pid
    finally:
        process.terminate()
        await process.communicate()


async def test_h10_with_the_disk_gone_what_opens_doors_is_closed_and_messages_are_stopped_by_nothing_else(
    tmp_path: Path,
) -> None:
    """No limiter needs the store, so none fails with it, neither open nor closed.

    Registration and KeyPackages are closed. Messages are open as far as they can be: what is on the disk is read and
    delivered, pings are answered, and an append is refused by the disk alone, with a code after which clients keep it
    and try again; it goes on by itself.
    """
    control, folder = disks.Control(tmp_path / "control"), tmp_path / "relay"
    folder.mkdir()
    shim = disks.environment(disks.compiled(tmp_path), folder, control=control.path)
    told = {name: shim[name] for name in shim if name.startswith(("LD_PRE", "TACIT_DISK"))}
    async with served(folder, **told) as (port, pid), Guests(port) as guests:
        alice, bob = await guests.member(), await guests.member()
        assert bob.someone is not None
        assert alice.someone is not None
        await alice.ask(pb.PublishKeys(key_packages=[key_package(b"kp")]))
        log = await alice.create_log()
        await alice.ask(commit(log, b"", 0, readers_added=[bob.someone.address]))
        for n in range(3):
            await alice.append(log, b"%d" % n)
        control.fail(disks.Operation.CHANGE, errno.ENOSPC)

        claim = pb.RecipientKeysRequest(who=pb.Who(account_id=alice.someone.account.id), suite=1)
        closed = (
            (await guests.peer()).register(Someone.new()),
            bob.ask(claim),
            bob.ask(pb.PublishKeys(key_packages=[key_package(b"more")])),
            bob.create_log(),
            bob.ask(to_inbox(alice.someone, b"x")),
            alice.append(log, b"3"),
        )
        assert {await code_of(asked) for asked in closed} <= CLOSED

        again = await guests.peer()
        await again.login(bob.someone)
        await again.listen(log)
        assert [entry.payload for entry in await again.take(3)] == [b"0", b"1", b"2"]
        await again.ask(pb.Acknowledge())
        await again.ask(pb.SenderKeysRequest(who=pb.Who(account_id=alice.someone.account.id)))

        quiet_ms = await asked_p99_ms(again, pid)
        claiming = [asyncio.create_task(hammer(bob, claim)) for _ in range(8)]
        loud_ms = await asked_p99_ms(again, pid)
        for task in claiming:
            task.cancel()
        tell(f"H10: p99 of what needs no disk {loud_ms:.1f} ms, {quiet_ms:.1f} ms without")
        assert loud_ms < 10 * quiet_ms + Timed.SLACK_MS

        codes: set[str] = set()
        while codes <= CLOSED:  # the limiter holds all the same
            codes.add(await code_of(again.ask(claim)))
        assert codes - CLOSED == {"rate-limited"}
        control.mend()
        assert await alice.append(log, b"3") == 5
        assert (await again.entry()).payload == b"3"
        await guests.member()


async def code_of(asked: object) -> str:
    """The code of a refusal, empty for none."""
    try:
        await asked  # type: ignore[misc]  # whatever a peer was asked to do
    except RelayError as refusal:
        return refusal.code
    return ""


async def hammer(peer: Peer, body: RequestBody) -> None:
    """Ask for the same without end."""
    while True:
        await code_of(peer.ask(body))


async def asked_p99_ms(peer: Peer, relay: int, count: int = 60) -> float:
    """What an honest request takes that the disk has nothing to do with."""
    took_ms = []
    with Stopwatch(relay) as watch:
        for _ in range(count):
            began_s = watch.passed_s
            await peer.ask(pb.Acknowledge())
            took_ms.append((watch.passed_s - began_s) * 1000)
            await asyncio.sleep(0.005)
    return sorted(took_ms)[count * 99 // 100 - 1]
