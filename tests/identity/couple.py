"""Two who pair, and whoever sits between them: every message passes through a test's hands.

Stretching and MLS are the caller's, so here they are a hash each: as unpredictable, and a million times as quick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tacit.crypto.hashes import sha256
from tacit.crypto.secret import Secret
from tacit.identity import pairing
from tacit.identity.pairing import Enter, Failure, MakeGroup, Pairing, Role, Send, State, Step, Stretch, Trust
from tacit.identity.pairing_codes import parse_code
from tacit.testing.entropy import SeededEntropy

CODE = "A3F2B1-maple-orbit-lantern"
RELAY_KEY = bytes(range(32))


def stretch(words: Secret, salt: bytes) -> Secret:
    return Secret(sha256(words.reveal() + salt))


def epoch(key_package: bytes, welcome: bytes, psk: Secret) -> Secret:
    """What both sides of a group agree on, if they have the same key."""
    return Secret(sha256(key_package + welcome + psk.reveal()))


@dataclass
class Side:
    """One of the two, with everything that it does at once."""

    pairing: Pairing
    now_s: float = 0.0
    seed: int = 1
    sent: list[bytes] = field(default_factory=list)
    trusted: list[bytes] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    @classmethod
    def creator(cls, code: str = CODE, *, relay_key: bytes = RELAY_KEY, seed: int = 1) -> Side:
        step = pairing.greet(parse_code(code), relay_key, now_s=0.0, entropy=SeededEntropy(seed, "creator"))
        return cls(step.pairing, seed=seed)._take(step)

    @classmethod
    def joiner(cls, code: str = CODE, *, relay_key: bytes = RELAY_KEY, seed: int = 1) -> Side:
        entropy = SeededEntropy(seed, "joiner")
        step = pairing.approach(parse_code(code), relay_key, entropy(64), now_s=0.0, entropy=entropy)
        return cls(step.pairing, seed=seed)._take(step)

    @property
    def state(self) -> State:
        return self.pairing.state

    @property
    def failure(self) -> Failure | None:
        return self.pairing.failure

    def receive(self, message: bytes) -> list[bytes]:
        """Take a message; gives what is sent in answer."""
        before = len(self.sent)
        self._take(pairing.receive(self.pairing, message, now_s=self.now_s))
        return self.sent[before:]

    def _take(self, step: Step) -> Side:
        self.pairing = step.pairing
        for effect in step.effects:
            self.done.append(type(effect).__name__)
            following = self._do(effect)
            if following is not None:
                self._take(following)
        return self

    def _do(self, effect: Any) -> Step | None:
        match effect:
            case Send(message):
                self.sent.append(message)
            case Trust(context):
                self.trusted.append(context)
            case Stretch(words, salt):
                return pairing.stretched(self.pairing, stretch(words, salt), now_s=self.now_s)
            case MakeGroup(key_package, psk_id, psk):
                welcome = SeededEntropy(self.seed, "group")(80) + psk_id
                authenticator = epoch(key_package, welcome, psk)
                return pairing.group_made(self.pairing, b"creator", welcome, authenticator, now_s=self.now_s)
            case Enter(identity, welcome, psk_id, psk):
                if identity != b"creator" or welcome[80:] != psk_id:
                    return pairing.fail(self.pairing, Failure.BAD_GROUP)
                authenticator = epoch(self.pairing.key_package, welcome, psk)
                return pairing.entered(self.pairing, authenticator, now_s=self.now_s)
        return None


Meddle = Callable[[Role, int, bytes], list[bytes]]
"""Gets who sent a message, the how manieth in all it is, and the message; gives what arrives."""


def honestly(_: Role, __: int, message: bytes) -> list[bytes]:
    return [message]


def converse(creator: Side, joiner: Side, meddle: Meddle = honestly) -> list[bytes]:
    """Carry messages until none is left; gives all that were sent, in order."""
    said: list[bytes] = []
    waiting = [(Role.CREATOR, message) for message in creator.sent] + [(Role.JOINER, m) for m in joiner.sent]
    while waiting:
        sender, message = waiting.pop(0)
        said.append(message)
        receiver, other = (joiner, Role.JOINER) if sender is Role.CREATOR else (creator, Role.CREATOR)
        for arriving in meddle(sender, len(said) - 1, message):
            waiting += [(other, answer) for answer in receiver.receive(arriving)]
    return said
