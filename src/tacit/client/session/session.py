"""A session from its code to its end. Two of these, at two machines, are all there ever is of it.

The one task here reads what comes and ends everything when anything is wrong; ``say`` seals and passes on, in order.
At the end the group, with every key in it, is let go of.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Final

from tacit import limits
from tacit.client.errors import Broken, RelayStopping
from tacit.client.handshake import Connect
from tacit.client.session.errors import (
    CodeBurned,
    NobodyCame,
    OtherSideLeft,
    OtherVersion,
    PairingFailed,
    PairingTooSlow,
    SessionBroken,
    SessionOver,
    ThirdInSession,
    WrongWords,
)
from tacit.client.session.events import EndCode, GuestCame, GuestFailed, Paired, SessionEnded, SessionEvent, SessionText
from tacit.client.session.line import Line
from tacit.client.session.pairing import Means, Met, pair_as_creator, pair_as_joiner
from tacit.client.session.talk import Goodbye, Heard, Talk
from tacit.crypto.memory import forget_private_keys
from tacit.crypto.secret import Secret
from tacit.errors import RelayError, TacitError
from tacit.identity import RelayLink
from tacit.identity.pairing import Failure, Waiting
from tacit.identity.pairing_codes import PairingCode, format_code
from tacit.log import EventLog
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import NobodyThere, PartedCode, RateLimited

_LOG: Final = EventLog("session")

GOODBYE_S: Final = 3.0
"""How long saying goodbye may take."""

ENDINGS: Final[dict[EndCode, str]] = {
    "goodbye": "The other one has ended the session.",
    "left": "The other one's connection is gone. What was said last may not have arrived.",
    "quiet": "Nobody said anything for twelve hours, so the relay has ended the session.",
    "relay-lost": "The connection to the relay is gone. What was said last may not have arrived.",
    "shutting-down": "The relay was stopped. What was said last may not have arrived.",
    "broken": SessionBroken().sentence,
    "third": ThirdInSession().sentence,
    "closed": "The session is over.",
}

_FAILED: Final[dict[Failure, type[TacitError]]] = {
    Failure.WRONG_WORDS: WrongWords,
    Failure.TOO_SLOW: PairingTooSlow,
    Failure.OTHER_VERSION: OtherVersion,
    Failure.GONE: OtherSideLeft,
}


class Session:
    """One side of a session; made by ``create`` or ``join``, ended by ``end``."""

    def __init__(self, line: Line, code: PairingCode, means: Means) -> None:
        self.code = format_code(code)
        self.check_phrase: tuple[str, ...] = ()
        self._pairing_code = code
        self._line = line
        self._means = means
        self._talk: Talk | None = None
        self._events: deque[SessionEvent] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._saying = asyncio.Lock()
        self._met: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended: SessionEnded | None = None
        self._living: asyncio.Task[None] | None = None

    @classmethod
    async def create(cls, relay: RelayLink, connect: Connect, means: Means) -> Session:
        """Open a rendezvous and wait there; the code is known when this returns."""
        line = await Line.to(relay, connect)
        try:
            opened = await line.ask(pb.OpenRendezvous(), pb.RendezvousOpened)
            session = cls(line, PairingCode.make(opened.name, means.entropy), means)
        except BaseException:
            await line.close()
            raise
        session._living = asyncio.create_task(session._live(session._wait()))
        return session

    @classmethod
    async def join(cls, relay: RelayLink, code: PairingCode, connect: Connect, means: Means) -> Session:
        """Go to the rendezvous of a code; ``ready`` tells whether the words are right."""
        line = await Line.to(relay, connect)
        try:
            await line.ask(pb.JoinRendezvous(name=code.name), pb.RendezvousJoined)
        except BaseException:
            await line.close()
            raise
        session = cls(line, code, means)
        session._living = asyncio.create_task(session._live(session._approach()))
        return session

    async def ready(self) -> None:
        """Wait until the two have paired; raises why they have not."""
        await asyncio.shield(self._met)

    async def say(self, text: str) -> None:
        """Send a text; returns when the relay has passed it on. Raises ``SessionOver``, and for a bad text."""
        async with self._saying:
            if self._talk is None or self._ended is not None:
                raise SessionOver
            self._talk, payload = self._talk.say(
                text, now_ms=int(self._means.clock.now_s() * 1000), entropy=self._means.entropy
            )
            try:
                await self._pass_on(payload)
            except asyncio.CancelledError as error:
                self._end_by_fault(error)
                raise
            except TacitError as error:
                # Whether it arrived nobody knows, and what follows would not fit: it is over either way.
                self._end_by_fault(error)
                raise SessionOver from None

    async def event(self) -> SessionEvent | None:
        """The next thing that happens; None behind the end."""
        while not self._events:
            if self._ended is not None:
                return None
            self._news.clear()
            await self._news.wait()
        self._room.set()
        return self._events.popleft()

    async def end(self) -> None:
        """Say goodbye, if there is anybody to say it to, and be gone."""
        talk, living = self._talk, self._living
        if talk is not None and self._ended is None:
            # A text that waits for a slow reader goes first, or not at all.
            with suppress(TacitError, TimeoutError):
                async with asyncio.timeout(GOODBYE_S), self._saying:
                    payload = talk if self._talk is None else self._talk
                    await self._line.ask(pb.PassOn(payload=payload.goodbye(entropy=self._means.entropy)), pb.Passed)
        self._finish("closed")
        if living is not None:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            self._living = None  # a task that was cancelled keeps what it had at hand
        await self._line.close()

    # ---- how the two find each other ----

    async def _wait(self) -> Met:
        """As who waits: pair with one guest after the other, until one has the words or too many had not."""
        waiting = Waiting.since(self._means.clock.monotonic_s())
        while waiting.is_good(self._means.clock.monotonic_s()):
            try:
                async with asyncio.timeout(waiting.expires_s - self._means.clock.monotonic_s()):
                    pushed = await self._line.pushed()
            except TimeoutError:
                break
            if isinstance(pushed, pb.Parted):
                if pushed.code not in (PartedCode.LEFT, PartedCode.DISMISSED):
                    break
                continue  # of a guest who was given up before
            if not isinstance(pushed, pb.Met):
                continue  # what such a guest still had to say
            await self._tell(GuestCame())
            outcome = await pair_as_creator(self._line, self._pairing_code, self._means)
            if isinstance(outcome, Met):
                return outcome
            waiting = waiting.after_failure()
            await self._tell(GuestFailed(outcome.value, max(0, limits.PAIRING_ATTEMPTS - waiting.failures)))
            # Who has gone need not be sent away, and somebody else may sit there by now.
            if outcome is not Failure.GONE or waiting.is_burned:
                await self._dismiss(close=waiting.is_burned)
        if waiting.is_burned:
            raise CodeBurned
        raise NobodyCame

    async def _dismiss(self, *, close: bool) -> None:
        with suppress(RelayError):
            await self._line.ask(pb.Dismiss(close=close), pb.Dismissed)

    async def _approach(self) -> Met:
        """As who comes: one attempt."""
        outcome = await pair_as_joiner(self._line, self._pairing_code, self._means)
        if isinstance(outcome, Met):
            return outcome
        raise _FAILED.get(outcome, PairingFailed)

    # ---- the life of a session ----

    async def _live(self, meeting: Coroutine[None, None, Met]) -> None:
        try:
            self._begin(await meeting)
            await self._listen()
        except asyncio.CancelledError:
            self._finish("closed")
            raise
        except TacitError as error:
            self._finish(_end_code(error), error)
        except Exception as error:  # noqa: BLE001 - whoever waits must be told, and every key let go of
            _LOG.warning("session-failed", error=type(error).__name__)
            self._finish("broken", Broken(type(error).__name__))
        finally:
            await self._line.close()

    def _begin(self, met: Met) -> None:
        self._pairing_code = PairingCode(self._pairing_code.name, Secret(b""))
        self._talk = met.talk
        self.check_phrase = met.check_phrase
        self._put(Paired(met.check_phrase))
        self._met.set_result(None)

    async def _listen(self) -> None:
        while self._talk is not None:
            match await self._line.pushed():
                case pb.Passage(payload=payload):
                    self._talk, said = self._talk.hear(payload)
                    if isinstance(said, Goodbye):
                        self._finish("goodbye")
                    else:
                        await self._tell(_text(said))
                case pb.Parted(code=code):
                    self._finish("quiet" if code == PartedCode.QUIET else "left")
                case _:
                    raise SessionBroken

    async def _pass_on(self, payload: bytes) -> None:
        while True:
            try:
                await self._line.ask(pb.PassOn(payload=payload), pb.Passed)
                return
            except RateLimited as refused:
                await self._means.clock.sleep(refused.retry_after_s or 1.0)
            except NobodyThere:
                raise OtherSideLeft from None

    def _end_by_fault(self, error: BaseException) -> None:
        self._finish(_end_code(error))
        if self._living is not None:
            self._living.cancel()

    def _finish(self, code: EndCode, error: TacitError | None = None) -> None:
        """Let go of every key, and say why, once."""
        if self._ended is not None:
            return
        sentence = ENDINGS[code] if error is None or self.check_phrase else error.sentence
        self._ended = SessionEnded(code, sentence)
        self._talk = None
        self._pairing_code = PairingCode(self._pairing_code.name, Secret(b""))
        forget_private_keys()
        if not self._met.done():
            self._met.set_exception(error or SessionOver())
            self._met.exception()  # nobody may be waiting for it
        self._put(self._ended)

    async def _tell(self, event: SessionEvent) -> None:
        """Tell an event; past so many that nobody takes, nothing further is read."""
        while len(self._events) >= limits.SESSION_EVENTS:
            self._room.clear()
            await self._room.wait()
        self._put(event)

    def _put(self, event: SessionEvent) -> None:
        self._events.append(event)
        self._news.set()


def _text(heard: Heard) -> SessionText:
    return SessionText(heard.text, heard.sent_at_ms, heard.number)


def _end_code(error: BaseException) -> EndCode:
    match error:
        case ThirdInSession():
            return "third"
        case SessionBroken():
            return "broken"
        case RelayStopping():
            return "shutting-down"
        case OtherSideLeft():
            return "left"
        case asyncio.CancelledError():
            return "closed"
    return "relay-lost"
