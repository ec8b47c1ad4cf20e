"""What makes a device believe that it has fallen behind: what the log shows, never what a single message claims."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from msgspec import structs

from tacit.client.core.commits import propose_leaving
from tacit.client.core.state import EntryKind, LogEntry
from tacit.client.core.welcome import OldInvitation, open_welcome
from tacit.client.model import ConversationStatus, IntentKind, OutboxRow
from tacit.mls.messages import PrivateMessage, decode_message, encode_message
from tests.client.core.members import Log, Member, begun, group_of, people


def with_epoch(row: OutboxRow, ahead: int, **changes: object) -> OutboxRow:
    """A row whose header claims a later epoch, as anybody could write it."""
    message = decode_message(row.payload)
    assert isinstance(message, PrivateMessage)
    forged = encode_message(structs.replace(message, epoch=message.epoch + ahead))
    return replace(row, payload=forged, **changes)  # type: ignore[arg-type]


def status(member: Member) -> ConversationStatus:
    return member.group.conversation.status


def set_back(member: Member) -> Member:
    """The device as a backup made now would bring it back."""
    return replace(member, outbox={}, lines={}, effects=[], heads=dict(member.heads), entropy=copy.copy(member.entropy))


def as_own(entry: LogEntry) -> LogEntry:
    return replace(entry, own=True)


def generations(reader: Member, *rows: OutboxRow) -> list[int]:
    return [reader.group.group.sender_position(row.payload).generation for row in rows]


@pytest.mark.parametrize("ahead", [1, 7])
def test_a_message_that_only_claims_a_later_epoch_holds_nobody_up(ahead: int) -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    (row,) = carol.text("x")
    log.post(carol, [with_epoch(row, ahead, message_id=b"f" * 16)])
    for member in (alice, bob):
        assert status(member) is ConversationStatus.ACTIVE
        assert member.notices() == ["undecryptable/unknown-epoch"]
    log.post(alice, alice.text("we go on"))
    assert bob.said() == ["we go on"]


def test_a_commit_that_only_claims_a_later_epoch_casts_no_doubt() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    (row,) = carol.text("x")
    log.post(carol, [with_epoch(row, 7, message_id=b"c" * 16, kind=EntryKind.COMMIT)])
    log.post(carol, [with_epoch(row, 1, message_id=b"d" * 16)])
    for member in (alice, bob):
        assert status(member) is ConversationStatus.ACTIVE
        assert member.notices() == ["invalid-commit/unknown-epoch", "undecryptable/unknown-epoch"]


def test_after_a_commit_that_did_not_open_a_later_epoch_is_believed() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    (commit,) = log.append(alice, alice.commit())
    log.show(bob, commit, change=lambda e: replace(e, payload=e.payload[:-1] + bytes([e.payload[-1] ^ 1])))
    log.show(alice, commit)
    assert status(bob) is ConversationStatus.ACTIVE
    (entry,) = log.append(alice, alice.text("of the next epoch"))
    log.show(bob, entry)
    assert status(bob) is ConversationStatus.BEHIND
    assert bob.notices()[-1] == "behind/missed-commit"


def test_doubt_ends_with_the_epoch() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.append(alice, alice.text("withheld from bob"))
    log.catch_up(alice)
    log.catch_up(carol)
    log.post(alice, alice.text("shown"))
    assert bob.group.conversation.in_doubt
    log.post(alice, alice.commit())
    assert not bob.group.conversation.in_doubt
    (row,) = carol.text("x")
    log.post(carol, [with_epoch(row, 1, message_id=b"f" * 16)])
    assert status(bob) is ConversationStatus.ACTIVE


def test_an_own_entry_of_a_later_epoch_means_that_the_store_was_set_back() -> None:
    log, (alice, _) = group_of("alice", "bob")
    old = set_back(alice)
    log.post(alice, alice.commit())
    (entry,) = log.append(alice, alice.text("of the next epoch"))
    log.show(old, replace(entry, seq=old.group.conversation.cursor + 1), change=as_own)
    assert status(old) is ConversationStatus.BEHIND
    assert old.notices() == ["behind/restored"]


def test_an_unknown_own_proposal_says_nothing_of_the_texts_so_nothing_is_sent() -> None:
    """The relay has dropped the texts, because everybody had read them; the proposal after them is still there."""
    log, (alice, _) = group_of("alice", "bob")
    old = set_back(alice)
    for n in range(3):
        log.post(alice, alice.text(f"lost {n}"))
    log.post(alice, alice.take(propose_leaving(alice.group, alice.ctx)))
    log.show(old, log.entries[-1], change=as_own)
    assert status(old) is ConversationStatus.BEHIND
    assert old.notices() == ["gap/relay-hole", "behind/restored"]


def test_an_unknown_own_proposal_without_a_hole_means_to_wait_for_the_next_epoch_too() -> None:
    log, (alice, _) = group_of("alice", "bob")
    old = set_back(alice)
    log.post(alice, alice.take(propose_leaving(alice.group, alice.ctx)))
    log.show(old, log.entries[-1], change=as_own)
    assert status(old) is ConversationStatus.BEHIND


def test_an_unknown_own_text_behind_a_hole_means_to_wait_for_the_next_epoch() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    old = set_back(alice)
    log.post(alice, alice.take(propose_leaving(alice.group, alice.ctx)))
    alice.state = replace(alice.group, group=replace(alice.group.group, pending_proposals=()))
    log.post(alice, alice.text("the second entry"))
    log.show(old, log.entries[-1], change=as_own)
    assert status(old) is ConversationStatus.BEHIND
    log.members[0] = old
    bob.state = replace(bob.group, group=replace(bob.group.group, pending_proposals=()))
    log.post(bob, bob.commit())
    assert status(old) is ConversationStatus.ACTIVE, "a fresh epoch has fresh ratchets"


def test_unknown_own_texts_without_a_hole_are_passed_over() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    old = set_back(alice)
    sent = []
    for n in range(3):
        rows = alice.text(f"lost {n}")
        sent += rows
        log.post(alice, rows)
    for entry in log.entries[-3:]:
        log.show(old, entry, change=as_own)
    assert status(old) is ConversationStatus.ACTIVE
    assert generations(bob, *sent, *old.text("now")) == [0, 1, 2, 3]


@pytest.mark.parametrize("seen", [0, 1])
def test_an_invitation_into_an_epoch_that_was_seen_is_refused(seen: int) -> None:
    """A Welcome to a last-resort KeyPackage opens again; entering its epoch twice would use its keys twice."""
    alice, bob = people("alice", "bob")
    log = Log(alice, bob)
    begun(alice)
    log.post(alice, alice.wish(IntentKind.INVITE, who=[bob.id], packages=[bob.key_package()]))
    (row,) = alice.welcomes
    epoch = alice.group.group.epoch
    assert open_welcome(row.payload, bob.bundles, lambda _: False, bob.ctx).state.conversation.highest_epoch == epoch
    with pytest.raises(OldInvitation):
        open_welcome(row.payload, bob.bundles, lambda _: False, bob.ctx, last_epoch=lambda _: epoch + seen)
    open_welcome(row.payload, bob.bundles, lambda _: False, bob.ctx, last_epoch=lambda _: epoch - 1)


def test_the_highest_epoch_is_kept_with_the_conversation() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    for member in (alice, bob, alice):
        log.post(member, member.commit())
    assert alice.group.conversation.highest_epoch == alice.group.group.epoch
    assert bob.group.conversation.highest_epoch == bob.group.group.epoch
