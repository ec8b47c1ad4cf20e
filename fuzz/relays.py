"""A whole relay under a target: its dispatcher, its services and a store on a disk, and peers that say what they like.

Nothing of it is replaced but the network, which is a pair of links in memory, and the clock, which moves a little with
each input, so that limits are met and come to an end, and what has waited too long is swept. Signatures that a mutation
could never hit are made here, where a frame asks for one with ``SIGN`` in its place; so are the names of rendezvous. To
each that a stranger opens somebody comes, and says something back to whatever it is told.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import random
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from tacit.crypto.eddsa import ED25519
from tacit.crypto.keys import KeyPair
from tacit.errors import DecodeError
from tacit.identity import AccountKey, DeviceCertificate
from tacit.net.errors import LinkClosed
from tacit.net.memory import MemoryLink, memory_pair
from tacit.relay.config import RelayConfig
from tacit.relay.server import Relay
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import REFUSALS, Closed, PartedCode
from tacit.wire.frames import decode_request, decode_response, encode_request
from tacit.wire.signing import login_tbs, register_tbs, revoke_tbs
from tests.relay.peers import Moves

NOW_S: Final = 1_800_000_000
STEP_S: Final = 5.0
"""What an input takes by the relay's clock."""

TIMEOUT_S: Final = 30.0
LAST: Final = 2**40
"""Request ID of what is asked behind an input; its answer means that everything before it has been served."""

MAX_FRAMES: Final = 12
SIGN: Final = b"sign"
NAME: Final = "WAITER"
"""In the place of the name of a rendezvous: one where somebody waits."""

ADDRESSES: Final = 250
"""From which strangers come by turns, so that each may open and try names again by the next time."""

RETENTION_S: Final = 3_600
PARTED: Final = frozenset(value for name, value in vars(PartedCode).items() if name.isupper())
CLOSINGS: Final = frozenset(value for name, value in vars(Closed).items() if name.isupper())
KEPT: Final = Path(__file__).resolve().parent / "kept"
LOG_ID: Final = b"the log of both."


@dataclass(frozen=True)
class Member:
    """An account with one device."""

    account: AccountKey
    device: KeyPair
    certificate: DeviceCertificate

    @classmethod
    def make(cls, chance: random.Random) -> Member:
        """Somebody new, the same for the same seed."""
        account = AccountKey.generate(chance.randbytes)
        device = ED25519.generate(chance.randbytes)
        return cls(account, device, DeviceCertificate.issue(account, device.public, NOW_S))

    @property
    def address(self) -> pb.Device:
        """What others name the device by."""
        return pb.Device(account_id=self.account.id, device_id=self.certificate.device_id)


def frames(data: bytes) -> list[bytes]:
    """The frames of an input: each behind its length in two bytes; what is left over is the last one."""
    found: list[bytes] = []
    while data and len(found) < MAX_FRAMES:
        size = int.from_bytes(data[:2], "big")
        found.append(data[2 : 2 + size])
        data = data[2 + size :]
    return found


def seed(*bodies: Any) -> bytes:
    """An input that says all of this."""
    encoded = [encode_request(n, body) for n, body in enumerate(bodies, 1)]
    return b"".join(len(frame).to_bytes(2, "big") + frame for frame in encoded)


def kept(name: str) -> list[bytes]:
    """Short inputs of earlier runs, each of which was answered as no other one."""
    lines = (KEPT / f"{name}.txt").read_text("ascii").split()
    return [bytes.fromhex(line) for line in lines]


class _Faults(logging.Handler):
    """Everything that the relay warns of: none of it may come of what a peer says."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record.getMessage())


class RelayUnderTest:
    """One relay for all inputs of a process."""

    def __init__(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="tacit-fuzz-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self._chance = random.Random(825)
        self.alice, self.bob, self.stranger = (Member.make(self._chance) for _ in range(3))
        self._clock = Moves(NOW_S)
        self._faults = _Faults()
        logging.getLogger().addHandler(self._faults)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, what: self._faults.seen.append(str(what)))
        config = RelayConfig(
            folder, port=None, registration="open", retention_s=RETENTION_S, registrations_per_hour=10**6
        )
        self._relay = Relay(config, self._clock, self._chance.randbytes)
        self._handlers: set[asyncio.Task[None]] = set()
        self._strangers = 0
        self._loop.run_until_complete(self._begin())

    def stranger_says(self, data: bytes) -> None:
        """One connection that never was there before."""
        self._loop.run_until_complete(self._stranger_says(frames(data)))
        self._check()

    def device_says(self, data: bytes) -> None:
        """One more turn of a device that is logged in; another one listens."""
        self._loop.run_until_complete(self._device_says(frames(data)))
        self._check()

    def _check(self) -> None:
        assert not self._faults.seen, self._faults.seen
        self._clock.forward(STEP_S)

    async def _begin(self) -> None:
        await self._relay.start()
        self._speaker = await self._login(self.alice, register=True)
        self._hearer = await self._login(self.bob, register=True)
        await self._ask(self._speaker, pb.CreateLog(log_id=LOG_ID))
        added = pb.Append(
            log_id=LOG_ID, message_id=bytes(16), kind=pb.ENTRY_KIND_COMMIT, readers_added=[self.bob.address]
        )
        await self._ask(self._speaker, added)
        places = [pb.Position(log_id=LOG_ID), pb.Position(log_id=self.bob.certificate.device_id)]
        await self._ask(self._hearer, pb.Listen(after=places))

    async def _connect(self, address: str = "203.0.113.254") -> tuple[MemoryLink, pb.Hello]:
        ours, theirs = memory_pair(capacity_frames=10_000, address=address)
        handler = self._loop.create_task(self._relay.handle(theirs))
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)
        hello = decode_response(await ours.receive()).body
        assert isinstance(hello, pb.Hello)
        return ours, hello

    async def _login(self, member: Member, *, register: bool = False) -> MemoryLink:
        link, hello = await self._connect()
        challenge = hello.challenge
        if register:
            body = pb.Register(
                protocol=1,
                account_key=member.account.public,
                device_certificate=member.certificate.encode(),
                signature=SIGN,
            )
            challenge = (await self._ask(link, self._signed(body, hello, challenge, member))).next_challenge
        login = pb.Login(
            protocol=1, account_id=member.account.id, device_id=member.certificate.device_id, signature=SIGN
        )
        answer = await self._ask(link, self._signed(login, hello, challenge, member))
        assert isinstance(answer, pb.LoggedIn), answer
        return link

    async def _stranger_says(self, said: list[bytes]) -> None:
        self._strangers += 1
        origin = f"203.0.113.{self._strangers % ADDRESSES}"
        link, hello = await self._connect(origin)
        other = _Other(self)
        challenge = hello.challenge
        try:
            for frame in said:
                if NAME.encode() in frame:
                    frame = frame.replace(NAME.encode(), (await other.waits()).encode())
                await link.send(self._filled(frame, hello, challenge, self.stranger))
                # One by one, so that the challenge of an answer can be signed in the next frame.
                for body in await self._settle(link, pb.SubmitOtp()):
                    challenge = getattr(body, "next_challenge", b"") or challenge
                    if isinstance(body, pb.RendezvousOpened):
                        await other.comes(body.name)
                await other.answers()
        except LinkClosed:
            pass
        link.abort()
        other.leaves()
        await self._gone()

    async def _device_says(self, said: list[bytes]) -> None:
        try:
            for frame in said:
                await self._speaker.send(self._filled(frame, pb.Hello(), b"", self.alice))
            await self._settle(self._speaker, pb.Acknowledge())
        except LinkClosed:
            self._speaker = await self._login(self.alice)
        for body in await self._settle(self._hearer, pb.Acknowledge()):
            assert isinstance(body, pb.Entry), body

    async def _settle(self, link: MemoryLink, last: Any) -> list[Any]:
        """Everything that comes before the answer to ``last``. Raises ``LinkClosed`` when the relay ends it."""
        await link.send(encode_request(LAST, last))
        bodies: list[Any] = []
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                frame = decode_response(await link.receive())
                check_answer(frame.body)
                if frame.request_id == LAST:
                    return bodies
                bodies.append(frame.body)

    async def _ask(self, link: MemoryLink, body: Any) -> Any:
        await link.send(encode_request(1, body))
        async with asyncio.timeout(TIMEOUT_S):
            return decode_response(await link.receive()).body

    async def _gone(self) -> None:
        """Wait until only the two that stay are connected."""
        while len(self._handlers) > 2:
            await asyncio.wait(self._handlers, return_when=asyncio.FIRST_COMPLETED, timeout=TIMEOUT_S)

    def _filled(self, frame: bytes, hello: pb.Hello, challenge: bytes, member: Member) -> bytes:
        """A frame with the signature that it asks for."""
        if SIGN not in frame:
            return frame
        try:
            read = decode_request(frame)
            body = None if read.body is None else self._signed(read.body, hello, challenge, member)
            return frame if body is None else encode_request(read.request_id, body)
        except (DecodeError, ValueError):
            return frame

    def _signed(self, body: Any, hello: pb.Hello, challenge: bytes, member: Member) -> Any:
        if getattr(body, "signature", b"") != SIGN:
            return body
        to_relay: dict[str, Any] = {
            "protocol": body.protocol if hasattr(body, "protocol") else 1,
            "relay_key": hello.relay_key,
            "certificate_hash": hello.certificate_hash,
            "challenge": challenge,
        }
        match body:
            case pb.Login():
                signed = login_tbs(**to_relay, account_id=body.account_id, device_id=body.device_id)
                body.signature = ED25519.sign(member.device.private, signed)
            case pb.Register():
                signed = register_tbs(
                    **to_relay,
                    account_key=body.account_key,
                    device_certificate=body.device_certificate,
                    handle=body.handle,
                    invite=body.invite,
                )
                body.signature = member.account.sign_bytes(signed)
            case pb.RevokeDevice() if body.device_id != member.certificate.device_id:
                signed = revoke_tbs(account_id=member.account.id, device_id=body.device_id)
                body.signature = member.account.sign_bytes(signed)
        return body


class _Other:
    """Who sits opposite a stranger at a rendezvous, if anybody does; hears what it is told there and nothing else."""

    def __init__(self, relay: RelayUnderTest) -> None:
        self._relay = relay
        self._link: MemoryLink | None = None

    async def waits(self) -> str:
        """Open a rendezvous; returns its name, or one that nobody has."""
        opened = await self._begin(pb.OpenRendezvous())
        return opened.name if isinstance(opened, pb.RendezvousOpened) else NAME

    async def comes(self, name: str) -> None:
        """Go where the stranger waits."""
        await self._begin(pb.JoinRendezvous(name=name))

    async def answers(self) -> None:
        """Say something back to each thing that was said."""
        if self._link is None:
            return
        try:
            for body in await self._relay._settle(self._link, pb.SubmitOtp()):
                assert isinstance(body, pb.Met | pb.Passage | pb.Parted | pb.Passed | pb.Error | pb.Closing), body
                if isinstance(body, pb.Passage):
                    await self._link.send(encode_request(2, pb.PassOn(payload=body.payload[:64])))
        except LinkClosed:
            with suppress(LinkClosed):  # the last word
                while True:
                    check_answer(decode_response(await self._link.receive()).body)
            self._link = None

    def leaves(self) -> None:
        """End its connection."""
        if self._link is not None:
            self._link.abort()
            self._link = None

    async def _begin(self, body: Any) -> Any:
        self.leaves()
        self._relay._strangers += 1
        self._link, _ = await self._relay._connect(f"198.51.100.{self._relay._strangers % ADDRESSES}")
        return await self._relay._ask(self._link, body)


def check_answer(body: Any) -> None:
    """What a relay may answer: something granted, a documented refusal, and never that it does not know itself."""
    assert body is not None
    if isinstance(body, pb.Closing):
        assert body.code in CLOSINGS, body
    elif isinstance(body, pb.Parted):
        assert body.code in PARTED, body
    elif hasattr(body, "code"):
        assert body.code in REFUSALS, body
        assert body.code not in {"internal", "storage-failed", "storage-full"}, body


@cache
def relay() -> RelayUnderTest:
    """The one of this process."""
    return RelayUnderTest()
