"""The ways to a phone, against real servers in processes of their own: an HTTPS endpoint and a mail gateway."""

from __future__ import annotations

import asyncio
import datetime as dt
import email
import email.policy
import hmac
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tacit.relay.delivery import Delivery, Mail, NotDelivered, Undeliverable, Webhook, open_route
from tests.relay.gateway import PASSWORD, USER
from tests.relay.phones import NUMBER

pytestmark = pytest.mark.processes

SECRET = b"what relay and service share"
TEXT = "Your code for relay.example is 123456. It is good for ten minutes. Nobody will ever ask you for it."


class Hurried:
    """The machine's clock, whose pauses are over at once."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def now_s(self) -> float:
        return time.time()

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        self.pauses.append(delay_s)
        await asyncio.sleep(0)


class Gateway:
    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self.port = port
        self._process = process

    def heard(self) -> list[dict[str, Any]]:
        """Everything that came, once the process has ended."""
        self._process.terminate()
        out, _ = self._process.communicate(timeout=20)
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for localhost, which is its own authority, and one for another host."""
    folder = tmp_path_factory.mktemp("authority")
    for name in ("localhost", "elsewhere.example"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, SHA256())
        )
        (folder / f"{name}.pem").write_bytes(built.public_bytes(Encoding.PEM))
        (folder / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder


@pytest.fixture(autouse=True)
def trusted(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "localhost.pem"))


@contextmanager
def gateway(authority: Path, kind: str, *words: str, name: str = "localhost") -> Iterator[Gateway]:
    files = (str(authority / f"{name}.pem"), str(authority / f"{name}.key"))
    command = [sys.executable, "-W", "ignore", "-m", "tests.relay.gateway", kind, *files, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Gateway(json.loads(process.stdout.readline())["port"], process)
        finally:
            process.kill()


def webhook(port: int, clock: Hurried) -> Delivery:
    return open_route(Webhook.signed_with(SECRET, url=f"https://localhost:{port}/send"), clock, os.urandom)


def by_mail(port: int, security: Any, clock: Hurried, password: str = PASSWORD) -> Delivery:
    route = Mail.through(
        "localhost",
        port,
        security,
        login=(USER, password.encode()),
        sender="relay@mail.example",
        recipient="{number}@sms.example",
    )
    return open_route(route, clock, os.urandom)


async def test_a_service_gets_a_signed_document_and_the_same_one_again_until_it_takes_it(authority: Path) -> None:
    clock = Hurried()
    with gateway(authority, "https", "503", "429", "204") as there:
        await webhook(there.port, clock).deliver(NUMBER, TEXT)
        tries = there.heard()
    assert [heard["status"] for heard in tries] == [503, 429, 204]
    assert len({heard["body"] for heard in tries}) == 1
    assert len(clock.pauses) == 2
    message = json.loads(tries[0]["body"])
    assert (message["number"], message["text"], len(message["id"])) == (NUMBER, TEXT, 32)
    for heard in tries:
        timestamp = heard["headers"]["Tacit-Timestamp"]
        signed = f"{timestamp}.{heard['body']}".encode()
        assert heard["headers"]["Tacit-Signature"] == hmac.new(SECRET, signed, "sha256").hexdigest()
        assert abs(time.time() - int(timestamp)) < 60
        assert (heard["path"], heard["headers"]["Content-Type"]) == ("/send", "application/json")


@pytest.mark.parametrize(
    ("status", "failure", "tries"),
    [("403", NotDelivered, 1), ("302", NotDelivered, 1), ("422", Undeliverable, 1), ("500", NotDelivered, 4)],
)
async def test_what_a_service_refuses_is_tried_again_only_where_that_may_help(
    authority: Path, status: str, failure: type[NotDelivered], tries: int
) -> None:
    clock = Hurried()
    with gateway(authority, "https", status) as there:
        with pytest.raises(NotDelivered) as failed:
            await webhook(there.port, clock).deliver(NUMBER, TEXT)
        assert type(failed.value) is failure
        assert NUMBER not in str(failed.value)
        assert len(there.heard()) == tries
    assert len(clock.pauses) == tries - 1
    assert all(0 <= pause <= 15 for pause in clock.pauses)


async def test_nothing_is_said_to_a_service_that_is_another_or_not_there(authority: Path) -> None:
    with gateway(authority, "https", "204", name="elsewhere.example") as there:
        with pytest.raises(NotDelivered):
            await webhook(there.port, Hurried()).deliver(NUMBER, TEXT)
        assert there.heard() == []
    with pytest.raises(NotDelivered):
        await webhook(there.port, Hurried()).deliver(NUMBER, TEXT)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_gateway_gets_a_mail_to_the_number_over_tls(authority: Path, security: str) -> None:
    clock = Hurried()
    with gateway(authority, security, "451 later", "250 OK") as there:
        await by_mail(there.port, security, clock).deliver(NUMBER, TEXT)
        asked, again, mailed = there.heard()
    assert asked["for"] == again["for"] == mailed["to"][0] == "4915123456789@sms.example"
    assert (mailed["from"], mailed["tls"], len(clock.pauses)) == ("relay@mail.example", True, 1)
    assert TEXT.encode() in b64decode(mailed["content"]).splitlines(), "as it is, for gateways that know no encodings"
    mail = email.message_from_bytes(b64decode(mailed["content"]), policy=email.policy.default)
    assert mail.get_content().strip() == TEXT
    assert mail["To"] == "4915123456789@sms.example"
    assert mail["Message-ID"].endswith("@mail.example>")


async def test_a_mail_waits_for_nothing_else_that_has_threads_to_do_it(authority: Path) -> None:
    """Nor does anything else wait for mails: the threads that write checkpoints are others."""
    loop, done = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, done.wait)
    try:
        with gateway(authority, "tls", "250 OK") as there:
            await by_mail(there.port, "tls", Hurried()).deliver(NUMBER, TEXT)
            there.heard()
    finally:
        done.set()
    assert await busy


async def test_the_machines_authorities_are_read_for_each_try_and_not_by_the_event_loop(
    authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    make = ssl.create_default_context

    def watched() -> ssl.SSLContext:
        made.append(threading.get_ident())
        return make()

    monkeypatch.setattr(ssl, "create_default_context", watched)
    with gateway(authority, "https", "503", "204") as there:
        await webhook(there.port, Hurried()).deliver(NUMBER, TEXT)
        there.heard()
    assert len(made) == 2
    assert threading.get_ident() not in made


async def test_a_number_that_a_mail_gateway_does_not_know_is_no_fault_of_the_gateway(authority: Path) -> None:
    with gateway(authority, "tls", "550 no such number") as there:
        with pytest.raises(Undeliverable):
            await by_mail(there.port, "tls", Hurried()).deliver(NUMBER, TEXT)
        assert len(there.heard()) == 1


@pytest.mark.parametrize("wrong", ["password", "security", "certificate", "gone"])
async def test_nothing_is_said_to_a_mail_server_that_is_not_the_one_that_was_meant(authority: Path, wrong: str) -> None:
    name = "elsewhere.example" if wrong == "certificate" else "localhost"
    security, password = ("none" if wrong == "security" else "starttls"), "x" if wrong == "password" else PASSWORD
    with gateway(authority, "starttls", "250 OK", name=name) as there:
        if wrong == "gone":
            there.heard()
        with pytest.raises(NotDelivered) as failed:
            await by_mail(there.port, security, Hurried(), password).deliver(NUMBER, TEXT)
        assert type(failed.value) is NotDelivered
        assert wrong == "gone" or there.heard() == []
