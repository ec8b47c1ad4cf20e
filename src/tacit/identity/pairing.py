"""Pairing by code, as a table: two who have a few words in common end up in one group, and nobody between them does.

Who waits (the creator) greets whoever comes with a nonce. Who comes (the joiner) stretches the words over both nonces
and offers a KeyPackage with a MAC under them, once. The creator stretches too, and only if the MAC is right makes a
group, with the words in its key schedule, and lets the other in; the joiner checks the creator's MAC, enters and
confirms. Only then does either side trust a key. All of it is over within a minute, and what fails stays failed: a
guess costs a guest.

Sans-IO: each function takes the pairing as it stands and gives the next one with what is to be done. Stretching and
MLS are done by the caller, who brings the results back. Nothing raises for what the other side sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeAlias

from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.errors import DecodeError
from tacit.identity import pairing_keys
from tacit.identity.pairing_codes import PairingCode
from tacit.identity.pairing_keys import VERSION, PairingKeys
from tacit.identity.pairing_messages import (
    NONCE_BYTES,
    Acceptance,
    Confirmation,
    Greeting,
    Offer,
    PairingMessage,
    decode_message,
    encode_message,
)
from tacit.limits import PAIRING_ATTEMPTS, PAIRING_S, RENDEZVOUS_S


class Role(StrEnum):
    """Which side this is."""

    CREATOR = "creator"
    JOINER = "joiner"


class State(StrEnum):
    """How far a pairing has come."""

    AWAITING_GREETING = "awaiting-greeting"
    AWAITING_OFFER = "awaiting-offer"
    STRETCHING = "stretching"
    MAKING_GROUP = "making-group"
    AWAITING_ACCEPTANCE = "awaiting-acceptance"
    ENTERING = "entering"
    AWAITING_CONFIRMATION = "awaiting-confirmation"
    PAIRED = "paired"
    FAILED = "failed"


class Event(StrEnum):
    """What can happen: a message of the other side, or the end of work on this one."""

    GREETING = "greeting"
    OFFER = "offer"
    ACCEPTANCE = "acceptance"
    CONFIRMATION = "confirmation"
    STRETCHED = "stretched"
    GROUP_MADE = "group-made"
    ENTERED = "entered"


class Failure(StrEnum):
    """Why a pairing failed."""

    WRONG_WORDS = "wrong-words"
    OUT_OF_ORDER = "out-of-order"
    MALFORMED = "malformed"
    OTHER_VERSION = "other-version"
    TOO_SLOW = "too-slow"
    BAD_GROUP = "bad-group"
    """MLS refused what the other side sent, or the group is not one of just these two."""
    GONE = "gone"


TABLE: Final[dict[tuple[Role, State, Event], State]] = {
    (Role.CREATOR, State.AWAITING_OFFER, Event.OFFER): State.STRETCHING,
    (Role.CREATOR, State.STRETCHING, Event.STRETCHED): State.MAKING_GROUP,
    (Role.CREATOR, State.MAKING_GROUP, Event.GROUP_MADE): State.AWAITING_CONFIRMATION,
    (Role.CREATOR, State.AWAITING_CONFIRMATION, Event.CONFIRMATION): State.PAIRED,
    (Role.JOINER, State.AWAITING_GREETING, Event.GREETING): State.STRETCHING,
    (Role.JOINER, State.STRETCHING, Event.STRETCHED): State.AWAITING_ACCEPTANCE,
    (Role.JOINER, State.AWAITING_ACCEPTANCE, Event.ACCEPTANCE): State.ENTERING,
    (Role.JOINER, State.ENTERING, Event.ENTERED): State.PAIRED,
}
"""Every step there is; whatever else happens fails the pairing, and a pairing that failed stays so."""

_EVENTS: Final[dict[type[PairingMessage], Event]] = {
    Greeting: Event.GREETING,
    Offer: Event.OFFER,
    Acceptance: Event.ACCEPTANCE,
    Confirmation: Event.CONFIRMATION,
}


# ---- what is to be done ----


@dataclass(frozen=True, slots=True)
class Send:
    """Pass this on to the other side."""

    message: bytes


@dataclass(frozen=True, slots=True)
class Stretch:
    """Stretch the words by Argon2id, then call ``stretched``."""

    words: Secret
    salt: bytes


@dataclass(frozen=True, slots=True)
class MakeGroup:
    """Make a group of two with this KeyPackage and this external PSK, then call ``group_made``."""

    key_package: bytes
    psk_id: bytes
    psk: Secret


@dataclass(frozen=True, slots=True)
class Enter:
    """Join the group of this Welcome, which uses this PSK and in which only ``identity`` is besides; ``entered``."""

    identity: bytes
    welcome: bytes
    psk_id: bytes
    psk: Secret


@dataclass(frozen=True, slots=True)
class Trust:
    """Both sides have confirmed: the group may be used. ``check_context`` goes into its check phrase."""

    check_context: bytes


Effect: TypeAlias = Send | Stretch | MakeGroup | Enter | Trust


@dataclass(frozen=True, slots=True)
class Pairing:
    """One attempt of one guest, on one side."""

    role: Role
    state: State
    code: PairingCode
    relay_key: bytes
    began_s: float
    nonce: bytes
    """This side's."""
    key_package: bytes = b""
    """The joiner's own at first; what was offered at the creator's."""
    number: Secret = field(default_factory=lambda: Secret(b""))
    """What the joiner reveals in the end."""
    commitment: bytes = b""
    mac: bytes = b""
    """Of the offer, until the words are stretched."""
    transcript: bytes = b""
    keys: PairingKeys | None = None
    authenticator: Secret = field(default_factory=lambda: Secret(b""))
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A pairing after something happened, and what is to be done now."""

    pairing: Pairing
    effects: Sequence[Effect] = ()


def greet(code: PairingCode, relay_key: bytes, *, now_s: float, entropy: Entropy) -> Step:
    """Begin as who waits, when somebody has come. ``now_s`` is of a clock that only goes forward."""
    nonce = entropy(NONCE_BYTES)
    pairing = Pairing(Role.CREATOR, State.AWAITING_OFFER, code, relay_key, now_s, nonce)
    return Step(pairing, (Send(encode_message(Greeting(VERSION, nonce))),))


def approach(code: PairingCode, relay_key: bytes, key_package: bytes, *, now_s: float, entropy: Entropy) -> Step:
    """Begin as who comes, with a fresh KeyPackage."""
    nonce, number = entropy(NONCE_BYTES), entropy(NONCE_BYTES)
    pairing = Pairing(
        Role.JOINER,
        State.AWAITING_GREETING,
        code,
        relay_key,
        now_s,
        nonce,
        key_package=key_package,
        number=Secret(number),
        commitment=pairing_keys.commitment(number),
    )
    return Step(pairing)


def receive(pairing: Pairing, data: bytes, *, now_s: float) -> Step:
    """Take a message of the other side."""
    try:
        message = decode_message(data)
    except DecodeError:
        return fail(pairing, Failure.MALFORMED)
    moved = _move(pairing, _EVENTS[type(message)], now_s)
    if moved.state is State.FAILED:
        return Step(moved)
    match message:
        case Greeting():
            return _greeted(moved, message)
        case Offer():
            return _offered(moved, message)
        case Acceptance():
            return _accepted(moved, message)
        case Confirmation():
            return _confirmed(moved, message)


def stretched(pairing: Pairing, key: Secret, *, now_s: float) -> Step:
    """Go on with the stretched words."""
    moved = _move(pairing, Event.STRETCHED, now_s)
    if moved.state is State.FAILED:
        return Step(moved)
    keys = PairingKeys.derive(key, moved.transcript)
    offered = pairing_keys.with_offer(moved.transcript, moved.commitment, moved.key_package)
    mac = keys.offer_mac(offered)
    after = replace(moved, keys=keys, transcript=offered, mac=b"")
    if pairing.role is Role.JOINER:
        offer = Offer(moved.nonce, moved.commitment, moved.key_package, mac.reveal())
        return Step(after, (Send(encode_message(offer)),))
    if Secret(moved.mac) != mac:
        return fail(pairing, Failure.WRONG_WORDS)
    return Step(after, (MakeGroup(moved.key_package, pairing_keys.psk_id(offered), keys.psk),))


def group_made(pairing: Pairing, identity: bytes, welcome: bytes, authenticator: Secret, *, now_s: float) -> Step:
    """Go on with the group in which who waits has added the other; ``authenticator`` is that of its epoch."""
    moved = _move(pairing, Event.GROUP_MADE, now_s)
    if moved.keys is None or moved.state is State.FAILED:
        return Step(moved)
    transcript = pairing_keys.with_acceptance(moved.transcript, identity, welcome)
    acceptance = Acceptance(identity, welcome, moved.keys.acceptance_mac(transcript).reveal())
    after = replace(moved, transcript=transcript, authenticator=authenticator)
    return Step(after, (Send(encode_message(acceptance)),))


def entered(pairing: Pairing, authenticator: Secret, *, now_s: float) -> Step:
    """Go on inside the group, in which ``authenticator`` is that of the epoch."""
    moved = _move(pairing, Event.ENTERED, now_s)
    if moved.keys is None or moved.state is State.FAILED:
        return Step(moved)
    number = moved.number.reveal()
    transcript = pairing_keys.with_confirmation(moved.transcript, number)
    mac = moved.keys.confirmation_mac(transcript, authenticator)
    confirmation = Confirmation(number, mac.reveal())
    return Step(_done(moved), (Send(encode_message(confirmation)), Trust(transcript)))


def fail(pairing: Pairing, failure: Failure) -> Step:
    """End an attempt that is not over yet, and forget its keys; who has paired fails, too, and stays failed."""
    if pairing.state is State.FAILED:
        return Step(pairing)
    return Step(replace(_done(pairing), state=State.FAILED, failure=failure))


def is_over_time(pairing: Pairing, now_s: float) -> bool:
    """Whether the minute is over before the pairing is."""
    return pairing.state is not State.PAIRED and now_s - pairing.began_s > PAIRING_S


# ---- messages ----


def _greeted(moved: Pairing, greeting: Greeting) -> Step:
    if greeting.version != VERSION:
        return fail(moved, Failure.OTHER_VERSION)
    transcript = pairing_keys.begin(moved.relay_key, moved.code.name, greeting.nonce, moved.nonce)
    return Step(replace(moved, transcript=transcript), (Stretch(moved.code.words, transcript),))


def _offered(moved: Pairing, offer: Offer) -> Step:
    transcript = pairing_keys.begin(moved.relay_key, moved.code.name, moved.nonce, offer.nonce)
    after = replace(
        moved, key_package=offer.key_package, commitment=offer.commitment, mac=offer.mac, transcript=transcript
    )
    return Step(after, (Stretch(moved.code.words, transcript),))


def _accepted(moved: Pairing, acceptance: Acceptance) -> Step:
    if moved.keys is None:
        return fail(moved, Failure.OUT_OF_ORDER)
    transcript = pairing_keys.with_acceptance(moved.transcript, acceptance.identity, acceptance.welcome)
    if moved.keys.acceptance_mac(transcript) != Secret(acceptance.mac):
        return fail(moved, Failure.WRONG_WORDS)
    psk_id = pairing_keys.psk_id(moved.transcript)
    entering = Enter(acceptance.identity, acceptance.welcome, psk_id, moved.keys.psk)
    return Step(replace(moved, transcript=transcript), (entering,))


def _confirmed(moved: Pairing, confirmation: Confirmation) -> Step:
    if moved.keys is None or pairing_keys.commitment(confirmation.number) != moved.commitment:
        return fail(moved, Failure.WRONG_WORDS)
    transcript = pairing_keys.with_confirmation(moved.transcript, confirmation.number)
    if moved.keys.confirmation_mac(transcript, moved.authenticator) != Secret(confirmation.mac):
        return fail(moved, Failure.WRONG_WORDS)
    return Step(_done(moved), (Trust(transcript),))


def _move(pairing: Pairing, event: Event, now_s: float) -> Pairing:
    """The pairing in the state that the table gives, or failed."""
    state = TABLE.get((pairing.role, pairing.state, event))
    if state is None:
        return fail(pairing, Failure.OUT_OF_ORDER).pairing
    if is_over_time(pairing, now_s):
        return fail(pairing, Failure.TOO_SLOW).pairing
    return replace(pairing, state=state)


def _done(pairing: Pairing) -> Pairing:
    """A pairing without the secrets that it needs no more."""
    none = Secret(b"")
    return replace(pairing, code=PairingCode(pairing.code.name, none), keys=None, number=none, authenticator=none)


# ---- the code's own life ----


@dataclass(frozen=True, slots=True)
class Waiting:
    """A code that somebody has read out: good for ten minutes and three guests."""

    expires_s: float
    failures: int = 0

    @classmethod
    def since(cls, now_s: float) -> Waiting:
        """A code that begins to be good now."""
        return cls(now_s + RENDEZVOUS_S)

    def after_failure(self) -> Waiting:
        """One guest less."""
        return replace(self, failures=self.failures + 1)

    @property
    def is_burned(self) -> bool:
        """Whether as many have failed as may."""
        return self.failures >= PAIRING_ATTEMPTS

    def is_good(self, now_s: float) -> bool:
        """Whether another guest may try."""
        return not self.is_burned and now_s < self.expires_s
