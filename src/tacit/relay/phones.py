"""Accounts that are proved by a phone: a code is sent to the number, and whoever shows it registers with that number.

A number that is taken and one that is free get the same answer at the same time, until the code is shown: whose number
it is decides only what the message says, and that is found out and sent when the answer has gone. What may be sent is
bounded in ``phone_sends``, what may be guessed in ``phone_codes``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from tacit.clock import Clock
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.errors import RelayError
from tacit.limits import MAX_PENDING_CODES
from tacit.log import EventLog
from tacit.relay.config import RelayConfig
from tacit.relay.delivery import Delivery, NotDelivered, Undeliverable, open_route
from tacit.relay.phone_codes import PhoneCodes
from tacit.relay.phone_numbers import block_of, pepper_of, phone_hash, read_countries, read_number
from tacit.relay.phone_sends import PhoneSends
from tacit.relay.rates import BY_NUMBER, PHONE_CODE
from tacit.relay.store import phones
from tacit.relay.store.rows import Session
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import (
    BadPhone,
    NoSuchAccount,
    PhoneCodeSent,
    PhoneNeeded,
    PhonePaused,
    PhoneRefused,
    Unsupported,
)

if TYPE_CHECKING:
    from tacit.relay.context import Context
    from tacit.relay.login import Challenges

CODE_TEXT: Final = "Your code for {relay} is {code}. It is good for ten minutes. Nobody will ever ask you for it."
TAKEN_TEXT: Final = (
    "Somebody wants to use your number at {relay} again. If it is you, the code is {code}. If not, tell it to nobody."
)
"""Both fit one message of 160 characters with a name of 50."""


class Phones:
    """Everything about numbers that one relay has in memory."""

    def __init__(self, config: RelayConfig, clock: Clock, entropy: Entropy, relay_key: Secret) -> None:
        self._clock = clock
        self._entropy = entropy
        self._pepper = pepper_of(relay_key)
        self._region = config.phone_region.upper()
        self._countries = read_countries(config.phone_countries)
        self._route = config.phone_route
        self._opened: Delivery | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self.codes = PhoneCodes(clock, entropy)
        self.sends = PhoneSends(clock, config.phone_sends_per_day)

    def hash_of(self, number: str) -> bytes:
        """What is kept of a number in its one form, or of the beginning of one."""
        return phone_hash(self._pepper, number)

    def read(self, text: str) -> str:
        """A number in its one form. Raises ``BadPhone`` or ``PhoneRefused``."""
        return read_number(text, region=self._region, countries=self._countries)

    def delivery(self) -> Delivery:
        """The way to phones. Raises ``PhonePaused`` where there is none."""
        if self._opened is None:
            if self._route is None:
                raise PhonePaused
            self._opened = open_route(self._route, self._clock, self._entropy)
        return self._opened

    @property
    def is_busy(self) -> bool:
        """Whether too many messages are on their way."""
        return len(self._sending) >= MAX_PENDING_CODES

    def begin(self, sending: asyncio.Task[None]) -> None:
        """Note a message that is on its way."""
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    def forget(self) -> None:
        """Forget what is of no use any more."""
        self.codes.forget()
        self.sends.forget()

    async def sent(self) -> None:
        """Wait until nothing is on its way."""
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def close(self) -> None:
        """Give up what is on its way."""
        for sending in self._sending:
            sending.cancel()
        await self.sent()


async def recall(context: Context) -> None:
    """Count what earlier runs of the relay have sent of late."""
    by_hour, rests = await context.store.query(lambda db: (phones.sent_by_hour(db), phones.rests(db)))
    context.phones.sends.recall(by_hour, rests, context.steady_now_s())


def require_proof(context: Context, body: pb.Register, account_id: bytes, origin: str) -> bytes:
    """The hash of the number that a new account has proved.

    Without one a code is sent, and ``PhoneCodeSent`` raised. Raises ``PhoneNeeded``, ``BadPhone``, ``PhoneRefused``,
    ``PhonePaused``, ``RateLimited``, or ``PhoneCodeExpired`` for a proof that is none.
    """
    if not body.phone:
        raise PhoneNeeded
    number = context.phones.read(body.phone)
    hashed = context.phones.hash_of(number)
    if body.otp_request:
        context.phones.codes.check_proved(body.otp_request, account_id, hashed)
        return hashed
    raise PhoneCodeSent(otp_request=_send_code(context, account_id, number, origin))


def submit_otp(context: Context, challenges: Challenges, body: pb.SubmitOtp) -> pb.OtpAccepted:
    """Try a code that arrived at a phone. Raises ``PhoneCodeWrong`` or ``PhoneCodeExpired``."""
    if not context.config.needs_phone:
        raise Unsupported
    context.phones.codes.submit(body.request, body.code)
    context.metrics.codes_shown += 1
    return pb.OtpAccepted(next_challenge=challenges.ask())


async def find(context: Context, session: Session, written: str) -> bytes:
    """The ID of the account with a number. Raises ``NoSuchAccount`` for everything but yes, and ``RateLimited``."""
    context.buckets_of(session.account).take(BY_NUMBER, context.clock.monotonic_s())
    if not context.config.find_by_phone:
        raise NoSuchAccount
    try:
        number = context.phones.hash_of(context.phones.read(written))
    except (BadPhone, PhoneRefused):
        raise NoSuchAccount from None
    return await context.store.query(partial(phones.find, number=number, asking=session.account))


def _send_code(context: Context, account_id: bytes, number: str, origin: str) -> str:
    """Have a code sent, within all bounds; returns the request's name."""
    known = context.phones
    delivery = known.delivery()
    if known.is_busy:
        raise PhonePaused(retry_after_s=1)
    context.addresses.take(origin, PHONE_CODE)
    hashed = known.hash_of(number)
    rests = known.sends.take(hashed, known.hash_of(block_of(number)), alarmed=known.codes.alarmed)
    request, code = known.codes.ask(account_id, hashed)
    known.begin(asyncio.create_task(_deliver(context, delivery, number, code, rests)))
    context.metrics.codes_sent += 1
    return request


async def _deliver(context: Context, delivery: Delivery, number: str, code: str, rests: Mapping[bytes, float]) -> None:
    """Tell a phone its code, or its owner that somebody wants a second account with it; ``rests`` is noted before."""
    log, known = EventLog("relay"), context.phones
    try:
        taken = await context.store.query(partial(phones.is_taken, number=known.hash_of(number)))
        # On the disk before it leaves, so that no crash gives a message back to the day.
        await context.store.change(partial(phones.note_sent, now_s=context.steady_now_s(), rests=rests))
        text = (TAKEN_TEXT if taken else CODE_TEXT).format(relay=context.config.public_host, code=code)
        await delivery.deliver(number, text)
    except Undeliverable:
        context.metrics.codes_not_delivered += 1
    except (NotDelivered, RelayError) as error:
        context.metrics.codes_not_delivered += 1
        known.sends.note_failed()
        log.warning("code-not-delivered", code=error.code, reason=error.detail)
    except Exception as error:  # noqa: BLE001 - nobody waits for this task, and nothing of it may be lost
        known.sends.note_failed()
        log.warning("code-not-delivered", error=type(error).__name__)
    else:
        known.sends.note_left()
