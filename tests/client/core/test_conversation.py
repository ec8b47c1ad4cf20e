"""Whole conversations of the core: members, one log, no store and no relay."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from tacit import limits, mls
from tacit.client.content import content_pb2
from tacit.client.core.commits import (
    first_to_commit,
    has_proposed_leaving,
    keys_are_stale,
    propose_leaving,
    try_again,
)
from tacit.client.core.effects import AddIntent, AddMessage, DropIntent, Meet, PutIntent, RaiseStates
from tacit.client.core.group_info import GROUP_INFO_EXTENSION, GroupInfo, GroupKind, encode_group_info
from tacit.client.core.receipts import lacking
from tacit.client.core.state import EntryKind, LogEntry
from tacit.client.core.welcome import Unwelcome, open_welcome
from tacit.client.model import (
    ChatId,
    ConversationStatus,
    Intent,
    IntentKind,
    MessageId,
    MessageState,
)
from tacit.identity import CertificateExpired
from tacit.wire import relay_pb2 as pb
from tests.client.core.members import NOW_S, Log, Member, begun, group_of, make_me, people


def in_step(*members: Member) -> None:
    """All are in the same epoch with the same view of the log."""
    assert len({m.group.group.epoch_authenticator for m in members}) == 1
    assert len({m.group.conversation.head for m in members}) == 1


def test_the_kinds_of_entries_are_those_of_the_relay() -> None:
    assert {k.name: k.value for k in EntryKind} == {
        name.removeprefix("ENTRY_KIND_"): value for name, value in pb.EntryKind.items() if value
    }


def test_texts_reach_everyone_once_and_the_own_one_is_relayed() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.post(alice, alice.text("hello"))
    log.post(bob, bob.text("hi"))
    assert bob.said() == ["hello"]
    assert alice.said() == ["hi"]
    assert carol.said() == ["hello", "hi"]
    (own,) = (m for m in alice.lines.values() if m.text == "hello")
    assert (own.state, own.seq, own.counter) == (MessageState.RELAYED, 2, 1)
    assert not alice.outbox
    in_step(alice, bob, carol)
    assert not alice.notices() + bob.notices() + carol.notices()


def test_an_entry_that_was_processed_before_changes_nothing() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    log.post(alice, alice.text("hello"))
    before, effects = bob.group, len(bob.effects)
    log.show(bob, log.entries[-1])
    assert bob.group is before
    assert len(bob.effects) == effects


def test_everybody_sees_who_added_and_removed_whom() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    (dave,) = people("dave", seed=8)
    log.members.append(dave)
    log.post(alice, alice.wish(IntentKind.INVITE, who=[dave.id], packages=[dave.key_package()]))
    log.welcome(alice)
    assert bob.notices() == ["added"]
    assert Meet(dave.id, dave.me.account_key) in bob.effects
    log.post(alice, alice.wish(IntentKind.REMOVE, who=[carol.id]))
    assert dave.notices() == ["removed"]
    assert carol.group.conversation.status is ConversationStatus.REMOVED
    assert carol.notices() == ["added", "removed"]
    in_step(alice, bob, dave)


def test_a_rename_is_known_to_all_and_to_those_who_come_later() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    log.post(alice, alice.wish(IntentKind.RENAME, text="family"))
    assert bob.group.info.name == alice.group.info.name == "family"
    assert bob.notices() == ["renamed"]


def test_a_member_without_the_role_changes_nothing_anywhere() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    alice_before, carol_before = alice.group.group, carol.group.group
    log.append(bob, bob.force(mls.Remove(bob.leaf(carol.id))))
    for honest in (alice, carol):
        log.catch_up(honest)
        assert honest.notices() == ["rejected-commit/remove-by-non-admin"]
    assert (alice.group.group, carol.group.group) == (alice_before, carol_before)
    log.append(alice, alice.text("still here"))
    log.catch_up(carol)
    assert carol.said() == ["still here"]


def test_a_commit_that_takes_the_description_away_is_rejected() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    stripped = tuple(e for e in alice.group.group.extensions if e.extension_type != GROUP_INFO_EXTENSION)
    log.append(alice, alice.force(mls.GroupContextExtensions(stripped)))
    log.catch_up(bob)
    assert bob.notices() == ["rejected-commit/no-group-info"]


def test_a_direct_chat_takes_no_third_and_no_name() -> None:
    log, (alice, bob) = group_of("alice", "bob", kind=GroupKind.DIRECT)
    (carol,) = people("carol", seed=9)
    carol_package = mls.read_key_package(carol.key_package(), now_s=alice.now_s, authenticate=lambda old, new: None)
    log.append(alice, alice.force(mls.Add(carol_package)))
    log.catch_up(bob)
    named = encode_group_info(GroupInfo(GroupKind.DIRECT, "ours", (alice.id,)))
    alice.state = replace(alice.group, own_commit=None)
    log.append(alice, alice.force(mls.GroupContextExtensions((mls.Extension(GROUP_INFO_EXTENSION, named),))))
    log.catch_up(bob)
    assert bob.notices() == ["rejected-commit/direct-third", "rejected-commit/direct-info"]
    assert bob.group.group.epoch == 1


def test_leaving_is_asked_by_one_and_committed_by_another() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.post(carol, carol.take(propose_leaving(carol.group, carol.ctx)))
    assert has_proposed_leaving(carol.group)
    assert (first_to_commit(alice.group), first_to_commit(bob.group)) == (True, False)
    with pytest.raises(mls.PendingProposals):
        alice.text("not before carol is out")
    log.post(alice, alice.commit())
    assert alice.notices() == ["leave-asked", "left"]
    assert bob.notices() == ["leave-asked", "left"]
    assert carol.notices() == ["left"]
    assert carol.group.conversation.status is ConversationStatus.REMOVED
    in_step(alice, bob)


def test_when_the_lowest_leaf_leaves_the_next_one_commits() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.post(alice, alice.take(propose_leaving(alice.group, alice.ctx)))
    assert [m.name for m in (alice, bob, carol) if first_to_commit(m.group)] == ["bob"]
    log.post(bob, bob.commit())
    assert carol.group.roster.accounts == {bob.id, carol.id}


def test_a_proposal_of_somebody_without_the_role_is_not_taken_up() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    group, payload = bob.group.group.propose(mls.Remove(bob.leaf(carol.id)), entropy=bob.entropy)
    bob.state = replace(bob.group, group=group)
    rogue = LogEntry(len(log.entries) + 1, MessageId(b"r" * 16), EntryKind.MESSAGE, payload)
    log.entries.append(rogue)
    log.authors.append(bob)
    for honest in (alice, carol):
        log.show(honest, rogue)
        assert honest.notices() == ["rejected-commit/remove-by-non-admin"]
        assert not honest.group.group.pending_proposals


def test_of_two_commits_in_one_epoch_the_first_wins_everywhere() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    alices, bobs = alice.commit(), bob.commit()
    log.post(alice, alices)
    assert bob.group.own_commit is None, "the own one will never be merged"
    log.post(bob, bobs)  # as an evil relay would, which tells both that they have won
    in_step(alice, carol)
    assert bob.group.group.epoch_authenticator == alice.group.group.epoch_authenticator
    assert alice.notices() == carol.notices() == ["invalid-commit/old-epoch"]
    assert not bob.notices()


def test_a_commit_is_merged_by_its_echo_only_and_invites_then() -> None:
    alice, bob = people("alice", "bob")
    log = Log(alice, bob)
    begun(alice)
    rows = alice.wish(IntentKind.INVITE, who=[bob.id], packages=[bob.key_package()], row=4)
    assert alice.group.group.epoch == 0
    assert not alice.welcomes
    assert rows[0].readers_added == (bob.me.device,)
    log.post(alice, rows)
    assert alice.group.group.epoch == 1
    assert [row.inbox for row in alice.welcomes] == [bob.me.device]
    assert DropIntent(4) in alice.effects


def test_a_commit_that_the_relay_shows_with_other_bytes_is_not_merged() -> None:
    log, (alice, _) = group_of("alice", "bob")
    (entry,) = log.append(alice, alice.commit())
    log.show(alice, entry, change=lambda e: replace(e, payload=e.payload[:-1] + bytes([e.payload[-1] ^ 1])))
    assert alice.group.group.epoch == 1
    assert alice.group.own_commit is None
    assert alice.notices() == ["not-sent/altered"]


def test_a_text_that_the_relay_shows_with_other_bytes_has_failed() -> None:
    log, (alice, _) = group_of("alice", "bob")
    (entry,) = log.append(alice, alice.text("hello"))
    log.show(alice, entry, change=lambda e: replace(e, payload=b"other"))
    (line,) = alice.lines.values()
    assert line.state is MessageState.FAILED
    assert alice.notices() == ["not-sent/altered"]


def test_a_commit_disguised_as_a_message_is_not_followed() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    (entry,) = log.append(alice, alice.commit())
    log.show(bob, entry, change=lambda e: replace(e, kind=EntryKind.MESSAGE))
    assert bob.group.group.epoch == 1
    assert bob.notices() == ["invalid-commit/disguised"]


def test_lost_races_are_counted_and_come_to_an_end() -> None:
    _, (alice, _) = group_of("alice", "bob")
    intent = Intent(3, ChatId("x"), IntentKind.RENAME, MessageId(b"i" * 16), text="y")
    (again,) = try_again(alice.group, intent, alice.ctx)
    assert again == PutIntent(replace(intent, attempts=1))
    given_up, line = try_again(alice.group, replace(intent, attempts=limits.MAX_COMMIT_ATTEMPTS - 1), alice.ctx)
    assert given_up == DropIntent(3)
    assert isinstance(line, AddMessage)
    assert line.message.notice is not None
    assert line.message.notice.code == "change-failed"


def test_a_missing_number_is_a_gap_and_the_head_is_unknown_until_the_next_epoch() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    log.post(alice, alice.text("first"))
    log.append(alice, alice.text("lost"))
    (entry,) = log.append(alice, alice.text("kept"))
    log.show(bob, entry)
    assert bob.notices() == ["gap/relay-hole", "gap/counter"]
    assert bob.group.conversation.head == b""
    log.catch_up(alice)
    log.post(alice, alice.commit())
    in_step(alice, bob)


def test_texts_that_somebody_left_out_are_counted_by_the_next_one() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    log.post(alice, alice.text("first"))
    for text in ("one", "two"):
        alice.text(text)  # sealed, and lost on the way
    log.post(alice, alice.text("three"))
    (gap,) = (e.message.notice for e in bob.effects if isinstance(e, AddMessage) and e.message.notice)
    assert (gap.code, gap.by, gap.count, gap.reason) == ("gap", alice.id, 2, "counter")


def test_a_receipt_shows_that_an_earlier_text_is_missing() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    log.post(alice, alice.text("first"))
    alice.text("lost on the way")
    log.post(alice, alice.receipt(1))
    assert bob.notices() == ["gap/counter"]


def test_receipts_of_all_others_make_a_text_delivered_and_read() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.post(alice, alice.text("hello"))
    seq = len(log.entries)
    assert lacking(alice.state, seq, alice.me) == tuple(sorted((bob.me.account_id, carol.me.account_id)))
    log.post(bob, bob.receipt(seq, seq))
    assert not [e for e in alice.effects if isinstance(e, RaiseStates)]
    assert lacking(alice.state, seq, alice.me) == (carol.me.account_id,)
    log.post(carol, carol.receipt(seq))
    assert lacking(alice.state, seq, alice.me) == ()
    raised = [e for e in alice.effects if isinstance(e, RaiseStates)]
    assert raised == [RaiseStates(seq, MessageState.DELIVERED)]
    log.post(carol, carol.receipt(seq, seq))
    assert RaiseStates(seq, MessageState.READ) in alice.effects


def test_a_receipt_for_what_has_not_been_said_covers_only_what_has() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    log.post(alice, alice.text("one"))
    log.post(bob, bob.receipt(1_000_000, 1_000_000))
    log.post(alice, alice.text("two"))
    assert max(e.through_seq for e in alice.effects if isinstance(e, RaiseStates)) == 2


def test_a_fork_is_alarmed_once_in_an_epoch() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.append(alice, alice.text("hidden from carol"))
    log.catch_up(bob)
    # The evil relay leaves the entry out for carol and closes the numbers up.
    for text in ("one", "two"):
        (entry,) = log.append(bob, bob.text(text))
        log.show(carol, replace(entry, seq=entry.seq - 1), change=lambda e: replace(e, own=False))
        log.catch_up(bob)
    assert carol.said() == ["one", "two"]
    assert carol.notices() == ["fork"]


def test_members_on_two_sides_of_a_fork_learn_it_from_the_first_message() -> None:
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    (alices,) = log.append(alice, alice.commit())
    bobs = bob.commit()
    log.show(alice, alices)
    log.authors.append(bob)
    log.show(carol, LogEntry(alices.seq, bobs[0].message_id, EntryKind.COMMIT, bobs[0].payload))
    (text,) = log.append(alice, alice.text("hello"))
    log.show(carol, text)
    assert carol.said() == []
    assert carol.notices() == ["undecryptable/6.3.2/sender-data", "fork/other-keys"]


def test_a_replayed_message_is_not_shown_twice_and_is_named() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    log.post(alice, alice.text("hello"))
    again = replace(log.entries[-1], seq=len(log.entries) + 1, message_id=MessageId(b"z" * 16))
    log.entries.append(again)
    log.authors.append(bob)
    log.show(bob, again, change=lambda e: replace(e, own=False))
    assert bob.said() == ["hello"]
    assert bob.notices() == ["undecryptable/replayed"]


def test_bytes_that_are_nothing_become_a_line_and_the_log_goes_on() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    for kind in (EntryKind.MESSAGE, EntryKind.COMMIT):
        garbage = LogEntry(len(log.entries) + 1, MessageId(bytes([kind]) * 16), kind, b"\x00garbage")
        log.entries.append(garbage)
        log.authors.append(alice)
        log.show(bob, garbage)
    assert [n.split("/")[0] for n in bob.notices()] == ["undecryptable", "invalid-commit"]
    log.post(alice, alice.text("hello"))
    assert bob.said() == ["hello"]


@pytest.mark.parametrize(
    ("data", "notice"),
    [
        (b"\xff\xff", "undecryptable/malformed"),
        (b"", "undecryptable/malformed"),
        (content_pb2.Content(message_id=b"m" * 16, counter=1).SerializeToString(), "undecryptable/newer-client"),
    ],
)
def test_what_a_member_sealed_badly_becomes_a_line_that_names_it(data: bytes, notice: str) -> None:
    log, (alice, bob) = group_of("alice", "bob")
    group, payload = alice.group.group.seal(data, entropy=alice.entropy)
    alice.state = replace(alice.group, group=group)
    entry = LogEntry(len(log.entries) + 1, MessageId(b"x" * 16), EntryKind.MESSAGE, payload)
    log.entries.append(entry)
    log.authors.append(alice)
    log.show(bob, entry)
    assert bob.notices() == [notice]
    assert bob.group.group is not group
    log.post(alice, alice.text("better"))
    assert bob.said() == ["better"]


def test_a_text_whose_echo_comes_too_many_epochs_late_is_sealed_again() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    late = alice.text("late")
    for _ in range(limits.MAX_PAST_EPOCHS + 1):
        log.post(bob, bob.commit())
    log.post(alice, late)
    (line,) = alice.lines.values()
    assert line.state is MessageState.QUEUED
    (intent,) = (e.intent for e in alice.effects if isinstance(e, AddIntent))
    assert (intent.kind, intent.message_id) == (IntentKind.TEXT, line.id)


def test_what_was_said_before_somebody_came_is_no_gap_to_them() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    (carol,) = people("carol", seed=9)
    log.members.append(carol)
    early = bob.text("just before carol")
    log.post(alice, alice.wish(IntentKind.INVITE, who=[carol.id], packages=[carol.key_package()]))
    log.welcome(alice)
    log.post(bob, early)
    log.post(bob, bob.text("hello carol"))
    assert alice.said() == ["just before carol", "hello carol"]
    assert carol.said() == ["hello carol"]
    assert carol.notices() == []


def test_a_store_that_was_set_back_passes_over_what_it_had_sent() -> None:
    log, (alice, _) = group_of("alice", "bob")
    backup = replace(alice, outbox={}, lines={}, effects=[])
    log.post(alice, alice.text("from the lost future"))
    used = alice.group.group.sender_position(log.entries[-1].payload).generation
    log.members[0] = backup
    log.show(backup, log.entries[-1], change=lambda e: replace(e, own=True))
    assert backup.notices() == ["behind/restored"]
    (row,) = backup.text("from the present")
    assert backup.group.group.sender_position(row.payload).generation == used + 1


def test_an_own_commit_that_the_store_does_not_know_leaves_it_behind_until_it_is_invited_anew() -> None:
    log, (alice, _) = group_of("alice", "bob")
    backup = replace(alice, outbox={}, lines={}, effects=[])
    log.post(alice, alice.commit())
    log.show(backup, log.entries[-1], change=lambda e: replace(e, own=True))
    assert backup.notices() == ["behind/own-commit-lost"]
    assert backup.group.conversation.status is ConversationStatus.BEHIND


def test_a_claim_to_be_this_device_is_not_believed_of_others() -> None:
    log, (alice, _) = group_of("alice", "bob")
    backup = replace(alice, outbox={}, lines={}, effects=[])
    log.post(alice, alice.text("hello"))
    log.show(backup, log.entries[-1], change=lambda e: replace(e, own=False))
    assert backup.notices() == ["undecryptable/own-message"]


def test_a_message_of_an_epoch_that_never_came_means_to_be_behind() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    log.append(alice, alice.commit())
    log.catch_up(alice)
    (entry,) = log.append(alice, alice.text("hello"))
    log.show(bob, entry)
    assert bob.notices() == ["gap/relay-hole", "behind/missed-commit"]
    assert bob.group.conversation.status is ConversationStatus.BEHIND


def test_keys_grow_stale_by_texts_and_by_time() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    assert not keys_are_stale(alice.group, alice.ctx)
    assert keys_are_stale(alice.group, dataclasses.replace(alice.ctx, now_s=alice.now_s + limits.DAY_S))
    assert not keys_are_stale(bob.group, bob.ctx), "who has just joined writes first"
    for n in range(100):
        alice.text(str(n))
    assert not keys_are_stale(alice.group, alice.ctx), "a hundred within a minute do not use epochs up"
    later = dataclasses.replace(alice.ctx, now_s=alice.now_s + limits.MINUTE_S)
    assert keys_are_stale(alice.group, later)
    for n in range(100, 1_000):
        alice.text(str(n))
    assert keys_are_stale(alice.group, alice.ctx)
    log.post(alice, alice.commit())
    assert not keys_are_stale(alice.group, later)


def test_an_invitation_opens_for_its_device_and_names_who_invites() -> None:
    alice, bob = people("alice", "bob")
    log = Log(alice, bob)
    begun(alice)
    log.post(alice, alice.wish(IntentKind.INVITE, who=[bob.id], packages=[bob.key_package()]))
    (row,) = alice.welcomes
    invitation = open_welcome(row.payload, bob.bundles, lambda _: False, bob.ctx)
    assert invitation.inviter.account_id == alice.id
    assert invitation.used_ref == bob.bundles[0].ref
    assert invitation.state.conversation.status is ConversationStatus.REQUESTED
    assert invitation.state.info.name == "friends"


def test_whoever_invites_needs_a_certificate_that_is_valid_now_and_who_is_in_already_does_not() -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    alice.me = make_me(alice.entropy, NOW_S + 60)
    begun(alice)
    alice.force(bob.offer(), carol.offer())
    assert alice.group.own_commit is not None
    welcome = alice.group.own_commit.pending.welcome
    assert welcome is not None
    bob.now_s = NOW_S + 60 + limits.DEVICE_CERTIFICATE_LIFETIME_S
    assert open_welcome(welcome, bob.bundles, lambda _: False, bob.ctx).inviter.account_id == alice.id
    bob.now_s += 1
    with pytest.raises(CertificateExpired):
        open_welcome(welcome, bob.bundles, lambda _: False, bob.ctx)


def test_a_direct_chat_of_others_is_no_invitation() -> None:
    """Somebody makes a direct chat for two people whose KeyPackages they have claimed."""
    mallory, alice, bob = people("mallory", "alice", "bob")
    begun(mallory, GroupKind.DIRECT, "", bob.id)
    mallory.force(alice.offer(), bob.offer())
    assert mallory.group.own_commit is not None
    welcome = mallory.group.own_commit.pending.welcome
    assert welcome is not None
    for member in (alice, bob):
        with pytest.raises(Unwelcome):
            open_welcome(welcome, member.bundles, lambda _: False, member.ctx)
