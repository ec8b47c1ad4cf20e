"""A client of a few lines that speaks frames, so that the relay is tested by its wire and by nothing else."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tacit.clock import SystemClock
from tacit.crypto.eddsa import ED25519
from tacit.crypto.keys import KeyPair
from tacit.identity import AccountKey, DeviceCertificate
from tacit.net.errors import LinkClosed
from tacit.net.links import FrameLink
from tacit.net.memory import memory_pair
from tacit.relay.config import RelayConfig
from tacit.relay.server import Relay
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import RequestBody, decode_response, encode_request
from tacit.wire.operations import PROTOCOL_VERSION
from tacit.wire.signing import login_tbs, register_tbs, verify_hello

TIMEOUT_S = 20
FAILURES = (pb.Error, pb.RegistrationFailed, pb.LoginFailed)


@dataclass(frozen=True)
class Someone:
    """An account with one device."""

    account: AccountKey
    device: KeyPair
    certificate: DeviceCertificate

    @classmethod
    def new(cls, account: AccountKey | None = None) -> Someone:
        account = account or AccountKey.generate(os.urandom)
        device = ED25519.generate(os.urandom)
        return cls(account, device, DeviceCertificate.issue(account, device.public, time.time()))

    @property
    def address(self) -> pb.Device:
        return pb.Device(account_id=self.account.id, device_id=self.certificate.device_id)


class Moves:
    """A clock that stands still until a test moves it.

    It begins with a whole second: what is behind the point would decide how sums of times are rounded.
    """

    def __init__(self, now_s: float | None = None) -> None:
        self._now_s = float(int(time.time())) if now_s is None else now_s
        self._wrong_by_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now_s(self) -> float:
        return self._now_s + self._wrong_by_s

    def set_wrong_by(self, seconds: float) -> None:
        self._wrong_by_s = seconds

    def monotonic_s(self) -> float:
        return self._now_s

    async def sleep(self, delay_s: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now_s + delay_s, waiter))
        await waiter

    def forward(self, seconds: float) -> None:
        self._now_s += seconds
        due = [waiter for until, waiter in self._sleepers if until <= self._now_s]
        self._sleepers = [(until, waiter) for until, waiter in self._sleepers if until > self._now_s]
        for waiter in due:
            if not waiter.done():
                waiter.set_result(None)


@dataclass
class Peer:
    """One connection, after Hello. Answers go to whoever asked, pushes into ``entries`` and ``closings``."""

    link: FrameLink
    hello: pb.Hello
    challenge: bytes
    someone: Someone | None = None
    entries: asyncio.Queue[pb.Entry] = field(default_factory=asyncio.Queue)
    closings: list[pb.Closing] = field(default_factory=list)
    errors: list[pb.Error] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    log: list[str] = field(default_factory=list)
    _waiting: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _next_id: int = 1
    _task: asyncio.Task[None] | None = None

    @classmethod
    async def over(cls, link: FrameLink) -> Peer:
        hello = decode_response(await link.receive()).body
        assert isinstance(hello, pb.Hello)
        peer = cls(link, hello, hello.challenge)
        peer._task = asyncio.create_task(peer._receive())
        return peer

    async def _receive(self) -> None:
        try:
            while True:
                frame = decode_response(await self.link.receive())
                self.log.append(frame.name)
                if frame.name == "entry":
                    self.entries.put_nowait(frame.body)
                elif frame.name == "closing":
                    self.closings.append(frame.body)
                elif frame.request_id == 0:
                    self.errors.append(frame.body)
                else:
                    self._waiting.pop(frame.request_id).set_result(frame.body)
        except LinkClosed as closed:
            self.ended.set()
            for waiter in self._waiting.values():
                if not waiter.done():
                    waiter.set_exception(closed)
                    waiter.exception()

    async def begin(self, body: RequestBody) -> asyncio.Future[Any]:
        """Send a request; the future gets the answer's body, refusals included."""
        request_id, self._next_id = self._next_id, self._next_id + 1
        return await self.begin_frame(request_id, encode_request(request_id, body))

    async def begin_frame(self, request_id: int, frame: bytes) -> asyncio.Future[Any]:
        """Send any bytes; the future gets the body of the answer with this request ID."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = waiter
        try:
            await self.link.send(frame)
        except LinkClosed:
            self._waiting.pop(request_id, None)
            raise
        return waiter

    async def ask(self, body: RequestBody) -> Any:
        """Send a request and wait for what grants it; a refusal is raised as its class."""
        async with asyncio.timeout(TIMEOUT_S):
            answer = await (await self.begin(body))
        if isinstance(answer, FAILURES):
            if not isinstance(answer, pb.Error) and answer.next_challenge:
                self.challenge = answer.next_challenge
            raise errors.refusal(
                answer.code,
                retry_after_s=getattr(answer, "retry_after_s", 0),
                last_commit_seq=getattr(answer, "last_commit_seq", 0),
                otp_request=getattr(answer, "otp_request", ""),
            )
        return answer

    async def register(self, someone: Someone, *, handle: str = "", invite: str = "", **changes: Any) -> pb.Registered:
        fields: dict[str, Any] = {
            "protocol": PROTOCOL_VERSION,
            "account_key": someone.account.public,
            "device_certificate": someone.certificate.encode(),
            "handle": handle,
            "invite": invite,
        } | changes
        signed = register_tbs(
            relay_key=self.hello.relay_key,
            certificate_hash=self.hello.certificate_hash,
            challenge=self.challenge,
            **fields,
        )
        answer = await self.ask(pb.Register(**fields, signature=someone.account.sign_bytes(signed)))
        self.challenge = answer.next_challenge
        return answer

    async def login(self, someone: Someone, **changes: Any) -> pb.LoggedIn:
        signed = login_tbs(
            protocol=PROTOCOL_VERSION,
            relay_key=self.hello.relay_key,
            certificate_hash=self.hello.certificate_hash,
            challenge=self.challenge,
            account_id=someone.account.id,
            device_id=someone.certificate.device_id,
        )
        fields: dict[str, Any] = {
            "protocol": PROTOCOL_VERSION,
            "account_id": someone.account.id,
            "device_id": someone.certificate.device_id,
            "signature": ED25519.sign(someone.device.private, signed),
        } | changes
        answer = await self.ask(pb.Login(**fields))
        self.someone = someone
        return answer

    async def create_log(self) -> bytes:
        log_id = os.urandom(16)
        await self.ask(pb.CreateLog(log_id=log_id))
        return log_id

    async def listen(self, *log_ids: bytes, after: int = 0) -> list[pb.LogState]:
        answer = await self.ask(pb.Listen(after=[pb.Position(log_id=log_id, seq=after) for log_id in log_ids]))
        return list(answer.logs)

    async def acknowledge(self, log_id: bytes, seq: int) -> None:
        await self.ask(pb.Acknowledge(positions=[pb.Position(log_id=log_id, seq=seq)]))

    async def append(self, log_id: bytes, payload: bytes, **more: Any) -> int:
        return (await self.ask(message(log_id, payload, **more))).seq

    async def entry(self) -> pb.Entry:
        async with asyncio.timeout(TIMEOUT_S):
            return await self.entries.get()

    async def take(self, count: int) -> list[pb.Entry]:
        return [await self.entry() for _ in range(count)]

    async def wait_ended(self) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await self.ended.wait()

    async def close(self) -> None:
        await self.link.close()
        await self.wait_ended()


async def settle(turns: int = 1_000) -> None:
    """Let everybody do what takes no time and no store: of turns there are enough, of time a busy machine has none."""
    for _ in range(turns):
        await asyncio.sleep(0)


def message(log_id: bytes, payload: bytes, **more: Any) -> pb.Append:
    fields: dict[str, Any] = {"message_id": os.urandom(16), "kind": pb.ENTRY_KIND_MESSAGE} | more
    return pb.Append(log_id=log_id, payload=payload, **fields)


def commit(log_id: bytes, payload: bytes, after: int, **more: Any) -> pb.Append:
    return message(log_id, payload, kind=pb.ENTRY_KIND_COMMIT, after_commit=after, **more)


def to_inbox(someone: Someone, payload: bytes, **more: Any) -> pb.Append:
    fields: dict[str, Any] = {"message_id": os.urandom(16), "kind": pb.ENTRY_KIND_WELCOME} | more
    return pb.Append(inbox=someone.address, payload=payload, **fields)


def key_package(content: bytes, *, suite: int = 1, last_resort: bool = False, expires_in_s: int = 3600) -> Any:
    expires_at = int(time.time()) + expires_in_s
    return pb.KeyPackage(suite=suite, key_package=content, last_resort=last_resort, expires_at=expires_at)


class RunningRelay:
    """A started relay and the connections that a test makes to it in memory."""

    def __init__(self, relay: Relay, clock: Any) -> None:
        self.relay = relay
        self.clock = clock
        self._handlers: set[asyncio.Task[None]] = set()

    async def connect(self, **options: Any) -> Peer:
        return await Peer.over(self.raw_link(**options))

    def raw_link(self, **options: Any) -> FrameLink:
        ours, theirs = memory_pair(**options)
        task = asyncio.create_task(self.relay.handle(theirs))
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)
        return ours

    async def one_gone(self) -> None:
        """Wait until the relay is done with one more connection."""
        await asyncio.wait(self._handlers, return_when=asyncio.FIRST_COMPLETED, timeout=TIMEOUT_S)

    async def join(self, someone: Someone | None = None, *, handle: str = "", **options: Any) -> Peer:
        """Connect, register if need be, and log in."""
        peer = await self.connect(**options)
        someone = someone or Someone.new()
        verify_hello(peer.hello, self.relay.fingerprint, b"")
        await peer.register(someone, handle=handle)
        await peer.login(someone)
        return peer

    async def back(self, someone: Someone, **options: Any) -> Peer:
        """Connect again and log in."""
        peer = await self.connect(**options)
        await peer.login(someone)
        return peer


@asynccontextmanager
async def running(data_dir: Path | None, *, clock: Any = None, **config: Any) -> AsyncIterator[RunningRelay]:
    """A relay from start to stop; registration is open unless said otherwise."""
    settings: dict[str, Any] = {"registration": "open", "port": None} | config
    clock = clock or SystemClock()
    relay = Relay(RelayConfig(data_dir, **settings), clock)
    await relay.start()
    world = RunningRelay(relay, clock)
    try:
        yield world
    finally:
        await relay.stop()
