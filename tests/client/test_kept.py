"""Entries that are kept for a relay that loses them: bounded, set aside, found again under whatever number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tacit import limits
from tacit.client.bringing_back import PORTION, PORTION_BYTES, first_portion
from tacit.client.model import GroupId, KeptEntry, MessageId, MessageState, OutboxRow
from tacit.client.store import Store
from tacit.client.store.kept import PRUNE_EVERY
from tests.client.stores import ALICE, CHAT, DEVICE, GROUP, KEY, OTHER_GROUP, chat, message, message_id

NOW = 1_700_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.create(tmp_path / "store.db", KEY)
    opened.put_chat(chat())
    yield opened
    opened.close()


def entry(seq: int, payload: bytes = b"sealed", **changes: object) -> KeptEntry:
    return replace(KeptEntry(seq, message_id(seq), 1, payload, (ALICE, DEVICE)), **changes)  # type: ignore[arg-type]


def keep(store: Store, *entries: KeptEntry, group_id: GroupId = GROUP, now: int = NOW) -> None:
    store.keep_entries(group_id, entries, now)


def seqs(store: Store, after: int = 0) -> list[int]:
    return [kept.seq for kept in store.kept_after(GROUP, after)]


def test_an_entry_comes_back_as_it_was_kept(store):
    commit = entry(2, kind=2, readers_added=((ALICE, DEVICE),), readers_removed=((b"b" * 16, DEVICE),), head=b"h" * 32)
    unknown = entry(3, author=None)
    keep(store, entry(1), commit, unknown)
    keep(store, entry(1), group_id=OTHER_GROUP)
    assert store.kept_after(GROUP, 1) == [commit, unknown]
    assert store.has_first_entry(GROUP)
    assert not store.has_first_entry(GroupId(b"n" * 16))


def test_only_the_last_ones_are_kept(store):
    with store.transaction():
        for seq in range(1, limits.ENTRIES_KEPT + 3 * PRUNE_EVERY):
            keep(store, entry(seq))
    kept = seqs(store)
    assert kept[-1] == limits.ENTRIES_KEPT + 3 * PRUNE_EVERY - 1
    assert limits.ENTRIES_KEPT <= len(kept) <= limits.ENTRIES_KEPT + PRUNE_EVERY


def test_large_ones_take_the_room_of_many(store, monkeypatch):
    large = bytes(300_000)
    monkeypatch.setattr(limits, "KEPT_BYTES", 4 * len(large))
    for seq in range(1, 10):
        keep(store, entry(seq, large))
    assert seqs(store) == [6, 7, 8, 9]
    keep(store, entry(10, bytes(limits.KEPT_BYTES + 1)))
    assert seqs(store) == [10], "the latest is kept whatever its size"


def test_those_that_no_relay_would_keep_go(store):
    keep(store, entry(1))
    keep(store, entry(2), now=NOW + 10)
    store.drop_kept_before(NOW + 1)
    assert seqs(store) == [2]


def test_a_group_that_ends_takes_its_entries_along(store):
    keep(store, entry(1))
    keep(store, entry(1), group_id=OTHER_GROUP)
    store.drop_group(GROUP)
    assert seqs(store) == []
    assert len(store.kept_after(OTHER_GROUP, 0)) == 1


def test_what_is_set_aside_keeps_its_order_until_it_is_found_again(store):
    keep(store, *(entry(seq) for seq in range(1, 6)))
    store.set_aside(GROUP, 2)
    assert seqs(store, 100) == [3, 4, 5]
    assert sorted(store.all_aside()) == [GROUP]
    assert {m: known.seq for m, known in store.all_aside()[GROUP].items()} == {message_id(n): n for n in (3, 4, 5)}
    keep(store, entry(3, message_id=message_id(30)))  # somebody else's, who came first
    for old, new in ((3, 4), (4, 5), (5, 6)):
        store.found_again(GROUP, old, new)
    assert store.all_aside() == {}
    found = store.kept_after(GROUP, 0)
    assert [(e.seq, e.message_id) for e in found] == [
        (1, message_id(1)),
        (2, message_id(2)),
        (3, message_id(30)),
        (4, message_id(3)),
        (5, message_id(4)),
        (6, message_id(5)),
    ]


def test_what_is_not_found_again_can_be_dropped_from_a_place_on(store):
    keep(store, *(entry(seq) for seq in range(1, 6)))
    store.set_aside(GROUP, 1)
    store.drop_aside(GROUP, 4)
    assert seqs(store, 100) == [2, 3]
    store.drop_aside(GROUP)
    assert seqs(store) == [1]


def test_a_second_restore_before_the_first_is_got_over_leaves_each_number_to_the_older_entry(store):
    keep(store, entry(1), entry(2))
    store.set_aside(GROUP, 1)
    keep(store, entry(2, message_id=message_id(20)))
    store.set_aside(GROUP, 1)
    assert [e.message_id for e in store.kept_after(GROUP, 1)] == [message_id(2)]


def test_own_texts_are_nowhere_in_the_log_until_they_are_found_again(store):
    for n, state in ((1, MessageState.RELAYED), (2, MessageState.DELIVERED), (3, MessageState.RECEIVED)):
        store.add_message(message(n, state=state, seq=n, group_id=GROUP, sender=ALICE))
    store.set_aside(GROUP, 0)
    assert store.raise_message_states(GROUP, 10, MessageState.READ) == []
    keep(store, entry(1))
    store.found_again(GROUP, 1, 7)
    found = store.message_by_id(CHAT, message_id(1))
    assert found is not None
    assert (found.seq, found.state) == (7, MessageState.RELAYED)
    assert [m.id for m in store.raise_message_states(GROUP, 7, MessageState.DELIVERED)] == [message_id(1)]


def test_texts_of_others_follow_the_log_and_so_do_receipts(store):
    for n in (1, 2, 3, 4):
        store.add_message(message(n, seq=n, group_id=GROUP))
    last = store.add_message(message(5, seq=4, group_id=OTHER_GROUP)).row
    store.set_aside(GROUP, 1)
    assert store.last_text_seq(GROUP, last) == 1
    assert store.last_text_seq(OTHER_GROUP, last) == 4
    keep(store, entry(2), entry(3))
    for old, seq in ((2, 9), (3, 3)):
        store.found_again(GROUP, old, seq)
    assert [m.seq for m in store.messages(CHAT, 10)] == [1, 9, 3, -4, 4]
    assert store.last_text_seq(GROUP, last) == 9, "whatever came first into history"
    assert store.last_text_seq(GROUP, 1) == 1


def test_no_more_texts_are_set_aside_than_entries_are_kept(store, monkeypatch):
    monkeypatch.setattr(limits, "ENTRIES_KEPT", 2)
    for n in (1, 2, 3):
        store.add_message(message(n, seq=n, group_id=GROUP))
    store.set_aside(GROUP, 0)
    assert [m.seq for m in store.messages(CHAT, 10)] == [1, -2, -3]


def test_heads_behind_the_place_go(store):
    store.put_heads(GROUP, {seq: bytes([seq]) * 32 for seq in (1, 2, 3)})
    store.set_aside(GROUP, 2)
    assert [store.head_at(GROUP, seq) for seq in (2, 3)] == [b"\2" * 32, None]


def welcome(n: int, payload: bytes = b"welcome") -> OutboxRow:
    return OutboxRow(n, message_id(n), None, (ALICE, DEVICE), 3, payload)


def test_the_last_welcomes_are_kept(store, monkeypatch):
    monkeypatch.setattr(limits, "WELCOME_BYTES_KEPT", 10_000)
    with store.transaction():
        for n in range(limits.WELCOMES_KEPT + 5):
            store.keep_welcome(welcome(n), NOW)
    kept = store.kept_welcomes()
    assert len(kept) == limits.WELCOMES_KEPT
    assert kept[-1] == (message_id(limits.WELCOMES_KEPT + 4), (ALICE, DEVICE), b"welcome")
    store.keep_welcome(welcome(1000, bytes(limits.WELCOME_BYTES_KEPT + 1)), NOW)
    assert [m for m, _, _ in store.kept_welcomes()] == [message_id(1000)]


def test_the_inbox_remembers_what_it_has_brought_and_not_for_ever(store):
    ids = [MessageId(n.to_bytes(16, "big")) for n in range(limits.MAX_INBOX_ENTRIES + 10)]
    with store.transaction():
        store.note_inbox(ids[:5])
        store.note_inbox(ids)
    assert not store.was_in_inbox(ids[0])
    assert store.was_in_inbox(ids[10])
    assert store.was_in_inbox(ids[-1])


def portions(entries: list[KeptEntry]) -> list[list[int]]:
    """The numbers of what goes to the relay at once."""
    found = []
    while entries:
        portion = first_portion(entries)
        found.append([kept.seq for kept in portion])
        entries = entries[len(portion) :]
    return found


def test_a_commit_goes_back_alone_so_that_nothing_of_its_epoch_can_come_before_it():
    kinds = [2, 2, 1, 1, 2, 1]
    assert portions([entry(n, kind=kind) for n, kind in enumerate(kinds, 1)]) == [[1], [2], [3, 4], [5], [6]]


def test_what_goes_back_at_once_is_bounded_and_never_nothing():
    assert portions([entry(n) for n in range(1, PORTION + 2)]) == [list(range(1, PORTION + 1)), [PORTION + 1]]
    half = bytes(PORTION_BYTES // 2 + 1)
    assert portions([entry(n, half * size) for n, size in ((1, 1), (2, 1), (3, 2))]) == [[1], [2], [3]]
