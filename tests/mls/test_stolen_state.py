"""What a thief of a stored state can open: nothing that was consumed before, nothing after the next fresh path."""

from __future__ import annotations

import pytest

from tacit.crypto.suites import DEFAULT_SUITE
from tacit.errors import PeerError
from tacit.mls import ApplicationData, Group, StagedCommit, load, save
from tests.mls.crew import NOW_S, Crew


def stolen(group: Group) -> Group:
    """What somebody has who copied the stored state."""
    return load(save(group))


def test_a_copy_opens_nothing_that_was_consumed_before() -> None:
    crew = Crew(2, DEFAULT_SUITE)
    crew.groups["alice"], message = crew["alice"].seal(b"before", entropy=crew.entropy)
    event = crew["bob"].process(message, authenticate=crew.authenticate, now_s=NOW_S)
    assert isinstance(event, ApplicationData)
    thief = stolen(event.group)
    with pytest.raises(PeerError):
        thief.process(message, authenticate=crew.authenticate, now_s=NOW_S)


def test_a_copy_opens_nothing_after_the_owner_has_put_a_fresh_path_in() -> None:
    crew = Crew(3, DEFAULT_SUITE)
    thief = stolen(crew["bob"])
    crew.groups["alice"], now = crew["alice"].seal(b"now", entropy=crew.entropy)
    assert isinstance(thief.process(now, authenticate=crew.authenticate, now_s=NOW_S), ApplicationData)

    healing = crew.commit("bob")
    with pytest.raises(PeerError):
        thief.process(healing.commit, authenticate=crew.authenticate, now_s=NOW_S)
    crew.groups["alice"], after = crew["alice"].seal(b"after", entropy=crew.entropy)
    with pytest.raises(PeerError):
        thief.process(after, authenticate=crew.authenticate, now_s=NOW_S)


def test_a_fresh_path_of_somebody_else_does_not_shut_the_thief_out() -> None:
    """Only the one who was robbed can heal, which is why every device puts fresh keys in by itself."""
    crew = Crew(3, DEFAULT_SUITE)
    thief = stolen(crew["bob"])
    pending = crew.commit("alice")
    event = thief.process(pending.commit, authenticate=crew.authenticate, now_s=NOW_S)
    assert isinstance(event, StagedCommit)
    assert event.group_after is not None
    assert event.group_after.epoch_authenticator == crew["alice"].epoch_authenticator


def test_removing_the_robbed_device_shuts_the_thief_out() -> None:
    crew = Crew(3, DEFAULT_SUITE)
    thief = stolen(crew["bob"])
    crew.remove("alice", "bob")
    crew.groups["alice"], after = crew["alice"].seal(b"after", entropy=crew.entropy)
    with pytest.raises(PeerError):
        thief.process(after, authenticate=crew.authenticate, now_s=NOW_S)
