"""Proposals of external senders and of who asks to come in that break one rule, and are not heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tacit.errors import DecodeError, PeerError
from tacit.limits import MAX_OUTSIDE_PROPOSAL_BYTES, MAX_OUTSIDE_PROPOSALS
from tacit.mls import (
    Add,
    BasicCredential,
    Extension,
    ExternalInit,
    ExternalPSK,
    ExternalSender,
    GroupContextExtensions,
    LeafIndex,
    LeafNode,
    Policy,
    PreSharedKey,
    PreSharedKeyID,
    Proposal,
    ProposalReceived,
    ReInit,
    Remove,
    Update,
    external_senders_extension,
)
from tacit.mls.commits import Commit
from tacit.mls.framing import Sender
from tacit.mls.proposals import CustomProposal
from tacit.mls.registry import SenderType, WireFormat
from tests.mls.crew import NOW_S, Crew, NotTheirKey
from tests.mls.mirror import Mirror
from tests.mls.refusal import breaks, refuses
from tests.mls.stranger import Stranger

OPEN = Policy(external_commits=True)
LISTENING = Policy(outside_proposals=True, authenticate_sender=lambda sender: None)
EXTERNAL = Sender(SenderType.EXTERNAL, 0)
NEWCOMER = Sender(SenderType.NEW_MEMBER_PROPOSAL)


def psk_named_x(nonce: bytes) -> PreSharedKey:
    return PreSharedKey(PreSharedKeyID(ExternalPSK(b"x"), nonce))


@pytest.fixture
def office(crew: Crew) -> Stranger:
    """Somebody outside whom the group has named as its first external sender, with Dave's key."""
    key = crew.key("dave")
    named = external_senders_extension((ExternalSender(key.public, BasicCredential(b"office")),))
    crew.commit("alice", [GroupContextExtensions((named,))])
    return Stranger(crew, crew["alice"], "dave")


def unheard(crew: Crew, message: bytes, check: str | None = None, error: type[PeerError] | None = None) -> None:
    """No member takes the proposal up, even where the outside is listened to."""
    for name in crew.groups:
        if error is None:
            refuses(crew, name, message, check, policy=LISTENING)
        else:
            refuses(crew, name, message, check, policy=LISTENING, error=error)


def test_what_the_office_says_unbroken_is_heard(crew: Crew, office: Stranger) -> None:
    for proposal in (Remove(LeafIndex(2)), GroupContextExtensions(()), psk_named_x(bytes(32))):
        message = office.say(proposal, EXTERNAL)
        event = crew["bob"].process(message, authenticate=crew.authenticate, policy=LISTENING)
        assert isinstance(event, ProposalReceived)


def test_who_asks_unbroken_is_heard(crew: Crew, stranger: Stranger) -> None:
    asked = stranger.say(Add(crew.bundle("dave").key_package), NEWCOMER)
    assert isinstance(crew["bob"].process(asked, authenticate=crew.authenticate, policy=LISTENING), ProposalReceived)


def test_the_outside_is_not_heard_where_nobody_asked(crew: Crew, office: Stranger) -> None:
    message = office.say(Remove(LeafIndex(2)), EXTERNAL)
    for policy in (Policy(), Policy(public_handshakes=True), OPEN):
        refuses(crew, "bob", message, "12.1.8/outside-proposals", policy=policy)


@pytest.mark.parametrize("index", [1, 2, 0xFFFFFFFF])
def test_who_is_not_named_is_not_heard(crew: Crew, office: Stranger, index: int) -> None:
    """F11."""
    message = office.say(Remove(LeafIndex(2)), Sender(SenderType.EXTERNAL, index))
    unheard(crew, message, "12.1.8/external-sender")


def test_where_nobody_is_named_nobody_is_heard(crew: Crew, stranger: Stranger) -> None:
    """F11."""
    unheard(crew, stranger.say(Remove(LeafIndex(2)), EXTERNAL), "12.1.8/external-sender")


@pytest.mark.parametrize(
    "make",
    [
        lambda crew: Update(crew["bob"].state.leaves[LeafIndex(1)]),
        lambda crew: ExternalInit(bytes(32)),
        lambda crew: CustomProposal(0xF123, b""),
    ],
)
def test_the_outside_proposes_no_more_than_it_may(
    crew: Crew, office: Stranger, make: Callable[[Crew], Proposal]
) -> None:
    """F11."""
    unheard(crew, office.say(make(crew), EXTERNAL), "12.1.8/external-proposal-type")


def test_the_outside_commits_nothing(crew: Crew, office: Stranger) -> None:
    """F11, F12."""
    for sender in (EXTERNAL, NEWCOMER):
        unheard(crew, office.say(Commit((), None), sender, tag=bytes(32)), "6.1/sender-type")


def test_the_outside_signs_with_the_key_that_is_named(crew: Crew, office: Stranger) -> None:
    """F09."""
    body = Remove(LeafIndex(2))
    for private in (crew.key("mallory").private, crew.key("alice").private):
        unheard(crew, office.say(body, EXTERNAL, signed_by=private), "6.1/signature")
    unheard(crew, office.say(body, EXTERNAL, signed_for=WireFormat.PRIVATE_MESSAGE), "6.1/signature")
    unheard(crew, office.say(body, EXTERNAL, signature=lambda signature: b""), "6.1/signature")


def test_the_outside_has_no_membership_tag(crew: Crew, office: Stranger) -> None:
    """F06."""
    unheard(crew, office.say(Remove(LeafIndex(2)), EXTERNAL, membership_tag=bytes(32)), error=DecodeError)


def test_what_the_outside_says_is_for_this_group_and_epoch(crew: Crew, office: Stranger) -> None:
    unheard(crew, office.say(Remove(LeafIndex(2)), EXTERNAL, group_id=b"other"), "6/group-id")
    unheard(crew, office.say(Remove(LeafIndex(2)), EXTERNAL, epoch=1), "6/epoch")


def test_what_the_outside_proposes_is_judged_as_that_of_members(crew: Crew, office: Stranger) -> None:
    unheard(crew, office.say(Remove(LeafIndex(3)), EXTERNAL), "12.1.3/removed-leaf")
    package = crew.bundle("erin").key_package
    unheard(crew, office.say(Add(replace(package, signature=b"")), EXTERNAL), "10.1/signature")
    unheard(crew, office.say(psk_named_x(b"short"), EXTERNAL), "12.1.4/psk-nonce")


def test_who_asks_to_come_in_proposes_that_and_nothing_else(crew: Crew, stranger: Stranger) -> None:
    """F12."""
    for proposal in (
        Remove(LeafIndex(2)),
        GroupContextExtensions(()),
        ExternalInit(bytes(32)),
        ReInit(b"other", 1, crew.suite.id, ()),
    ):
        unheard(crew, stranger.say(proposal, NEWCOMER), "6.1/new-member-add")


def test_nobody_asks_for_another(crew: Crew, stranger: Stranger) -> None:
    """F12: the key that signs is the one that is to come in."""
    unheard(crew, stranger.say(Add(crew.bundle("erin").key_package), NEWCOMER), "6.1/signature")


def test_a_key_of_no_form_signs_nothing(crew: Crew, stranger: Stranger) -> None:
    """F12, L13."""
    package = crew.bundle("dave").key_package
    shapeless: LeafNode = replace(package.leaf_node, signature_key=b"")
    unheard(crew, stranger.say(Add(replace(package, leaf_node=shapeless)), NEWCOMER), "6.1/signature")


def test_who_asks_to_come_in_is_judged_like_anybody(crew: Crew, stranger: Stranger) -> None:
    package = crew.bundle("dave").key_package
    unheard(crew, stranger.say(Add(replace(package, init_key=b"")), NEWCOMER), "10.1/init-key-form")
    crew.keys["dave"] = crew.suite.generate_signature_key_pair(crew.entropy)
    unheard(crew, stranger.say(Add(package), NEWCOMER), error=NotTheirKey)


def test_the_outside_leaves_members_their_room(crew: Crew, office: Stranger) -> None:
    """What waits keeps members from speaking, so they can always commit it; and nobody outside takes their places."""

    def hear(message: bytes) -> None:
        event = crew["bob"].process(message, authenticate=crew.authenticate, policy=LISTENING)
        assert isinstance(event, ProposalReceived)
        crew.groups["bob"] = event.group

    for number in range(MAX_OUTSIDE_PROPOSALS):
        hear(office.say(psk_named_x(number.to_bytes(32, "big")), EXTERNAL))
    surplus = office.say(psk_named_x(bytes(31) + b"\xff"), EXTERNAL)
    refuses(crew, "bob", surplus, "limits/outside-proposals", policy=LISTENING)
    asked = office.say(Add(crew.bundle("dave").key_package), NEWCOMER)
    refuses(crew, "bob", asked, "limits/outside-proposals", policy=LISTENING)
    hear(crew["alice"].propose(Remove(LeafIndex(2)), entropy=crew.entropy)[1])
    hear(office.say(psk_named_x(bytes(32)), EXTERNAL))
    assert len(crew["bob"].pending_proposals) == MAX_OUTSIDE_PROPOSALS + 1


def test_the_outside_takes_a_part_of_the_bytes() -> None:
    crew = Crew(2, extension_types=(0xF7A0,))
    key = crew.key("dave")
    named = external_senders_extension((ExternalSender(key.public, BasicCredential(b"office")),))
    crew.commit("alice", [GroupContextExtensions((named,))])
    office = Stranger(crew, crew["alice"], "dave")
    size = MAX_OUTSIDE_PROPOSAL_BYTES // 5
    for letter in (b"a", b"b", b"c", b"d"):
        said = office.say(GroupContextExtensions((Extension(0xF7A0, letter * size),)), EXTERNAL)
        event = crew["bob"].process(said, authenticate=crew.authenticate, policy=LISTENING)
        assert isinstance(event, ProposalReceived)
        crew.groups["bob"] = event.group
    surplus = office.say(GroupContextExtensions((Extension(0xF7A0, b"e" * size),)), EXTERNAL)
    refuses(crew, "bob", surplus, "limits/outside-proposal-bytes", policy=LISTENING)


def test_whoever_is_named_outside_is_judged(crew: Crew, mirror: Mirror) -> None:
    """L01, hazard: a member gives somebody outside a say. Judged where the outside is listened to."""
    senders = (ExternalSender(crew.key("mallory").public, BasicCredential(b"mallory")),)
    named = GroupContextExtensions((external_senders_extension(senders),))
    listening = Policy(outside_proposals=True)
    for message in (mirror.private(named), mirror.commit([named]).message):
        refuses(crew, "bob", message, "5.3.1/external-senders", policy=listening)
        assert crew["bob"].process(message, authenticate=crew.authenticate, policy=LISTENING)
        assert crew["bob"].process(message, authenticate=crew.authenticate)
    with breaks("5.3.1/external-senders"):
        crew["alice"].create_commit(
            [named], entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, policy=listening
        )
    crew.commit("alice", [named])
    assert crew["bob"].process(crew.create_commit("alice").commit, authenticate=crew.authenticate, policy=listening)
    with breaks("5.3.1/external-senders"):
        crew.external_commit("dave", by="alice", policy=listening)


def test_who_was_named_while_nobody_listened_is_judged_when_he_speaks(crew: Crew, office: Stranger) -> None:
    """Else an application that begins to listen hears whoever a member named before."""
    message = office.say(Remove(LeafIndex(2)), EXTERNAL)
    refuses(crew, "bob", message, "5.3.1/external-senders", policy=Policy(outside_proposals=True))
    assert crew["bob"].process(message, authenticate=crew.authenticate, policy=LISTENING)
