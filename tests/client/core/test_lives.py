"""Whose keys may have been at work before: nothing is sealed with them, and what is needed goes out in the clear."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit import mls
from tacit.client.core.commits import make_commit, propose_leaving
from tacit.client.core.inbound import process_entry
from tacit.client.core.lives import INCARNATION_BYTES, incarnation_in, may_seal
from tacit.client.core.state import Context, EntryKind, LogEntry, Step
from tacit.client.model import ConversationStatus, IntentKind, OutboxRow
from tacit.mls.protection import open_private
from tests.client.core.members import Member, group_of
from tests.mls.mirror import Mirror

OLD, NEW = b"o" * INCARNATION_BYTES, b"n" * INCARNATION_BYTES


class At(Member):
    """A device at an incarnation of the relay."""

    incarnation: bytes = NEW
    newest: bool = False

    @property
    def ctx(self) -> Context:
        """What the core is given."""
        return replace(super().ctx, incarnation=self.incarnation, is_newest=lambda _: self.newest)


def at(member: Member, *, keys_from: bytes = OLD, newest: bool = False) -> At:
    """The same device after the relay was restored."""
    state = member.group
    state = replace(state, conversation=replace(state.conversation, keys_from=keys_from))
    fields = {name: getattr(member, name) for name in member.__dataclass_fields__} | {"state": state}
    found = At(**fields)
    found.newest = newest
    return found


def shown(member: Member, entry: LogEntry, *, again: bool = False) -> Step:
    """What an entry of its own, which it does not know, is to a device."""
    return process_entry(member.group, replace(entry, own=True), None, member.ctx, again=again)


def is_in_the_clear(row: OutboxRow) -> bool:
    return isinstance(mls.decode_message(row.payload), mls.PublicMessage)


@pytest.mark.parametrize(
    ("keys_from", "newest", "may"), [(NEW, False, True), (OLD, False, False), (b"", False, False), (OLD, True, True)]
)
def test_keys_of_another_life_are_used_only_by_a_process_that_knows_better(keys_from, newest, may):
    _, (alice, _) = group_of("alice", "bob")
    member = at(alice, keys_from=keys_from, newest=newest)
    assert may_seal(member.group, member.ctx) is may
    (row,) = member.commit()
    assert is_in_the_clear(row) is not may


def test_a_commit_in_the_clear_takes_no_key_and_names_the_life_it_is_made_in():
    log, (alice, bob) = group_of("alice", "bob")
    before = at(alice)
    log.members[0] = after = at(alice)
    (row,) = after.commit()
    assert after.group.group.secret_tree is before.group.group.secret_tree
    message = mls.decode_message(row.payload)
    assert isinstance(message, mls.PublicMessage)
    assert message.content.authenticated_data == NEW
    log.post(after, [row])
    for member in (after, bob):
        assert member.group.conversation.keys_from == NEW
        assert member.group.group.epoch == before.group.group.epoch + 1
    assert may_seal(after.group, after.ctx)
    log.post(after, after.text("with fresh keys"))
    assert bob.said() == ["with fresh keys"]


def test_keys_that_somebody_has_put_in_at_the_present_life_are_good_for_all():
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.members[:] = [at(alice), at(bob), at(carol, keys_from=NEW)]
    first, second, third = log.members
    log.post(third, third.commit())
    assert all(may_seal(member.group, member.ctx) for member in (first, second))  # type: ignore[attr-defined]


def test_a_commit_of_an_earlier_life_opens_nothing():
    log, (alice, bob) = group_of("alice", "bob")
    log.members[:] = [at(alice), at(bob, keys_from=OLD)]
    first, second = log.members
    second.incarnation = OLD  # type: ignore[attr-defined]
    log.post(second, second.commit())
    assert first.group.conversation.keys_from == OLD
    assert not may_seal(first.group, first.ctx)


def test_what_a_person_wants_has_its_turn_in_the_next_epoch():
    log, (alice, _) = group_of("alice", "bob")
    log.members[0] = member = at(alice)
    (row,) = member.wish(IntentKind.RENAME, text="not for the relay")
    assert is_in_the_clear(row)
    assert row.intent_row == 0, "the wish stays"
    assert b"not for the relay" not in row.payload
    log.post(member, [row])
    (row,) = member.wish(IntentKind.RENAME, text="not for the relay")
    assert not is_in_the_clear(row)


def test_what_others_propose_is_committed_in_the_clear_by_its_hash():
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    log.members[0] = member = at(alice)
    log.post(carol, carol.take(propose_leaving(carol.group, carol.ctx)))
    (row,) = member.commit()
    assert is_in_the_clear(row)
    log.post(member, [row])
    assert carol.group.conversation.status is ConversationStatus.REMOVED
    assert bob.group.roster.accounts == {alice.id, bob.id}


def test_a_proposal_in_the_clear_is_refused_and_so_is_a_commit_that_came_as_a_message():
    log, (alice, bob) = group_of("alice", "bob")
    group, payload = bob.group.group.propose(
        mls.Remove(bob.group.group.own_leaf), public=True, entropy=bob.entropy, now_s=bob.now_s
    )
    bob.state = replace(bob.group, group=group)
    row = OutboxRow(0, bob.ctx.fresh_id(), bob.group.conversation.group_id, None, EntryKind.MESSAGE, payload)
    log.show(alice, log.append(bob, [row])[0])
    assert alice.notices() == ["undecryptable/6/handshake-is-private"]
    member = at(bob)
    (commit,) = member.take(make_commit(replace(member.group, group=bob.group.group), (), member.ctx))
    log.show(alice, log.append(bob, [replace(commit, kind=EntryKind.MESSAGE)])[0])
    assert alice.notices()[-1] == "undecryptable/6/handshake-is-private"
    assert not alice.group.group.pending_proposals


def test_an_own_commit_in_the_clear_that_this_store_does_not_know_leads_where_it_cannot_follow():
    log, (alice, bob) = group_of("alice", "bob")
    old, log.members[0] = at(alice), at(alice)
    newer = log.members[0]
    (entry,) = log.append(newer, newer.commit())
    log.show(bob, entry)
    for again in (False, True):
        copy = replace(old)
        copy.take(shown(copy, entry, again=again))
        assert copy.group.conversation.status is ConversationStatus.BEHIND
        assert copy.notices()[-1] == "behind/own-commit-lost"


@pytest.mark.parametrize("keys_from", [OLD, NEW])
def test_an_own_commit_that_others_bring_back_counts_by_its_signature_where_the_store_may_be_old(keys_from):
    log, (alice, _) = group_of("alice", "bob")
    old = at(alice, keys_from=keys_from)
    (entry,) = log.append(alice, alice.commit())
    old.take(process_entry(old.group, entry, None, old.ctx))
    is_old = keys_from == OLD
    assert (old.group.conversation.status is ConversationStatus.BEHIND) is is_old
    assert old.notices() == ["behind/own-commit-lost" if is_old else "invalid-commit/own-message"]


def test_an_own_text_that_somebody_brings_back_as_a_commit_leaves_nobody_behind():
    """All members know all message keys, so the signed text can be sealed again where this store has not come."""
    log, (alice, mallory) = group_of("alice", "mallory")
    (text,) = log.append(alice, alice.text("hello"))
    message = mls.decode_message(text.payload)
    assert isinstance(message, mls.PrivateMessage)
    keys = mallory.group.group.state.keys(mallory.group.group.secret_tree)
    signed = open_private(keys, message).verify(keys)
    mirror = Mirror(mallory.group.group, mallory.entropy)
    again = mirror.encrypt(signed.content, signed.auth, alice.group.group.own_leaf, generation=50)
    member = at(alice)
    disguised = replace(text, message_id=b"m" * 16, payload=again, kind=EntryKind.COMMIT)
    member.take(process_entry(member.group, disguised, None, member.ctx))
    assert member.group.conversation.status is ConversationStatus.ACTIVE
    assert member.notices() == ["behind/restored"]


def test_a_store_that_begins_the_next_epoch_itself_need_not_wait_for_others():
    """It was put back behind a proposal of its own; in the epoch of that nothing is sealed any more anyway."""
    log, (alice, _) = group_of("alice", "bob")
    old = at(alice)
    log.post(alice, alice.take(propose_leaving(alice.group, alice.ctx)))
    old.take(shown(old, log.entries[-1]))
    assert old.group.conversation.status is ConversationStatus.ACTIVE
    assert old.notices() == ["behind/restored"]
    assert not may_seal(old.group, old.ctx)


def test_nothing_is_sealed_with_keys_of_another_life_by_mistake():
    _, (alice, _) = group_of("alice", "bob")
    member = at(alice)
    before = member.group
    for seal in (lambda: member.text("x"), lambda: member.receipt(1), lambda: propose_leaving(before, member.ctx)):
        with pytest.raises(AssertionError, match="has asked"):
            seal()
    assert member.group is before


@pytest.mark.parametrize("named", [b"", b"short", b"x" * 15, b"x" * 17, b"x" * 60_000])
def test_what_is_no_incarnation_is_none(named):
    assert incarnation_in(named) == b""
    assert incarnation_in(NEW) == NEW
