"""Proving a phone number: a code arrives at the phone, a person types it, and the door opens.

The connection is not held while somebody looks for the phone: each step has one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, TypeVar

from tacit.client.handshake import PhoneProof
from tacit.clock import Clock
from tacit.errors import TransportError, UsageError
from tacit.limits import MAX_OTP_TRIES, MAX_PHONE_CHARS
from tacit.wire.errors import BadPhone, PhoneCodeExpired, PhoneCodeSent, PhoneCodeWrong

T = TypeVar("T")

MAX_LOSSES: Final = 3
"""Connections that may be lost behind a code that was typed; the number may belong to this account already."""

LOSS_PAUSE_S: Final = 1.0

_BETWEEN: Final = re.compile(r"[\s()./-]+")
_NUMBER: Final = re.compile(r"\+?[0-9]{4,15}")


class CodeNeeded(UsageError):
    """The relay has sent a code to that number, and nobody is there to type it."""

    code = "phone-code-needed"
    hint = "Pass ask_code, which is called when the code is on its way."


@dataclass(frozen=True, slots=True)
class CodeWanted:
    """What a person is asked for."""

    phone: str
    """Where the code arrives."""
    tries_left: int
    was_wrong: bool = False
    """What was typed last was not the code."""
    has_expired: bool = False
    """The code before was no longer good; this is about a new one."""


AskCode: TypeAlias = Callable[[CodeWanted], Awaitable[str]]
"""Asks for the digits; an empty answer has another code sent."""


def written_phone(text: str) -> str:
    """A number as it goes to the relay, which knows countries: digits, and a ``+`` before them or not.

    Raises ``BadPhone``.
    """
    number = _BETWEEN.sub("", text)
    if not _NUMBER.fullmatch(number) or len(number) > MAX_PHONE_CHARS:
        raise BadPhone
    return number


async def with_proof(
    enter: Callable[[PhoneProof], Awaitable[T]], proof: PhoneProof, ask: AskCode | None, clock: Clock
) -> T:
    """Enter, proving a number if the relay sends a code. Raises as ``enter``, and ``CodeNeeded``."""
    tries, losses, expired = MAX_OTP_TRIES, 0, False
    while True:
        try:
            return await enter(proof)
        except PhoneCodeSent as sent:
            proof, tries = replace(proof, request=sent.otp_request, code=""), MAX_OTP_TRIES
            wanted = CodeWanted(proof.phone, tries, has_expired=expired)
        except PhoneCodeWrong:
            tries = max(1, tries - 1)
            wanted = CodeWanted(proof.phone, tries, was_wrong=True)
        except PhoneCodeExpired:
            if not proof.request:
                raise
            proof, expired = PhoneProof(proof.phone, proof.findable), True
            continue
        except TransportError:
            losses += 1
            if not proof.code or losses > MAX_LOSSES:
                raise
            proof = replace(proof, again=True)
            await clock.sleep(LOSS_PAUSE_S)
            continue
        if ask is None:
            raise CodeNeeded
        code = await ask(wanted)
        proof = replace(proof, code=code, again=False) if code else PhoneProof(proof.phone, proof.findable)
