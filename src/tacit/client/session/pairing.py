"""Drives the table of pairing: what it wants sent is sent, what it wants stretched or made is stretched or made.

The table decides; here is only what it cannot do: wait, stretch in a thread of its own, and ask MLS.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tacit import limits, mls
from tacit.client.session.line import Line
from tacit.client.session.talk import Talk, ThrowAway, enter_group, make_group
from tacit.clock import Clock
from tacit.crypto.passphrase import PassphraseParams, derive_passphrase_key
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.errors import RelayError, TacitError
from tacit.identity import pairing as table
from tacit.identity.pairing import Effect, Enter, Failure, MakeGroup, Role, Send, State, Step, Stretch, Trust
from tacit.identity.pairing_codes import PairingCode
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import NobodyThere, PartedCode

HARDNESS: Final = PassphraseParams(limits.PAIRING_TIME_COST, limits.PAIRING_MEMORY_KIB, limits.PAIRING_LANES)


@dataclass(frozen=True, slots=True)
class Means:
    """What a session is made with."""

    clock: Clock
    entropy: Entropy
    hardness: PassphraseParams = field(default=HARDNESS)
    """How hard the words are stretched, the same on both sides."""


@dataclass(frozen=True, slots=True)
class Met:
    """Two who have paired."""

    talk: Talk
    check_phrase: tuple[str, ...]


Outcome: TypeAlias = Met | Failure


async def pair_as_creator(line: Line, code: PairingCode, means: Means) -> Outcome:
    """Pair with the guest who has just come."""
    step = table.greet(code, line.relay_key, now_s=means.clock.monotonic_s(), entropy=means.entropy)
    return await _Attempt(line, means, None).run(step)


async def pair_as_joiner(line: Line, code: PairingCode, means: Means) -> Outcome:
    """Pair with who waits there."""
    me = ThrowAway.make(now_s=means.clock.now_s(), entropy=means.entropy)
    bundle = me.key_package(now_s=means.clock.now_s(), entropy=means.entropy)
    step = table.approach(
        code,
        line.relay_key,
        bundle.key_package_bytes,
        now_s=means.clock.monotonic_s(),
        entropy=means.entropy,
    )
    return await _Attempt(line, means, bundle).run(step)


class _Attempt:
    """One guest's attempt, from either side."""

    def __init__(self, line: Line, means: Means, bundle: mls.KeyPackageBundle | None) -> None:
        self._line = line
        self._means = means
        self._bundle = bundle
        """The joiner's."""
        self._talk: Talk | None = None
        self._check_context: bytes | None = None

    async def run(self, step: Step) -> Outcome:
        try:
            async with asyncio.timeout(limits.PAIRING_S):
                pairing = await self._do_all(step)
                while pairing.state not in (State.PAIRED, State.FAILED):
                    pairing = await self._do_all(await self._next(pairing))
        except TimeoutError:
            return Failure.TOO_SLOW
        if pairing.failure is not None:
            return pairing.failure
        if self._talk is None or self._check_context is None:
            return Failure.OUT_OF_ORDER
        return Met(self._talk, self._talk.check_phrase(self._check_context))

    async def _next(self, pairing: table.Pairing) -> Step:
        match await self._line.pushed():
            case pb.Passage(payload=payload):
                return table.receive(pairing, payload, now_s=self._now_s)
            case pb.Parted(code=code):
                # Before an answer to its guess, a guest is sent away for one reason.
                guessed = pairing.role is Role.JOINER and pairing.state is State.AWAITING_ACCEPTANCE
                guessed = guessed and code == PartedCode.DISMISSED
                return table.fail(pairing, Failure.WRONG_WORDS if guessed else Failure.GONE)
            case _:
                return table.fail(pairing, Failure.OUT_OF_ORDER)

    async def _do_all(self, step: Step) -> table.Pairing:
        waiting, pairing = deque(step.effects), step.pairing
        while waiting:
            following = await self._do(pairing, waiting.popleft())
            if following is not None:
                pairing = following.pairing
                waiting.extend(following.effects)
        return pairing

    async def _do(self, pairing: table.Pairing, effect: Effect) -> Step | None:
        match effect:
            case Send(message):
                return await self._send(pairing, message)
            case Stretch(words, salt):
                key = await asyncio.to_thread(_stretch, words, salt, self._means.hardness)
                return table.stretched(pairing, key, now_s=self._now_s)
            case MakeGroup():
                return self._make_group(pairing, effect)
            case Enter():
                return self._enter(pairing, effect)
            case Trust(check_context):
                self._check_context = check_context
                return None

    async def _send(self, pairing: table.Pairing, message: bytes) -> Step | None:
        try:
            await self._line.ask(pb.PassOn(payload=message), pb.Passed)
        except NobodyThere:
            return table.fail(pairing, Failure.GONE)
        except RelayError:
            return table.fail(pairing, Failure.TOO_SLOW)
        return None

    def _make_group(self, pairing: table.Pairing, wanted: MakeGroup) -> Step:
        now_s, entropy = self._means.clock.now_s(), self._means.entropy
        me = ThrowAway.make(now_s=now_s, entropy=entropy)
        try:
            self._talk, welcome = make_group(
                me, wanted.key_package, wanted.psk_id, wanted.psk, now_s=now_s, entropy=entropy
            )
        except TacitError:
            return table.fail(pairing, Failure.BAD_GROUP)
        return table.group_made(pairing, me.certificate, welcome, self._talk.authenticator, now_s=self._now_s)

    def _enter(self, pairing: table.Pairing, wanted: Enter) -> Step:
        if self._bundle is None:
            return table.fail(pairing, Failure.OUT_OF_ORDER)
        try:
            self._talk = enter_group(self._bundle, wanted.identity, wanted.welcome, wanted.psk_id, wanted.psk)
        except TacitError:
            return table.fail(pairing, Failure.BAD_GROUP)
        return table.entered(pairing, self._talk.authenticator, now_s=self._now_s)

    @property
    def _now_s(self) -> float:
        return self._means.clock.monotonic_s()


def _stretch(words: Secret, salt: bytes, hardness: PassphraseParams) -> Secret:
    return derive_passphrase_key(words.reveal(), salt, hardness)
