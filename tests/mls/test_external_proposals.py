"""Who is outside and has a say: named senders, people who ask to be added, and members who speak in the open."""

from __future__ import annotations

import pytest

from tacit.crypto.keys import KeyPair
from tacit.crypto.suites import DEFAULT_SUITE, SUPPORTED_SUITES
from tacit.errors import PeerError
from tacit.mls import (
    Add,
    BasicCredential,
    Extension,
    ExternalPSK,
    ExternalSender,
    ExternalSenderIndex,
    GroupContextExtensions,
    GroupReinitialized,
    LeafIndex,
    NewMember,
    OutsiderRefused,
    PendingProposals,
    Policy,
    PreSharedKey,
    PreSharedKeyID,
    Proposal,
    ProposalReceived,
    ReInit,
    Remove,
    StagedCommit,
    Update,
    external_senders_extension,
    join,
    join_externally,
    load,
    propose_externally,
    propose_joining,
    save,
)
from tacit.mls.group_infos import create_group_info
from tacit.mls.messages import PublicMessage, decode_message, encode_message
from tests.mls.crew import GROUP_ID, NOW_S, Crew, NotTheirKey
from tests.mls.refusal import breaks, refuses, state_of

LISTENING = Policy(outside_proposals=True, authenticate_sender=lambda sender: None)


class NotWanted(PeerError):
    """The application does not want that."""


class Office:
    """A service outside the group that the group has named, as the second of two."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.key = crew.suite.generate_signature_key_pair(crew.entropy)

    def named(self, other: KeyPair) -> Extension:
        """The extension that names the office."""
        senders = [ExternalSender(other.public, BasicCredential(b"other"))]
        return external_senders_extension((*senders, ExternalSender(self.key.public, BasicCredential(b"office"))))

    def propose(self, proposal: Proposal, *, sender_index: int = 1, aad: bytes = b"") -> bytes:
        """What the office wants."""
        return propose_externally(
            proposal,
            group_id=GROUP_ID,
            epoch=next(iter(self.crew.groups.values())).epoch,
            suite_id=self.crew.suite.id,
            sender_index=sender_index,
            signature_private=self.key.private,
            aad=aad,
        )


def office_of(crew: Crew) -> Office:
    """Have a crew name its office."""
    office = Office(crew)
    crew.commit("alice", [GroupContextExtensions((office.named(crew.key("mallory")),))])
    return office


def hear(crew: Crew, message: bytes, policy: Policy = LISTENING) -> ProposalReceived:
    """Let everybody have a proposal from outside; returns what the last one makes of it."""
    heard = []
    for name, group in crew.groups.items():
        event = group.process(message, authenticate=crew.authenticate, now_s=NOW_S, policy=policy)
        assert isinstance(event, ProposalReceived)
        crew.groups[name] = event.group
        heard.append(event)
    return heard[-1]


@pytest.mark.parametrize("suite_id", SUPPORTED_SUITES)
def test_the_office_has_somebody_removed_and_somebody_added(suite_id: int) -> None:
    crew = Crew(3, suite_id)
    office = office_of(crew)
    heard = hear(crew, office.propose(Remove(LeafIndex(2)), aad=b"inactive"))
    assert heard.sender == ExternalSenderIndex(1)
    assert heard.aad == b"inactive"
    bundle = crew.bundle("dave")
    hear(crew, office.propose(Add(bundle.key_package)))
    pending = crew.commit("bob")
    assert pending.welcome is not None
    assert sorted(crew.groups) == ["alice", "bob"]
    joined = join(pending.welcome, [bundle], authenticate=crew.authenticate, known_group=lambda group_id: False)
    crew.groups["dave"] = joined.group
    crew.check_agreement()
    crew.say("dave", b"hired")


@pytest.mark.parametrize("suite_id", SUPPORTED_SUITES)
def test_somebody_asks_to_be_added_and_a_member_agrees(suite_id: int) -> None:
    crew = Crew(2, suite_id)
    bundle = crew.bundle("carol")
    heard = hear(crew, propose_joining(bundle, group_id=GROUP_ID, epoch=crew["alice"].epoch))
    assert heard.sender == NewMember()
    assert isinstance(heard.proposal, Add)
    with pytest.raises(PendingProposals):
        crew.seal("alice", b"too early")
    pending = crew.commit("bob")
    assert pending.welcome is not None
    joined = join(pending.welcome, [bundle], authenticate=crew.authenticate, known_group=lambda group_id: False)
    crew.groups["carol"] = joined.group
    crew.check_agreement()
    crew.say("carol", b"thank you")


def test_a_staged_commit_says_who_outside_wanted_what() -> None:
    crew = Crew(3)
    office = office_of(crew)
    hear(crew, office.propose(Remove(LeafIndex(2))))
    hear(crew, propose_joining(crew.bundle("dave"), group_id=GROUP_ID, epoch=crew["alice"].epoch))
    pending = crew.create_commit("alice")
    event = crew["bob"].process(pending.commit, authenticate=crew.authenticate, now_s=NOW_S)
    assert isinstance(event, StagedCommit)
    assert not event.external
    assert [(item.sender, item.by_ref) for item in event.proposals] == [
        (ExternalSenderIndex(1), True),
        (NewMember(), True),
    ]
    assert [m.leaf_node.credential_identity for m in event.added] == [b"dave"]
    assert [m.leaf_node.credential_identity for m in event.removed] == [b"carol"]


def test_nobody_outside_is_heard_unless_the_application_asks_for_it() -> None:
    crew = Crew(3)
    office = office_of(crew)
    asked = propose_joining(crew.bundle("dave"), group_id=GROUP_ID, epoch=crew["alice"].epoch)
    for message in (office.propose(Remove(LeafIndex(2))), asked):
        for policy in (Policy(), Policy(public_handshakes=True, external_commits=True)):
            refuses(crew, "bob", message, "12.1.8/outside-proposals", policy=policy, error=OutsiderRefused)


def test_the_application_decides_who_may_ask_for_what() -> None:
    crew = Crew(2)
    message = propose_joining(crew.bundle("carol"), group_id=GROUP_ID, epoch=crew["alice"].epoch)

    def authorize(event: ProposalReceived | StagedCommit) -> None:
        if isinstance(event, ProposalReceived) and isinstance(event.sender, NewMember):
            raise NotWanted

    before = state_of(crew["bob"])
    with pytest.raises(NotWanted):
        crew["bob"].process(message, authenticate=crew.authenticate, authorize=authorize, policy=LISTENING)
    assert state_of(crew["bob"]) == before


def test_who_asks_to_be_added_is_judged_by_the_door_for_identity() -> None:
    crew = Crew(2)
    bundle = crew.bundle("carol")
    crew.keys["carol"] = crew.suite.generate_signature_key_pair(crew.entropy)
    message = propose_joining(bundle, group_id=GROUP_ID, epoch=crew["alice"].epoch)
    refuses(crew, "bob", message, policy=LISTENING, error=NotTheirKey)


def test_who_is_named_anew_is_judged_and_who_is_named_again_is_not() -> None:
    crew = Crew(2)
    first, second = (
        ExternalSender(crew.key(name).public, BasicCredential(name.encode())) for name in ("mallory", "office")
    )
    judged: list[ExternalSender] = []
    policy = Policy(outside_proposals=True, authenticate_sender=judged.append)
    for named, new in (((first,), first), ((first, second), second)):
        proposal = GroupContextExtensions((external_senders_extension(named),))
        group, pending = crew["alice"].create_commit(
            [proposal], entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, policy=policy
        )
        event = crew["bob"].process(pending.commit, authenticate=crew.authenticate, policy=policy)
        assert isinstance(event, StagedCommit)
        assert event.group_after is not None
        crew.groups |= {"alice": group.merge(pending), "bob": event.group_after}
        assert len(judged) >= 2
        assert set(judged) == {new}
        judged.clear()


def test_the_office_cannot_update_anybody() -> None:
    crew = Crew(2)
    office = office_of(crew)
    with breaks("12.1.8/external-proposal-type"):
        office.propose(Update(crew["alice"].state.leaves[LeafIndex(1)]))


def test_what_the_office_said_before_the_epoch_changed_is_void() -> None:
    crew = Crew(3)
    office = office_of(crew)
    message = office.propose(Remove(LeafIndex(2)))
    crew.commit("carol")
    refuses(crew, "bob", message, "6/epoch", policy=LISTENING)


def test_an_office_that_is_not_named_any_more_is_not_heard() -> None:
    crew = Crew(3)
    office = office_of(crew)
    crew.commit("bob", [GroupContextExtensions(())])
    refuses(crew, "bob", office.propose(Remove(LeafIndex(2))), "12.1.8/external-sender", policy=LISTENING)


def test_a_key_of_the_office_goes_into_the_next_epoch() -> None:
    crew = Crew(2, DEFAULT_SUITE)
    office = office_of(crew)
    psk = PreSharedKeyID(ExternalPSK(b"weekly"), crew.entropy(crew.suite.hash_size))
    policy = Policy(outside_proposals=True, find_psk=lambda psk_id: b"of this week")
    hear(crew, office.propose(PreSharedKey(psk)))
    group, pending = crew["alice"].create_commit(
        entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, policy=policy
    )
    event = crew["bob"].process(pending.commit, authenticate=crew.authenticate, policy=policy)
    assert isinstance(event, StagedCommit)
    assert event.psks == (psk,)
    assert event.group_after is not None
    assert event.group_after.epoch_authenticator == group.merge(pending).epoch_authenticator


def test_the_office_changes_what_the_group_says_of_itself() -> None:
    crew = Crew(2, extension_types=(0xF7A0,))
    office = office_of(crew)
    said = (office.named(crew.key("mallory")), Extension(0xF7A0, b"policy 7"))
    hear(crew, office.propose(GroupContextExtensions(said)))
    pending = crew.create_commit("bob")
    event = crew["alice"].process(pending.commit, authenticate=crew.authenticate, policy=LISTENING)
    assert isinstance(event, StagedCommit)
    assert event.new_extensions == said


def test_the_office_closes_the_group() -> None:
    """Source: RFC 9420 §12.1.8: an external sender might enforce a changed policy on suites."""
    crew = Crew(2)
    office = office_of(crew)
    reinit = ReInit(b"the next one", 1, DEFAULT_SUITE, ())
    hear(crew, office.propose(reinit))
    group, pending = crew["alice"].create_commit(entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate)
    event = crew["bob"].process(pending.commit, authenticate=crew.authenticate)
    assert isinstance(event, StagedCommit)
    assert event.reinit == reinit
    assert event.group_after is not None
    assert event.group_after.reinit == group.merge(pending).reinit == reinit
    late = office.propose(Remove(LeafIndex(1)))
    with pytest.raises(PeerError):
        event.group_after.process(late, authenticate=crew.authenticate, policy=LISTENING)


def test_nobody_lets_himself_into_a_group_that_is_closed() -> None:
    crew = Crew(2)
    closed = crew["alice"].create_commit(
        [ReInit(b"the next one", 1, crew.suite.id, ())],
        entropy=crew.entropy,
        now_s=NOW_S,
        authenticate=crew.authenticate,
    )
    group = closed[0].merge(closed[1])
    with pytest.raises(GroupReinitialized):
        group.group_info()
    info = create_group_info(group.state, with_external_pub=True, with_ratchet_tree=True, extensions=())
    joined = join_externally(
        encode_message(info),
        b"carol",
        crew.key("carol").private,
        authenticate=crew.authenticate,
        now_s=NOW_S,
        entropy=crew.entropy,
    )
    with breaks("12.4.2/reinitialized"):
        group.process(joined.commit, authenticate=crew.authenticate, policy=Policy(external_commits=True))


def test_who_is_to_go_does_not_commit_that_himself() -> None:
    crew = Crew(3)
    office = office_of(crew)
    hear(crew, office.propose(Remove(crew.index("bob"))))
    assert len(crew.create_commit("bob").group_after.members()) == 3
    crew.commit("carol")
    assert sorted(crew.groups) == ["alice", "carol"]


def test_proposals_from_outside_are_remembered_over_a_restart() -> None:
    crew = Crew(3)
    office = office_of(crew)
    hear(crew, office.propose(Remove(LeafIndex(2))))
    hear(crew, propose_joining(crew.bundle("dave"), group_id=GROUP_ID, epoch=crew["alice"].epoch))
    for name, group in crew.groups.items():
        crew.groups[name] = load(save(group))
        assert crew.groups[name] == group
    assert [cached.sender for cached in crew["bob"].pending_proposals] == [ExternalSenderIndex(1), NewMember()]
    crew.commit("bob")
    assert sorted(crew.groups) == ["alice", "bob"]


@pytest.mark.parametrize("suite_id", SUPPORTED_SUITES)
def test_members_speak_in_the_open_where_that_is_the_policy(suite_id: int) -> None:
    crew, policy = Crew(3, suite_id), Policy(public_handshakes=True)

    def tell(by: str, message: bytes) -> None:
        assert isinstance(decode_message(message), PublicMessage)
        for name in crew.groups:
            if name != by:
                refuses(crew, name, message, "6/handshake-is-private")
                event = crew[name].process(message, authenticate=crew.authenticate, policy=policy)
                assert isinstance(event, (ProposalReceived, StagedCommit))
                after = event.group if isinstance(event, ProposalReceived) else event.group_after
                assert after is not None
                crew.groups[name] = after

    crew.groups["carol"], message = crew["carol"].propose_update(public=True, entropy=crew.entropy)
    tell("carol", message)
    crew.groups["bob"], message = crew["bob"].propose(
        Add(crew.bundle("dave").key_package), public=True, entropy=crew.entropy
    )
    tell("bob", message)
    crew.groups["alice"], pending = crew["alice"].create_commit(
        public=True, entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate
    )
    refuses(crew, "alice", pending.commit, "6.3/own-message", policy=policy)
    tell("alice", pending.commit)
    crew.groups["alice"] = crew["alice"].merge(pending)
    crew.check_agreement()
    assert len(crew["alice"].members()) == 4
    crew.say("bob", b"what is said stays secret")


def test_speaking_in_the_open_uses_no_message_keys() -> None:
    crew = Crew(2)
    before = crew["alice"].secret_tree
    group, _ = crew["alice"].propose(Remove(LeafIndex(1)), public=True, entropy=crew.entropy)
    assert group.secret_tree == before
