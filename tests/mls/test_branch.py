"""Some members of a group begin one of their own, and the others know nothing of it."""

from __future__ import annotations

import pytest

from tacit.mls import (
    Extension,
    Group,
    GroupReinitialized,
    KeyPackageBundle,
    LeafNode,
    Policy,
    ReInit,
    ResumptionPSK,
    ResumptionPSKUsage,
    Successor,
    branch,
    create_group,
    join,
)
from tacit.mls.leaf_nodes import Support, support_of
from tests.mls.crew import NOW_S, Crew
from tests.mls.refusal import breaks, refuses_to_join, state_of

APP = 0xF7A0


def offers(crew: Crew, *names: str) -> dict[str, KeyPackageBundle]:
    return {name: crew.bundle(name) for name in names}


def split(crew: Crew, by: str, bundles: dict[str, KeyPackageBundle], old: Group | None = None) -> Successor:
    return branch(
        old or crew[by],
        b"some of us",
        [bundle.key_package for bundle in bundles.values()],
        entropy=crew.entropy,
        now_s=NOW_S,
        authenticate=crew.authenticate,
    )


def enter(crew: Crew, begun: Successor, bundle: KeyPackageBundle, old: Group) -> Group:
    assert begun.welcome is not None
    joined = join(
        begun.welcome,
        [bundle],
        authenticate=crew.authenticate,
        known_group=lambda group_id: group_id == old.group_id,
        resume=lambda group_id: old if group_id == old.group_id else None,
    )
    assert joined.origin is not None
    assert joined.origin.usage is ResumptionPSKUsage.BRANCH
    return joined.group


def test_two_of_four_talk_among_themselves() -> None:
    extension = Extension(APP, b"rules of the house")
    crew = Crew(4, extensions=(extension,), extension_types=(APP,))
    before = state_of(crew["dave"])
    bundles = offers(crew, "dave")
    begun = split(crew, "bob", bundles)
    assert (begun.group.group_id, begun.group.epoch, begun.group.suite) == (b"some of us", 1, crew.suite)
    assert begun.group.extensions == (extension,)
    entered = enter(crew, begun, bundles["dave"], crew["dave"])
    assert state_of(crew["dave"]) == before
    crew.say("carol", b"the four of us go on")
    crew.groups = {"bob": begun.group, "dave": entered}
    crew.check_agreement()
    crew.say("dave", b"the two of us as well")
    crew.commit("bob")
    crew.say("bob", b"and on")


def test_a_subgroup_of_one_waits_for_members() -> None:
    crew = Crew(2)
    begun = split(crew, "alice", {})
    assert begun.welcome is None
    crew.groups = {"alice": begun.group}
    crew.add("alice", "carol")
    crew.say("carol", b"brought along later, by an ordinary commit")


def test_a_subgroup_may_have_other_extensions() -> None:
    crew = Crew(2, extensions=(Extension(APP, b"rules"),), extension_types=(APP,))
    begun = branch(
        crew["alice"],
        b"some of us",
        [],
        extensions=(),
        entropy=crew.entropy,
        now_s=NOW_S,
        authenticate=crew.authenticate,
    )
    assert begun.group.extensions == ()


def test_a_stranger_is_not_brought_along() -> None:
    crew = Crew(3)
    before = state_of(crew["alice"])
    with breaks("11.3/subgroup"):
        split(crew, "alice", offers(crew, "bob", "dave"))
    assert state_of(crew["alice"]) == before


def test_nobody_is_in_a_subgroup_twice() -> None:
    """Two devices under one name may both come, but only if both were in the group."""
    crew = Crew(2)

    def accept(old: LeafNode | None, new: LeafNode) -> None:
        """Whoever has the name."""

    twin = Crew(1, seed=7)
    with breaks("11.3/subgroup"):
        branch(
            crew["alice"],
            b"some of us",
            [crew.bundle("bob").key_package, twin.bundle("bob").key_package],
            entropy=crew.entropy,
            now_s=NOW_S,
            authenticate=accept,
        )


def test_who_has_gone_on_an_epoch_still_follows_into_a_subgroup_of_before() -> None:
    crew = Crew(3)
    bundles = offers(crew, "bob")
    begun = split(crew, "alice", bundles)
    crew.commit("carol")
    crew.groups = {"alice": begun.group, "bob": enter(crew, begun, bundles["bob"], crew["bob"])}
    crew.check_agreement()


def test_who_was_removed_meanwhile_may_be_in_a_subgroup_of_before_and_in_none_of_after() -> None:
    crew = Crew(3)
    bundles = offers(crew, "bob", "carol")
    then = crew["alice"]
    begun = split(crew, "alice", bundles)
    crew.remove("alice", "carol")
    assert len(enter(crew, begun, bundles["bob"], crew["bob"]).members()) == 3
    with breaks("11.3/subgroup"):
        split(crew, "alice", offers(crew, "bob", "carol"))
    for _ in range(3):
        crew.commit("bob")
    begun = split(crew, "alice", bundles, old=then)
    with breaks("11.3/subgroup"):
        enter(crew, begun, bundles["bob"], crew["bob"])


def test_without_the_group_nobody_is_let_into_the_subgroup() -> None:
    crew = Crew(2)
    bundles = offers(crew, "bob")
    begun = split(crew, "alice", bundles)
    assert begun.welcome is not None
    refuses_to_join(crew, begun.welcome, bundles["bob"], "12.4.2/psk-available")
    handed = crew["alice"].resumption_psk(crew["alice"].epoch)
    assert handed is not None
    leaked = Policy(find_psk=lambda psk_id: handed.reveal())
    refuses_to_join(crew, begun.welcome, bundles["bob"], "12.4.2/psk-available", policy=leaked)


def test_a_closed_group_has_no_subgroups() -> None:
    crew = Crew(2)
    crew.commit("alice", [ReInit(b"another", 1, crew.suite.id, ())])
    with pytest.raises(GroupReinitialized):
        split(crew, "alice", offers(crew, "bob"))


def test_each_subgroup_uses_the_key_with_another_nonce() -> None:
    """Source: RFC 9420 §11.3, on key reuse"""
    crew = Crew(2)
    one, other = split(crew, "alice", {}), split(crew, "alice", {})
    assert one.group.epoch_authenticator != other.group.epoch_authenticator
    key = ResumptionPSK(ResumptionPSKUsage.APPLICATION, b"crew", 1)
    nonces = {crew["alice"].name_psk(key, entropy=crew.entropy).psk.psk_nonce for _ in range(10)}
    assert len(nonces) == 10
    assert {len(nonce) for nonce in nonces} == {crew.suite.hash_size}


def test_a_subgroup_has_a_name_of_its_own() -> None:
    crew = Crew(2)
    with breaks("12.4.3.1/group-id-unique"):
        branch(
            crew["alice"], crew["alice"].group_id, [], entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate
        )


def test_whoever_begins_a_subgroup_supports_there_what_it_did_and_no_grease_of_before() -> None:
    crew = Crew(1)
    for grease in (True, False):
        group = create_group(
            b"crew",
            crew.suite.id,
            b"alice",
            crew.key("alice").private,
            extension_types=(APP,),
            proposal_types=(0xF123,),
            credential_types=(1, 2),
            grease=grease,
            entropy=crew.entropy,
            now_s=NOW_S,
        )
        begun = branch(group, b"me", [], entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate)
        (before,), (after,) = group.members(), begun.group.members()
        assert support_of(after.leaf_node) == support_of(before.leaf_node)
        assert support_of(after.leaf_node) == Support((6, APP), (0xF123,), (1, 2), grease)
        assert len(after.leaf_node.capabilities.proposals) == 1 + grease
        assert after.leaf_node.encryption_key != before.leaf_node.encryption_key


def test_whoever_begins_a_subgroup_may_come_as_another() -> None:
    crew = Crew(1)
    key = crew.key("ally")
    begun = branch(
        crew["alice"],
        b"me",
        [],
        credential=b"ally",
        signature_private=key.private,
        entropy=crew.entropy,
        now_s=NOW_S,
        authenticate=crew.authenticate,
        policy=Policy(identity_of=lambda leaf: leaf.credential_identity[:2]),
    )
    (ally,) = begun.group.members()
    assert (ally.leaf_node.credential_identity, ally.leaf_node.signature_key) == (b"ally", key.public)
