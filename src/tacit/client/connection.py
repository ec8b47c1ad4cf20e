"""One connection to the relay: who is there, who are we, then requests with answers and entries as they come.

Trusts nobody before the Hello has proved itself against the link's fingerprint and the certificate that was seen. Knows
frames, not what is in a payload. A connection that has ended stays ended; making another is the runtime's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias, TypeVar

from tacit import limits
from tacit.client.errors import RequestTimeout, UnexpectedAnswer
from tacit.clock import Clock
from tacit.crypto import ed25519
from tacit.errors import DecodeError, RelayError, TransportError
from tacit.identity import AccountKey, RelayLink
from tacit.net import FrameLink, LinkClosed
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import Closed as ClosedCode
from tacit.wire.errors import HandleTaken, NoSuchAccount, NoSuchDevice, refusal
from tacit.wire.frames import Frame, RequestBody, ResponseBody, decode_response, encode_request
from tacit.wire.operations import choose_protocol
from tacit.wire.signing import login_tbs, register_tbs, verify_hello

Connect: TypeAlias = Callable[[RelayLink], Awaitable[FrameLink]]
"""Opens a link to where a relay link points."""

Pushed: TypeAlias = pb.Entry | pb.Listening
"""What has its place in the stream: entries, and the word that all earlier ones have been sent."""

Answer = TypeVar("Answer")

PUSHES_WAITING = 2_048
"""Entries read ahead of processing; past that the connection is not read, and the relay waits."""


class Replaced(TransportError):
    """This device has logged in at the relay from somewhere else."""

    code = "replaced"
    hint = "A profile must run in one place only: was it copied? Close the other one, or make a new profile."


class SlowHandshake(TransportError):
    """The relay did not finish its greeting in time."""

    code = "slow-handshake"


@dataclass(frozen=True, slots=True)
class Login:
    """What this device shows a relay."""

    account: AccountKey = field(repr=False)
    account_id: bytes
    device_id: bytes
    device_private: bytes = field(repr=False)
    device_certificate: bytes
    handle: str


@dataclass(frozen=True, slots=True)
class Welcomed:
    """What the relay said when it let this device in."""

    logged_in: pb.LoggedIn
    registered: bool
    """The account had to be registered, again or for the first time."""
    handle_lost: bool = False
    """The relay has given the handle to somebody else, so the account was registered without."""


class Connection:
    """A connection that has logged in. ``run`` reads it; ``request`` and ``begin`` write."""

    def __init__(self, link: FrameLink, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._last_id = 0
        self._waiting: dict[int, tuple[float, asyncio.Future[ResponseBody]]] = {}
        self._closing: pb.Closing | None = None
        self._pushes: asyncio.Queue[Pushed] = asyncio.Queue(PUSHES_WAITING)
        self.on_push: Callable[[], None] = _nothing
        """Called whenever there is something to take."""

    async def begin(self, body: RequestBody) -> asyncio.Future[ResponseBody]:
        """Hand a request over; the future brings the answer, a ``RelayError`` or the end of the connection.

        Requests of one task leave in the order of the calls.
        """
        self._last_id += 1
        future: asyncio.Future[ResponseBody] = asyncio.get_running_loop().create_future()
        self._waiting[self._last_id] = (self._clock.monotonic_s(), future)
        try:
            await self._link.send(encode_request(self._last_id, body))
        except BaseException:
            self._waiting.pop(self._last_id, None)
            future.cancel()
            raise
        return future

    async def request(self, body: RequestBody, answer: type[Answer]) -> Answer:
        """Make a request and wait for its answer; raises ``RelayError``, ``TransportError``."""
        response = await (await self.begin(body))
        if not isinstance(response, answer):
            raise UnexpectedAnswer
        return response

    async def run(self) -> NoReturn:
        """Read until the connection ends, then raise why."""
        watch = asyncio.create_task(self._watch())
        try:
            while True:
                await self._take(decode_response(await self._link.receive()))
        except DecodeError as error:
            await self._link.close("malformed frame")
            raise UnexpectedAnswer from error
        except LinkClosed as error:
            raise self._why(error) from None
        finally:
            watch.cancel()
            self._fail_waiting()

    def take_pushes(self, most: int) -> list[Pushed]:
        """What has been pushed and not taken yet, oldest first."""
        taken = [self._pushes.get_nowait() for _ in range(min(most, self._pushes.qsize()))]
        if not self._pushes.empty():
            self.on_push()
        return taken

    def abort(self) -> None:
        """Cut the connection."""
        self._link.abort()

    async def close(self) -> None:
        """Say goodbye."""
        await self._link.close()
        self._fail_waiting()

    async def _take(self, frame: Frame[ResponseBody]) -> None:
        body = frame.body
        if isinstance(body, pb.Entry):
            await self._push(body)
        elif isinstance(body, pb.Closing):
            self._closing = body
        elif body is not None:
            if isinstance(body, pb.Listening):
                await self._push(body)
            self._answer(frame.request_id, body)

    async def _push(self, body: Pushed) -> None:
        if self._pushes.full():
            self.on_push()
        await self._pushes.put(body)
        self.on_push()

    def _answer(self, request_id: int, body: ResponseBody) -> None:
        _, future = self._waiting.pop(request_id, (0.0, None))
        if future is None or future.done():
            return
        if isinstance(body, pb.Error):
            future.set_exception(read_refusal(body))
            future.exception()  # whoever began it may not be looking any more
        else:
            future.set_result(body)

    async def _watch(self) -> None:
        """Cut a connection that leaves requests unanswered."""
        while True:
            await self._clock.sleep(limits.REQUEST_TIMEOUT_S / 3)
            oldest = min((since for since, _ in self._waiting.values()), default=None)
            if oldest is not None and self._clock.monotonic_s() - oldest > limits.REQUEST_TIMEOUT_S:
                self._closing = pb.Closing(code=RequestTimeout.code)
                self._link.abort()

    def _why(self, error: LinkClosed) -> TransportError:
        code = self._closing.code if self._closing else ""
        if code == RequestTimeout.code:
            return RequestTimeout()
        if code == ClosedCode.REPLACED:
            return Replaced()
        if self._closing is not None and self._closing.reconnect_after_s:
            error.retry_after_s = float(self._closing.reconnect_after_s)
        return error

    def _fail_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for _, future in waiting.values():
            if not future.done():
                future.set_exception(LinkClosed(1006))
                future.exception()


def _nothing() -> None:
    """Nobody listens yet."""


def read_refusal(error: pb.Error) -> RelayError:
    """The exception that an Error stands for."""
    return refusal(error.code, retry_after_s=error.retry_after_s, last_commit_seq=error.last_commit_seq)


async def open_connection(
    relay: RelayLink, login: Login, connect: Connect, clock: Clock, *, register_first: bool = False
) -> tuple[Connection, Welcomed]:
    """Reach a relay, check that it is the one that the link names, and log in, registering where it does not know us.

    Raises ``PinMismatch`` when it is another relay, ``RelayError`` when it refuses, ``TransportError`` otherwise.
    """
    link = await connect(relay)
    try:
        async with asyncio.timeout(limits.HANDSHAKE_TIMEOUT_S):
            welcomed = await _Handshake(link, relay, login).run(register_first=register_first)
    except TimeoutError:
        link.abort()
        raise SlowHandshake from None
    except BaseException:
        link.abort()
        raise
    return Connection(link, clock), welcomed


class _Handshake:
    """From Hello to LoggedIn, one frame at a time."""

    def __init__(self, link: FrameLink, relay: RelayLink, login: Login) -> None:
        self._link = link
        self._relay = relay
        self._login = login
        self._hello = pb.Hello()
        self._challenge = b""
        self._protocol = 0

    async def run(self, *, register_first: bool) -> Welcomed:
        hello = await self._receive()
        if not isinstance(hello, pb.Hello):
            raise self._refused(hello)
        verify_hello(hello, self._relay.fingerprint, self._link.peer_certificate_hash)
        self._hello, self._challenge = hello, hello.challenge
        self._protocol = choose_protocol(hello.protocol_min, hello.protocol_max)
        if register_first:
            await self._register(self._login.handle)
            return Welcomed(await self._log_in(), registered=True)
        try:
            return Welcomed(await self._log_in(), registered=False)
        except (NoSuchAccount, NoSuchDevice):
            # The relay's data is new. It is the relay of our link, so telling it who we are is what the owner wanted.
            lost = await self._register_again()
            return Welcomed(await self._log_in(), registered=True, handle_lost=lost)

    async def _register_again(self) -> bool:
        try:
            await self._register(self._login.handle)
        except HandleTaken:
            await self._register("")
            return True
        return False

    async def _register(self, handle: str) -> None:
        signed = register_tbs(
            protocol=self._protocol,
            relay_key=self._hello.relay_key,
            certificate_hash=self._link.peer_certificate_hash,
            challenge=self._challenge,
            account_key=self._login.account.public,
            device_certificate=self._login.device_certificate,
            handle=handle,
            invite=self._relay.invite,
        )
        answer = await self._exchange(
            pb.Register(
                account_key=self._login.account.public,
                device_certificate=self._login.device_certificate,
                handle=handle,
                invite=self._relay.invite,
                signature=self._login.account.sign_bytes(signed),
                protocol=self._protocol,
            )
        )
        if not isinstance(answer, pb.Registered):
            raise self._refused(answer)
        self._challenge = answer.next_challenge

    async def _log_in(self) -> pb.LoggedIn:
        signed = login_tbs(
            protocol=self._protocol,
            relay_key=self._hello.relay_key,
            certificate_hash=self._link.peer_certificate_hash,
            challenge=self._challenge,
            account_id=self._login.account_id,
            device_id=self._login.device_id,
        )
        answer = await self._exchange(
            pb.Login(
                protocol=self._protocol,
                account_id=self._login.account_id,
                device_id=self._login.device_id,
                signature=ed25519.sign(self._login.device_private, signed),
            )
        )
        if not isinstance(answer, pb.LoggedIn):
            raise self._refused(answer)
        return answer

    async def _exchange(self, body: RequestBody) -> ResponseBody:
        await self._link.send(encode_request(1, body))
        return await self._receive()

    async def _receive(self) -> ResponseBody:
        try:
            body = decode_response(await self._link.receive()).body
        except DecodeError:
            raise UnexpectedAnswer from None
        if body is None:
            raise UnexpectedAnswer
        return body

    def _refused(self, answer: Any) -> RelayError:
        """Why the relay did not do it; remembers the challenge for another try."""
        if isinstance(answer, pb.RegistrationFailed | pb.LoginFailed):
            self._challenge = answer.next_challenge
            retry_after_s = answer.retry_after_s if isinstance(answer, pb.RegistrationFailed) else 0
            return refusal(answer.code, retry_after_s=retry_after_s)
        if isinstance(answer, pb.Error):
            return read_refusal(answer)
        if isinstance(answer, pb.Closing):
            return refusal(answer.code, retry_after_s=answer.reconnect_after_s)
        return UnexpectedAnswer()
