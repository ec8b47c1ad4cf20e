"""Lists of proposals that the RFC forbids, by value and by reference. Hazard B6, a test for each bullet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tacit.limits import MAX_GROUP_EXTENSIONS_BYTES, MAX_PENDING_PROPOSAL_BYTES, MAX_PENDING_PROPOSALS
from tacit.mls import (
    Add,
    Extension,
    ExternalInit,
    ExternalPSK,
    ExternalSenderIndex,
    GroupContextExtensions,
    NewMember,
    Policy,
    PreSharedKey,
    PreSharedKeyID,
    Proposal,
    ProposalReceived,
    PSKUnavailable,
    ReInit,
    Remove,
    RequiredCapabilities,
    ResumptionPSK,
    StagedCommit,
    Update,
    load,
    save,
)
from tacit.mls.checks.proposals import check_proposal
from tacit.mls.commits import ProposalReference
from tacit.mls.framing import AuthenticatedContent, FramedContentAuthData
from tacit.mls.proposal_lists import CommittedProposal
from tacit.mls.proposals import CustomProposal
from tacit.mls.registry import GREASE_VALUES, ResumptionPSKUsage, WireFormat
from tacit.mls.tree_math import LeafIndex
from tests.mls.crew import Crew, NotTheirKey
from tests.mls.mirror import Mirror, forge_key_package_leaf
from tests.mls.refusal import breaks, refuses, state_of

ALICE, BOB, CAROL = LeafIndex(0), LeafIndex(1), LeafIndex(2)
NONCE = bytes(32)
NO_EXTENSIONS = GroupContextExtensions(())


def psk(key: ExternalPSK | ResumptionPSK, nonce: bytes = NONCE) -> PreSharedKey:
    return PreSharedKey(PreSharedKeyID(key, nonce))


def an_update(crew: Crew, mirror: Mirror) -> Update:
    del crew
    return Update(mirror.update_leaf())


INVALID_ALONE: dict[str, tuple[Callable[[Crew, Mirror], Proposal], str]] = {
    "remove nobody": (lambda crew, mirror: Remove(LeafIndex(3)), "12.1.3/removed-leaf"),
    "remove outside the tree": (lambda crew, mirror: Remove(LeafIndex(0xFFFFFFFF)), "12.1.3/removed-leaf"),
    "short psk nonce": (lambda crew, mirror: psk(ExternalPSK(b""), bytes(31)), "12.1.4/psk-nonce"),
    "long psk nonce": (lambda crew, mirror: psk(ExternalPSK(b""), bytes(33)), "12.1.4/psk-nonce"),
    "psk of a reinitialization": (
        lambda crew, mirror: psk(ResumptionPSK(ResumptionPSKUsage.REINIT, b"", 0)),
        "12.1.4/psk-usage",
    ),
    "psk of a branch": (
        lambda crew, mirror: psk(ResumptionPSK(ResumptionPSKUsage.BRANCH, b"", 0)),
        "12.1.4/psk-usage",
    ),
    "reinit to an older version": (lambda crew, mirror: ReInit(b"new", 0, 1, ()), "12.1.5/version"),
    "reinit to the group itself": (lambda crew, mirror: ReInit(b"crew", 1, 1, ()), "11.2/new-group-id"),
    "external init": (lambda crew, mirror: ExternalInit(b"kem output"), "12.2/external-init"),
    "unknown proposal": (lambda crew, mirror: CustomProposal(0xF123, b"?"), "12.2/proposal-type"),
    "GREASE": (lambda crew, mirror: CustomProposal(GREASE_VALUES[0], b""), "12.2/proposal-type"),
}

INVALID_LISTS: dict[str, tuple[Callable[[Crew, Mirror], Sequence[Proposal]], str]] = {
    "update by the committer": (lambda crew, mirror: [an_update(crew, mirror)], "12.2/update-by-committer"),
    "remove the committer": (lambda crew, mirror: [Remove(ALICE)], "12.2/remove-committer"),
    "remove twice": (lambda crew, mirror: [Remove(CAROL), Remove(CAROL)], "12.2/change-per-leaf"),
    "add twice": (lambda crew, mirror: [Add(crew.bundle("dave").key_package)] * 2, "12.2/add-twice"),
    "add one client with two key packages": (
        lambda crew, mirror: [Add(crew.bundle("dave").key_package), Add(crew.bundle("dave").key_package)],
        "12.2/add-twice",
    ),
    "add a member": (lambda crew, mirror: [Add(crew.bundle("carol").key_package)], "12.2/add-member"),
    "add a member and remove another": (
        lambda crew, mirror: [Add(crew.bundle("carol").key_package), Remove(BOB)],
        "12.2/add-member",
    ),
    "one psk twice": (lambda crew, mirror: [psk(ExternalPSK(b"id")), psk(ExternalPSK(b"id"))], "12.2/psk-twice"),
    "two sets of extensions": (
        lambda crew, mirror: [NO_EXTENSIONS, NO_EXTENSIONS],
        "12.2/group-context-extensions-twice",
    ),
    "reinit and another": (lambda crew, mirror: [ReInit(b"new", 1, 1, ()), Remove(CAROL)], "12.2/reinit-alone"),
    "two reinits": (lambda crew, mirror: [ReInit(b"new", 1, 1, ()), ReInit(b"newer", 1, 1, ())], "12.2/reinit-alone"),
}


@pytest.mark.parametrize("name", INVALID_ALONE)
def test_an_invalid_proposal_is_refused(crew: Crew, mirror: Mirror, name: str) -> None:
    """Rule 12.2/valid-alone."""
    make, check = INVALID_ALONE[name]
    proposal = make(crew, mirror)
    refuses(crew, "bob", mirror.private(proposal), check)


def as_unapplied(proposals: Sequence[Proposal]) -> list[CommittedProposal]:
    """What of a list the mirror can apply to its own tree; the rest has no effect on it."""
    known = [CommittedProposal(item, ALICE) for item in proposals if isinstance(item, GroupContextExtensions)]
    return known[:1]


@pytest.mark.parametrize("name", INVALID_ALONE)
def test_a_commit_of_an_invalid_proposal_is_refused(crew: Crew, mirror: Mirror, name: str) -> None:
    """Hazard B6. Rule 12.2/valid-alone."""
    make, check = INVALID_ALONE[name]
    proposal = make(crew, mirror)
    refuses(crew, "bob", mirror.commit([proposal], listed=[]).message, check)
    before = state_of(crew["alice"])
    with breaks(check):
        crew.create_commit("alice", [proposal])
    assert state_of(crew["alice"]) == before


@pytest.mark.parametrize("name", INVALID_LISTS)
def test_an_invalid_list_is_refused(crew: Crew, mirror: Mirror, name: str) -> None:
    """Hazard B6."""
    make, check = INVALID_LISTS[name]
    proposals = make(crew, mirror)
    refuses(crew, "bob", mirror.commit(proposals, listed=as_unapplied(proposals)).message, check)
    before = state_of(crew["alice"])
    with breaks(check):
        crew.create_commit("alice", proposals)
    assert state_of(crew["alice"]) == before


def test_two_adds_do_not_share_an_init_key(crew: Crew, mirror: Mirror) -> None:
    """Hazard B6."""
    dave, erin = crew.bundle("dave").key_package, crew.bundle("erin").key_package
    forged = forge_key_package_leaf(erin, crew.suite, crew.key("erin").private)
    same = replace(forged, init_key=dave.init_key)
    refuses(crew, "bob", mirror.commit([Add(dave), Add(same)]).message, "12.2/add-twice")


def referenced(mirror: Mirror, proposal: Proposal) -> tuple[bytes, ProposalReference]:
    """A proposal of the mirror's own, and how a commit refers to it."""
    content = mirror.content(proposal)
    signature = mirror.sign(content, WireFormat.PRIVATE_MESSAGE)
    sent = AuthenticatedContent(WireFormat.PRIVATE_MESSAGE, content, FramedContentAuthData(signature))
    message = mirror.encrypt(content, FramedContentAuthData(signature), mirror.group.own_leaf)
    return message, ProposalReference(sent.proposal_ref(mirror.suite))


def let_have(crew: Crew, name: str, message: bytes) -> None:
    event = crew[name].process(message, authenticate=crew.authenticate)
    assert isinstance(event, ProposalReceived)
    crew.groups[name] = event.group


def test_by_reference_the_committer_is_not_updated_either(crew: Crew, mirror: Mirror) -> None:
    """Hazard B6."""
    message, ref = referenced(mirror, an_update(crew, mirror))
    let_have(crew, "bob", message)
    refuses(crew, "bob", mirror.commit([ref], listed=[]).message, "12.2/update-by-committer")


def test_by_reference_the_committer_is_not_removed_either(crew: Crew, mirror: Mirror) -> None:
    """Hazard B6."""
    message, ref = referenced(mirror, Remove(ALICE))
    let_have(crew, "bob", message)
    refuses(crew, "bob", mirror.commit([ref], listed=[]).message, "12.2/remove-committer")


def test_nobody_is_updated_and_removed_at_once(crew: Crew, mirror: Mirror) -> None:
    """Hazard B6."""
    crew.propose_update("carol")
    ref = ProposalReference(crew["bob"].pending_proposals[0].ref)
    refuses(crew, "bob", mirror.commit([ref, Remove(CAROL)], listed=[]).message, "12.2/change-per-leaf")


def test_nobody_is_updated_twice(crew: Crew, mirror: Mirror) -> None:
    """Hazard B6."""
    crew.propose_update("carol")
    crew.propose_update("carol")
    refs = [ProposalReference(cached.ref) for cached in crew["bob"].pending_proposals]
    assert len(refs) == 2
    refuses(crew, "bob", mirror.commit(refs, listed=[]).message, "12.2/change-per-leaf")


def test_an_unknown_reference_is_refused(crew: Crew, mirror: Mirror) -> None:
    """Hazard A3: nothing is applied in part."""
    message, ref = referenced(mirror, Remove(CAROL))
    listed = [CommittedProposal(Remove(CAROL), ALICE)]
    forged = mirror.commit([ref], listed=listed)
    refuses(crew, "bob", forged.message, "12.4/proposal-ref")
    let_have(crew, "bob", message)
    event = crew["bob"].process(forged.message, authenticate=crew.authenticate)
    assert isinstance(event, StagedCommit)
    assert [item.by_ref for item in event.proposals] == [True]


def test_a_reference_covers_the_way_a_proposal_was_framed(crew: Crew, mirror: Mirror) -> None:
    content = mirror.content(Remove(CAROL))
    signature = mirror.sign(content, WireFormat.PUBLIC_MESSAGE)
    other = AuthenticatedContent(WireFormat.PUBLIC_MESSAGE, content, FramedContentAuthData(signature))
    let_have(crew, "bob", referenced(mirror, Remove(CAROL))[0])
    ref = ProposalReference(other.proposal_ref(mirror.suite))
    refuses(crew, "bob", mirror.commit([ref], listed=[]).message, "12.4/proposal-ref")


def test_an_update_comes_from_a_member(crew: Crew, mirror: Mirror) -> None:
    group = crew["bob"]
    for sender in (LeafIndex(3), NewMember(), ExternalSenderIndex(0)):
        with breaks("12.1.2/sender"):
            update, usage = an_update(crew, mirror), ResumptionPSKUsage.APPLICATION
            check_proposal(group.suite, group.state.tree, group.group_id, update, sender, usage)


def test_a_missing_psk_is_an_error_and_not_made_up(crew: Crew, mirror: Mirror) -> None:
    forged = mirror.commit([psk(ExternalPSK(b"unknown"))])
    error = refuses(crew, "bob", forged.message, "12.4.2/psk-available")
    assert isinstance(error, PSKUnavailable)
    refuses(crew, "bob", forged.message, "6.1/confirmation-tag", policy=Policy(find_psk=lambda psk_id: b"guess"))


def test_required_capabilities_with_trailing_bytes_are_refused(crew: Crew, mirror: Mirror) -> None:
    """Hazard B10."""
    extension = RequiredCapabilities().as_extension()
    broken = replace(extension, extension_data=extension.extension_data + b"\0")
    proposal = GroupContextExtensions((broken,))
    refuses(crew, "bob", mirror.private(proposal), "13.4/extension-data")
    refuses(crew, "bob", mirror.commit([proposal]).message, "13.4/extension-data")


def test_external_senders_that_cannot_be_read_are_refused(crew: Crew, mirror: Mirror) -> None:
    extension = replace(RequiredCapabilities().as_extension(), extension_type=5, extension_data=b"\1\0")
    refuses(crew, "bob", mirror.private(GroupContextExtensions((extension,))), "13.4/extension-data")


def test_extensions_of_a_group_are_checked(crew: Crew, mirror: Mirror) -> None:
    extension = RequiredCapabilities().as_extension()
    twice = GroupContextExtensions((extension, extension))
    refuses(crew, "bob", mirror.private(twice), "13.4/extension-duplicate")
    elsewhere = GroupContextExtensions((replace(extension, extension_type=2),))
    refuses(crew, "bob", mirror.private(elsewhere), "13.4/extension-container")


def test_waiting_proposals_have_a_bound(crew: Crew, mirror: Mirror) -> None:
    let_have(crew, "bob", referenced(mirror, Remove(CAROL))[0])
    cached = crew["bob"].pending_proposals[0]
    many = tuple(replace(cached, ref=n.to_bytes(4, "big")) for n in range(MAX_PENDING_PROPOSALS))
    crew.groups["bob"] = replace(crew["bob"], pending_proposals=many)
    refuses(crew, "bob", mirror.private(Remove(CAROL), aad=b"once more"), "limits/pending-proposals")


def test_waiting_proposals_can_always_be_stored(crew: Crew, mirror: Mirror) -> None:
    """Whatever members propose, the group of everybody else can still be saved."""

    def large(number: int) -> bytes:
        return mirror.private(psk(ExternalPSK(bytes(MAX_PENDING_PROPOSAL_BYTES // 4)), bytes([number]) * 32))

    for number in range(3):
        let_have(crew, "bob", large(number))
    assert load(save(crew["bob"])) == crew["bob"]
    refuses(crew, "bob", large(3), "limits/pending-proposal-bytes")
    let_have(crew, "bob", mirror.private(Remove(CAROL)))


@pytest.mark.parametrize("count", [1, 40])
def test_the_extensions_of_a_group_stay_small(crew: Crew, mirror: Mirror, count: int) -> None:
    size = MAX_GROUP_EXTENSIONS_BYTES // count + 1
    proposal = GroupContextExtensions(tuple(Extension(0xF100 + n, bytes(size)) for n in range(count)))
    refuses(crew, "bob", mirror.private(proposal), "limits/group-extensions-size")
    refuses(crew, "bob", mirror.commit([proposal]).message, "limits/group-extensions-size")
    with breaks("limits/group-extensions-size"):
        crew.create_commit("bob", [proposal])


def test_who_is_to_come_anew_goes_first(crew: Crew) -> None:
    """An Add of a member is heard: it can be committed with the removal of the old leaf, and is left out without."""
    package = crew.bundle("carol").key_package
    crew.propose("bob", Add(package))
    assert [item.proposal for item in crew["alice"].pending_proposals] == [Add(package)]
    assert crew.create_commit("alice").welcome is None
    assert crew.commit("alice", [Remove(CAROL)]).welcome is not None
    assert crew["bob"].state.leaves[CAROL] == package.leaf_node


def test_a_proposal_that_comes_twice_waits_once(crew: Crew, mirror: Mirror) -> None:
    content = mirror.content(Remove(CAROL))
    auth = FramedContentAuthData(mirror.sign(content, WireFormat.PRIVATE_MESSAGE))
    for generation in range(3):
        let_have(crew, "bob", mirror.encrypt(content, auth, ALICE, generation))
    assert len(crew["bob"].pending_proposals) == 1


def test_an_own_update_without_its_keys_is_not_followed() -> None:
    """As after a restored backup that knows of the proposal and not of the keys."""
    crew = Crew(3)
    crew.propose_update("bob")
    pending = crew.create_commit("alice")
    cached = crew["bob"].pending_proposals[0]
    crew.groups["bob"] = replace(crew["bob"], pending_proposals=(replace(cached, own=None),))
    refuses(crew, "bob", pending.commit, "12.1.2/own-update")


def test_strangers_are_not_proposed(crew: Crew, mirror: Mirror) -> None:
    """Rule 5.3.1/authentication."""
    package = forge_key_package_leaf(
        crew.bundle("dave").key_package,
        crew.suite,
        crew.key("mallory").private,
        signature_key=crew.key("mallory").public,
    )
    refuses(crew, "bob", mirror.private(Add(package)), error=NotTheirKey)


def test_proposals_that_do_not_go_together_do_not_block_a_commit() -> None:
    """Each is valid by itself: an extension all have is required, and somebody is to come in who has it not."""
    crew = Crew(3, extension_types=(0xF7A0,))
    required = RequiredCapabilities(extension_types=(0xF7A0,)).as_extension()
    crew.propose("alice", GroupContextExtensions((required,)))
    crew.extension_types = ()
    crew.propose("alice", Add(crew.bundle("dave").key_package))
    crew.propose("carol", Remove(CAROL))
    pending = crew.commit("bob")
    assert pending.welcome is None
    assert len(crew["bob"].members()) == 2


def test_updates_that_do_not_go_together_do_not_block_a_commit_either(crew: Crew, mirror: Mirror) -> None:
    """Two members in collusion propose leaves with one encryption key; each is valid by itself."""
    crew.add("bob", "dave")
    key = mirror.fresh_key()
    for name in ("alice", "carol"):
        other = Mirror(crew[name], crew.entropy)
        let_have(crew, "bob", other.private(Update(other.update_leaf(encryption_key=key))))
        let_have(crew, "dave", other.private(Update(other.update_leaf(encryption_key=key))))
    let_have(crew, "bob", Mirror(crew["dave"], crew.entropy).private(Remove(LeafIndex(3))))
    pending = crew.create_commit("bob")
    assert [member.leaf_index for member in pending.group_after.members()] == [0, 1, 2]
