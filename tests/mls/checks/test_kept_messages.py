"""What the RFC asks of whoever sends and keeps messages: nobody else can break it, so this looks at what we make."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from functools import partial

import pytest
from msgspec import structs

from tacit.codec import Reader
from tacit.crypto.padme import padme
from tacit.errors import InvalidMessage
from tacit.limits import MAX_PAST_EPOCHS, PAST_EPOCH_S
from tacit.mls import Add, ApplicationData, Extension, RatchetExhausted, Remove, create_group, load, save
from tacit.mls.framing import FramedContentAuthData, Sender, read_body
from tacit.mls.messages import PrivateMessage, decode_message, encode_message
from tacit.mls.protection import SenderData, _guarded, _header, _sender_data_key, open_sender_data
from tacit.mls.registry import GREASE_VALUES, ContentType, SenderType, WireFormat
from tacit.mls.secret_tree import LAST_GENERATION, RatchetKind
from tacit.mls.tree_math import LeafIndex
from tests.mls.crew import NOW_S, Crew
from tests.mls.mirror import Mirror
from tests.mls.refusal import breaks, refuses, state_of


def private_message(data: bytes) -> PrivateMessage:
    message = decode_message(data)
    assert isinstance(message, PrivateMessage)
    return message


def opened(crew: Crew, data: bytes, guard: bytes | None = None) -> bytes:
    """The plaintext of Alice's first message, padding included, taken apart by hand."""
    group, message = crew["bob"], private_message(data)
    keys = group.state.keys(group.secret_tree)
    sender = open_sender_data(keys, message)
    key, _ = group.secret_tree.key_at(group.suite, LeafIndex(0), RatchetKind.APPLICATION, sender.generation)
    nonce = _guarded(key, sender.reuse_guard if guard is None else guard)
    aad = _header(group.group_id, group.epoch, ContentType.APPLICATION) + b"\0"
    return group.suite.aead_open(key.key, nonce, aad, message.ciphertext)


@pytest.mark.parametrize("size", [0, 1, 200, 5000])
def test_we_pad_with_zeros(crew: Crew, size: int) -> None:
    """Rule 6.3.1/padding-sent."""
    plaintext = opened(crew, crew.seal("alice", b"\xff" * size))
    r = Reader(plaintext)
    read_body(r, ContentType.APPLICATION)
    FramedContentAuthData.read(r, ContentType.APPLICATION)
    padding = r.fixed(r.remaining)
    assert padding == bytes(len(padding))
    assert padme(len(plaintext)) == len(plaintext)


def test_every_message_has_a_reuse_guard_of_its_own(crew: Crew) -> None:
    """Rule 6.3.1/reuse-guard: with one key and generation, as after a state that was set back, nonces still differ."""
    alice, guards = crew["alice"], set()
    for _ in range(20):
        _, data = alice.seal(b"same", entropy=crew.entropy)
        guard = open_sender_data(crew["bob"].state.keys(crew["bob"].secret_tree), private_message(data)).reuse_guard
        assert b"same" in opened(crew, data)
        guards.add(guard)
    assert len(guards) == 20
    assert {len(guard) for guard in guards} == {4}
    _, data = alice.seal(b"same", entropy=lambda size: b"\xa5" * size)
    assert b"same" in opened(crew, data, guard=b"\xa5" * 4)


def test_no_key_encrypts_two_messages(crew: Crew) -> None:
    """Rule 9.1/key-used-once: generations follow each other, also over a restart, and no handshake takes one away."""
    generations = []
    for n in range(6):
        generations.append(crew["bob"].sender_position(crew.seal("alice", b"x")).generation)
        if n % 2:
            crew.create_commit("alice")
            crew.groups["alice"] = load(save(crew["alice"]))
    assert generations == list(range(6))


def test_the_sample_is_the_beginning_of_the_ciphertext(crew: Crew, mirror: Mirror) -> None:
    """Rule 6.3.2/sample: Nh bytes of it are covered, and not one more."""
    message = private_message(mirror.private(b"x"))
    size = crew.suite.hash_size
    for place, check in ((0, "6.3.2/sender-data"), (size - 1, "6.3.2/sender-data"), (size, "6.3.1/ciphertext")):
        changed = bytearray(message.ciphertext)
        changed[place] ^= 1
        refuses(crew, "bob", encode_message(structs.replace(message, ciphertext=bytes(changed))), check)


@pytest.mark.parametrize("size", [0, 1, 15, 31])
def test_the_sample_of_a_short_ciphertext_is_all_of_it(crew: Crew, mirror: Mirror, size: int) -> None:
    """Rule 6.3.2/sample: the sender data of a ciphertext that is shorter than the sample opens, and then it ends."""
    group = crew["bob"]
    keys = group.state.keys(group.secret_tree)
    short = crew.entropy(size)
    data = SenderData(LeafIndex(0), 0, bytes(4)).encode()
    header = _header(group.group_id, group.epoch, ContentType.APPLICATION)
    sealed = crew.suite.aead_seal(*_sender_data_key(keys, short), header, data)
    message = structs.replace(private_message(mirror.private(b"x")), encrypted_sender_data=sealed, ciphertext=short)
    refuses(crew, "bob", encode_message(message), "6.3.1/ciphertext")


@pytest.mark.parametrize("sender_type", [SenderType.EXTERNAL, SenderType.NEW_MEMBER_PROPOSAL])
def test_nobody_but_members_sends_private_messages(crew: Crew, mirror: Mirror, sender_type: SenderType) -> None:
    """Rule 6.3.2/sender-is-member: well signed as content of an outsider, and encrypted by a member who helps."""
    content = mirror.content(Remove(LeafIndex(2)), sender=Sender(sender_type))
    signature = mirror.sign(content, WireFormat.PRIVATE_MESSAGE)
    message = mirror.encrypt(content, FramedContentAuthData(signature), LeafIndex(0))
    refuses(crew, "bob", message, "6.1/signature")


def test_exported_secrets_are_those_of_the_rfc(crew: Crew) -> None:
    """Rule 8.5/exporter: by hand, with the context hashed first, where a published implementation forgot that."""

    def labelled(label: bytes, context: bytes, length: int) -> bytes:
        full = b"MLS 1.0 " + label
        return length.to_bytes(2, "big") + bytes([len(full)]) + full + bytes([len(context)]) + context

    def expand(secret: bytes, info: bytes) -> bytes:
        return hmac.digest(secret, info + b"\1", "sha256")

    secret = crew["alice"].state.secrets.exporter_secret.reveal()
    derived = expand(secret, labelled(b"use", b"", 32))
    wanted = expand(derived, labelled(b"exported", hashlib.sha256(b"context").digest(), 32))
    assert crew["alice"].export("use", b"context", 32).reveal() == wanted
    unhashed = expand(derived, labelled(b"exported", b"context", 32))
    others = {crew["alice"].export(*args, 32).reveal() for args in (("use", b"other"), ("other", b"context"))}
    crew.commit("bob")
    others.add(crew["alice"].export("use", b"context", 32).reveal())
    assert len({wanted, unhashed, *others}) == 5


def stored(crew: Crew, name: str) -> bytes:
    saved = save(crew[name])
    return saved.epoch_blob + saved.ratchet_blob


def test_the_secrets_that_begin_an_epoch_are_not_stored(crew: Crew, mirror: Mirror) -> None:
    """Rule 9.2/deleted: joiner, epoch, commit and path secrets; and the encryption secret, once a message was read."""
    bundle = crew.bundle("dave")
    forged = mirror.commit([Add(bundle.key_package)])
    old_init = crew["bob"].state.secrets.init_secret.reveal()
    event = crew["bob"].process(forged.message, authenticate=crew.authenticate)
    crew.groups["bob"] = event.group_after  # type: ignore[union-attr, assignment]
    assert forged.path is not None
    gone = {
        "joiner secret": forged.schedule.joiner_secret,
        "what epoch and welcome secret come from": forged.schedule.member_secret,
        "confirmation key": forged.schedule.keys.confirmation_key,
        "commit secret": forged.path.commit_secret,
        "init secret of the epoch before": old_init,
        **{f"path secret {n}": secret for n, secret in enumerate(forged.path.path_secrets)},
    }
    kept = stored(crew, "bob")
    assert [name for name, secret in gone.items() if secret in kept] == []
    later = Mirror(replace(crew["bob"], state=forged.epoch), crew.entropy)
    assert crew.open("bob", later.private(b"first")) == b"first"
    assert forged.schedule.keys.encryption_secret in kept
    assert forged.schedule.keys.encryption_secret not in stored(crew, "bob")


def test_used_message_keys_are_not_stored(crew: Crew) -> None:
    """Rule 9.2/deleted: key, nonce and ratchet secret go with the message, at the sender's and at the receiver's."""
    before = crew["bob"]
    key, _ = before.secret_tree.next_key(crew.suite, LeafIndex(0), RatchetKind.APPLICATION)
    ratchet = before.secret_tree._with_sender(crew.suite, LeafIndex(0)).ratchet(LeafIndex(0), RatchetKind.APPLICATION)
    message = crew.seal("alice", b"x")
    crew.open("bob", message)
    for name in ("alice", "bob"):
        kept = stored(crew, name)
        assert key.key not in kept
        assert key.nonce not in kept
        assert ratchet.secret not in kept


def test_a_forged_message_uses_up_no_key(crew: Crew, mirror: Mirror) -> None:
    """Rule 9.2/authentic-first: an insider has everybody's keys, and still burns nobody's."""
    real = crew.seal("carol", b"real")
    carol = crew.index("carol")
    refuses(crew, "bob", mirror.private(b"forged", sender=carol, generation=0), "6.1/signature")
    message = private_message(real)
    broken = message.ciphertext[:-1] + bytes([message.ciphertext[-1] ^ 1])
    refuses(crew, "bob", encode_message(structs.replace(message, ciphertext=broken)), "6.3.1/ciphertext")
    refuses(crew, "bob", mirror.private(b"forged", sender=carol, generation=900), "6.1/signature")
    assert crew.open("bob", real) == b"real"


@pytest.mark.parametrize("handshake", [False, True])
def test_a_ratchet_at_its_end_sends_nothing_more(crew: Crew, handshake: bool) -> None:
    """Rule 15.2/aead-limit: the last generation is refused to us as it would be to others."""
    group = crew["alice"]
    tree = group.secret_tree._with_sender(crew.suite, LeafIndex(0))
    pair = tuple(structs.replace(ratchet, generation=LAST_GENERATION) for ratchet in tree.senders[LeafIndex(0)])
    worn = replace(group, secret_tree=structs.replace(tree, senders={LeafIndex(0): pair}))  # type: ignore[dict-item]
    before = state_of(worn)
    send = (
        partial(worn.propose, Remove(LeafIndex(2)), entropy=crew.entropy)
        if handshake
        else partial(worn.seal, b"x", entropy=crew.entropy)
    )
    with pytest.raises(RatchetExhausted):
        send()
    assert state_of(worn) == before


def test_keys_of_past_epochs_are_few_and_go_with_time(crew: Crew) -> None:
    """Rule 15.3/past-epochs: the number and the age; and who was removed meanwhile is still known by name."""
    letters = []
    for _ in range(MAX_PAST_EPOCHS + 1):
        letters.append(crew.seal("carol", b"late"))
        crew.commit("alice")
    refuses(crew, "bob", letters[0], "6/epoch")
    crew.remove("alice", "carol")
    refuses(crew, "bob", letters[1], "6/epoch")
    event = crew["bob"].process(letters[2], authenticate=crew.authenticate, now_s=NOW_S + PAST_EPOCH_S)
    assert isinstance(event, ApplicationData)
    assert event.sender_leaf.credential_identity == b"carol"
    with breaks("6/epoch"):
        crew["bob"].process(letters[2], authenticate=crew.authenticate, now_s=NOW_S + PAST_EPOCH_S + 1)
    assert len(crew["bob"].past_keys) == MAX_PAST_EPOCHS


def test_one_call_takes_whatever_a_member_sends(crew: Crew, mirror: Mirror) -> None:
    """Rule 6/one-door: an encrypted proposal and an encrypted commit need no tag of public messages to be read."""
    for message in (mirror.private(b"x"), mirror.private(Remove(LeafIndex(2))), mirror.commit().message):
        assert isinstance(decode_message(message), PrivateMessage)
        assert crew["bob"].process(message, authenticate=crew.authenticate)


def test_grease_is_sent_where_others_ignore_it_and_nowhere_else(crew: Crew) -> None:
    """Rule 13.5/grease-sent."""
    grease = set(GREASE_VALUES)
    for _ in range(10):
        leaf = crew.bundle("dave").key_package.leaf_node
        listed = leaf.capabilities
        for values in (listed.cipher_suites, listed.extensions, listed.proposals, listed.credentials):
            assert grease & set(values)
        assert int(leaf.credential.credential_type) not in grease
    for group in crew.groups.values():
        assert grease.isdisjoint(extension.extension_type for extension in group.extensions)


def test_nobody_begins_a_group_with_grease_in_its_extensions(crew: Crew) -> None:
    """Rule 13.5/grease-sent: not even where our own leaf happens to list that value."""
    for value in GREASE_VALUES:
        with pytest.raises(InvalidMessage) as caught:
            create_group(
                b"g",
                crew.suite.id,
                b"alice",
                crew.key("alice").private,
                extensions=(Extension(value, b""),),
                entropy=lambda size, value=value: bytes([value >> 12]) * size,  # type: ignore[misc]
                now_s=NOW_S,
            )
        assert caught.value.check in ("13.4/unsupported-group-extension", "13.4/group-context-extension")
