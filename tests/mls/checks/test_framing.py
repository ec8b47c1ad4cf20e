from __future__ import annotations

import pytest
from msgspec import structs

from tacit.errors import DecodeError, PeerError
from tacit.mls import OwnMessage, Policy, Remove, WrongEpoch, WrongGroup
from tacit.mls.checks.framing import check_padding
from tacit.mls.framing import Sender
from tacit.mls.messages import PrivateMessage, decode_message, encode_message
from tacit.mls.registry import SenderType, WireFormat
from tacit.mls.tree_math import LeafIndex
from tests.mls.crew import Crew
from tests.mls.mirror import Mirror
from tests.mls.refusal import breaks, refuses, refuses_to_join

PUBLIC = Policy(public_handshakes=True)


def tags_of_wrong_length(tag: bytes) -> list[bytes]:
    """Hazard B1: shorter tags that match as far as they go, and longer ones that begin right."""
    return [b"", tag[:1], tag[:-1], tag + b"\0", bytes(len(tag))]


def test_what_the_mirror_makes_unbroken_is_accepted(crew: Crew, mirror: Mirror) -> None:
    group = crew["bob"]
    for message in (
        mirror.private(b"hello"),
        mirror.private(Remove(LeafIndex(2))),
        mirror.public(Remove(LeafIndex(2))),
        mirror.commit().message,
        mirror.commit([Remove(LeafIndex(2))]).message,
        mirror.commit(wire_format=WireFormat.PUBLIC_MESSAGE).message,
    ):
        group.process(message, authenticate=crew.authenticate, policy=PUBLIC)


def test_other_groups_are_refused(crew: Crew, mirror: Mirror) -> None:
    error = refuses(crew, "bob", mirror.private(b"x", header={"group_id": b"other"}), "6/group-id")
    assert isinstance(error, WrongGroup)
    refuses(crew, "bob", mirror.public(Remove(LeafIndex(2)), group_id=b"other"), "6/group-id", policy=PUBLIC)


@pytest.mark.parametrize("epoch", [0, 2, 2**64 - 1])
def test_other_epochs_are_refused(crew: Crew, mirror: Mirror, epoch: int) -> None:
    error = refuses(crew, "bob", mirror.private(b"x", header={"epoch": epoch}), "6/epoch")
    assert isinstance(error, WrongEpoch)
    assert error.epoch == epoch
    refuses(crew, "bob", mirror.public(Remove(LeafIndex(2)), epoch=epoch), "6/epoch", policy=PUBLIC)


def test_handshakes_of_past_epochs_are_refused(crew: Crew) -> None:
    """Hazard A8."""
    before = Mirror(crew["alice"], crew.entropy)
    pending = crew.commit("alice")
    for message in (pending.commit, before.private(Remove(LeafIndex(2))), before.commit().message):
        refuses(crew, "bob", message, "6/epoch")


def test_messages_that_are_not_for_members_are_refused(crew: Crew) -> None:
    refuses(crew, "bob", crew.bundle("dave").key_package_bytes, "6/not-for-members")


def test_only_private_messages_have_a_position(crew: Crew, mirror: Mirror) -> None:
    with breaks("6/not-private"):
        crew["bob"].sender_position(mirror.public(Remove(LeafIndex(2))))


def test_public_handshakes_are_refused_where_they_are_not_the_policy(crew: Crew, mirror: Mirror) -> None:
    """Hazard B9."""
    refuses(crew, "bob", mirror.public(Remove(LeafIndex(2))), "6/handshake-is-private")
    public_commit = mirror.commit(wire_format=WireFormat.PUBLIC_MESSAGE).message
    refuses(crew, "bob", public_commit, "6/handshake-is-private")


def test_public_application_data_is_refused(crew: Crew, mirror: Mirror) -> None:
    """Hazard B9."""
    refuses(crew, "bob", mirror.public(b"in the clear"), "6/application-is-private", policy=PUBLIC)
    refuses(crew, "bob", mirror.public(b"in the clear"), "6/application-is-private")


@pytest.mark.parametrize(
    ("sender_type", "body"),
    [
        (SenderType.NEW_MEMBER_COMMIT, Remove(LeafIndex(2))),
        (SenderType.EXTERNAL, "commit"),
        (SenderType.NEW_MEMBER_PROPOSAL, "commit"),
    ],
)
def test_outsiders_send_only_what_is_theirs(
    crew: Crew, mirror: Mirror, sender_type: SenderType, body: Remove | str
) -> None:
    commit = decode_message(mirror.commit(wire_format=WireFormat.PUBLIC_MESSAGE).message)
    content = commit.content.body if isinstance(body, str) else body  # type: ignore[union-attr]
    message = mirror.public(content, sender=Sender(sender_type), tag=bytes(32) if isinstance(body, str) else None)
    refuses(crew, "bob", message, "6.1/sender-type", policy=PUBLIC)


def test_unsigned_messages_are_refused(crew: Crew, mirror: Mirror) -> None:
    for message in (
        mirror.private(b"x", signature=b""),
        mirror.private(b"x", signature=bytes(64)),
        mirror.private(Remove(LeafIndex(2)), signature=b""),
        mirror.commit(signed_by=crew.key("mallory").private).message,
    ):
        refuses(crew, "bob", message, "6.1/signature")


def test_nobody_speaks_for_another_member(crew: Crew, mirror: Mirror) -> None:
    """Hazard B13: sent as Carol, with Carol's message key, and signed by Alice."""
    carol = crew.index("carol")
    refuses(crew, "bob", mirror.private(b"x", sender=carol), "6.1/signature")
    refuses(crew, "bob", mirror.private(Remove(LeafIndex(0)), sender=carol), "6.1/signature")
    public = mirror.public(Remove(LeafIndex(0)), sender=Sender.member(carol))
    refuses(crew, "bob", public, "6.1/signature", policy=PUBLIC)


def test_a_signature_is_for_one_wire_format(crew: Crew, mirror: Mirror) -> None:
    """Hazard B28."""
    body = Remove(LeafIndex(2))
    for_public = mirror.sign(mirror.content(body), WireFormat.PUBLIC_MESSAGE)
    for_private = mirror.sign(mirror.content(body), WireFormat.PRIVATE_MESSAGE)
    refuses(crew, "bob", mirror.private(body, signature=for_public), "6.1/signature")
    refuses(crew, "bob", mirror.public(body, signature=for_private), "6.1/signature", policy=PUBLIC)


def test_a_signature_is_for_one_epoch(crew: Crew, mirror: Mirror) -> None:
    old = mirror.sign(mirror.content(b"x"), WireFormat.PRIVATE_MESSAGE)
    crew.commit("bob")
    now = Mirror(crew["alice"], crew.entropy)
    refuses(crew, "bob", now.private(b"x", signature=old), "6.1/signature")


def test_a_membership_tag_is_compared_as_a_whole(crew: Crew, mirror: Mirror) -> None:
    """Hazard B1."""
    for place in range(5):
        message = mirror.public(
            Remove(LeafIndex(2)), membership_tag=lambda tag, place=place: tags_of_wrong_length(tag)[place]
        )
        refuses(crew, "bob", message, "6.2/membership-tag", policy=PUBLIC)


def test_a_confirmation_tag_is_compared_as_a_whole(crew: Crew, mirror: Mirror) -> None:
    """Hazard B1."""
    for wire_format in (WireFormat.PRIVATE_MESSAGE, WireFormat.PUBLIC_MESSAGE):
        for place in range(5):
            forged = mirror.commit(
                tag=lambda tag, place=place: tags_of_wrong_length(tag)[place], wire_format=wire_format
            )
            refuses(crew, "bob", forged.message, "6.1/confirmation-tag", policy=PUBLIC)


@pytest.mark.parametrize("padding", [b"\1", b"\0\0\1", b"\1" + bytes(200), bytes(200) + b"\x80"])
def test_padding_that_is_not_zero_is_refused(crew: Crew, mirror: Mirror, padding: bytes) -> None:
    """Hazard B10."""
    refuses(crew, "bob", mirror.private(b"x", padding=padding), "6.3.1/padding")
    with breaks("6.3.1/padding"):
        check_padding(padding)


def test_zero_padding_of_any_length_is_accepted(crew: Crew, mirror: Mirror) -> None:
    for size in (0, 1, 1000):
        assert crew["bob"].process(mirror.private(b"x", padding=bytes(size)), authenticate=crew.authenticate)


def test_trailing_bytes_are_malformed(crew: Crew, mirror: Mirror) -> None:
    """Hazard B10."""
    refuses(crew, "bob", mirror.private(b"x") + b"\0", error=DecodeError)
    longer = mirror.private(b"x", encrypted_sender_data=lambda data: data + b"\0")
    refuses(crew, "bob", longer, error=DecodeError)
    shorter = mirror.private(b"x", encrypted_sender_data=lambda data: data[:-1])
    refuses(crew, "bob", shorter, error=DecodeError)


def test_content_that_is_cut_short_is_malformed(crew: Crew, mirror: Mirror) -> None:
    refuses(crew, "bob", mirror.private(b"x", content_bytes=lambda data: data[:-1]), error=DecodeError)
    refuses(crew, "bob", mirror.private(b"x", content_bytes=lambda data: b""), error=DecodeError)


def test_every_flipped_bit_is_noticed(crew: Crew) -> None:
    """Hazard A27, for one message of each kind."""
    crew.propose("carol", Remove(crew.index("carol")))
    proposal = crew["carol"]
    message = Mirror(proposal, crew.entropy).private(b"x")
    group = crew["bob"]
    group.process(message, authenticate=crew.authenticate)
    for place in range(len(message) * 8):
        broken = bytearray(message)
        broken[place // 8] ^= 1 << place % 8
        with pytest.raises(PeerError):
            group.process(bytes(broken), authenticate=crew.authenticate, policy=PUBLIC)


def test_a_changed_ciphertext_or_header_does_not_open(crew: Crew, mirror: Mirror) -> None:
    message = decode_message(mirror.private(b"x", aad=b"seen by all"))
    assert isinstance(message, PrivateMessage)
    ciphertext = message.ciphertext
    for broken, check in (
        (structs.replace(message, ciphertext=ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])), "6.3.1/ciphertext"),
        (structs.replace(message, authenticated_data=b"something else"), "6.3.1/ciphertext"),
        (structs.replace(message, ciphertext=bytes([ciphertext[0] ^ 1]) + ciphertext[1:]), "6.3.2/sender-data"),
        (structs.replace(message, encrypted_sender_data=b""), "6.3.2/sender-data"),
    ):
        refuses(crew, "bob", encode_message(broken), check)


@pytest.mark.parametrize("leaf", [3, 4, 1000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_sender_outside_the_tree_is_refused(crew: Crew, mirror: Mirror, leaf: int) -> None:
    """Hazard B12; leaf 3 is blank."""
    refuses(crew, "bob", mirror.private(b"x", sender=leaf), "6.3.2/sender-leaf")
    public = mirror.public(Remove(LeafIndex(2)), sender=Sender.member(LeafIndex(leaf)))
    refuses(crew, "bob", public, "6.3.2/sender-leaf", policy=PUBLIC)


def test_own_messages_are_recognised(crew: Crew) -> None:
    message = crew.seal("alice", b"to all")
    error = refuses(crew, "alice", message, "6.3/own-message")
    assert isinstance(error, OwnMessage)
    assert (error.epoch, error.generation) == (1, 0)
    pending = crew.create_commit("alice")
    refuses(crew, "alice", pending.commit, "6.3/own-message")
    own_public = Mirror(crew["alice"], crew.entropy).public(Remove(LeafIndex(2)))
    refuses(crew, "alice", own_public, "6.3/own-message", policy=PUBLIC)


def test_a_private_message_is_no_welcome(crew: Crew, mirror: Mirror) -> None:
    refuses_to_join(crew, mirror.private(b"x"), crew.bundle("dave"), error=DecodeError)
