"""Every row of the model is read back as it was written, from a file that was closed in between."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit import limits
from tacit.client.model import (
    ChatId,
    ChatKind,
    ChatStatus,
    Contact,
    ContactStatus,
    ConversationStatus,
    GroupId,
    IntentKind,
    KeyPackageRow,
    MessageKind,
    MessageState,
    Notice,
    SenderProgress,
)
from tacit.client.store import Store, StoreFailed
from tests.client.stores import (
    ALICE,
    BOB,
    CHAT,
    DEVICE,
    GROUP,
    KEY,
    OTHER_CHAT,
    OTHER_GROUP,
    chat,
    conversation,
    filled_store,
    intent,
    message,
    message_id,
    outbox_row,
    profile,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = filled_store(path)
    yield opened
    opened.close()


def reopened(store: Store, path: Path) -> Store:
    store.close()
    return Store.open(path, KEY)


def test_profile_is_read_back_and_replaced(store: Store, path: Path) -> None:
    assert store.profile() is None
    store.put_profile(profile())
    registered = dataclasses.replace(profile(), registered=True, receipts=False, handle="alice2")
    store.put_profile(registered)
    with_file = reopened(store, path)
    assert with_file.profile() == registered
    with_file.close()


def test_private_keys_stay_out_of_representations() -> None:
    assert "aaaa" not in repr(profile())
    assert "secret" not in repr(KeyPackageRow(b"ref", b"secret", False, 1))


def test_named_values_and_the_inbox_cursor(store: Store) -> None:
    assert store.meta("x") is None
    store.put_meta("x", b"1")
    store.put_meta("x", b"2")
    assert store.meta("x") == b"2"
    assert store.inbox_cursor() == 0
    store.put_inbox_cursor(2**40)
    assert store.inbox_cursor() == 2**40


def test_contacts_by_id_and_handle(store: Store) -> None:
    bob = Contact(BOB, b"key", "bob", "", ContactStatus.REQUESTED, None, 5)
    nameless = Contact(ALICE, b"key2", "", "Al", ContactStatus.KNOWN, None, 4)
    store.put_contact(bob)
    store.put_contact(nameless)
    verified = dataclasses.replace(bob, status=ContactStatus.ACCEPTED, verified_at=9, name="Bobby")
    store.put_contact(verified)
    assert store.contact(BOB) == verified
    assert store.contact(b"nobody") is None
    assert store.contact_by_handle("bob") == verified
    assert store.contact_by_handle("") is None
    assert store.contacts() == [nameless, verified]


def test_a_handle_taken_over_by_a_second_account_still_names_the_first(store: Store) -> None:
    first = Contact(BOB, b"key", "bob", "", ContactStatus.ACCEPTED, None, 5)
    second = Contact(ALICE, b"key2", "bob", "", ContactStatus.KNOWN, None, 6)
    store.put_contact(second)
    store.put_contact(first)
    assert store.contact_by_handle("bob") == first


def test_chats_with_their_unread_texts(store: Store) -> None:
    direct = dataclasses.replace(
        chat(ChatId("direct:x")), kind=ChatKind.DIRECT, status=ChatStatus.REQUESTED, peer=BOB, invited_by=BOB
    )
    store.put_chat(direct)
    assert store.chat(direct.id) == direct
    assert store.chat(ChatId("direct:none")) is None
    assert store.chats() == [direct, chat()]
    rows = [store.add_message(message(n)).row for n in range(1, 4)]
    store.add_message(message(4, state=MessageState.SENT, sender=ALICE))
    store.add_message(message(5, kind=MessageKind.NOTICE, sender=None, text="", notice=Notice("joined")))
    assert store.unread(CHAT) == 3
    store.put_chat(dataclasses.replace(chat(), read_through=rows[1]))
    assert store.unread(CHAT) == 1
    assert store.unread(direct.id) == 0


def test_replacing_a_chat_keeps_its_history(store: Store) -> None:
    store.add_message(message(1))
    store.put_chat(dataclasses.replace(chat(), title="enemies"))
    assert store.chat(CHAT) == dataclasses.replace(chat(), title="enemies")
    assert len(store.messages(CHAT, 10)) == 1


def test_conversations_smallest_group_first(store: Store) -> None:
    store.put_chat(chat(OTHER_CHAT))
    other = conversation(OTHER_GROUP, OTHER_CHAT)
    small = dataclasses.replace(
        conversation(), group_id=GroupId(b"a" * 16), status=ConversationStatus.BEHIND, cursor=2**50
    )
    store.put_conversation(other)
    store.put_conversation(small)
    assert store.conversation(GROUP) == conversation()
    assert store.conversations(CHAT) == [small, conversation()]
    assert store.conversations() == [small, conversation(), other]


def test_a_conversation_needs_its_chat(store: Store) -> None:
    with pytest.raises(StoreFailed):
        store.put_conversation(conversation(OTHER_GROUP, OTHER_CHAT))
    assert store.conversation(OTHER_GROUP) is None


def test_sender_progress(store: Store) -> None:
    first = SenderProgress(BOB, DEVICE, 1)
    store.put_sender_progress(GROUP, first)
    later = SenderProgress(BOB, DEVICE, 9, delivered_seq=4, read_seq=3)
    store.put_sender_progress(GROUP, later)
    store.put_sender_progress(GROUP, SenderProgress(ALICE, DEVICE, 2))
    assert store.sender_progress(GROUP) == [SenderProgress(ALICE, DEVICE, 2), later]
    assert store.sender_progress(OTHER_GROUP) == []


def test_group_state_is_there_whole_or_not_at_all(store: Store, path: Path) -> None:
    assert store.group_rows(GROUP) == {}
    store.change_group(GROUP, {b"a": b"1", b"b": b"1", b"c": b"1"})
    store.change_group(GROUP, {b"a": b"2"}, [b"c", b"never there"])
    store.change_group(OTHER_GROUP, {b"a": b"3"})
    assert store.groups_with_expired_keys(100) == []
    store.put_group_expiry(GROUP, 99)
    store.put_group_expiry(OTHER_GROUP, 100)
    assert store.groups_with_expired_keys(99) == [GROUP]
    store.put_group_expiry(OTHER_GROUP, None)
    assert store.groups_with_expired_keys(100) == [GROUP]
    assert store.pending_commit(GROUP) is None
    store.put_pending_commit(GROUP, b"pending")
    store.put_heads(GROUP, {1: b"h" * 32})
    again = reopened(store, path)
    assert again.group_rows(GROUP) == {b"a": b"2", b"b": b"1"}
    assert again.pending_commit(GROUP) == b"pending"
    again.drop_pending_commit(GROUP)
    assert again.pending_commit(GROUP) is None
    again.put_pending_commit(GROUP, b"pending")
    again.drop_group(GROUP)
    assert again.group_rows(GROUP) == {}
    assert again.group_rows(OTHER_GROUP) == {b"a": b"3"}
    assert again.groups_with_expired_keys(100) == []
    assert again.pending_commit(GROUP) is None
    assert again.head_at(GROUP, 1) is None
    assert again.conversation(GROUP) == conversation()
    again.close()


def test_heads_are_remembered_up_to_the_bound(store: Store) -> None:
    with store.transaction():
        for seq in range(1, limits.HEADS_KEPT + 11):
            store.put_heads(GROUP, {seq: seq.to_bytes(32, "big")})
    assert store.head_at(GROUP, 10) is None
    assert store.head_at(GROUP, 11) == (11).to_bytes(32, "big")
    assert store.head_at(OTHER_GROUP, 11) is None


def test_messages_come_in_the_order_of_display_page_by_page(store: Store) -> None:
    added = [store.add_message(message(n)) for n in range(1, 8)]
    assert [m.row for m in added] == sorted(m.row for m in added)
    assert store.messages(CHAT, 3) == added[4:]
    assert store.messages(CHAT, 3, before_row=added[4].row) == added[1:4]
    assert store.messages(CHAT, 3, before_row=added[0].row) == []
    assert store.messages_after(added[4].row, 10) == added[5:]
    assert store.last_message(CHAT) == added[-1]
    assert store.last_message(OTHER_CHAT) is None


def test_a_notice_is_read_back_with_all_its_parameters(store: Store) -> None:
    notice = Notice("gap", by=BOB, who=(ALICE, BOB), name="Zoë\n\x1b[31m", count=2**40, reason="relay-hole")
    line = message(1, kind=MessageKind.NOTICE, sender=None, text="", notice=notice)
    store.add_message(line)
    store.add_message(message(2, kind=MessageKind.NOTICE, sender=None, text="", notice=Notice("left")))
    first, second = store.messages(CHAT, 2)
    assert first.notice == notice
    assert second.notice == Notice("left")


def test_a_content_id_is_stored_once_in_a_chat(store: Store) -> None:
    store.put_chat(chat(OTHER_CHAT))
    first = store.add_message(message(1))
    assert store.has_content(CHAT, message_id(1))
    with pytest.raises(StoreFailed):
        store.add_message(message(1, text="a copy"))
    elsewhere = store.add_message(message(1, chat_id=OTHER_CHAT))
    assert store.message_by_id(CHAT, message_id(1)) == first
    assert store.message_by_id(OTHER_CHAT, message_id(1)) == elsewhere
    assert store.find_messages(message_id(1)) == [first, elsewhere]
    assert store.message_by_id(CHAT, message_id(2)) is None
    assert not store.has_content(CHAT, message_id(2))


def test_a_state_change_touches_one_chat_only_and_keeps_what_it_is_not_told(store: Store) -> None:
    store.put_chat(chat(OTHER_CHAT))
    own = store.add_message(message(1, state=MessageState.QUEUED, sender=ALICE, seq=0))
    namesake = store.add_message(message(1, chat_id=OTHER_CHAT))
    store.set_message_state(CHAT, message_id(1), MessageState.SENT, group_id=OTHER_GROUP, epoch=3, counter=8)
    store.set_message_state(CHAT, message_id(1), MessageState.RELAYED, seq=77)
    expected = dataclasses.replace(own, state=MessageState.RELAYED, group_id=OTHER_GROUP, epoch=3, counter=8, seq=77)
    assert store.message_by_id(CHAT, message_id(1)) == expected
    assert store.message_by_id(OTHER_CHAT, message_id(1)) == namesake


def test_receipts_move_own_messages_forward_and_never_back(store: Store) -> None:
    for n in range(1, 6):
        store.add_message(message(n, state=MessageState.RELAYED, sender=ALICE))
    store.add_message(message(6, state=MessageState.SENT, sender=ALICE, seq=0))
    store.add_message(message(7, seq=2))  # of somebody else
    assert [m.id for m in store.raise_message_states(GROUP, 2, MessageState.READ)] == [message_id(1), message_id(2)]
    moved = store.raise_message_states(GROUP, 4, MessageState.DELIVERED)
    assert [(m.id, m.state) for m in moved] == [(message_id(n), MessageState.DELIVERED) for n in (3, 4)]
    assert store.raise_message_states(GROUP, 4, MessageState.DELIVERED) == []
    states = [m.state.value for m in store.messages(CHAT, 10)]
    assert states == ["read", "read", "delivered", "delivered", "relayed", "sent", "received"]


def test_last_text_of_others_is_what_a_receipt_covers(store: Store) -> None:
    assert store.last_text_seq(GROUP, 10) == 0
    first = store.add_message(message(3))
    own = store.add_message(message(4, state=MessageState.RELAYED))
    last = store.add_message(message(5))
    assert store.last_text_seq(GROUP, first.row) == 3
    assert store.last_text_seq(GROUP, own.row) == 3
    assert store.last_text_seq(GROUP, last.row) == 5
    assert store.last_text_seq(OTHER_GROUP, last.row) == 0


def test_intents_stay_in_order_until_they_are_dropped(store: Store) -> None:
    first = store.add_intent(intent(1))
    invite = store.add_intent(
        dataclasses.replace(intent(2, IntentKind.INVITE), who=(ALICE, BOB), key_packages=(b"kp" * 1500, b""))
    )
    store.put_chat(chat(OTHER_CHAT))
    elsewhere = store.add_intent(dataclasses.replace(intent(3), chat_id=OTHER_CHAT))
    tried = dataclasses.replace(invite, attempts=2, key_packages=(b"x",), text="title")
    store.put_intent(tried)
    assert store.intents(CHAT) == [first, tried]
    assert store.intents() == [first, tried, elsewhere]
    assert store.intent(tried.row) == tried
    store.drop_intent(first.row)
    assert store.intent(first.row) is None
    assert store.intents(CHAT) == [tried]


def test_outbox_rows_keep_every_byte_and_their_order(store: Store) -> None:
    commit = store.add_outbox(
        outbox_row(
            1,
            kind=2,
            payload=bytes(range(256)) * 40,
            after_commit=9,
            readers_added=((ALICE, DEVICE), (BOB, b"")),
            readers_removed=((BOB, DEVICE),),
            intent_row=4,
        )
    )
    welcome = store.add_outbox(outbox_row(2, kind=3, group_id=None, inbox=(BOB, DEVICE)))
    text = store.add_outbox(outbox_row(3, content_id=message_id(30)))
    assert store.outbox() == [commit, welcome, text]
    assert store.outbox(GROUP) == [commit, text]
    store.drop_outbox(commit.row)
    assert store.outbox() == [welcome, text]


@pytest.mark.parametrize("changes", [{"group_id": None}, {"inbox": (BOB, DEVICE)}], ids=["nowhere", "two places"])
def test_an_outbox_row_goes_to_one_place(store: Store, changes: dict[str, object]) -> None:
    with pytest.raises(StoreFailed):
        store.add_outbox(outbox_row(1, **changes))


def test_queued_counts_each_wish_once(store: Store) -> None:
    assert store.queued() == 0
    store.add_intent(intent(1))
    rename = store.add_intent(intent(3, IntentKind.RENAME))
    store.add_outbox(outbox_row(4))
    commit = store.add_outbox(outbox_row(5, kind=2, intent_row=rename.row))
    assert store.queued() == 3  # the text, the rename, the sealed message
    store.drop_outbox(commit.row)
    store.drop_intent(rename.row)
    assert store.queued() == 2


def test_key_package_bundles(store: Store, path: Path) -> None:
    one = KeyPackageRow(b"r1", b"bundle 1", False, 200)
    two = KeyPackageRow(b"r2", b"bundle 2", False, 100)
    last = KeyPackageRow(b"r3", b"bundle 3", True, 300)
    newer = KeyPackageRow(b"r4", b"bundle 4", True, 400)
    assert store.last_resort() is None
    store.add_bundles([one, two, last])
    assert store.last_resort() == last
    store.add_bundles([newer])
    again = reopened(store, path)
    assert again.last_resort() == newer
    assert again.bundles() == [two, one, last, newer]
    assert again.bundle(b"r1") == one
    again.drop_bundle(b"r1")
    assert again.bundle(b"r1") is None
    assert again.drop_expired_bundles(200) == 1
    assert again.bundles() == [last, newer]
    again.close()


def test_sql_in_a_name_is_only_a_name(store: Store) -> None:
    name = "'); DROP TABLE chat; --\x00\u202e"
    store.put_chat(dataclasses.replace(chat(), title=name))
    found = store.chat(CHAT)
    assert found is not None
    assert found.title == name
