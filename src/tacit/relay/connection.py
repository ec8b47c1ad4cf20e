"""One connection from its first frame to its last: reads requests, has them served in order, answers each once.

Routes and bounds; what a request means is in the services. Requests take effect in the order in which they came:
appends and acknowledgements are queued to the disk one behind the other, everything else waits for those to be through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, cast

from tacit import limits
from tacit.errors import DecodeError, RelayError, TransportError
from tacit.log import EventLog
from tacit.net.errors import LinkClosed
from tacit.net.links import CloseCode, FrameLink
from tacit.relay import keys, logs, phones, registry, rendezvous, rooms
from tacit.relay.context import Context
from tacit.relay.in_flight import InFlight
from tacit.relay.login import Challenges, greet, login
from tacit.relay.outgoing import Outgoing
from tacit.relay.pausing import Pause
from tacit.relay.rates import ANY_REQUEST, REFUSED, Buckets, tokens_of
from tacit.relay.refusal_frames import entry_refused, error_of
from tacit.relay.store.rows import Session
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import (
    BadRequest,
    Closed,
    Internal,
    Malformed,
    PhoneCodeSent,
    RateLimited,
    ShuttingDown,
    Unsupported,
)
from tacit.wire.frames import Frame, RequestBody, ResponseBody, decode_request, encode_response
from tacit.wire.operations import REQUESTS, Phase, check_request
from tacit.wire.shapes import check_shape

_LOG: Final = EventLog("relay")

_QUEUED: Final = frozenset({"append", "acknowledge"})
"""Requests that are queued to the disk one behind the other; all others are waited for."""

_ENTRIES: Final = frozenset({"register", "login", "submit_otp"})
"""Requests by which a stranger becomes somebody."""

TURN: Final = 32
"""Frames of one connection that are served before others have their turn."""

STRANGERS_TURN: Final = 4
"""The same of one that has not logged in; a thousand of these may have theirs before it is anybody's turn again."""


class Connection:
    """One peer; ``run`` returns when the link has ended."""

    def __init__(self, context: Context, link: FrameLink) -> None:
        self.session: Session | None = None
        self.place: rendezvous.Rendezvous | None = None
        self.was_seated = False
        self.began_s = context.clock.monotonic_s()
        self.outgoing = Outgoing(link, context.store, context.hub, partial(logs.report_damage, context))
        self._context = context
        self._link = link
        # What a proxy shows the client is not known here; an empty hash makes the client verify the proxy's name.
        proxied = context.config.behind_proxy and link.transport == "ws"
        self._challenges = Challenges(context, b"" if proxied else link.own_certificate_hash)
        self._buckets = Buckets()
        """Of a stranger; a device shares those of its account."""
        self._failures = 0
        self._owes_s = 0.0
        """How long a device is not to be read for what its account was refused."""
        self._turn = 0
        self._was_cut_off = False
        self._pause = Pause(context.clock)
        self._in_flight = InFlight()

    @property
    def transport(self) -> str:
        """What carries its frames."""
        return self._link.transport

    async def run(self) -> None:
        """Serve the peer until the link ends, from whichever side."""
        self._link.limit_frames(limits.MAX_LOGIN_FRAME_BYTES)
        self.outgoing.push(encode_response(0, greet(self._context, self._challenges)))
        sending = asyncio.create_task(self._send())
        try:
            while not self.outgoing.is_ending:
                await self._take_all(await self._receive())
            # Who does not read the last word need not be read for as long as that takes.
            await asyncio.wait({sending})
        except LinkClosed:
            pass
        finally:
            self._leave()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def end(self, last: pb.Closing | pb.Error | None, code: CloseCode = CloseCode.NORMAL) -> None:
        """Say a last word behind what is queued, and close."""
        if last is not None and not self.outgoing.is_ending:
            self._context.metrics.cut_off[last.code] += 1
        self._pause.look()
        self.outgoing.end(last, last.code if last is not None else "", code)

    async def drain(self, last: pb.Closing) -> None:
        """Let what is being worked on finish, then end."""
        await self._in_flight.nothing()
        self.end(last, CloseCode.GOING_AWAY)

    def seat(self, place: rendezvous.Rendezvous) -> None:
        """Sit at a rendezvous: no stranger any more, though nobody who has logged in."""
        self.place, self.was_seated = place, True
        self._context.strangers.pop(self, None)
        self._link.limit_frames(REQUESTS["pass_on"].max_bytes)

    def unseat(self) -> None:
        """Be a stranger again."""
        self.place = None

    def cut_off(self, reason: str = "") -> None:
        """End at once, without a word; a reason that has not been said before is for the operator's figures."""
        if reason:
            self._context.metrics.cut_off[reason] += 1
        self._was_cut_off = True
        self._pause.look()
        self._link.abort()

    async def _send(self) -> None:
        try:
            await self.outgoing.run()
        except TransportError:
            self._link.abort()
        except Exception as error:  # noqa: BLE001 - a connection that cannot be written to must end
            _LOG.warning("sending-failed", error=type(error).__name__)
            self._link.abort()

    def _leave(self) -> None:
        """Be missed nowhere."""
        self._context.strangers.pop(self, None)
        if self.place is not None:
            self._context.meetings.leave(self.place, self)
        if self.session is not None:
            self._context.sessions.leave(self.session.device, self)
            if self.session.device not in self._context.sessions:
                self._context.doors.left(self.session.device)
        self.outgoing.close_flows()

    async def _receive(self) -> Sequence[bytes]:
        """What has come; whoever sends more than it may is not read for a while."""
        received = await self._link.receive_many()
        if self.session is not None:
            wait_s = self._spend(self.session, ANY_REQUEST, len(received))
            if wait_s:
                await self._pause.wait(wait_s, self._is_past)
        return received

    async def _take_all(self, received: Sequence[bytes]) -> None:
        """Serve frames in order; what comes behind the last word has no effect, a revoked device's perhaps."""
        turn = STRANGERS_TURN if self.session is None else TURN
        for data in received:
            if self.outgoing.is_ending:
                return
            frame = self._take(data)
            if frame is not None:
                await self._serve(frame)
            self._turn += 1
            if self._turn % turn == 0:
                await asyncio.sleep(0)
            if self._owes_s:
                owed_s, self._owes_s = self._owes_s, 0.0
                await self._pause.wait(owed_s, self._is_past)
            if self._in_flight.is_full or self.outgoing.is_full:
                await self._in_flight.room()
                await self.outgoing.drained()

    def _take(self, data: bytes) -> Frame[RequestBody] | None:
        """Serve one frame, unless it is of a kind that is waited for: that one is returned."""
        try:
            frame = decode_request(data)
        except DecodeError:
            self._context.metrics.refusals[Malformed.code] += 1
            self.end(error_of(Malformed()), CloseCode.PROTOCOL_ERROR)
            return None
        try:
            self._admit(frame, len(data))
            if self.session is None or frame.name not in _QUEUED:
                return frame
            self._queue(self.session, frame, len(data))
        except Exception as error:  # noqa: BLE001 - one request's fault must not end the relay
            self._fail(frame, error)
        return None

    def _admit(self, frame: Frame[RequestBody], size_bytes: int) -> None:
        """Check what can be checked without the store, and count what a device asks. Raises the refusal."""
        if self._context.stopping:
            raise ShuttingDown
        check_request(self._phase, frame.name, size_bytes)
        check_shape(frame.name, frame.body)
        if self.was_seated and frame.name in _ENTRIES:
            raise BadRequest("the connection is for a rendezvous")
        if self.session is not None:
            buckets = self._context.buckets_of(self.session.account)
            buckets.take_request(frame.name, frame.body, self._context.clock.monotonic_s())

    async def _serve(self, frame: Frame[RequestBody]) -> None:
        """Serve a request that is waited for."""
        try:
            if self.session is None:
                await self._count(frame)
                if self._is_over:
                    return
            self._in_flight.begin()
            try:
                if self.session is None:
                    self._answer(frame.request_id, await self._serve_stranger(frame))
                else:
                    await self._in_flight.quiet()
                    await self._serve_device(self.session, frame)
            finally:
                self._in_flight.end()
        except Exception as error:  # noqa: BLE001 - one request's fault must not end the relay
            self._fail(frame, error)

    async def _count(self, frame: Frame[RequestBody]) -> None:
        """Count what a stranger asks, for its connection and its address. Raises ``RateLimited``.

        Only what is to be passed on waits for its time, which is cheaper than to refuse it again and again.
        """
        origin, now_s = self._link.peer_address, self._context.clock.monotonic_s()
        if not isinstance(frame.body, pb.PassOn):
            self._buckets.take_request(frame.name, frame.body, now_s)
            self._context.addresses.take(origin, frame.name)
            return
        tokens = tokens_of(frame.name, frame.body)
        of_connection = self._buckets.spend(frame.name, now_s, tokens)
        of_address = self._context.addresses.spend(origin, frame.name, tokens)
        await self._pause.wait(max(of_connection, of_address), self._is_past)
        # Whoever waits for its own time takes no turn from others.
        if self.place is not None:
            await self._pause.wait(self._context.meetings.turn_in_s(frame.body.payload), self._is_past)

    def _spend(self, session: Session, what: str, frames: int) -> float:
        """Count what a device's account makes us do; returns for how many seconds it is not to be read."""
        return self._context.buckets_of(session.account).spend(what, self._context.clock.monotonic_s(), frames)

    async def _serve_stranger(self, frame: Frame[RequestBody]) -> ResponseBody:
        origin = self._link.peer_address
        match frame.name:
            case "open_rendezvous":
                return rendezvous.open_rendezvous(self._context, self, origin)
            case "join_rendezvous":
                return rendezvous.join_rendezvous(self._context, self, cast(pb.JoinRendezvous, frame.body))
            case "pass_on":
                return rendezvous.pass_on(self._context, self, cast(pb.PassOn, frame.body))
            case "dismiss":
                return rendezvous.dismiss(self._context, self, cast(pb.Dismiss, frame.body))
            case "register":
                return await registry.register(self._context, self._challenges, cast(pb.Register, frame.body), origin)
            case "login":
                session, answer = await login(self._context, self._challenges, cast(pb.Login, frame.body))
                self._enter(session)
                return answer
            case "submit_otp":
                return phones.submit_otp(self._context, self._challenges, cast(pb.SubmitOtp, frame.body))
        raise Unsupported

    async def _serve_device(self, session: Session, frame: Frame[RequestBody]) -> None:
        """Serve a request that is waited for; Listen is answered by the outgoing side."""
        context, body = self._context, cast(Any, frame.body)
        answer: ResponseBody
        match frame.name:
            case "listen":
                await logs.listen(context, session, self.outgoing, frame.request_id, body)
                return
            case "create_log":
                answer = await logs.create_log(context, session, body)
            case "bring_back":
                answer = await logs.bring_back(context, session, body)
            case "publish_keys":
                answer = await keys.publish_keys(context, session, body)
            case "recipient_keys":
                answer = await keys.recipient_keys(context, session, body)
            case "sender_keys":
                answer = await registry.sender_keys(context, session, body)
            case "enter_room":
                await rooms.enter_room(context, session, self.outgoing, body, partial(self._answer_later, frame))
                return
            case "revoke_device":
                answer = await registry.revoke_device(context, session, body)
            case _:
                raise Unsupported
        self._answer(frame.request_id, answer)

    def _queue(self, session: Session, frame: Frame[RequestBody], size_bytes: int) -> None:
        """Queue a request to the disk; its answer leaves when it is there."""
        serve: Any = logs.append if frame.name == "append" else logs.acknowledge

        def answer(outcome: ResponseBody | RelayError) -> None:
            self._in_flight.answer(size_bytes)
            self._answer_later(frame, outcome)

        self._in_flight.queue(size_bytes)
        try:
            serve(self._context, session, frame.body, answer)
        except BaseException:
            self._in_flight.answer(size_bytes)
            raise

    def _enter(self, session: Session) -> None:
        """Go from greeted to logged in."""
        self._context.sessions.enter(session, self)
        self.session = session
        self._context.metrics.logins += 1
        self._context.strangers.pop(self, None)
        self._link.limit_frames(limits.MAX_FRAME_BYTES)

    def _answer(self, request_id: int, body: ResponseBody) -> None:
        self.outgoing.push(encode_response(request_id, body))

    def _answer_later(self, frame: Frame[RequestBody], outcome: ResponseBody | RelayError) -> None:
        """Answer a request that was left open."""
        if isinstance(outcome, RelayError):
            self._refuse(frame, outcome)
        else:
            self._answer(frame.request_id, outcome)

    def _fail(self, frame: Frame[RequestBody], error: Exception) -> None:
        """Answer a request that raised a refusal, or tripped."""
        if not isinstance(error, RelayError):
            _LOG.warning("request-failed", request=frame.name, error=type(error).__name__)
            error = Internal()
        self._refuse(frame, error)

    def _refuse(self, frame: Frame[RequestBody], refusal: RelayError) -> None:
        """Answer a request that is not granted; strangers get so many of these."""
        self._context.metrics.refusals[refusal.code] += 1
        if self.session is not None:
            self._owes_s = self._spend(self.session, REFUSED, 1)
            self._answer(frame.request_id, error_of(refusal))
            return
        # Nothing has failed where a code was sent, or where the other side has yet to read.
        waits = self.place is not None and frame.name == "pass_on" and isinstance(refusal, RateLimited)
        self._failures += not (waits or isinstance(refusal, PhoneCodeSent))
        last = self._failures >= (limits.MAX_SEATED_FAILURES if self.was_seated else limits.MAX_LOGIN_FAILURES)
        if frame.name not in _ENTRIES:
            self._answer(frame.request_id, error_of(refusal))
        else:
            challenge = b"" if last else self._challenges.ask()
            self._answer(frame.request_id, entry_refused(frame.name, refusal, challenge))
        if last:
            self.end(pb.Closing(code=Closed.LOGIN_FAILURES), CloseCode.POLICY_VIOLATION)

    @property
    def _phase(self) -> Phase:
        return Phase.GREETED if self.session is None else Phase.LOGGED_IN

    @property
    def _is_over(self) -> bool:
        """Whether nothing that comes has an effect any more."""
        return self._was_cut_off or self.outgoing.is_ending

    def _is_past(self) -> bool:
        """Whether there is nobody to wait for either."""
        return self._is_over or self._link.is_gone
