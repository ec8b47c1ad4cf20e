"""The derivations and framings of the RFC written out once more, with nothing but HMAC and AES-GCM, for suite 0x0001.

Members of one program would never notice that all of them use a wrong label; these tests do.
Source: RFC 9420 §5.1.2, §6.1, §6.2, §6.3, §8, §8.4, §8.5, §9
"""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tacit.crypto.suites import X25519_SUITE, suite
from tacit.mls import ExternalPSK, Group, LeafIndex, PreSharedKeyID, PrivateMessage, PublicMessage, Remove
from tacit.mls.epochs import advance_schedule
from tacit.mls.key_schedule import (
    derive_epoch_secret,
    derive_joiner_secret,
    derive_member_secret,
    derive_welcome_key,
    export,
    schedule_epoch,
)
from tacit.mls.messages import decode_message
from tacit.mls.pre_shared_keys import psk_secret
from tacit.mls.secret_tree import RatchetKind, SecretTree
from tests.mls.crew import Crew

NH, NK, NN = 32, 16, 12
SUITE = suite(X25519_SUITE)


def vl(data: bytes) -> bytes:
    """``opaque data<V>``, for up to 16,383 bytes."""
    return (bytes((len(data),)) if len(data) < 64 else (0x4000 | len(data)).to_bytes(2, "big")) + data


def extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt, ikm, "sha256")


def expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """ExpandWithLabel, for up to 32 bytes: one block of HKDF-Expand."""
    info = length.to_bytes(2, "big") + vl(b"MLS 1.0 " + label) + vl(context)
    return hmac.digest(secret, info + b"\x01", "sha256")[:length]


def derive(secret: bytes, label: bytes) -> bytes:
    return expand(secret, label, b"", NH)


def ratchet_secret(encryption_secret: bytes, leaf: int, depth: int, kind: bytes) -> bytes:
    """The first secret of a member's ratchet, from the root down."""
    secret = encryption_secret
    for level in reversed(range(depth)):
        secret = expand(secret, b"tree", b"right" if leaf >> level & 1 else b"left", NH)
    return expand(secret, kind, b"", NH)


def message_key(secret: bytes, generation: int) -> tuple[bytes, bytes]:
    for step in range(generation):
        secret = expand(secret, b"secret", step.to_bytes(4, "big"), NH)
    number = generation.to_bytes(4, "big")
    return expand(secret, b"key", number, NK), expand(secret, b"nonce", number, NN)


KINDS = [(RatchetKind.HANDSHAKE, b"handshake"), (RatchetKind.APPLICATION, b"application")]


@pytest.mark.parametrize(("kind", "label"), KINDS)
@pytest.mark.parametrize("leaf", range(8))
def test_message_keys(leaf: int, kind: RatchetKind, label: bytes) -> None:
    root = bytes(range(NH))
    tree = SecretTree.from_encryption_secret(8, root)
    secret = ratchet_secret(root, leaf, 3, label)
    for generation in (0, 3, 1, 2, 4):
        key, tree = tree.key_at(SUITE, LeafIndex(leaf), kind, generation)
        assert key.generation == generation
        assert (key.key, key.nonce) == message_key(secret, generation)
    for generation in (5, 6):
        key, tree = tree.next_key(SUITE, LeafIndex(leaf), kind)
        assert (key.generation, key.key, key.nonce) == (generation, *message_key(secret, generation))
    advanced = tree.advanced_to(SUITE, LeafIndex(leaf), kind, 9)
    key, _ = advanced.next_key(SUITE, LeafIndex(leaf), kind)
    assert (key.generation, key.key, key.nonce) == (9, *message_key(secret, 9))


def test_the_key_schedule() -> None:
    init, commit, psk = (bytes((number,)) * NH for number in (1, 2, 3))
    context = b"context" * 20
    joiner = expand(extract(init, commit), b"joiner", context, NH)
    assert derive_joiner_secret(SUITE, init, commit, context) == joiner
    member = extract(joiner, psk)
    assert derive_member_secret(SUITE, joiner, psk) == member
    welcome = derive(member, b"welcome")
    assert derive_welcome_key(SUITE, member) == (expand(welcome, b"key", b"", NK), expand(welcome, b"nonce", b"", NN))
    epoch = expand(member, b"epoch", context, NH)
    assert derive_epoch_secret(SUITE, member, context) == epoch

    schedule = schedule_epoch(SUITE, epoch)
    labels = {
        "init_secret": b"init",
        "sender_data_secret": b"sender data",
        "exporter_secret": b"exporter",
        "external_secret": b"external",
        "membership_key": b"membership",
        "resumption_psk": b"resumption",
        "epoch_authenticator": b"authentication",
    }
    for name, label in labels.items():
        assert getattr(schedule.kept, name).reveal() == derive(epoch, label), name
    assert schedule.encryption_secret == derive(epoch, b"encryption")
    assert schedule.confirmation_key == derive(epoch, b"confirm")
    assert schedule.confirmation_tag(SUITE, b"hash") == extract(derive(epoch, b"confirm"), b"hash")

    exporter = derive(epoch, b"exporter")
    exported = expand(derive(exporter, b"label"), b"exported", hashlib.sha256(b"for what").digest(), 20)
    assert export(SUITE, exporter, b"label", b"for what", 20) == exported


def test_an_epoch_follows_from_the_last_ones_init_secret() -> None:
    group = Crew(2)["alice"]
    schedule = advance_schedule(group.state, b"c" * NH, b"p" * NH, group.context)
    init = group.state.secrets.init_secret.reveal()
    joiner = expand(extract(init, b"c" * NH), b"joiner", group.context.encoded, NH)
    assert (schedule.joiner_secret, schedule.member_secret) == (joiner, extract(joiner, b"p" * NH))
    epoch = expand(extract(joiner, b"p" * NH), b"epoch", group.context.encoded, NH)
    assert schedule.keys == schedule_epoch(SUITE, epoch)


def test_pre_shared_keys() -> None:
    secret, psks = bytes(NH), []
    for index, (name, psk) in enumerate(((b"one", b"1" * 20), (b"two", b"2" * 40))):
        nonce = bytes((index,)) * NH
        psks.append((PreSharedKeyID(ExternalPSK(name), nonce), psk))
        label = b"\x01" + vl(name) + vl(nonce) + index.to_bytes(2, "big") + (2).to_bytes(2, "big")
        secret = extract(expand(extract(bytes(NH), psk), b"derived psk", label, NH), secret)
    assert psk_secret(SUITE, psks) == secret
    assert psk_secret(SUITE, []) == bytes(NH)


def before_and_after(crew: Crew) -> tuple[Group, bytes]:
    """Bob before a message of Alice, and its bytes."""
    crew.groups["alice"], message = crew["alice"].seal(b"hello", aad=b"seen by all", entropy=crew.entropy)
    return crew["bob"], message


def test_a_private_message_is_opened_by_hand() -> None:
    crew = Crew(2)
    bob, data = before_and_after(crew)
    message = decode_message(data)
    assert isinstance(message, PrivateMessage)
    header = vl(bob.group_id) + bob.epoch.to_bytes(8, "big") + b"\x01"
    sender_data_secret, sample = bob.state.secrets.sender_data_secret.reveal(), message.ciphertext[:NH]
    key, nonce = expand(sender_data_secret, b"key", sample, NK), expand(sender_data_secret, b"nonce", sample, NN)
    sender_data = AESGCM(key).decrypt(nonce, message.encrypted_sender_data, header)
    assert (sender_data[:8], len(sender_data)) == (bytes(8), 12)

    root = next(iter(bob.secret_tree.nodes.values()))
    key, nonce = message_key(ratchet_secret(root, 0, 1, b"application"), 0)
    guarded = bytes(a ^ b for a, b in zip(nonce, sender_data[8:] + bytes(NN - 4), strict=True))
    plaintext = AESGCM(key).decrypt(guarded, message.ciphertext, header + vl(b"seen by all"))
    content, rest = plaintext[:6], plaintext[6:]
    assert content == vl(b"hello")
    assert rest[:2] == b"\x40\x40"
    assert rest[66:] == bytes(len(rest) - 66)

    framed = (
        vl(bob.group_id) + bob.epoch.to_bytes(8, "big") + b"\x01" + bytes(4) + vl(b"seen by all") + b"\x01" + content
    )
    signed = b"\x00\x01" + b"\x00\x02" + framed + bob.context.encoded
    labelled = vl(b"MLS 1.0 FramedContentTBS") + vl(signed)
    alice = bob.members()[0].leaf_node
    Ed25519PublicKey.from_public_bytes(alice.signature_key).verify(rest[2:66], labelled)


def test_a_public_message_has_its_tag_and_signature_by_hand() -> None:
    crew = Crew(2)
    bob = crew["bob"]
    _, data = crew["alice"].propose(Remove(LeafIndex(1)), public=True, entropy=crew.entropy)
    message = decode_message(data)
    assert isinstance(message, PublicMessage)
    content = b"\x00\x03" + (1).to_bytes(4, "big")
    framed = vl(bob.group_id) + bob.epoch.to_bytes(8, "big") + b"\x01" + bytes(4) + vl(b"") + b"\x02" + content
    signed = b"\x00\x01" + b"\x00\x01" + framed + bob.context.encoded
    signature = message.auth.signature
    alice = bob.members()[0].leaf_node
    Ed25519PublicKey.from_public_bytes(alice.signature_key).verify(
        signature, vl(b"MLS 1.0 FramedContentTBS") + vl(signed)
    )
    membership_key = bob.state.secrets.membership_key.reveal()
    assert message.membership_tag == extract(membership_key, signed + vl(signature))
    assert data == b"\x00\x01\x00\x01" + framed + vl(signature) + vl(message.membership_tag or b"")
