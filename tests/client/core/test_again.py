"""A log read a second time, because its relay was restored: nothing is opened, shown, merged or sealed twice."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from tacit.client.core.again import go_back, pass_over
from tacit.client.core.effects import FoundAgain, Keep, PutHead, SetAside
from tacit.client.core.inbound import process_entry
from tacit.client.core.state import EntryKind, LogEntry
from tacit.client.model import Aside, ConversationStatus, IntentKind, KeptEntry, MessageId, SenderProgress
from tacit.limits import MAX_PAST_EPOCHS
from tests.client.core.members import Log, Member, group_of


def kept(member: Member) -> dict[MessageId, KeptEntry]:
    return {e.entry.message_id: e.entry for e in member.effects if isinstance(e, Keep)}


def aside(entry: KeptEntry) -> Aside:
    return Aside(entry.seq, hashlib.sha256(entry.payload).digest(), entry.head)


def a_talk() -> tuple[Log, Member, Member]:
    """Two epochs with texts of both in each."""
    log, (alice, bob) = group_of("alice", "bob")
    for _ in range(2):
        log.post(alice, alice.text("from alice"))
        log.post(bob, bob.text("from bob"))
        log.post(alice, alice.receipt(2))
        log.post(alice, alice.commit())
    log.post(bob, bob.text("the last"))
    return log, alice, bob


def own(member: Member, log: Log, entry: LogEntry) -> LogEntry:
    return replace(entry, own=log.authors[entry.seq - 1] is member)


def back(member: Member, seq: int) -> None:
    member.take(go_back(member.group, seq, member.heads.get(seq, b""), aside_after=seq))


def test_every_entry_is_kept_with_its_author_and_its_change_of_readers():
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.post(bob, bob.text("hi"))
    log.post(alice, alice.commit())
    log.post(carol, [replace(carol.text("spoilt")[0], payload=b"noise")])
    for reader in (alice, bob):
        entries = [kept(reader)[entry.message_id] for entry in log.entries[-3:]]
        assert [(e.payload, e.kind, e.message_id) for e in entries] == [
            (e.payload, e.kind, e.message_id) for e in log.entries[-3:]
        ]
        assert [e.author for e in entries] == [bob.me.device, alice.me.device, None]
        assert entries[1].head == reader.heads[log.entries[-2].seq]
    log.post(alice, alice.wish(IntentKind.REMOVE, who=(carol.id,)))
    for reader in (alice, bob):
        removal = kept(reader)[log.entries[-1].message_id]
        assert (removal.readers_added, removal.readers_removed) == ((), (carol.me.device,))


def test_read_again_under_the_same_numbers_nothing_has_changed():
    log, alice, bob = a_talk()
    for member in (alice, bob):
        before, heads, known = member.group, dict(member.heads), kept(member)
        cut = log.entries[2].seq if member is bob else 2
        back(member, cut)
        member.effects.clear()
        for entry in log.entries[cut:]:
            member.take(pass_over(member.group, own(member, log, entry), aside(known[entry.message_id])))
        after = member.group
        assert after.group is before.group, "no key was touched"
        assert after.conversation == replace(before.conversation, own_last=log.entries[-1].seq)
        assert member.heads == heads
        assert {type(effect) for effect in member.effects} == {FoundAgain, PutHead}


def test_read_again_under_other_numbers_both_have_the_same_head_and_talk_on():
    log, alice, bob = a_talk()
    numbers = {entry.seq: entry.seq + (3 if entry.seq > 3 else 0) for entry in log.entries}
    for member in (alice, bob):
        known = kept(member)
        back(member, 3)
        assert member.group.conversation.cursor == 3
        noise = [LogEntry(n, MessageId(bytes([n]) * 16), EntryKind.MESSAGE, b"noise") for n in (4, 5, 6)]
        for entry in noise:
            member.take(process_entry(member.group, entry, None, member.ctx, again=True))
        for entry in log.entries[3:]:
            shown = replace(own(member, log, entry), seq=numbers[entry.seq])
            member.take(pass_over(member.group, shown, aside(known[entry.message_id])))
    assert alice.group.conversation.head == bob.group.conversation.head
    assert alice.group.conversation.last_commit == bob.group.conversation.last_commit == numbers[log.entries[-2].seq]
    (row,) = alice.text("we go on")
    entry = LogEntry(bob.group.conversation.cursor + 1, row.message_id, row.kind, row.payload)
    bob.take(process_entry(bob.group, entry, None, bob.ctx))
    assert bob.said()[-1] == "we go on"
    assert "fork" not in " ".join(bob.notices())


def test_what_was_processed_and_is_not_kept_any_more_is_no_alarm_and_no_old_copy():
    """Somebody else brings back what this device has long let go of."""
    log, alice, bob = a_talk()
    for member in (alice, bob):
        before, lines = member.group, len(member.notices())
        back(member, 1)
        for entry in log.entries[1:]:
            member.take(process_entry(member.group, own(member, log, entry), None, member.ctx, again=True))
        # At most that a message is too old to say whether it was read.
        assert set(member.notices()[lines:]) <= {"undecryptable/old-epoch"}
        assert member.group.conversation.status is ConversationStatus.ACTIVE
        assert member.group.group.epoch == before.group.epoch
    (row,) = alice.text("we go on")
    (other,) = bob.text("so do I")
    for reader, sent in ((bob, row), (alice, other)):
        entry = LogEntry(reader.group.conversation.cursor + 1, sent.message_id, sent.kind, sent.payload)
        reader.take(process_entry(reader.group, entry, None, reader.ctx))
    assert bob.said()[-1] == "we go on"
    assert alice.said()[-1] == "so do I"


def test_what_was_said_in_an_epoch_long_past_is_not_taken_for_what_this_store_has_missed():
    """The relay says which own entry was the last, and one that lies behind it means that the store is an old copy."""
    log, (alice, bob) = group_of("alice", "bob")
    log.post(bob, bob.text("bob's only word"))
    word = log.entries[-1]
    for _ in range(MAX_PAST_EPOCHS + 1):
        log.post(alice, alice.commit())
    back(bob, word.seq - 1)
    bob.take(process_entry(bob.group, own(bob, log, word), None, bob.ctx, again=True))
    assert bob.notices()[-1] == "undecryptable/old-epoch"
    assert bob.group.conversation.own_last == word.seq


def test_an_own_message_of_later_still_means_that_the_store_is_an_old_copy():
    log, (alice, bob) = group_of("alice", "bob")
    log.post(bob, bob.text("hi"))
    old = alice.group
    log.append(alice, alice.text("sealed after the copy was made"))
    alice.state, alice.outbox = old, {}
    entry = replace(log.entries[-1], own=True)
    alice.take(process_entry(alice.group, entry, None, alice.ctx, again=True))
    assert alice.notices()[-1] == "behind/restored"


def test_going_back_lets_everybody_tell_anew_how_far_they_are():
    _, alice, bob = a_talk()
    told = SenderProgress(bob.id, bob.me.device_id, 5, delivered_seq=7, read_seq=6)
    state = replace(alice.group, progress={bob.me.device_id: told})
    step = go_back(state, 4, b"h" * 32, aside_after=4)
    assert step.state.progress[bob.me.device_id] == replace(told, delivered_seq=4, read_seq=4)
    conversation = step.state.conversation
    assert (conversation.cursor, conversation.last_commit, conversation.head) == (4, 0, b"h" * 32)
    assert conversation.own_last <= 4
    assert conversation.own_counter == alice.group.conversation.own_counter
    assert step.effects == (SetAside(4),)
