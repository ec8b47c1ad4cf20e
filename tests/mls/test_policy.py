from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import tacit
from tacit.mls import (
    Add,
    KeyPackage,
    KeyPackageBundle,
    LeafNode,
    Policy,
    ProposalReceived,
    Remove,
    StagedCommit,
    Update,
    create_key_package,
    join,
    read_key_package,
)
from tacit.mls.tree_math import LeafIndex
from tests.mls.crew import NOW_S, Crew
from tests.mls.mirror import Mirror, forge_key_package_leaf
from tests.mls.refusal import breaks, refuses, refuses_to_join

LENIENT = Policy(lenient_capabilities_for_published_vectors=True)


def unlisted(leaf: LeafNode) -> LeafNode:
    """A leaf that does not say that it supports the suite it is of, as in some published vectors."""
    return replace(leaf, capabilities=replace(leaf.capabilities, cipher_suites=(3,)))


def unlisted_bundle(crew: Crew, name: str) -> KeyPackageBundle:
    bundle, private = crew.bundle(name), crew.key(name).private
    listed = bundle.key_package.leaf_node.capabilities
    package: KeyPackage = forge_key_package_leaf(
        bundle.key_package, crew.suite, private, capabilities=replace(listed, cipher_suites=(3,))
    )
    return replace(bundle, key_package=package)


def test_who_does_not_list_the_suite_stays_out() -> None:
    crew = Crew(2)
    mirror = Mirror(crew["alice"], crew.entropy)
    bundle = unlisted_bundle(crew, "carol")
    with breaks("7.2/version-and-suite"):
        read_key_package(bundle.key_package_bytes, now_s=NOW_S, authenticate=crew.authenticate)
    with breaks("7.2/version-and-suite"):
        crew.create_commit("alice", [Add(bundle.key_package)])
    update = mirror.update_leaf(capabilities=unlisted(mirror.own_leaf).capabilities)
    refuses(crew, "bob", mirror.private(Update(update)), "7.2/version-and-suite")
    forged = mirror.commit([Add(bundle.key_package)])
    refuses(crew, "bob", forged.message, "7.2/version-and-suite")
    refuses(crew, "bob", mirror.commit(leaf=unlisted).message, "7.2/version-and-suite")
    refuses_to_join(crew, mirror.welcome(forged), bundle, "7.2/version-and-suite")


def test_published_vectors_can_be_run_all_the_same() -> None:
    crew = Crew(2)
    mirror = Mirror(crew["alice"], crew.entropy)
    bundle = unlisted_bundle(crew, "carol")
    forged = mirror.commit([Add(bundle.key_package)], leaf=unlisted)
    event = crew["bob"].process(forged.message, authenticate=crew.authenticate, now_s=NOW_S, policy=LENIENT)
    assert isinstance(event, StagedCommit)
    assert event.group_after is not None
    joined = join(
        mirror.welcome(forged),
        [bundle],
        authenticate=crew.authenticate,
        known_group=lambda group_id: False,
        policy=LENIENT,
    )
    assert joined.group.epoch_authenticator == event.group_after.epoch_authenticator


def test_leniency_goes_no_further_than_that() -> None:
    crew = Crew(2)
    mirror = Mirror(crew["alice"], crew.entropy)
    other = replace(mirror.own_leaf.capabilities, credentials=(2,))
    update = mirror.update_leaf(capabilities=other)
    refuses(crew, "bob", mirror.private(Update(update)), "7.2/own-credential-type", policy=LENIENT)


def test_nothing_that_ships_is_lenient() -> None:
    """What is for published vectors alone is named in the policy and in the check at the door, and nowhere else."""
    source = Path(tacit.__file__).parent
    using = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if "lenient_capabilities" in path.read_text(encoding="utf-8")
    }
    assert using == {"mls/policy.py"}
    assert Policy().lenient_capabilities_for_published_vectors is False


@pytest.mark.parametrize(("name", "same"), [("alice", True), ("bob", False)])
def test_the_same_credential_is_the_same_member(name: str, same: bool) -> None:
    crew = Crew(1)
    (alice,) = crew["alice"].members()
    other = create_key_package(crew.suite.id, name.encode(), crew.key(name).private, now_s=NOW_S, entropy=crew.entropy)
    identity_of = Policy().identity_of
    assert (identity_of(other.key_package.leaf_node) == identity_of(alice.leaf_node)) is same


def test_an_application_may_take_longer_lifetimes_wherever_a_key_package_comes_in() -> None:
    """Other implementations make theirs for a year."""
    crew = Crew(2)
    year_s = 366 * 86400
    bundle = create_key_package(
        crew.suite.id, b"carol", crew.key("carol").private, now_s=NOW_S, entropy=crew.entropy, lifetime_s=year_s
    )
    with breaks("7.2/lifetime-range"):
        read_key_package(bundle.key_package_bytes, now_s=NOW_S, authenticate=crew.authenticate)
    with breaks("7.2/lifetime-range"):
        crew["alice"].propose(Add(bundle.key_package), entropy=crew.entropy)
    patient = Policy(max_lifetime_s=year_s + 86400)
    package = read_key_package(bundle.key_package_bytes, now_s=NOW_S, authenticate=crew.authenticate, policy=patient)
    _, proposal = crew["alice"].propose(Add(package), entropy=crew.entropy, policy=patient)
    event = crew["bob"].process(proposal, authenticate=crew.authenticate, policy=patient)
    assert isinstance(event, ProposalReceived)
    _, pending = event.group.create_commit(
        entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, policy=patient
    )
    assert pending.added == (package.leaf_node,)


def test_a_group_stays_as_small_as_its_members_want() -> None:
    """Whoever adds, follows, is added or comes by itself; a place that somebody leaves may be taken."""
    crew = Crew(3)
    of_three = Policy(max_members=3, external_commits=True)
    dave = crew.bundle("dave")
    for proposals in ([Add(dave.key_package)], [Add(dave.key_package), Remove(LeafIndex(3))]):
        with breaks("limits/group-members"):
            crew["alice"].create_commit(
                proposals, now_s=NOW_S, entropy=crew.entropy, authenticate=crew.authenticate, policy=of_three
            )
    one_more = crew.create_commit("alice", [Add(dave.key_package)])
    refuses(crew, "bob", one_more.commit, "limits/group-members", policy=of_three)
    assert one_more.welcome is not None
    refuses_to_join(crew, one_more.welcome, dave, "limits/group-members", policy=of_three)
    with breaks("limits/group-members"):
        crew.external_commit("dave", "alice", policy=of_three)
    refuses(crew, "bob", crew.external_commit("dave", "alice").commit, "limits/group-members", policy=of_three)

    _, instead = crew["alice"].create_commit(
        [Add(dave.key_package), Remove(crew.index("carol"))],
        now_s=NOW_S,
        entropy=crew.entropy,
        authenticate=crew.authenticate,
        policy=of_three,
    )
    event = crew["bob"].process(instead.commit, authenticate=crew.authenticate, policy=of_three)
    assert isinstance(event, StagedCommit)
    assert instead.welcome is not None
    joined = join(
        instead.welcome,
        [dave],
        authenticate=crew.authenticate,
        known_group=lambda group_id: False,
        policy=of_three,
    )
    assert len(joined.group.members()) == 3
