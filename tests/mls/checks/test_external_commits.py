"""External commits that break one rule, and are taken by nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tacit.errors import DecodeError, PeerError
from tacit.limits import MAX_GROUP_MEMBERS
from tacit.mls import (
    Add,
    BasicCredential,
    ExternalInit,
    ExternalPSK,
    GroupContextExtensions,
    LeafIndex,
    Policy,
    PreSharedKey,
    PreSharedKeyID,
    Proposal,
    PSKUnavailable,
    ReInit,
    Remove,
    RequiredCapabilities,
    ResumptionPSK,
    StagedCommit,
    Update,
)
from tacit.mls.checks.external import check_external_commit
from tacit.mls.commits import ProposalReference
from tacit.mls.framing import Sender
from tacit.mls.proposals import CustomProposal
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import LeafNodeSource, ResumptionPSKUsage, SenderType, WireFormat
from tests.mls.crew import NOW_S, Crew, NotTheirKey
from tests.mls.mirror import Hook, Mirror
from tests.mls.refusal import breaks, refuses, state_of
from tests.mls.stranger import Stranger

OPEN = Policy(external_commits=True)
EVERYTHING = Policy(public_handshakes=True, external_commits=True, outside_proposals=True)
LISTENING = Policy(outside_proposals=True, authenticate_sender=lambda sender: None)
EXTERNAL = Sender(SenderType.EXTERNAL, 0)
NEWCOMER = Sender(SenderType.NEW_MEMBER_PROPOSAL)


@pytest.fixture
def returning(crew: Crew) -> Stranger:
    """Carol, a member, who makes as if she had lost track."""
    return Stranger(crew, crew["alice"], "carol")


def psk_of(key: ExternalPSK | ResumptionPSK, nonce: bytes = bytes(32)) -> PreSharedKey:
    return PreSharedKey(PreSharedKeyID(key, nonce))


def turned_away(crew: Crew, commit: bytes, check: str | None = None, error: type[PeerError] | None = None) -> None:
    """No member takes the commit, even where external commits are welcome."""
    for name in crew.groups:
        if error is None:
            refuses(crew, name, commit, check, policy=OPEN)
        else:
            refuses(crew, name, commit, check, policy=OPEN, error=error)


def test_what_the_stranger_makes_unbroken_is_accepted(crew: Crew, stranger: Stranger, returning: Stranger) -> None:
    for commit in (stranger.commit(), returning.commit([Remove(LeafIndex(2))])):
        event = crew["bob"].process(commit, authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
        assert isinstance(event, StagedCommit)
        assert event.group_after is not None


def test_the_order_of_what_comes_in_does_not_matter(crew: Crew, returning: Stranger) -> None:
    commit = returning.commit([Remove(LeafIndex(2))], listed=lambda items: items[::-1])
    assert crew["bob"].process(commit, authenticate=crew.authenticate, policy=OPEN)


def test_every_flipped_bit_of_an_external_commit_is_noticed(crew: Crew, stranger: Stranger) -> None:
    """Hazard A27, for every fifth bit."""
    commit, group = stranger.commit(), crew["bob"]
    before = state_of(group)
    for place in range(0, len(commit) * 8, 5):
        broken = bytearray(commit)
        broken[place // 8] ^= 1 << place % 8
        with pytest.raises(PeerError):
            group.process(bytes(broken), authenticate=crew.authenticate, policy=EVERYTHING)
    assert state_of(group) == before


def test_every_cut_of_an_external_commit_is_noticed(crew: Crew, stranger: Stranger) -> None:
    commit = stranger.commit()
    for length in range(0, len(commit), 7):
        with pytest.raises(DecodeError):
            crew["bob"].process(commit[:length], authenticate=crew.authenticate, policy=EVERYTHING)


def test_external_commits_are_refused_where_nobody_asked_for_them(crew: Crew, stranger: Stranger) -> None:
    for policy in (Policy(), Policy(public_handshakes=True), LISTENING):
        refuses(crew, "bob", stranger.commit(), "12.4.3.2/external-commits", policy=policy)


@pytest.mark.parametrize("count", [0, 2, 3])
def test_an_external_commit_has_exactly_one_init(crew: Crew, stranger: Stranger, count: int) -> None:
    """Hazard B8. X01."""
    turned_away(crew, stranger.commit(listed=lambda items: items[:1] * count), "12.2/one-external-init")


def test_a_member_does_not_use_the_external_init(crew: Crew, mirror: Mirror) -> None:
    """X01, P08."""
    refuses(crew, "bob", mirror.commit([ExternalInit(bytes(32))]).message, "12.2/external-init")


def test_an_init_that_does_not_decapsulate_is_refused(crew: Crew, stranger: Stranger) -> None:
    for changed in (b"", bytes(32), stranger.fresh_key()[:-1], stranger.fresh_key() + b"\0"):
        turned_away(crew, stranger.commit(kem_output=lambda sent, changed=changed: changed), "8.3/kem-output")


def test_an_init_secret_that_the_joiner_does_not_use_is_noticed(crew: Crew, stranger: Stranger) -> None:
    other = stranger.fresh_key()
    turned_away(crew, stranger.commit(kem_output=lambda sent: other), "6.1/confirmation-tag")


def test_who_comes_back_puts_out_one_leaf_only(crew: Crew, returning: Stranger) -> None:
    """X02."""
    both = [Remove(LeafIndex(2)), Remove(LeafIndex(1))]
    turned_away(crew, returning.commit(both), "12.2/one-remove")
    turned_away(crew, returning.commit(both[:1] * 2), "12.2/one-remove")


@pytest.mark.parametrize("leaf", [3, 4, 1000, 0xFFFFFFFF])
def test_who_comes_back_puts_out_a_leaf_that_is_there(crew: Crew, stranger: Stranger, leaf: int) -> None:
    """X02; leaf 3 is blank."""
    turned_away(crew, stranger.commit([Remove(LeafIndex(leaf))]), "12.1.3/removed-leaf")


def test_nobody_puts_out_a_leaf_of_another(crew: Crew, stranger: Stranger) -> None:
    """Hazard B7. X02: the door for identity sees both leaves."""
    for leaf in range(3):
        turned_away(crew, stranger.commit([Remove(LeafIndex(leaf))]), error=NotTheirKey)


def test_who_comes_back_brings_a_new_key(crew: Crew, returning: Stranger) -> None:
    """X02: the new leaf is judged as an update of the old one."""
    old = crew["alice"].state.leaves[LeafIndex(2)].encryption_key
    commit = returning.commit([Remove(LeafIndex(2))], leaf=lambda leaf: replace(leaf, encryption_key=old))
    turned_away(crew, commit, "7.3/encryption-key-changed")


def test_who_comes_back_without_leaving_is_there_twice(crew: Crew, returning: Stranger) -> None:
    turned_away(crew, returning.commit(), "7.3/signature-key-unique")


def reinit(crew: Crew) -> ReInit:
    return ReInit(b"other", 1, crew.suite.id, ())


@pytest.mark.parametrize(
    "make",
    [
        lambda crew: Add(crew.bundle("erin").key_package),
        lambda crew: Update(crew["bob"].state.leaves[LeafIndex(1)]),
        lambda crew: GroupContextExtensions(()),
        reinit,
        lambda crew: CustomProposal(0xF123, b""),
        lambda crew: CustomProposal(0x0A0A, b"grease"),
    ],
)
def test_an_external_commit_does_nothing_else(crew: Crew, stranger: Stranger, make: Callable[[Crew], Proposal]) -> None:
    """Hazard B8. X03."""
    turned_away(crew, stranger.commit([make(crew)]), "12.2/external-commit-types")


def test_an_external_commit_refers_to_nothing(crew: Crew, stranger: Stranger) -> None:
    """Hazard B8. X04; the reference is to a proposal that all have."""
    crew.propose("bob", Remove(LeafIndex(2)))
    reference = ProposalReference(crew["alice"].pending_proposals[0].ref)
    turned_away(crew, stranger.commit(listed=lambda items: (*items, reference)), "12.4.3.2/by-value")
    turned_away(crew, stranger.commit(listed=lambda items: (reference,)), "12.4.3.2/by-value")


def test_an_external_commit_has_a_path(crew: Crew, stranger: Stranger) -> None:
    """Hazard B8. X05."""
    turned_away(crew, stranger.commit(with_path=False), "12.4.3.2/path-required")


def test_an_external_commit_is_signed_by_who_comes_in(crew: Crew, stranger: Stranger) -> None:
    """Rule 12.4.3.2/signed-by-path-leaf. X06."""
    for private in (crew.key("mallory").private, crew.key("alice").private):
        turned_away(crew, stranger.commit(signed_by=private), "6.1/signature")
    turned_away(crew, stranger.commit(signed_for=WireFormat.PRIVATE_MESSAGE), "6.1/signature")
    shapeless = stranger.commit(leaf=lambda leaf: replace(leaf, signature_key=b""))
    turned_away(crew, shapeless, "6.1/signature")


def test_the_signature_of_an_external_commit_is_for_one_epoch(crew: Crew, stranger: Stranger) -> None:
    """X06: it covers the context of the group, of which an old group info does not know."""
    crew.commit("alice")
    turned_away(crew, stranger.commit(epoch=crew["alice"].epoch), "6.1/signature")


def test_who_comes_in_has_no_membership_tag(crew: Crew, stranger: Stranger) -> None:
    """X06: there is no place for one."""
    turned_away(crew, stranger.commit(membership_tag=bytes(32)), error=DecodeError)
    turned_away(crew, stranger.commit(membership_tag=b""), error=DecodeError)


@pytest.mark.parametrize("sender", [NEWCOMER, EXTERNAL])
def test_only_who_comes_in_by_it_sends_an_external_commit(crew: Crew, stranger: Stranger, sender: Sender) -> None:
    """Hazard B8. X06."""
    turned_away(crew, stranger.commit(sender=sender), "6.1/sender-type")


def test_who_comes_in_does_not_speak_as_a_member(crew: Crew, stranger: Stranger) -> None:
    """Hazard B8."""
    for leaf in range(3):
        commit = stranger.commit(sender=Sender.member(LeafIndex(leaf)), membership_tag=bytes(32))
        for name in crew.groups:
            refuses(crew, name, commit, "6.2/membership-tag", policy=EVERYTHING)
    commit = stranger.commit(sender=Sender.member(LeafIndex(3)), membership_tag=bytes(32))
    refuses(crew, "bob", commit, "6.3.2/sender-leaf", policy=EVERYTHING)


def test_an_external_commit_is_for_this_group_and_epoch(crew: Crew, stranger: Stranger) -> None:
    turned_away(crew, stranger.commit(group_id=b"other"), "6/group-id")
    for epoch in (0, 2, 2**64 - 1):
        turned_away(crew, stranger.commit(epoch=epoch), "6/epoch")


def test_the_joiner_takes_the_leftmost_blank_leaf_and_no_other(crew: Crew, stranger: Stranger) -> None:
    """Rule 12.4.3.2/leftmost-blank.

    X07: a leaf that is signed for another place is no leaf here, and a path from there has another shape.
    """
    turned_away(crew, stranger.commit(signed_as=0), "7.3/signature")
    turned_away(crew, stranger.commit(signed_as=4), "7.3/signature")
    crew.remove("alice", "bob")
    now = Stranger(crew, crew["alice"], "dave")
    turned_away(crew, now.commit(at=3), "7.3/signature")
    turned_away(crew, now.commit(at=3, signed_as=1), "7.9.2/path-parent-hash")


def test_a_leaf_of_another_kind_does_not_come_in(crew: Crew, stranger: Stranger) -> None:
    lifetime = stranger.leaf.lifetime
    for source in (LeafNodeSource.KEY_PACKAGE, LeafNodeSource.UPDATE):
        commit = stranger.commit(
            leaf=lambda leaf, source=source: replace(
                leaf,
                source=source,
                parent_hash=b"",
                lifetime=lifetime if source is LeafNodeSource.KEY_PACKAGE else None,
            )
        )
        turned_away(crew, commit, "7.3/source")


def test_the_leaf_is_signed_with_its_own_key(crew: Crew, stranger: Stranger) -> None:
    turned_away(crew, stranger.commit(leaf_signed_by=crew.key("mallory").private), "7.3/signature")


def test_who_comes_in_is_who_he_says(crew: Crew, stranger: Stranger) -> None:
    """Hazard B5."""
    other = BasicCredential(b"erin")
    crew.key("erin")
    turned_away(crew, stranger.commit(leaf=lambda leaf: replace(leaf, credential=other)), error=NotTheirKey)


def test_the_keys_that_come_in_are_new(crew: Crew, stranger: Stranger) -> None:
    taken = crew["alice"].state.leaves[LeafIndex(0)].encryption_key
    turned_away(crew, stranger.commit(leaf=lambda leaf: replace(leaf, encryption_key=taken)), "12.4.2/path-key-fresh")

    def twice(path: Any) -> Any:
        return replace(path, nodes=(replace(path.nodes[0], encryption_key=taken), *path.nodes[1:]))

    turned_away(crew, stranger.commit(path=twice), "12.4.2/path-key-fresh")


def test_the_path_of_who_comes_in_has_the_shape_of_the_tree(crew: Crew, stranger: Stranger) -> None:
    def shorter(path: Any) -> Any:
        return replace(path, nodes=path.nodes[:-1])

    def fewer(path: Any) -> Any:
        return replace(path, nodes=(*path.nodes[:-1], replace(path.nodes[-1], encrypted_path_secret=())))

    turned_away(crew, stranger.commit(path=shorter), "7.6/path-length")
    turned_away(crew, stranger.commit(path=fewer), "7.6/ciphertext-count")
    wrong = stranger.commit(leaf=lambda leaf: replace(leaf, parent_hash=bytes(32)))
    turned_away(crew, wrong, "7.9.2/path-parent-hash")


def test_a_path_secret_that_does_not_open_is_refused(crew: Crew, stranger: Stranger) -> None:
    def garbled(path: Any) -> Any:
        def garble(sent: Any) -> Any:
            return replace(sent, ciphertext=bytes(len(sent.ciphertext)))

        nodes = tuple(
            replace(node, encrypted_path_secret=tuple(map(garble, node.encrypted_path_secret))) for node in path.nodes
        )
        return replace(path, nodes=nodes)

    turned_away(crew, stranger.commit(path=garbled), "7.5/path-secret")


def test_the_confirmation_tag_of_an_external_commit_is_compared_as_a_whole(crew: Crew, stranger: Stranger) -> None:
    """Hazard B1."""
    changes: list[Hook] = [lambda tag: b"", lambda tag: tag[:-1], lambda tag: tag + b"\0", lambda tag: bytes(len(tag))]
    for change in changes:
        turned_away(crew, stranger.commit(tag=change), "6.1/confirmation-tag")


def test_pre_shared_keys_that_come_in_are_sound(crew: Crew, stranger: Stranger) -> None:
    door = ExternalPSK(b"door")
    turned_away(crew, stranger.commit([psk_of(door, bytes(31))]), "12.1.4/psk-nonce")
    for usage in (ResumptionPSKUsage.REINIT, ResumptionPSKUsage.BRANCH):
        turned_away(crew, stranger.commit([psk_of(ResumptionPSK(usage, b"crew", 1))]), "12.1.4/psk-usage")
    turned_away(crew, stranger.commit([psk_of(door)]), error=PSKUnavailable)


def test_a_resumption_psk_of_this_group_keeps_strangers_out(crew: Crew, stranger: Stranger) -> None:
    """The members know it, the stranger does not, whatever it names."""
    psk = psk_of(ResumptionPSK(ResumptionPSKUsage.APPLICATION, b"crew", 1))
    turned_away(crew, stranger.commit([psk]), "6.1/confirmation-tag")


def test_what_the_group_requires_who_comes_in_has() -> None:
    required = RequiredCapabilities(extension_types=(0xF7A0,)).as_extension()
    crew = Crew(2, extensions=(required,), extension_types=(0xF7A0,))
    crew.extension_types = ()
    turned_away(crew, Stranger(crew, crew["alice"], "dave").commit(), "7.3/required-capabilities")


def test_a_full_group_takes_nobody_in(crew: Crew) -> None:
    leaf = crew["alice"].state.leaves[LeafIndex(0)]
    nodes = tuple(leaf if index % 2 == 0 and index < 2 * MAX_GROUP_MEMBERS else None for index in range(2047))
    full = RatchetTree(crew.suite, nodes)
    with breaks("limits/group-members"):
        check_external_commit(crew.suite, full, [ExternalInit(b"")], MAX_GROUP_MEMBERS)
    check_external_commit(crew.suite, full, [ExternalInit(b""), Remove(LeafIndex(5))], MAX_GROUP_MEMBERS)
