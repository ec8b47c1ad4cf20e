"""The MLS group of a session: two throw-away identities, one epoch, texts that are counted, and a goodbye.

Pure: every function gives the next value, and a call that raises has changed nothing. What is no text and no goodbye
of the other one ends the session, and so does whatever would bring a third in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from tacit import mls
from tacit.client.content import Content, Text, build_content, check_text, parse_content
from tacit.client.core.authority import check_leaf
from tacit.client.session.errors import SessionBroken, ThirdInSession
from tacit.crypto.eddsa import ED25519
from tacit.crypto.secret import Secret
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.entropy import Entropy
from tacit.errors import InvalidMessage, PeerError, TacitError
from tacit.identity import AccountKey, DeviceCertificate, words
from tacit.limits import DAY_S

GROUP_ID_BYTES: Final = 16
MESSAGE_ID_BYTES: Final = 16
CHECK_LABEL: Final = "tacit 1.0 session check phrase"


class NotOfTwo(PeerError):
    """The group is not one of these two, made with the words of the code."""

    code = "not-of-two"


@dataclass(frozen=True, slots=True)
class ThrowAway:
    """An identity for one session: a certificate by an account whose key was forgotten at once."""

    certificate: bytes
    private: Secret

    @classmethod
    def make(cls, *, now_s: float, entropy: Entropy) -> ThrowAway:
        """A fresh one, good for a day."""
        account, device = AccountKey.generate(entropy), ED25519.generate(entropy)
        certificate = DeviceCertificate.issue(account, device.public, now_s, DAY_S)
        return cls(certificate.encode(), Secret(device.private))

    def key_package(self, *, now_s: float, entropy: Entropy) -> mls.KeyPackageBundle:
        """What is offered to who waits."""
        private = self.private.reveal()
        return mls.create_key_package(DEFAULT_SUITE, self.certificate, private, now_s=now_s, entropy=entropy)


@dataclass(frozen=True, slots=True)
class Heard:
    """A text of the other one."""

    text: str
    sent_at_ms: int
    number: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The other one has ended it, and nobody else can have said so."""


Said: TypeAlias = Heard | Goodbye


@dataclass(frozen=True, slots=True)
class Talk:
    """One side of a session."""

    group: mls.Group
    said: int = 0
    heard: int = 0

    @property
    def authenticator(self) -> Secret:
        """That of the epoch."""
        return Secret(self.group.epoch_authenticator)

    @property
    def other(self) -> mls.LeafIndex:
        """The other one's place."""
        return next(member.leaf_index for member in self.group.members() if member.leaf_index != self.group.own_leaf)

    def check_phrase(self, context: bytes) -> tuple[str, ...]:
        """Three words that both see, and nobody in between can make the same."""
        return words.phrase(self.group.export(CHECK_LABEL, context, words.PHRASE_BYTES))

    def say(self, text: str, *, now_ms: int, entropy: Entropy) -> tuple[Talk, bytes]:
        """Seal a text; raises a ``UsageError`` for one that cannot be sent."""
        check_text(text)
        content = Content(entropy(MESSAGE_ID_BYTES), now_ms, self.said + 1, 0, b"", Text(text))
        group, payload = self.group.seal(build_content(content), entropy=entropy)
        return replace(self, group=group, said=self.said + 1), payload

    def goodbye(self, *, entropy: Entropy) -> bytes:
        """What tells the other one that this is over; nothing can be said after it."""
        _, payload = self.group.propose(mls.Remove(self.group.own_leaf), entropy=entropy)
        return payload

    def hear(self, payload: bytes) -> tuple[Talk, Said]:
        """Open what came; raises ``SessionBroken`` or ``ThirdInSession``, and then the session is to end."""
        try:
            event = self.group.process(payload, authenticate=check_leaf)
        except TacitError:
            raise SessionBroken from None
        match event:
            case mls.ApplicationData():
                return self._hear_text(event)
            case mls.ProposalReceived():
                return self._hear_proposal(event)
            case mls.StagedCommit():
                raise ThirdInSession if event.added else SessionBroken

    def _hear_text(self, opened: mls.ApplicationData) -> tuple[Talk, Said]:
        try:
            content = parse_content(opened.data)
        except PeerError:
            raise SessionBroken from None
        if opened.sender != self.other or content.counter != self.heard + 1 or not isinstance(content.body, Text):
            raise SessionBroken
        after = replace(self, group=opened.group, heard=content.counter)
        return after, Heard(content.body.text, content.sent_at_ms, content.counter)

    def _hear_proposal(self, received: mls.ProposalReceived) -> tuple[Talk, Said]:
        match received.proposal:
            case mls.Add():
                raise ThirdInSession
            case mls.Remove(removed) if removed == received.sender == self.other:
                return self, Goodbye()
        raise SessionBroken


def make_group(
    me: ThrowAway, key_package: bytes, psk_id: bytes, psk: Secret, *, now_s: float, entropy: Entropy
) -> tuple[Talk, bytes]:
    """A group with who offered this KeyPackage, and the Welcome for it. Raises a ``TacitError`` for a bad one."""
    then_s = _time_within(key_package, now_s)
    theirs = mls.read_key_package(key_package, now_s=then_s, authenticate=check_leaf)
    if theirs.cipher_suite != DEFAULT_SUITE or theirs.leaf_node.credential_identity == me.certificate:
        raise NotOfTwo
    policy = mls.Policy(max_members=2, find_psk=_Finder(psk_id, psk))
    group = mls.create_group(
        entropy(GROUP_ID_BYTES), DEFAULT_SUITE, me.certificate, me.private.reveal(), entropy=entropy, now_s=now_s
    )
    proposals: list[mls.Proposal] = [mls.Add(theirs), group.name_psk(mls.ExternalPSK(psk_id), entropy=entropy)]
    group, pending = group.create_commit(
        proposals, entropy=entropy, now_s=then_s, authenticate=check_leaf, policy=policy
    )
    if pending.welcome is None:
        raise NotOfTwo
    return Talk(group.merge(pending)), pending.welcome


def enter_group(bundle: mls.KeyPackageBundle, identity: bytes, welcome: bytes, psk_id: bytes, psk: Secret) -> Talk:
    """Join the group of this Welcome, which must be of just these two and carry this PSK; raises a ``TacitError``."""
    finder = _Finder(psk_id, psk)
    policy = mls.Policy(max_members=2, find_psk=finder)
    joined = mls.join(welcome, (bundle,), authenticate=check_leaf, known_group=_no_group, policy=policy)
    group = joined.group
    others = [m.leaf_node.credential_identity for m in group.members() if m.leaf_index != group.own_leaf]
    if others != [identity] or group.epoch != 1 or group.extensions or finder.asked != [psk_id]:
        raise NotOfTwo
    if group.suite.id != DEFAULT_SUITE:
        raise NotOfTwo
    return Talk(group)


def _time_within(key_package: bytes, now_s: float) -> float:
    """A time at which this KeyPackage may be used: now, if the two clocks agree, else the nearest there is.

    It was made for a nonce that is seconds old, so it is fresh whatever its maker's clock says.
    """
    message = mls.decode_message(key_package)
    lifetime = message.leaf_node.lifetime if isinstance(message, mls.KeyPackage) else None
    return now_s if lifetime is None else min(max(now_s, lifetime.not_before), lifetime.not_after)


class _Finder:
    """Knows one pre-shared key, and what it was asked for."""

    def __init__(self, psk_id: bytes, psk: Secret) -> None:
        self._psk_id, self._psk = psk_id, psk
        self.asked: list[bytes] = []

    def __call__(self, wanted: mls.PreSharedKeyID) -> bytes | None:
        if not isinstance(wanted.key, mls.ExternalPSK) or wanted.key.psk_id != self._psk_id:
            raise InvalidMessage("8.4/psk", "another key than that of the code")
        self.asked.append(wanted.key.psk_id)
        return self._psk.reveal()


def _no_group(group_id: bytes) -> bool:
    """A session is the first group of its members."""
    del group_id
    return False
