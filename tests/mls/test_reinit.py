"""A group is closed, and its members go on in another one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tacit.crypto.errors import UnsupportedSuite
from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE
from tacit.errors import InvalidMessage
from tacit.mls import (
    Add,
    Extension,
    Group,
    GroupReinitialized,
    KeyPackageBundle,
    LeafNode,
    NotReinitialized,
    Policy,
    ReInit,
    Remove,
    ResumptionPSKUsage,
    SignatureKeyNeeded,
    StagedCommit,
    Successor,
    X509Credential,
    join,
    join_externally,
    load,
    propose_joining,
    reinitialize,
    save,
)
from tacit.mls.errors import UnsupportedOperation
from tacit.mls.group_infos import create_group_info
from tacit.mls.messages import encode_message
from tests.mls.certificates import certified, name_in
from tests.mls.crew import NOW_S, Crew
from tests.mls.mirror import Mirror
from tests.mls.refusal import breaks, refuses, refuses_to_join, state_of

P256_SUITE = 0x0002
BETTER = ReInit(b"better crew", 1, DEFAULT_SUITE, ())


def closed(size: int = 3, reinit: ReInit = BETTER) -> Crew:
    """A crew whose first member has closed the group."""
    crew = Crew(size)
    crew.commit("alice", [reinit])
    return crew


def offers(later: Crew, *names: str) -> dict[str, KeyPackageBundle]:
    return {name: later.bundle(name) for name in names}


def begin(
    crew: Crew, later: Crew, by: str, bundles: dict[str, KeyPackageBundle], policy: Policy | None = None
) -> Successor:
    return reinitialize(
        crew[by],
        [bundle.key_package for bundle in bundles.values()],
        signature_private=later.key(by).private,
        entropy=later.entropy,
        now_s=NOW_S,
        authenticate=later.authenticate,
    )


def resume(group: Group) -> Callable[[bytes], Group | None]:
    return lambda group_id: group if group_id == group.group_id else None


def test_a_crew_moves_to_the_post_quantum_suite() -> None:
    crew = Crew(3, X25519_SUITE)
    crew.say("alice", b"we move")
    crew.commit("alice", [BETTER])
    for name in crew.groups:
        assert crew[name].reinit == BETTER
    later = Crew(1, DEFAULT_SUITE, seed=1)
    bundles = offers(later, "alice", "carol")
    begun = begin(crew, later, "bob", bundles)
    assert begun.welcome is not None
    later.groups = {"bob": begun.group}
    for name, bundle in bundles.items():
        joined = join(
            begun.welcome,
            [bundle],
            authenticate=later.authenticate,
            known_group=lambda group_id: group_id == b"crew",
            resume=resume(crew[name]),
        )
        assert joined.origin is not None
        assert joined.origin.usage is ResumptionPSKUsage.REINIT
        assert (joined.origin.psk_group_id, joined.origin.psk_epoch) == (b"crew", crew[name].epoch)
        later.groups[name] = joined.group
    later.check_agreement()
    context = begun.group.context
    assert (context.group_id, context.epoch, context.cipher_suite) == (b"better crew", 1, DEFAULT_SUITE)
    later.say("carol", b"here we are")
    later.commit("alice")
    later.say("bob", b"and on")


def test_a_closed_group_is_silent() -> None:
    crew = Crew(2)
    late = crew.seal("bob", b"said before, heard after")
    crew.commit("alice", [BETTER])
    group = crew["alice"]
    before = state_of(group)
    deeds: list[Callable[[], object]] = [
        lambda: group.seal(b"still there?", entropy=crew.entropy),
        lambda: group.propose(Remove(crew.index("bob")), entropy=crew.entropy),
        lambda: group.propose_update(entropy=crew.entropy),
        lambda: crew.create_commit("alice"),
        lambda: crew.create_commit("alice", [Add(crew.bundle("carol").key_package)]),
        group.group_info,
    ]
    for deed in deeds:
        with pytest.raises(GroupReinitialized) as caught:
            deed()
        assert caught.value.code == "reinitialized"
    assert state_of(group) == before
    assert crew.open("alice", late) == b"said before, heard after"


def test_closing_survives_a_restart() -> None:
    crew = Crew(2)
    pending = crew.create_commit("alice", [BETTER])
    alice = load(save(crew["alice"])).merge(type(pending).decode(pending.encode()))
    again = load(save(alice))
    assert alice.reinit == again.reinit == BETTER
    assert again.state.earlier_psks == alice.state.earlier_psks
    assert [earlier.epoch for earlier in again.state.held_psks] == [2, 1, 0]
    with pytest.raises(GroupReinitialized):
        load(save(alice)).seal(b"anybody?", entropy=crew.entropy)


def test_a_reinit_that_somebody_proposed_is_committed_by_somebody_else() -> None:
    crew = Crew(3)
    crew.propose("carol", BETTER)
    crew.commit("bob")
    assert all(group.reinit == BETTER for group in crew.groups.values())


def test_other_proposals_come_before_a_reinit() -> None:
    """Source: RFC 9420 §12.2, on a list with a ReInit"""
    crew = Crew(3)
    crew.propose("carol", BETTER)
    crew.propose_update("carol")
    crew.commit("bob")
    assert all(group.reinit is None for group in crew.groups.values())
    crew.propose("carol", BETTER)
    crew.commit("bob", [Remove(crew.index("alice"))])
    assert all(group.reinit is None for group in crew.groups.values())
    crew.say("carol", b"still open")


def test_a_group_is_not_closed_by_us_for_a_suite_that_is_not_here() -> None:
    """Rule 11.2/known-suite: else it ends, and we cannot go on. Others may have the suite, so they are not refused."""
    crew = Crew(3)
    elsewhere = ReInit(b"elsewhere", 1, 0xF0F1, ())
    before = state_of(crew["alice"])
    with pytest.raises(UnsupportedSuite):
        crew.create_commit("alice", [elsewhere])
    assert state_of(crew["alice"]) == before
    theirs = Mirror(crew["alice"], crew.entropy).commit([elsewhere]).message
    event = crew["bob"].process(theirs, authenticate=crew.authenticate)
    assert isinstance(event, StagedCommit)
    assert event.group_after is not None
    assert event.group_after.reinit == elsewhere
    crew.propose("carol", elsewhere)
    crew.commit("bob")
    assert all(group.reinit is None for group in crew.groups.values())


def test_who_is_alone_goes_on_alone() -> None:
    crew = closed(1)
    begun = begin(crew, Crew(1, DEFAULT_SUITE, seed=1), "alice", {})
    assert begun.welcome is None
    assert begun.group.epoch == 1
    assert [member.leaf_node.credential_identity for member in begun.group.members()] == [b"alice"]


def test_a_group_in_the_same_suite_keeps_the_key() -> None:
    crew = closed(2, ReInit(b"again", 1, X25519_SUITE, ()))
    bundle = crew.bundle("bob")
    begun = reinitialize(
        crew["alice"], [bundle.key_package], entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate
    )
    own = begun.group.members()[0].leaf_node
    assert own.signature_key == crew.key("alice").public
    assert own.credential_identity == b"alice"


def test_a_suite_that_signs_in_another_way_needs_another_key() -> None:
    crew = closed(1, ReInit(b"again", 1, P256_SUITE, ()))
    with pytest.raises(SignatureKeyNeeded):
        reinitialize(crew["alice"], [], entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate)
    later = Crew(1, P256_SUITE, seed=1)
    assert begin(crew, later, "alice", {}).group.suite.id == P256_SUITE


def test_what_the_old_leaf_supports_the_new_one_does_too() -> None:
    extension = Extension(0xF7A0, b"agreed")
    crew = Crew(1, extension_types=(0xF7A0,))
    crew.commit("alice", [ReInit(b"again", 1, DEFAULT_SUITE, (extension,))])
    begun = begin(crew, Crew(1, DEFAULT_SUITE, seed=1), "alice", {})
    assert begun.group.extensions == (extension,)
    crew = closed(1, ReInit(b"again", 1, DEFAULT_SUITE, (extension,)))
    with breaks("13.4/group-context-extension"):
        begin(crew, Crew(1, DEFAULT_SUITE, seed=1), "alice", {})
    begun = reinitialize(
        crew["alice"],
        [],
        extension_types=(0xF7A0,),
        proposal_types=(0xF123,),
        credential_types=(0xF456,),
        entropy=crew.entropy,
        now_s=NOW_S,
        authenticate=crew.authenticate,
    )
    assert begun.group.extensions == (extension,)
    listed = begun.group.members()[0].leaf_node.capabilities
    assert 0xF123 in listed.proposals
    assert 0xF456 in listed.credentials


def test_an_open_group_is_not_begun_again() -> None:
    crew = Crew(2)
    with pytest.raises(NotReinitialized):
        begin(crew, crew, "alice", {})


def test_a_version_that_is_to_come_is_agreed_on_and_cannot_be_begun_here() -> None:
    crew = closed(2, ReInit(b"mls 2", 2, X25519_SUITE, ()))
    with pytest.raises(UnsupportedOperation) as caught:
        begin(crew, crew, "alice", {})
    assert caught.value.check == "11.2/version-known"


@pytest.mark.parametrize(
    "names", [("bob",), ("bob", "carol", "dave"), ("bob", "dave"), ()], ids=["too few", "too many", "other", "none"]
)
def test_nobody_is_left_behind_and_nobody_brought_along(names: tuple[str, ...]) -> None:
    crew = closed(3)
    later = Crew(1, DEFAULT_SUITE, seed=1)
    before = state_of(crew["alice"])
    with breaks("11.2/same-members"):
        begin(crew, later, "alice", offers(later, *names))
    assert state_of(crew["alice"]) == before


def test_who_is_who_the_application_says() -> None:
    """Certificates of another key are other credentials, with the same name in them."""
    crew = Crew(1)
    later = Crew(1, P256_SUITE, seed=1)
    crew.commit("alice", [ReInit(b"again", 1, P256_SUITE, ())])

    def accept(old: LeafNode | None, new: LeafNode) -> None:
        assert isinstance(new.credential, X509Credential)

    def name(leaf: LeafNode) -> bytes:
        credential = leaf.credential
        return name_in(credential).encode() if isinstance(credential, X509Credential) else leaf.credential_identity

    def go(policy: Policy) -> Successor:
        return reinitialize(
            crew["alice"],
            [],
            credential=certified("alice", later.key("alice").public),
            signature_private=later.key("alice").private,
            entropy=later.entropy,
            now_s=NOW_S,
            authenticate=accept,
            policy=policy,
        )

    with breaks("11.2/same-members"):
        go(Policy())
    assert go(Policy(identity_of=name)).group.epoch == 1


def test_without_the_old_group_nobody_is_let_into_the_new_one() -> None:
    crew, later = closed(2), Crew(1, DEFAULT_SUITE, seed=1)
    bundles = offers(later, "bob")
    welcome = begin(crew, later, "alice", bundles).welcome
    assert welcome is not None
    refuses_to_join(later, welcome, bundles["bob"], "12.4.2/psk-available")


def test_the_first_welcome_counts() -> None:
    """Two members begin the new group at once; the application keeps the one, and the other is known by then."""
    crew, later = closed(3), Crew(1, DEFAULT_SUITE, seed=1)
    mine = begin(crew, later, "alice", offers(later, "bob", "carol"))
    bundle = later.bundle("alice")
    theirs = begin(crew, later, "bob", {"alice": bundle, **offers(later, "carol")})
    assert theirs.welcome is not None
    error = refuses_to_join(later, theirs.welcome, bundle, "12.4.2/psk-available", known_group=lambda group_id: True)
    assert isinstance(error, InvalidMessage)
    with breaks("12.4.3.1/group-id-unique"):
        join(
            theirs.welcome,
            [bundle],
            authenticate=later.authenticate,
            known_group=lambda group_id: group_id == mine.group.group_id,
            resume=resume(crew["alice"]),
        )


def test_who_has_not_seen_the_reinit_does_not_follow() -> None:
    crew, later = Crew(2), Crew(1, DEFAULT_SUITE, seed=1)
    open_still = crew["bob"]
    crew.commit("alice", [BETTER])
    bundles = offers(later, "bob")
    welcome = begin(crew, later, "alice", bundles).welcome
    assert welcome is not None
    with breaks("12.4.2/psk-available"):
        join(
            welcome,
            [bundles["bob"]],
            authenticate=later.authenticate,
            known_group=lambda group_id: False,
            resume=resume(open_still),
        )


def test_nobody_reopens_a_closed_group() -> None:
    """Hazard B6. A member gone bad writes on in the closed group."""
    crew = closed(3)
    mirror = Mirror(crew["alice"], crew.entropy)
    for message in (
        mirror.private(b"still here"),
        mirror.private(Remove(crew.index("carol"))),
        mirror.commit().message,
    ):
        refuses(crew, "bob", message, "12.4.2/reinitialized")
    public = Policy(public_handshakes=True, external_commits=True, outside_proposals=True)
    refuses(crew, "bob", mirror.public(Remove(crew.index("carol"))), "12.4.2/reinitialized", policy=public)


def test_nobody_comes_into_a_closed_group_from_outside() -> None:
    crew = closed(2)
    info = create_group_info(crew["alice"].state, with_external_pub=True, with_ratchet_tree=True)
    joining = join_externally(
        encode_message(info),
        b"carol",
        crew.key("carol").private,
        authenticate=crew.authenticate,
        now_s=NOW_S,
        entropy=crew.entropy,
    )
    asked = propose_joining(crew.bundle("carol"), group_id=b"crew", epoch=crew["bob"].epoch)
    welcoming = Policy(external_commits=True, outside_proposals=True)
    for message in (joining.commit, asked):
        refuses(crew, "bob", message, "12.4.2/reinitialized", policy=welcoming)
