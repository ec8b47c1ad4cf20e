"""What is said of a message that came in the open or from outside: as much as of one that came encrypted."""

from __future__ import annotations

import pytest

from tacit.limits import PAST_EPOCH_S
from tacit.mls import Add, ApplicationData, GroupContextExtensions, Policy, ProposalReceived, Remove, StagedCommit
from tacit.mls.credentials import BasicCredential
from tacit.mls.errors import OwnMessage, WrongEpoch
from tacit.mls.extensions import ExternalSender, external_senders_extension
from tacit.mls.external_proposals import propose_externally, propose_joining
from tests.mls.crew import GROUP_ID, NOW_S, Crew, NotTheirKey
from tests.mls.mirror import Mirror

OPEN = Policy(public_handshakes=True, external_commits=True)
LATE_S = NOW_S + PAST_EPOCH_S + 1


def public_commit(crew: Crew) -> bytes:
    """Alice renews her leaf for all to see, and does not wait for the others."""
    group, pending = crew["alice"].create_commit(
        public=True, entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate
    )
    crew.groups["alice"] = group
    return pending.commit


def taken(crew: Crew, name: str, commit: bytes) -> StagedCommit:
    event = crew[name].process(commit, authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
    assert isinstance(event, StagedCommit)
    return event


def test_a_commit_in_the_open_says_whose_it_is() -> None:
    crew = Crew(3)
    event = taken(crew, "bob", public_commit(crew))
    assert event.group_before is crew["bob"]
    assert event.committer_leaf == crew["bob"].member(crew.index("alice"))
    assert event.new_extensions is None


def test_keys_of_an_epoch_that_ends_in_the_open_go_with_time() -> None:
    """By the commit of a member, and by one that lets somebody in."""
    crew = Crew(2)
    message = crew.seal("alice", b"late")
    for commit in (crew.external_commit("carol", "bob", policy=OPEN).commit, public_commit(crew)):
        event = taken(crew, "bob", commit)
        after = event.group_after
        assert event.group_before is crew["bob"]
        assert after is not None
        assert isinstance(after.process(message, authenticate=crew.authenticate, now_s=NOW_S), ApplicationData)
        assert after.without_expired(LATE_S).past_keys == ()


def test_what_cannot_be_read_in_the_open_says_where_it_belongs() -> None:
    crew = Crew(2)
    commit = public_commit(crew)
    with pytest.raises(OwnMessage) as own:
        crew["alice"].process(commit, authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
    assert (own.value.epoch, own.value.generation, own.value.is_signed) == (1, 0, True)
    crew.commit("bob")
    with pytest.raises(WrongEpoch) as wrong:
        crew["bob"].process(commit, authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
    assert wrong.value.epoch == 1


def test_who_speaks_from_outside_is_judged_by_name() -> None:
    crew = Crew(2)
    key = crew.key("office")
    office = ExternalSender(key.public, BasicCredential(b"office"))
    crew.commit("alice", [GroupContextExtensions((external_senders_extension((office,)),))])
    message = propose_externally(
        Remove(crew.index("bob")),
        group_id=GROUP_ID,
        epoch=crew["alice"].epoch,
        suite_id=crew.suite.id,
        sender_index=0,
        signature_private=key.private,
    )
    judged = []

    def judge(sender: ExternalSender) -> None:
        judged.append(sender)
        if len(judged) > 1:
            raise NotTheirKey

    listening = Policy(outside_proposals=True, authenticate_sender=judge)
    event = crew["alice"].process(message, authenticate=crew.authenticate, now_s=NOW_S, policy=listening)
    assert isinstance(event, ProposalReceived)
    assert (judged, event.aad) == ([office], b"")
    with pytest.raises(NotTheirKey):
        crew["alice"].process(message, authenticate=crew.authenticate, now_s=NOW_S, policy=listening)


def test_extensions_that_stay_as_they_are_are_no_news() -> None:
    crew = Crew(2)
    pending = crew.create_commit("alice", [Add(crew.bundle("carol").key_package)])
    assert taken(crew, "bob", pending.commit).new_extensions is None


def test_who_asks_to_come_in_says_nothing_beside_it() -> None:
    crew = Crew(1)
    message = propose_joining(crew.bundle("bob"), group_id=GROUP_ID, epoch=0)
    listening = Policy(outside_proposals=True)
    event = crew["alice"].process(message, authenticate=crew.authenticate, now_s=NOW_S, policy=listening)
    assert isinstance(event, ProposalReceived)
    assert event.aad == b""


def test_an_own_message_is_known_as_such_when_its_epoch_is_over() -> None:
    crew = Crew(2)
    message = crew.seal("alice", b"comes back late")
    epoch = crew["alice"].epoch
    crew.commit("bob")
    with pytest.raises(OwnMessage) as caught:
        crew.open("alice", message)
    assert (caught.value.epoch, caught.value.generation) == (epoch, 0)
    assert crew.open("bob", message) == b"comes back late"


def test_whether_an_own_message_has_our_signature_can_only_tell_whose_ratchet_has_not_come_there() -> None:
    crew = Crew(2)
    set_back = crew["alice"]
    message = crew.seal("alice", b"known to the later self")
    mirror = Mirror(crew["bob"], crew.entropy)
    forged = mirror.private(b"bob's", sender=set_back.own_leaf)
    senseless = mirror.private(b"bob's", sender=set_back.own_leaf, content_bytes=lambda _: b"\xff")
    signed = []
    for group, claim in ((set_back, message), (crew["alice"], message), (set_back, forged), (set_back, senseless)):
        with pytest.raises(OwnMessage) as caught:
            group.process(claim, authenticate=crew.authenticate, now_s=NOW_S)
        signed.append(caught.value.is_signed)
    assert signed == [True, False, False, False]


def test_of_two_epochs_that_are_over_the_younger_is_read_for_longer() -> None:
    crew = Crew(2)
    late = []
    for ended_at in (NOW_S, NOW_S + 100):
        late.append(crew.seal("alice", b"late"))
        pending = crew.create_commit("alice")
        crew.groups["alice"] = crew["alice"].merge(pending)
        event = crew["bob"].process(pending.commit, authenticate=crew.authenticate, now_s=ended_at)
        assert isinstance(event, StagedCommit)
        assert event.group_after is not None
        crew.groups["bob"] = event.group_after
    bob = crew["bob"].without_expired(LATE_S)
    with pytest.raises(WrongEpoch):
        bob.process(late[0], authenticate=crew.authenticate, now_s=LATE_S)
    read = bob.process(late[1], authenticate=crew.authenticate, now_s=LATE_S)
    assert isinstance(read, ApplicationData)
    assert read.data == b"late"
