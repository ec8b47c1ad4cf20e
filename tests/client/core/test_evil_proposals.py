"""Proposals that the roles forbid: nobody commits what the others refuse, and so nobody ends up alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tacit import mls
from tacit.client.core.commits import commit_intent, first_to_commit, make_commit, propose_leaving
from tacit.client.core.effects import DropIntent
from tacit.client.core.group_info import GROUP_INFO_EXTENSION, GroupInfo, GroupKind, encode_group_info
from tacit.client.core.judgement import check_outcome
from tacit.client.core.policy import Rejected
from tacit.client.core.state import GroupState, OwnCommit
from tacit.client.core.welcome import open_welcome
from tacit.client.model import ChatId, ConversationStatus, Intent, IntentKind, MessageId
from tests.client.core.members import Log, Member, group_of, people


def described(info: GroupInfo | bytes) -> mls.Extension:
    return mls.Extension(GROUP_INFO_EXTENSION, info if isinstance(info, bytes) else encode_group_info(info))


def coup(by: Member) -> mls.Proposal:
    """The group is renamed, and its only admin is who says so."""
    return mls.GroupContextExtensions((described(GroupInfo(GroupKind.GROUP, "mine", (by.id,))),))


def other_kind(by: Member) -> mls.Proposal:
    return mls.GroupContextExtensions((described(replace(by.group.info, kind=GroupKind.DIRECT)),))


def closing(by: Member) -> mls.Proposal:
    """Everybody is to go on in a group that nobody has seen."""
    return mls.ReInit(b"elsewhere", 1, by.group.group.suite.id, by.group.group.extensions)


def earlier_key(by: Member) -> mls.Proposal:
    """Good MLS, and nothing that a chat has use for."""
    group = by.group.group
    key = mls.ResumptionPSK(mls.ResumptionPSKUsage.APPLICATION, group.group_id, group.epoch)
    return group.name_psk(key, entropy=by.entropy)


EVIL: dict[str, tuple[str, Callable[[Member], mls.Proposal]]] = {
    "a member makes herself admin": ("change-info-by-non-admin", coup),
    "the description goes": ("no-group-info", lambda _: mls.GroupContextExtensions(())),
    "the description is spoiled": ("no-group-info", lambda _: mls.GroupContextExtensions((described(b"\xff"),))),
    "a member invites": ("add-by-non-admin", lambda _: people("dave", seed=9)[0].offer()),
    "a member removes": ("remove-by-non-admin", lambda _: mls.Remove(mls.LeafIndex(1))),
    "the kind changes": ("change-info-by-non-admin", other_kind),
    "the group is closed for another": ("unknown-proposal", closing),
}


def take_up(member: Member, proposal: mls.Proposal, sender: Member) -> None:
    """Make a member hold a proposal that it should have rejected, as an earlier version did."""
    leaf = member.leaf(sender.id)
    cached = mls.CachedProposal(b"ref of it" + bytes(23), leaf, proposal)
    group = member.group.group
    member.state = replace(member.group, group=replace(group, pending_proposals=(*group.pending_proposals, cached)))


def all_agree(*members: Member) -> None:
    assert len({m.group.group.epoch_authenticator for m in members}) == 1
    assert len({m.group.info for m in members}) == 1
    assert all(m.group.own_commit is None for m in members)


def all_talk(log: Log, *members: Member) -> None:
    for member in members:
        log.post(member, member.text(f"I am {member.name}"))
    for member in members:
        assert member.said()[-len(members) + 1 :] == [f"I am {m.name}" for m in members if m is not member]


@pytest.mark.parametrize("name", EVIL)
def test_a_forbidden_proposal_is_rejected_where_it_arrives_and_the_next_commit_is_one_for_all(name: str) -> None:
    """Hazard B20."""
    reason, make = EVIL[name]
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.post(carol, carol.propose(make(carol)))
    for honest in (alice, bob):
        assert honest.notices() == [f"rejected-commit/{reason}"]
        assert not honest.group.group.pending_proposals
    log.post(alice, alice.commit())
    all_agree(alice, bob, carol)
    all_talk(log, alice, bob, carol)
    assert alice.group.info == GroupInfo(GroupKind.GROUP, "friends", (alice.id,))


@pytest.mark.parametrize("name", EVIL)
def test_a_forbidden_proposal_that_waits_all_the_same_is_not_committed(name: str) -> None:
    """Hazard B20."""
    _, make = EVIL[name]
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    take_up(alice, make(carol), carol)
    log.post(alice, alice.wish(IntentKind.RENAME, text="still mine"))
    assert alice.notices() == bob.notices() == ["renamed"]
    all_agree(alice, bob, carol)
    all_talk(log, alice, bob, carol)


@pytest.mark.parametrize("name", EVIL)
def test_a_forbidden_commit_of_others_is_rejected(name: str) -> None:
    """Hazard B20."""
    reason, make = EVIL[name]
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.append(carol, carol.force(make(carol)))
    for honest in (alice, bob):
        log.catch_up(honest)
        assert honest.notices() == [f"rejected-commit/{reason}"]
    assert alice.group.group.epoch == bob.group.group.epoch == 1


def test_an_admin_changes_the_name_by_proposal_and_nothing_that_is_fixed() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.post(alice, alice.propose(other_kind(alice)))
    renamed = replace(alice.group.info, name="by proposal")
    log.post(alice, alice.propose(mls.GroupContextExtensions((described(renamed),))))
    assert bob.notices() == ["rejected-commit/fixed-info"]
    log.post(bob, bob.commit())
    assert bob.group.info == carol.group.info == renamed
    all_talk(log, bob, carol)


def test_extensions_that_are_not_ours_to_change_are_rejected() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    required = mls.Extension(3, bytes.fromhex("02f7a0") + bytes(2))  # required_capabilities
    log.append(alice, alice.propose(mls.GroupContextExtensions((*alice.group.group.extensions, required))))
    log.catch_up(bob)
    assert bob.notices() == ["rejected-commit/extensions"]


def test_nobody_comes_into_a_direct_chat_by_a_proposal() -> None:
    log, (alice, bob) = group_of("alice", "bob", kind=GroupKind.DIRECT)
    (carol,) = people("carol", seed=9)
    log.post(alice, alice.propose(carol.offer()))
    assert bob.notices() == ["rejected-commit/direct-third"]
    take_up(bob, carol.offer(), alice)
    log.post(bob, bob.commit())
    assert bob.group.roster.accounts == alice.group.roster.accounts == {alice.id, bob.id}
    all_agree(alice, bob)
    all_talk(log, alice, bob)


@pytest.mark.parametrize("by", [0, 1])
def test_nobody_comes_into_a_direct_chat_by_a_commit(by: int) -> None:
    log, members = group_of("alice", "bob", kind=GroupKind.DIRECT)
    evil, honest = members[by], members[1 - by]
    (carol,) = people("carol", seed=9)
    log.append(evil, evil.force(carol.offer()))
    log.catch_up(honest)
    (notice,) = honest.notices()
    assert notice == ("rejected-commit/direct-third" if by == 0 else "rejected-commit/add-by-non-admin")
    assert honest.group.roster.accounts == {m.id for m in members}


def test_an_own_wish_that_the_others_would_refuse_is_not_sealed() -> None:
    _, (alice, _) = group_of("alice", "bob", kind=GroupKind.DIRECT)
    before = alice.group
    wish = Intent(1, ChatId("x"), IntentKind.RENAME, MessageId(b"i" * 16), text="ours")
    with pytest.raises(Rejected, match="direct-info"):
        commit_intent(before, wish, alice.ctx)
    with pytest.raises(Rejected, match="no-group-info"):
        make_commit(before, [mls.GroupContextExtensions(())], alice.ctx)
    assert alice.group is before


def test_a_leave_still_goes_through_beside_a_forbidden_proposal() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.post(carol, carol.propose(coup(carol)))
    log.post(carol, carol.take(propose_leaving(carol.group, carol.ctx)))
    assert first_to_commit(alice.group)
    log.post(alice, alice.commit())
    assert carol.group.conversation.status is ConversationStatus.REMOVED
    all_agree(alice, bob)
    assert bob.notices() == ["rejected-commit/change-info-by-non-admin", "leave-asked", "left"]


@pytest.mark.parametrize("name", EVIL)
def test_an_own_commit_that_the_others_refuse_is_taken_back(name: str) -> None:
    """The last line: such a commit is never made, but one may lie in a store of an earlier version."""
    reason, make = EVIL[name]
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.post(carol, carol.force(make(carol)))
    for member in (alice, bob, carol):
        assert member.notices() == [f"rejected-commit/{reason}"]
        assert member.group.group.epoch == 1
    assert not carol.outbox
    all_agree(alice, bob, carol)
    all_talk(log, alice, bob, carol)


def test_an_own_commit_with_a_forbidden_proposal_of_somebody_else_is_taken_back() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    take_up(bob, coup(carol), carol)
    rows = [replace(row, intent_row=7) for row in bob.force()]
    bob.outbox = {row.message_id: replace(row, row=1) for row in rows}
    log.show(bob, log.append(bob, rows)[0])
    assert bob.notices() == ["rejected-commit/change-info-by-non-admin"]
    assert DropIntent(7) in bob.effects
    assert bob.group.group.epoch == alice.group.group.epoch


def test_an_own_commit_of_another_epoch_leaves_the_device_behind_and_not_stuck() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    stale: GroupState = alice.group
    (row,) = alice.commit()
    assert alice.group.own_commit is not None
    pending = alice.group.own_commit.pending
    alice.state = stale
    log.post(bob, bob.commit())
    alice.state = replace(alice.group, own_commit=OwnCommit(row.message_id, pending))
    log.post(alice, [row])
    assert alice.group.own_commit is None
    assert alice.group.conversation.status is ConversationStatus.BEHIND
    assert alice.notices() == ["behind/own-commit-lost"]


def test_a_key_of_before_is_mixed_in_by_nobody() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.append(alice, alice.propose(earlier_key(alice)))
    log.append(carol, carol.force(earlier_key(carol)))
    log.catch_up(bob)
    assert bob.notices() == ["rejected-commit/unknown-proposal"] * 2
    assert not bob.group.group.pending_proposals
    assert bob.group.group.epoch == 1
    with pytest.raises(Rejected):
        make_commit(alice.group, [earlier_key(alice)], alice.ctx)


def test_not_even_an_admin_closes_a_group() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    log.append(alice, alice.force(closing(alice)))
    log.catch_up(bob)
    assert bob.notices() == ["rejected-commit/unknown-proposal"]
    assert bob.group.group.reinit is None
    assert bob.group.conversation.status is ConversationStatus.ACTIVE


def test_an_own_commit_never_closes_a_group() -> None:
    _, (alice, _bob) = group_of("alice", "bob")
    with pytest.raises(Rejected):
        make_commit(alice.group, [closing(alice)], alice.ctx)
    _, pending = alice.group.group.create_commit(
        [closing(alice)], entropy=alice.entropy, now_s=alice.now_s, authenticate=lambda old, new: None
    )
    with pytest.raises(Rejected, match="unknown-proposal"):
        check_outcome(alice.group, pending.group_after)


@pytest.mark.parametrize("kind", ["branch", "reinit"])
def test_an_invitation_into_a_group_that_comes_from_another_is_refused(kind: str) -> None:
    """Accounts are let in by their admins, each group by itself; an old group vouches for nobody."""
    _log, (alice, bob) = group_of("alice", "bob")
    offer = bob.offer().key_package
    alike = {"entropy": alice.entropy, "now_s": alice.now_s, "authenticate": lambda old, new: None}
    if kind == "branch":
        begun = mls.branch(alice.group.group, b"elsewhere", [offer], **alike)  # type: ignore[arg-type]
    else:
        _, pending = alice.group.group.create_commit([closing(alice)], **alike)  # type: ignore[arg-type]
        begun = mls.reinitialize(pending.group_after, [offer], **alike)  # type: ignore[arg-type]
    assert begun.welcome is not None
    with pytest.raises(mls.PSKUnavailable):
        open_welcome(begun.welcome, bob.bundles, lambda _: False, bob.ctx)
