"""Whoever holds a description of a chat, the relay or a stranger, does not get in, and has no say, by that alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit import mls
from tacit.client.core.authority import check_leaf
from tacit.client.core.group_info import GROUP_INFO_EXTENSION, GroupKind
from tacit.client.core.membership import take_commit, take_proposal
from tacit.client.core.state import EntryKind
from tacit.client.model import GroupId, OutboxRow
from tests.client.core.members import NOW_S, Log, Member, group_of, people

KINDS = [GroupKind.GROUP, GroupKind.DIRECT]


def as_row(stranger: Member, kind: EntryKind, payload: bytes) -> OutboxRow:
    return OutboxRow(1, stranger.ctx.fresh_id(), GroupId(b"x" * 16), None, kind, payload)


def external_commit(stranger: Member, leaked_by: Member, remove: mls.LeafIndex | None = None) -> bytes:
    """What somebody with a good account can make of what a member's device gave away."""
    return mls.join_externally(
        leaked_by.group.group.group_info(),
        stranger.me.certificate,
        stranger.me.signature_private,
        remove=remove,
        authenticate=check_leaf,
        extension_types=(GROUP_INFO_EXTENSION,),
        now_s=NOW_S,
        entropy=stranger.entropy,
    ).commit


def asks_to_join(stranger: Member, group: mls.Group) -> bytes:
    """A stranger's proposal to be added."""
    stranger.key_package()
    return mls.propose_joining(stranger.bundles[-1], group_id=group.group_id, epoch=group.epoch)


def unmoved(log: Log, stranger: Member, payload: bytes, kind: EntryKind, *members: Member) -> None:
    """The members see it in the log, say that it was refused, and go on as they were."""
    before = [(m.group.group.epoch_authenticator, m.group.group.pending_proposals, m.group.roster) for m in members]
    for member in members:
        member.effects.clear()
    log.post(stranger, [as_row(stranger, kind, payload)])
    after = [(m.group.group.epoch_authenticator, m.group.group.pending_proposals, m.group.roster) for m in members]
    assert after == before
    code = "invalid-commit" if kind is EntryKind.COMMIT else "undecryptable"
    for member in members:
        assert member.notices() == [f"{code}/outsider-refused"]
    for number, member in enumerate(members):
        log.post(member, member.text(f"among us {number}"))
    for member in members:
        assert len(member.said()) == len(members) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_stranger_does_not_let_himself_in(kind: GroupKind) -> None:
    log, (alice, bob) = group_of("alice", "bob", kind=kind)
    (stranger,) = people("mallory", seed=9)
    unmoved(log, stranger, external_commit(stranger, alice), EntryKind.COMMIT, alice, bob)


def test_a_stranger_does_not_let_himself_in_by_a_commit_in_disguise() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    (stranger,) = people("mallory", seed=9)
    unmoved(log, stranger, external_commit(stranger, alice), EntryKind.MESSAGE, alice, bob)


def test_nobody_comes_back_by_himself_with_the_keys_of_a_member() -> None:
    """A stolen signature key and a description are not enough to take a member's place."""
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    payload = external_commit(carol, alice, remove=bob.leaf(carol.id))
    (stranger,) = people("mallory", seed=9)
    unmoved(log, stranger, payload, EntryKind.COMMIT, alice, bob, carol)


@pytest.mark.parametrize("entry", [EntryKind.MESSAGE, EntryKind.COMMIT])
@pytest.mark.parametrize("kind", KINDS)
def test_a_stranger_does_not_propose_himself(kind: GroupKind, entry: EntryKind) -> None:
    log, (alice, bob) = group_of("alice", "bob", kind=kind)
    (stranger,) = people("mallory", seed=9)
    unmoved(log, stranger, asks_to_join(stranger, alice.group.group), entry, alice, bob)


def test_the_relay_does_not_propose_anything() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    (relay,) = people("relay", seed=9)
    group = alice.group.group
    payload = mls.propose_externally(
        mls.Remove(bob.group.group.own_leaf),
        group_id=group.group_id,
        epoch=group.epoch,
        suite_id=group.suite.id,
        sender_index=0,
        signature_private=relay.me.signature_private,
    )
    unmoved(log, relay, payload, EntryKind.MESSAGE, alice, bob)


def test_a_member_names_nobody_outside() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    (relay,) = people("relay", seed=9)
    key = alice.group.group.suite.signature_key_pair(relay.me.signature_private).public
    named = mls.external_senders_extension((mls.ExternalSender(key, mls.BasicCredential(b"relay")),))
    before = bob.group.group.epoch_authenticator
    log.post(alice, alice.force(mls.GroupContextExtensions((*alice.group.group.extensions, named))))
    assert bob.notices() == ["rejected-commit/extensions"]
    assert bob.group.group.epoch_authenticator == before


def test_members_must_speak_in_private() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    alice.effects.clear()
    _, payload = bob.group.group.propose(mls.Remove(bob.group.group.own_leaf), public=True, entropy=bob.entropy)
    log.post(bob, [as_row(bob, EntryKind.MESSAGE, payload)])
    assert alice.notices() == ["undecryptable/6/handshake-is-private"]
    assert alice.group.group.pending_proposals == ()


def test_what_came_through_all_the_same_is_refused_by_the_roles() -> None:
    """The second lock, should the first one ever be opened by mistake."""
    _, (alice, bob) = group_of("alice", "bob")
    (stranger,) = people("mallory", seed=9)
    policy = mls.Policy(external_commits=True, outside_proposals=True)
    group = bob.group.group
    staged = group.process(external_commit(stranger, alice), authenticate=check_leaf, now_s=NOW_S, policy=policy)
    assert isinstance(staged, mls.StagedCommit)
    assert staged.external
    bob.take(take_commit(bob.group, 9, staged, bob.ctx))
    received = group.process(asks_to_join(stranger, group), authenticate=check_leaf, now_s=NOW_S, policy=policy)
    assert isinstance(received, mls.ProposalReceived)
    bob.take(take_proposal(bob.group, 10, received, bob.ctx))
    assert bob.group.group == group
    assert bob.notices() == ["invalid-commit/outsider", "invalid-commit/outsider"]


def test_what_a_stranger_asked_for_is_not_committed_where_it_waits_all_the_same() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    (stranger,) = people("mallory", seed=9)
    policy = mls.Policy(outside_proposals=True)
    group = alice.group.group
    asked = group.process(asks_to_join(stranger, group), authenticate=check_leaf, now_s=NOW_S, policy=policy)
    assert isinstance(asked, mls.ProposalReceived)
    alice.state = replace(alice.group, group=asked.group)
    log.post(alice, alice.commit())
    assert len(alice.group.roster.members) == len(bob.group.roster.members) == 2
    assert alice.group.group.epoch_authenticator == bob.group.group.epoch_authenticator
