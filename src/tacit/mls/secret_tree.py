"""The secret tree: every member's message keys of one epoch, each used once and then gone.

A ``SecretTree`` never changes; taking a key gives the tree without it, and whoever keeps that tree has deleted the key
and everything it came from. Source: RFC 9420 §9
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Final, Self

from msgspec import field

from tacit.codec import Reader, Writer, encode_varint
from tacit.crypto.suites import CipherSuite
from tacit.limits import MAX_FORWARD_GENERATIONS, MAX_SKIPPED_KEYS, MAX_SKIPPED_KEYS_PER_EPOCH
from tacit.mls.errors import GenerationConsumed, GenerationTooFar, RatchetExhausted
from tacit.mls.labels import derive_tree_secret, expand_with_label, kdf_label
from tacit.mls.tree_math import LeafIndex, NodeIndex, is_leaf, left, node_of, parent, right, root
from tacit.mls.values import Value

LAST_GENERATION: Final = 0xFFFF_FFFF


class RatchetKind(IntEnum):
    """The two ratchets of each member."""

    HANDSHAKE = 1
    APPLICATION = 2


class MessageKey(Value, frozen=True):
    """The key and nonce for one message."""

    generation: int
    key: bytes
    nonce: bytes

    def __repr__(self) -> str:
        return f"<MessageKey {self.generation}>"


class Ratchet(Value, frozen=True):
    """One hash ratchet at ``generation``, with the keys of earlier messages that have not come yet."""

    generation: int
    secret: bytes
    skipped: Mapping[int, MessageKey] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Ratchet {self.generation}>"

    @property
    def encoded(self) -> bytes:
        """The stored form."""
        if not self.skipped:
            return b"".join((self.generation.to_bytes(4, "big"), encode_varint(len(self.secret)), self.secret, b"\0"))
        w = Writer()
        w.u32(self.generation)
        w.opaque(self.secret)
        w.vector(self.skipped.values(), _write_message_key)
        return w.finish()

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take the stored form off ``r``."""
        generation, secret = r.u32(), r.opaque()
        return cls(generation, secret, {key.generation: key for key in r.vector(_read_message_key)})

    def next_key(self, suite: CipherSuite) -> tuple[MessageKey, Ratchet]:
        """The next key for sending, and the ratchet behind it; raises ``RatchetExhausted``."""
        if self.generation >= LAST_GENERATION:
            raise RatchetExhausted
        key, secret = _step(suite, self.secret, self.generation)
        return key, Ratchet(self.generation + 1, secret, self.skipped)

    def key_at(self, suite: CipherSuite, generation: int) -> tuple[MessageKey, Ratchet]:
        """The key of a received message, and the ratchet without it.

        Raises ``GenerationConsumed`` and ``GenerationTooFar``, before anything is derived.
        """
        if generation < self.generation:
            return self._skipped_key(generation)
        check_forward_distance(self.generation, generation)
        if generation == self.generation:
            return self.next_key(suite)
        skipped = dict(self.skipped)
        secret = self.secret
        for step in range(self.generation, generation):
            if generation - step <= MAX_SKIPPED_KEYS:
                skipped[step], secret = _step(suite, secret, step)
            else:
                secret = _next_secret(suite, secret, step)
        while len(skipped) > MAX_SKIPPED_KEYS:
            del skipped[next(iter(skipped))]
        key, secret = _step(suite, secret, generation)
        return key, Ratchet(generation + 1, secret, skipped)

    def advanced_to(self, suite: CipherSuite, generation: int) -> Ratchet:
        """The ratchet that continues at ``generation``, giving up every key before it."""
        check_forward_distance(self.generation, generation)
        secret = self.secret
        for step in range(self.generation, generation):
            secret = _next_secret(suite, secret, step)
        return Ratchet(max(self.generation, generation), secret)

    def _skipped_key(self, generation: int) -> tuple[MessageKey, Ratchet]:
        key = self.skipped.get(generation)
        if key is None:
            raise GenerationConsumed
        skipped = {step: other for step, other in self.skipped.items() if step != generation}
        return key, Ratchet(self.generation, self.secret, skipped)


Sender = tuple[Ratchet, Ratchet]
"""The handshake and the application ratchet of one member."""


class SecretTree(Value, frozen=True):
    """What is left of the secrets of one epoch: nodes nobody has sent below yet, and ratchets of those who have."""

    leaf_count: int
    nodes: Mapping[NodeIndex, bytes]
    senders: Mapping[LeafIndex, Sender]

    def __repr__(self) -> str:
        return f"<SecretTree of {self.leaf_count} leaves>"

    @classmethod
    def from_encryption_secret(cls, leaf_count: int, encryption_secret: bytes) -> Self:
        """The tree of an epoch in which nobody has sent anything."""
        return cls(leaf_count, {root(leaf_count): encryption_secret}, {})

    def next_key(self, suite: CipherSuite, leaf: LeafIndex, kind: RatchetKind) -> tuple[MessageKey, SecretTree]:
        """The next key of a member for sending, and the tree without it."""
        tree = self if leaf in self.senders else self._with_sender(suite, leaf)
        key, ratchet = tree.senders[leaf][kind - 1].next_key(suite)
        return key, tree._with_ratchet(leaf, kind, ratchet)

    def key_at(
        self, suite: CipherSuite, leaf: LeafIndex, kind: RatchetKind, generation: int
    ) -> tuple[MessageKey, SecretTree]:
        """The key of a member's message, and the tree without it; keep that tree only if the message is authentic.

        Raises ``GenerationConsumed`` and ``GenerationTooFar``, before anything is derived.
        """
        if leaf not in self.senders:
            check_forward_distance(0, generation)
        tree = self._with_sender(suite, leaf)
        key, ratchet = tree.ratchet(leaf, kind).key_at(suite, generation)
        return key, tree._with_ratchet(leaf, kind, ratchet)

    def advanced_to(self, suite: CipherSuite, leaf: LeafIndex, kind: RatchetKind, generation: int) -> SecretTree:
        """The tree in which a member's ratchet continues at ``generation``."""
        tree = self._with_sender(suite, leaf)
        return tree._with_ratchet(leaf, kind, tree.ratchet(leaf, kind).advanced_to(suite, generation))

    def ratchet(self, leaf: LeafIndex, kind: RatchetKind) -> Ratchet:
        """The ratchet of a member that has one."""
        return self.senders[leaf][kind - 1]

    def _with_sender(self, suite: CipherSuite, leaf: LeafIndex) -> SecretTree:
        """The tree in which the member has its ratchets and no secret is left that they could be derived from."""
        if leaf in self.senders:
            return self
        nodes = dict(self.nodes)
        node = node_of(leaf)
        path = [node]
        while path[-1] not in nodes:
            path.append(parent(path[-1], self.leaf_count))
        while not is_leaf(head := path.pop()):
            secret = nodes.pop(head)
            nodes[left(head)] = expand_with_label(suite, secret, b"tree", b"left", suite.hash_size)
            nodes[right(head)] = expand_with_label(suite, secret, b"tree", b"right", suite.hash_size)
        secret = nodes.pop(node)
        handshake = expand_with_label(suite, secret, b"handshake", b"", suite.hash_size)
        application = expand_with_label(suite, secret, b"application", b"", suite.hash_size)
        senders = {**self.senders, leaf: (Ratchet(0, handshake), Ratchet(0, application))}
        return SecretTree(self.leaf_count, nodes, senders)

    def _with_ratchet(self, leaf: LeafIndex, kind: RatchetKind, ratchet: Ratchet) -> SecretTree:
        handshake, application = self.senders[leaf]
        pair = (ratchet, application) if kind is RatchetKind.HANDSHAKE else (handshake, ratchet)
        senders = {**self.senders, leaf: pair}
        return SecretTree(self.leaf_count, self.nodes, _bounded(senders) if ratchet.skipped else senders)


def check_forward_distance(expected: int, generation: int) -> None:
    """Refuse a generation too far ahead, or one that no ratchet reaches. Source: RFC 9420 §15.3"""
    if generation >= LAST_GENERATION or generation - expected > MAX_FORWARD_GENERATIONS:
        raise GenerationTooFar


def _bounded(senders: dict[LeafIndex, Sender]) -> dict[LeafIndex, Sender]:
    """Give up the oldest skipped keys of whoever has the most, until there are few enough of all senders together."""
    surplus = sum(len(ratchet.skipped) for pair in senders.values() for ratchet in pair) - MAX_SKIPPED_KEYS_PER_EPOCH
    while surplus > 0:
        leaf = max(senders, key=lambda index: max(len(ratchet.skipped) for ratchet in senders[index]))
        shorter, longer = sorted(senders[leaf], key=lambda ratchet: len(ratchet.skipped))
        kept = dict(list(longer.skipped.items())[surplus:])
        surplus -= len(longer.skipped) - len(kept)
        pair = [
            Ratchet(longer.generation, longer.secret, kept) if ratchet is longer else shorter
            for ratchet in senders[leaf]
        ]
        senders[leaf] = (pair[0], pair[1])
    return senders


def _step(suite: CipherSuite, secret: bytes, generation: int) -> tuple[MessageKey, bytes]:
    """What a ratchet gives for one generation, and the secret of the next."""
    key_size, nonce_size, hash_size = suite.key_size, suite.nonce_size, suite.hash_size
    step = generation.to_bytes(4, "big")
    key, nonce, following = suite.hpke.kdf.first_blocks(
        secret,
        (
            _label_before_step(b"key", key_size) + step,
            _label_before_step(b"nonce", nonce_size) + step,
            _label_before_step(b"secret", hash_size) + step,
        ),
    )
    return MessageKey(generation, key[:key_size], nonce[:nonce_size]), following


def _next_secret(suite: CipherSuite, secret: bytes, generation: int) -> bytes:
    return derive_tree_secret(suite, secret, b"secret", generation, suite.hash_size)


@lru_cache(maxsize=32)
def _label_before_step(label: bytes, length: int) -> bytes:
    """The KDFLabel of DeriveTreeSecret up to the generation, which is its last four bytes."""
    return kdf_label(label, bytes(4), length)[:-4]


def _write_message_key(w: Writer, key: MessageKey) -> None:
    w.u32(key.generation)
    w.opaque(key.key)
    w.opaque(key.nonce)


def _read_message_key(r: Reader) -> MessageKey:
    return MessageKey(r.u32(), r.opaque(), r.opaque())
