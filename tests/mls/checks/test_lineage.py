"""Invitations into groups that do not come from where they say, or not in the way that the RFC allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE
from tacit.mls import (
    Add,
    Extension,
    Group,
    Joined,
    KeyPackageBundle,
    PreSharedKeyID,
    PSKUnavailable,
    ReInit,
    ResumptionPSK,
    ResumptionPSKUsage,
    create_group,
    join,
)
from tacit.mls.proposals import PreSharedKey
from tests.mls.crew import NOW_S, Crew
from tests.mls.forged_successors import forge_successor
from tests.mls.mirror import Mirror
from tests.mls.refusal import breaks, refuses, state_of

REINIT, BRANCH, APPLICATION = (
    ResumptionPSKUsage.REINIT,
    ResumptionPSKUsage.BRANCH,
    ResumptionPSKUsage.APPLICATION,
)
AGREED = ReInit(b"agreed", 1, DEFAULT_SUITE, ())


def enter(later: Crew, welcome: bytes, bundle: KeyPackageBundle, old: Group) -> ResumptionPSK | None:
    """Join as somebody who has ``old``, which stays as it is whatever comes."""
    before = state_of(old)
    try:
        joined = join(
            welcome,
            [bundle],
            authenticate=later.authenticate,
            known_group=lambda group_id: group_id == old.group_id,
            resume=lambda group_id: old if group_id == old.group_id else None,
        )
    finally:
        assert state_of(old) == before
    return joined.origin


class Closed:
    """Alice and Bob have agreed on a new group; Alice is the one who begins it, in her way."""

    def __init__(self, reinit: ReInit = AGREED, suite_id: int = DEFAULT_SUITE, also: Sequence[str] = ()) -> None:
        self.crew = Crew(2)
        self.crew.commit("alice", [reinit])
        self.later = Crew(1, suite_id, seed=1, extension_types=(0xF7A0,))
        self.bundle = self.later.bundle("bob")
        self.packages = [self.bundle.key_package, *(self.later.bundle(name).key_package for name in also)]
        self.key = ResumptionPSK(REINIT, b"crew", self.crew["bob"].epoch)

    def welcome(self, *, keys: Sequence[ResumptionPSK] = (), group_id: bytes = b"agreed", **changed: object) -> bytes:
        return forge_successor(
            self.later,
            "alice",
            self.crew["alice"],
            keys or [self.key],
            self.packages,
            group_id=group_id,
            **changed,  # type: ignore[arg-type]
        )

    def enter(self, welcome: bytes) -> ResumptionPSK | None:
        return enter(self.later, welcome, self.bundle, self.crew["bob"])


def test_what_is_forged_below_is_good_but_for_what_is_broken() -> None:
    closed = Closed()
    assert closed.enter(closed.welcome()) == closed.key


def test_a_new_group_is_the_one_that_was_agreed_on() -> None:
    closed = Closed()
    with breaks("11.2/parameters"):
        closed.enter(closed.welcome(group_id=b"another"))
    with breaks("11.2/parameters"):
        closed.enter(closed.welcome(extensions=(Extension(0xF7A0, b"not agreed"),)))
    other_suite = Closed(suite_id=X25519_SUITE)
    with breaks("11.2/parameters"):
        other_suite.enter(other_suite.welcome())
    other_version = Closed(ReInit(b"agreed", 2, DEFAULT_SUITE, ()))
    with breaks("11.2/parameters"):
        other_version.enter(other_version.welcome())


def test_a_new_group_has_the_members_of_the_old_one() -> None:
    closed = Closed(also=["carol"])
    with breaks("11.2/same-members"):
        closed.enter(closed.welcome())


def test_nobody_replaces_a_member_on_the_way() -> None:
    """Three were in the old group, and the third is another now."""
    crew = Crew(3)
    crew.commit("alice", [AGREED])
    later = Crew(1, DEFAULT_SUITE, seed=1)
    bundle, stranger = later.bundle("bob"), later.bundle("dave")
    key = ResumptionPSK(REINIT, b"crew", crew["bob"].epoch)
    packages = [bundle.key_package, stranger.key_package]
    welcome = forge_successor(later, "alice", crew["alice"], [key], packages, group_id=b"agreed")
    with breaks("11.2/same-members"):
        enter(later, welcome, bundle, crew["bob"])


@pytest.mark.parametrize("usage", [REINIT, BRANCH])
def test_who_comes_from_another_group_comes_into_the_first_epoch(usage: ResumptionPSKUsage) -> None:
    closed = Closed()
    key = ResumptionPSK(usage, b"crew", closed.key.psk_epoch)
    with breaks("12.4.3.1/lineage-epoch"):
        closed.enter(closed.welcome(keys=[key], epochs_before=1))


def test_a_group_comes_from_one_other_group() -> None:
    closed = Closed()
    with breaks("12.4.3.1/psk-lineage"):
        closed.enter(closed.welcome(keys=[closed.key, closed.key]))


def test_a_group_that_was_not_closed_has_no_successor() -> None:
    crew, later = Crew(2), Crew(1, seed=1)
    bundle = later.bundle("bob")
    key = ResumptionPSK(REINIT, b"crew", crew["bob"].epoch)
    welcome = forge_successor(later, "alice", crew["alice"], [key], [bundle.key_package], group_id=b"agreed")
    with breaks("11.2/reinit-committed"):
        enter(later, welcome, bundle, crew["bob"])


def test_the_key_is_of_the_epoch_after_the_reinit() -> None:
    """The one before is known to whoever was removed before the group was closed."""
    crew = Crew(2)
    early = crew["alice"]
    crew.commit("alice", [AGREED])
    later = Crew(1, DEFAULT_SUITE, seed=1)
    bundle = later.bundle("bob")
    key = ResumptionPSK(REINIT, b"crew", early.epoch)
    welcome = forge_successor(later, "alice", early, [key], [bundle.key_package], group_id=b"agreed")
    with breaks("11.2/reinit-committed"):
        enter(later, welcome, bundle, crew["bob"])


def test_who_only_says_that_he_was_in_the_group_is_not_believed() -> None:
    closed = Closed()
    with breaks("12.4.3.1/group-info"):
        closed.enter(closed.welcome(psk=bytes(32)))
    too_old = ResumptionPSK(REINIT, b"crew", closed.key.psk_epoch + 1)
    with pytest.raises(PSKUnavailable):
        closed.enter(closed.welcome(keys=[too_old]))
    elsewhere = ResumptionPSK(REINIT, b"another crew", closed.key.psk_epoch)
    with pytest.raises(PSKUnavailable):
        closed.enter(closed.welcome(keys=[elsewhere]))


def test_nobody_takes_the_place_of_the_group_that_was_agreed_on() -> None:
    """A Welcome for its ID without the PSK of the old group could come from anyone who has a key package of ours."""
    closed = Closed()
    old = closed.crew["bob"]
    stranger = Crew(1, DEFAULT_SUITE, seed=2)
    stranger.groups["alice"] = create_group(
        b"agreed", DEFAULT_SUITE, b"alice", closed.later.key("alice").private, entropy=stranger.entropy, now_s=NOW_S
    )
    _, pending = stranger["alice"].create_commit(
        [Add(closed.bundle.key_package)],
        entropy=stranger.entropy,
        now_s=NOW_S,
        authenticate=closed.later.authenticate,
    )
    branched = closed.welcome(keys=[ResumptionPSK(BRANCH, b"crew", old.epoch)])

    def come(welcome: bytes | None, resume: Callable[[bytes], Group | None]) -> Joined:
        assert welcome is not None
        return join(
            welcome,
            [closed.bundle],
            authenticate=closed.later.authenticate,
            known_group=lambda group_id: group_id == b"crew",
            resume=resume,
        )

    named: Callable[[bytes], Group | None] = {b"crew": old, b"agreed": old}.get
    before = state_of(old)
    for welcome in (pending.welcome, branched):
        with breaks("11.2/reinit-psk"):
            come(welcome, named)
    assert state_of(old) == before
    assert come(closed.welcome(), named).origin == closed.key
    assert come(pending.welcome, {b"crew": old}.get).origin is None, "who is not asked for it does not answer for it"


def test_a_group_of_another_id_is_joined_as_ever() -> None:
    """What is closed for another ID, or not closed, asks nothing of a new group."""
    closed, crew = Closed(), Crew(3)
    bundle = crew.bundle("dave")
    welcome = crew.commit("alice", [Add(bundle.key_package)]).welcome
    assert welcome is not None
    for other in (closed.crew["bob"], crew["bob"]):

        def answer(group_id: bytes, other: Group = other) -> Group:
            return other

        joined = join(
            welcome, [bundle], authenticate=crew.authenticate, known_group=lambda group_id: False, resume=answer
        )
        assert joined.origin is None


def test_a_subgroup_has_the_suite_of_the_group() -> None:
    crew, later = Crew(2), Crew(1, DEFAULT_SUITE, seed=1)
    bundle = later.bundle("bob")
    key = ResumptionPSK(BRANCH, b"crew", crew["bob"].epoch)
    welcome = forge_successor(later, "alice", crew["alice"], [key], [bundle.key_package], group_id=b"some of us")
    with breaks("11.3/suite"):
        enter(later, welcome, bundle, crew["bob"])


def test_a_subgroup_has_only_members_of_the_group() -> None:
    crew = Crew(2)
    bundle, stranger = crew.bundle("bob"), crew.bundle("dave")
    key = ResumptionPSK(BRANCH, b"crew", crew["bob"].epoch)
    packages = [bundle.key_package, stranger.key_package]
    welcome = forge_successor(crew, "alice", crew["alice"], [key], packages, group_id=b"some of us")
    with breaks("11.3/subgroup"):
        enter(crew, welcome, bundle, crew["bob"])


def test_keys_for_other_groups_are_refused_in_this_one() -> None:
    crew = Crew(3)
    mirror = Mirror(crew["alice"], crew.entropy)
    for usage in (REINIT, BRANCH):
        key = ResumptionPSK(usage, b"crew", crew["bob"].epoch)
        proposal = PreSharedKey(PreSharedKeyID(key, bytes(32)))
        for message in (mirror.private(proposal), mirror.commit([proposal]).message):
            refuses(crew, "bob", message, "12.1.4/psk-usage")
        with breaks("12.1.4/psk-usage"):
            crew["bob"].propose(crew["bob"].name_psk(key, entropy=crew.entropy), entropy=crew.entropy)
