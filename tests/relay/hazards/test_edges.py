"""H8, H11, H12: headers that lie, injections in every field, and what is left of it all in the log."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tacit.net.tls import client_context
from tacit.relay.addresses import NEW_ACCOUNT
from tacit.relay.rates import RATES_OF_ADDRESS
from tacit.relay.store.database import FILE_NAME
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import REFUSALS
from tacit.wire.frames import encode_request
from tacit.wire.operations import REQUESTS, Phase
from tests.processes.programs import Relay
from tests.relay.hazards.attacker import UPGRADE as UPGRADING
from tests.relay.hazards.attacker import message as framed
from tests.relay.hazards.attacks import attacked
from tests.relay.hazards.guests import HONEST, NOBODY_IS_EXEMPT, Guests, tell, timed
from tests.relay.peers import TIMEOUT_S, Peer, Someone, key_package, message

pytestmark = pytest.mark.processes

CANARY = "canary-3f9a"
EVIL_LINES = f"{CANARY}\r\n2026-01-01 forged=line\x1b[31m\x00\u202e{CANARY}"

INJECTIONS = (
    "' OR '1'='1",
    "'; DROP TABLE accounts; --",
    '" OR ""="',
    "') UNION SELECT account_key FROM accounts --",
    "1; ATTACH DATABASE '/tmp/x' AS x",
    "%",
    "_%",
    "*",
    "[a-z]*",
    "\\",
    "../../../etc/passwd",
    "/dev/zero",
    "file:relay.db?mode=memory",
    "${jndi:ldap://127.0.0.1/x}",
    "{0.__class__}",
    "%s%n%x",
    "$(reboot)",
    "`id`",
    "\x00",
    "a\x00b",
    EVIL_LINES,
    "\ud7ff\ue000\uffff",
    "é" * 16,
    "ﷺ" * 32,
    "A" * 4096,
)


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with Relay(tmp_path_factory.mktemp("relay"), env=NOBODY_IS_EXEMPT) as running:
        yield running
        check_log(running.running.said)


def check_log(said: str) -> None:
    """H12: after everything above, every line is one of ours, and none tells of anybody."""
    lines = said.splitlines()
    assert lines, "the relay runs with -vv"
    for line in lines:
        assert re.fullmatch(r"[\x20-\x7e]*", line), repr(line)
        assert "event" in line, line
    for word in (CANARY, "forged", "127.0.", "192.0.2.", "request-failed", "change-failed", "handler-failed"):
        assert word not in said, word
    assert not re.search(r"[0-9a-f]{16}", said), "an ID"


async def talk(port: int, *said: bytes) -> bytes:
    """Everything that the relay answers over TLS to these bytes, up to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_context())
    answer = b""
    try:
        for part in said:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(TIMEOUT_S):
            while more := await reader.read(65_536):
                answer += more
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.transport.abort()
    return answer


UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = {
    "a length and chunks": HEAD + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "a length that is none": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
    "chunks in disguise": b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: x\r\nX-Y: a\r\n b\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\nHost: x\n\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "an absolute address": b"GET https://other.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a length with an upgrade": HEAD + b"Content-Length: 4\r\n" + UPGRADE + b"\r\nGET ",
    "chunks with an upgrade": HEAD + b"Transfer-Encoding: chunked\r\n" + UPGRADE + b"\r\n0\r\n\r\n",
    "another method with an upgrade": b"POST / HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"\r\n",
    "a body with an upgrade": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n" + UPGRADE + b"\r\nGET ",
}


@pytest.mark.parametrize("what", SMUGGLED)
async def test_h8_one_request_gets_at_most_one_answer_and_nothing_behind_it_is_a_second_one(
    relay: Relay, what: str
) -> None:
    answer = await talk(relay.port, SMUGGLED[what] + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") <= 1, answer
    assert b"ok\n" not in answer, "the smuggled one was answered"
    assert b" 101 " not in answer


async def test_h8_the_host_that_is_named_changes_nothing(relay: Relay) -> None:
    async with Guests(relay.port) as guests:
        for host in ("other.example", "127.0.0.1:1", "[::1]", ""):
            peer = await guests.peer(headers={"Host": host})
            assert peer.hello.relay_key
            await peer.close()


async def test_h8_whoever_writes_his_address_himself_is_counted_by_his_own(relay: Relay) -> None:
    """No proxy is configured, so twenty accounts from one address are twenty, whatever the header says."""
    async with Guests(relay.port) as guests:
        source, allowed = "127.0.8.1", int(RATES_OF_ADDRESS[NEW_ACCOUNT].burst)
        for n in range(allowed):
            peer = await guests.peer(source, {"X-Forwarded-For": f"198.51.100.{n}", "Forwarded": f"for=198.51.100.{n}"})
            await peer.register(Someone.new())
        spoofed = await guests.peer(source, {"X-Forwarded-For": "198.51.100.99", "X-Real-IP": "198.51.100.99"})
        with pytest.raises(errors.RateLimited):
            await spoofed.register(Someone.new())
        await (await guests.peer("127.0.8.2")).register(Someone.new())


async def test_h8_behind_a_trusted_proxy_the_last_address_counts_and_only_from_the_proxy(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    behind = NOBODY_IS_EXEMPT | {"TACIT_SERVE_BEHIND_PROXY": "true", "TACIT_SERVE_TRUSTED_PROXIES": "127.0.9.9"}
    allowed = int(RATES_OF_ADDRESS[NEW_ACCOUNT].burst)
    with Relay(tmp_path_factory.mktemp("behind"), "--registration", "open", env=behind) as relay:
        async with Guests(relay.port) as guests:

            async def register(source: str, header: str) -> None:
                await (await guests.peer(source, {"X-Forwarded-For": header})).register(Someone.new())

            for n in range(allowed):
                await register("127.0.9.9", f"198.51.100.{n}, 203.0.113.7")
            with pytest.raises(errors.RateLimited):
                await register("127.0.9.9", f"{CANARY}, 203.0.113.7")
            await register("127.0.9.9", "203.0.113.7, 203.0.113.8")
            for n in range(allowed):
                await register("127.0.9.1", f"203.0.113.{n}")
            with pytest.raises(errors.RateLimited):
                await register("127.0.9.1", "203.0.113.200")
        assert "203.0.113" not in relay.running.said
        assert CANARY not in relay.running.said


def texts(body: Message, path: str = "") -> Iterator[tuple[str, Any, FieldDescriptor]]:
    """Every field of text or bytes of a request, however deep, with the message that holds it."""
    for field in body.DESCRIPTOR.fields:
        name = f"{path}.{field.name}" if path else field.name
        if field.message_type is not None:
            inner = getattr(body, field.name)
            if field.is_repeated:
                yield from texts(inner[0] if len(inner) else inner.add(), name)
            else:
                inner.SetInParent()
                yield from texts(inner, name)
        elif field.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}:
            yield name, body, field


def honest(name: str, someone: Someone, log: bytes) -> Message:
    """A request of this kind that an honest client could make."""
    match name:
        case "register":
            return pb.Register(
                protocol=1, account_key=someone.account.public, device_certificate=someone.certificate.encode()
            )
        case "login":
            return pb.Login(
                protocol=1, account_id=someone.account.id, device_id=someone.certificate.device_id, signature=bytes(64)
            )
        case "publish_keys":
            return pb.PublishKeys(key_packages=[key_package(b"kp")])
        case "recipient_keys":
            return pb.RecipientKeysRequest(who=pb.Who(account_id=someone.account.id), suite=1)
        case "sender_keys":
            return pb.SenderKeysRequest(who=pb.Who(handle="somebody"))
        case "append":
            return message(log, b"x")
        case "create_log":
            return pb.CreateLog(log_id=os.urandom(16))
    frame = pb.ClientFrame(request_id=1)
    body: Message = getattr(frame, name)
    body.SetInParent()
    return body


def injected(field: FieldDescriptor, text: str) -> list[Any]:
    """As text; as bytes also in the length of an ID."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return [text]
    data = text.encode("utf-8", "surrogatepass")
    return [data, data[:16].ljust(16, b"'")]


async def outcome(peer: Peer, body: Any) -> str:
    async with asyncio.timeout(TIMEOUT_S):
        answer = await (await peer.begin(body))
    return str(getattr(answer, "code", "")) or type(answer).__name__


def with_injection(name: str, someone: Someone, log: bytes, path: str, value: str | bytes) -> Any:
    """An honest request but for one field."""
    body = honest(name, someone, log)
    holder, field = next((holder, field) for found, holder, field in texts(body) if found == path)
    if field.is_repeated:
        getattr(holder, field.name).append(value)
    else:
        setattr(holder, field.name, value)
    return body


@pytest.mark.parametrize("name", sorted(REQUESTS))
async def test_h11_an_injection_in_any_field_is_data_or_a_refusal(relay: Relay, name: str) -> None:
    before_login = REQUESTS[name].phase is Phase.GREETED
    async with Guests(relay.port) as guests:
        # Each kind of request from an address of its own: this is not about limits.
        source = f"127.0.11.{sorted(REQUESTS).index(name) + 1}"
        peer = member = await guests.member(source=source)
        assert member.someone is not None
        log = await member.create_log()
        fields = [(path, field) for path, _, field in texts(honest(name, member.someone, log))]
        tried = 0
        for number, (path, field) in enumerate(fields):
            # A stranger may be refused so often only; each of its fields meets a part of them.
            for text in INJECTIONS[number % 4 :: 4] if before_login else INJECTIONS:
                for value in injected(field, text):
                    if before_login and tried % 2 == 0:
                        peer = await guests.peer(source)
                    code = await outcome(peer, with_injection(name, member.someone, log, path, value))
                    assert code in REFUSALS or code[0].isupper(), (path, text, code)
                    assert code != "internal", (path, text)
                    tried += 1
        assert tried >= 6 * len(fields)
        assert await member.append(log, b"still here")
    with closing(sqlite3.connect(f"file:{relay.folder / FILE_NAME}?mode=ro", uri=True)) as db:
        assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'accounts'").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM accounts").fetchone()[0] > 0
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_h11_every_field_of_every_request_is_tried() -> None:
    someone = Someone.new()
    fields = {name: [path for path, _, _ in texts(honest(name, someone, bytes(16)))] for name in REQUESTS}
    assert fields["append"][:2] == ["log_id", "inbox.account_id"]
    assert "who.handle" in fields["sender_keys"]
    assert "key_packages.key_package" in fields["publish_keys"]
    assert "positions.log_id" in fields["acknowledge"]


async def test_h12_nothing_that_people_say_or_are_called_is_in_the_log(relay: Relay) -> None:
    """Headers, paths, handles, invitations, payloads; what the log holds is looked at when all tests are through."""
    source = "127.0.12.1"
    await talk(relay.port, f"GET /{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\nUser-Agent: {CANARY}\r\n\r\n".encode())
    await talk(relay.port, f"{CANARY}\x1b[2J\r\n\r\n".encode())
    async with Guests(relay.port) as guests:
        peer = await guests.peer(source, {"User-Agent": CANARY, "X-Forwarded-For": CANARY})
        someone = Someone.new()
        await peer.register(someone, handle=CANARY, invite=CANARY)
        await peer.login(someone)
        log = await peer.create_log()
        await peer.append(log, EVIL_LINES.encode())
        with pytest.raises(errors.BadHandle):
            await peer.ask(pb.SenderKeysRequest(who=pb.Who(handle=EVIL_LINES[:30])))
        line = await guests.line(source)
        await line.receive()
        await line.send(EVIL_LINES.encode())
        await line.send(encode_request(1, pb.CreateLog(log_id=log)))
    check_log(relay.running.said)
    assert HONEST not in relay.running.said


async def test_h12_all_of_this_at_once_from_many_addresses_delays_nobody(relay: Relay) -> None:
    """Hazards H8, H9, H11, H12: lies, words without TLS, injections and evil lines, as fast as they are taken."""
    registers = (encode_request(1, pb.Register(protocol=1, handle=text, invite=text)) for text in INJECTIONS)
    evil = (UPGRADING + framed(EVIL_LINES.encode()), f"GET /{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\n\r\n".encode())
    said = (*SMUGGLED.values(), *(UPGRADING + framed(frame) for frame in registers if len(frame) < 4096), *evil)
    async with timed(relay) as honest, attacked(relay, "nonsense", *said, source="127.0.12.") as attack:
        await honest.under("H8, H9, H11, H12 together")
        came_to, cpu_s = await attack.ends()
    tell(f"H12: {came_to}, {cpu_s:.2f} s of the relay")
    assert came_to["said"] > 3
    assert came_to["said without TLS"] > 3
