"""The door of a relay: who is there, who are we. From the relay's Hello to its LoggedIn, one frame at a time.

Trusts nobody before the Hello has proved itself against the link's fingerprint and the certificate that was seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from tacit import limits
from tacit.client.connection import Connection, read_refusal
from tacit.client.errors import UnexpectedAnswer
from tacit.clock import Clock
from tacit.crypto.eddsa import ED25519
from tacit.errors import DecodeError, RelayError, TransportError, UsageError
from tacit.identity import AccountKey, RelayLink
from tacit.net import FrameLink, LinkClosed, NotARelay
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import HandleTaken, NoSuchAccount, NoSuchDevice, PhoneCodeExpired, refusal
from tacit.wire.frames import RequestBody, ResponseBody, decode_response, encode_request
from tacit.wire.operations import choose_protocol
from tacit.wire.signing import NameToVerify, login_tbs, register_tbs, verify_hello

Connect: TypeAlias = Callable[[RelayLink, bool], Awaitable[FrameLink]]
"""Opens a link to where a relay link points; true: only if this machine's authorities vouch for the name there."""


class SlowHandshake(TransportError):
    """The relay did not finish its greeting in time."""

    code = "slow-handshake"
    hint = "Check the port in the link; a relay that has very much to do may take that long, too."


class NoPhonesHere(UsageError):
    """This relay asks for no phone numbers, so nobody is found by one there."""

    code = "no-phones-here"


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
class PhoneProof:
    """What a new account shows a relay that asks for a phone number; empty where there is nothing to show."""

    phone: str = ""
    findable: bool = False
    request: str = ""
    """What the relay called the code that it has sent."""
    code: str = field(default="", repr=False)
    again: bool = False
    """The code may have been taken over a connection that was lost."""


NO_PROOF: Final = PhoneProof()

WITHOUT_PHONES: Final = frozenset({"open", "invite"})
"""What a relay says of registration that needs no number; of one that says nothing it is not known."""


@dataclass(frozen=True, slots=True)
class Welcomed:
    """What the relay said when it let this device in."""

    logged_in: pb.LoggedIn
    registered: bool
    """The account had to be registered, again or for the first time."""
    handle_lost: bool = False
    """The relay has given the handle to somebody else, so the account was registered without."""


async def open_connection(
    relay: RelayLink, login: Login, connect: Connect, clock: Clock, *, registering: PhoneProof | None = None
) -> tuple[Connection, Welcomed]:
    """Reach a relay, check that it is the one that the link names, and log in, registering where it does not know us.

    With ``registering`` it registers before anything else, and shows that. Raises ``PinMismatch`` when it is another
    relay, ``RelayError`` when it refuses, ``TransportError`` otherwise.
    """
    link, welcomed = await _enter(relay, login, connect, registering)
    return Connection(link, clock), welcomed


async def register_again(relay: RelayLink, login: Login, connect: Connect, proof: PhoneProof) -> None:
    """Tell a relay that knows this device something that it is told on registering, without logging in.

    Raises as ``open_connection``.
    """
    link, _ = await _enter(relay, login, connect, proof, log_in=False)
    await link.close()


async def first_frame(link: FrameLink, relay: RelayLink) -> bytes:
    """What a relay says first. Raises ``NotARelay`` where somebody hangs up instead."""
    try:
        return await link.receive()
    except LinkClosed:
        raise NotARelay(f"{relay.host}:{relay.port}") from None


async def _enter(
    relay: RelayLink,
    login: Login,
    connect: Connect,
    registering: PhoneProof | None,
    *,
    log_in: bool = True,
    verify_name: bool = False,
) -> tuple[FrameLink, Welcomed]:
    link = await connect(relay, verify_name)
    try:
        async with asyncio.timeout(limits.HANDSHAKE_TIMEOUT_S):
            handshake = _Handshake(link, relay, login, name_verified=verify_name)
            return link, await handshake.run(registering, log_in=log_in)
    except TimeoutError:
        link.abort()
        raise SlowHandshake from None
    except NameToVerify:
        link.abort()
        if verify_name:
            raise
    except BaseException:
        link.abort()
        raise
    # The relay key itself has said that its name is to be verified. Nothing of ours has left this machine yet.
    return await _enter(relay, login, connect, registering, log_in=log_in, verify_name=True)


class _Handshake:
    """From Hello to LoggedIn, one frame at a time."""

    def __init__(self, link: FrameLink, relay: RelayLink, login: Login, *, name_verified: bool) -> None:
        self._link = link
        self._relay = relay
        self._login = login
        self._name_verified = name_verified
        self._hello = pb.Hello()
        self._challenge = b""
        self._protocol = 0

    async def run(self, registering: PhoneProof | None, *, log_in: bool) -> Welcomed:
        hello = _read(await first_frame(self._link, self._relay))
        if not isinstance(hello, pb.Hello):
            raise self._refused(hello)
        seen = self._link.peer_certificate_hash
        verify_hello(hello, self._relay.fingerprint, seen, name_verified=self._name_verified)
        self._hello, self._challenge = hello, hello.challenge
        self._protocol = choose_protocol(hello.protocol_min, hello.protocol_max)
        if registering is not None:
            if not (log_in or self._asks_for_phones):
                raise NoPhonesHere
            # A number is nobody's business who does not ask for it.
            await self._show_and_register(registering if self._asks_for_phones else NO_PROOF)
            return Welcomed(await self._log_in() if log_in else pb.LoggedIn(), registered=True)
        try:
            return Welcomed(await self._log_in(), registered=False)
        except (NoSuchAccount, NoSuchDevice):
            # The relay's data is new. It is the relay of our link, so telling it who we are is what the owner wanted.
            lost = await self._register_again()
            return Welcomed(await self._log_in(), registered=True, handle_lost=lost)

    @property
    def _asks_for_phones(self) -> bool:
        return self._hello.registration not in WITHOUT_PHONES

    async def _register_again(self) -> bool:
        try:
            await self._register(self._login.handle)
        except HandleTaken:
            await self._register("")
            return True
        return False

    async def _show_and_register(self, proof: PhoneProof) -> None:
        if proof.code:
            await self._show_code(proof)
        await self._register(self._login.handle, proof)

    async def _show_code(self, proof: PhoneProof) -> None:
        answer = await self._exchange(pb.SubmitOtp(request=proof.request, code=proof.code))
        if isinstance(answer, pb.OtpAccepted):
            self._challenge = answer.next_challenge
            return
        error = self._refused(answer)
        if not (proof.again and isinstance(error, PhoneCodeExpired)):
            raise error

    async def _register(self, handle: str, proof: PhoneProof = NO_PROOF) -> None:
        signed = register_tbs(
            protocol=self._protocol,
            relay_key=self._hello.relay_key,
            certificate_hash=self._hello.certificate_hash,
            challenge=self._challenge,
            account_key=self._login.account.public,
            device_certificate=self._login.device_certificate,
            handle=handle,
            invite=self._relay.invite,
            phone=proof.phone,
            otp_request=proof.request,
            findable=proof.findable,
        )
        answer = await self._exchange(
            pb.Register(
                account_key=self._login.account.public,
                device_certificate=self._login.device_certificate,
                handle=handle,
                invite=self._relay.invite,
                signature=self._login.account.sign_bytes(signed),
                protocol=self._protocol,
                phone=proof.phone,
                otp_request=proof.request,
                findable=proof.findable,
            )
        )
        if not isinstance(answer, pb.Registered):
            raise self._refused(answer)
        self._challenge = answer.next_challenge

    async def _log_in(self) -> pb.LoggedIn:
        signed = login_tbs(
            protocol=self._protocol,
            relay_key=self._hello.relay_key,
            certificate_hash=self._hello.certificate_hash,
            challenge=self._challenge,
            account_id=self._login.account_id,
            device_id=self._login.device_id,
        )
        answer = await self._exchange(
            pb.Login(
                protocol=self._protocol,
                account_id=self._login.account_id,
                device_id=self._login.device_id,
                signature=ED25519.sign(self._login.device_private, signed),
            )
        )
        if not isinstance(answer, pb.LoggedIn):
            raise self._refused(answer)
        return answer

    async def _exchange(self, body: RequestBody) -> ResponseBody:
        await self._link.send(encode_request(1, body))
        return _read(await self._link.receive())

    def _refused(self, answer: Any) -> RelayError:
        """Why the relay did not do it; remembers the challenge for another try."""
        if isinstance(answer, pb.RegistrationFailed):
            self._challenge = answer.next_challenge
            return refusal(answer.code, retry_after_s=answer.retry_after_s, otp_request=answer.otp_request)
        if isinstance(answer, pb.LoginFailed):
            self._challenge = answer.next_challenge
            return refusal(answer.code, retry_after_s=answer.retry_after_s)
        if isinstance(answer, pb.Error):
            return read_refusal(answer)
        if isinstance(answer, pb.Closing):
            return refusal(answer.code, retry_after_s=answer.reconnect_after_s)
        return UnexpectedAnswer()


def _read(frame: bytes) -> ResponseBody:
    try:
        body = decode_response(frame).body
    except DecodeError:
        raise UnexpectedAnswer from None
    if body is None:
        raise UnexpectedAnswer
    return body
