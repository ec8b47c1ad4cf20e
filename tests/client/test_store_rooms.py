"""What the store keeps of rooms is read back as it was written, from a file that was closed in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.client.model import JoinRow, MessageKind, Notice, RoomPart
from tacit.client.store import Store, StoreDamaged
from tacit.client.store.database import Database
from tacit.client.store.rows import decode_room, encode_blobs, encode_room
from tests.client.stores import (
    ALICE,
    BOB,
    CHAT,
    GROUP,
    KEY,
    OTHER_CHAT,
    OTHER_GROUP,
    chat,
    conversation,
    filled_store,
    message,
    message_id,
    outbox_row,
)

SECRET = bytes(range(32))
PART = RoomPart(b"sealed" * 50_000, b"h" * 32, "lobby", SECRET)
JOIN = JoinRow(OTHER_GROUP, message_id(1), b"commit", 7, b"info" * 1000, SECRET, b"state", b"i" * 16, 1_700_000_000)


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


def test_a_link_secret_is_kept_with_its_room_and_shown_to_nobody(store: Store, path: Path) -> None:
    room = replace(conversation(), link_secret=SECRET)
    store.put_conversation(room)
    again = reopened(store, path)
    assert again.conversation(GROUP) == room
    assert "link_secret" not in repr(room)
    assert repr(SECRET) not in repr(PART) + repr(JOIN)
    again.close()


@pytest.mark.parametrize("part", [None, PART, RoomPart(b"x")])
def test_what_a_commit_leaves_with_the_relay_goes_out_the_same_at_every_try(
    store: Store, path: Path, part: RoomPart | None
) -> None:
    row = store.add_outbox(replace(outbox_row(9, kind=2), room=part))
    again = reopened(store, path)
    assert row in again.outbox()
    again.close()


def test_parts_that_are_not_four_mean_a_damaged_store() -> None:
    assert decode_room(encode_room(PART)) == PART
    for blobs in ((b"a",), (b"a", b"b", b"c"), (b"a", b"b", b"\xff", b"d")):
        with pytest.raises(StoreDamaged):
            decode_room(encode_blobs(blobs))


def test_lines_keep_the_names_of_their_time(store: Store, path: Path) -> None:
    said = store.add_message(message(70, nick="maya"))
    notice = Notice("nick", by=ALICE, name="mayo", nicks=((ALICE, "maya"), (BOB, "bоb")))
    told = store.add_message(message(71, "", kind=MessageKind.NOTICE, sender=None, notice=notice))
    again = reopened(store, path)
    assert again.messages(CHAT, 2) == [said, told]
    again.close()


def test_a_wish_to_come_in_stays_until_it_is_dropped(store: Store, path: Path) -> None:
    store.put_join(replace(JOIN, message_id=message_id(2)))
    store.put_join(JOIN)
    again = reopened(store, path)
    assert again.joins() == [JOIN]
    again.drop_join(GROUP)
    assert again.joins() == [JOIN]
    again.drop_join(OTHER_GROUP)
    assert again.joins() == []
    again.close()


def test_a_store_from_before_there_were_rooms_has_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tacit.client.store.database.SCHEMA_VERSIONS", ("0001", "0002", "0003"))
    old = Database.create(path, KEY)
    old.run("INSERT INTO chat VALUES (?, 'group', 'active', 'friends', NULL, 0, NULL, 0)", (CHAT,))
    old.run(
        "INSERT INTO outbox (message_id, group_id, kind, payload, after_commit, readers_added, readers_removed,"
        " intent_row, appended_seq) VALUES (?, ?, 1, ?, 0, ?, ?, 0, 0)",
        (message_id(1), GROUP, b"bytes", b"", b""),
    )
    old.close()
    monkeypatch.undo()
    store = Store.open(path, KEY)
    assert [row.room for row in store.outbox()] == [None]
    assert store.joins() == []
    store.close()


def test_a_chat_that_never_came_about_leaves_nothing(store: Store, path: Path) -> None:
    store.put_chat(chat(OTHER_CHAT))
    store.put_conversation(conversation(OTHER_GROUP, OTHER_CHAT))
    store.add_message(message(80, chat_id=OTHER_CHAT))
    kept = store.messages(CHAT, 10)
    store.drop_chat(OTHER_CHAT)
    again = reopened(store, path)
    assert again.chat(OTHER_CHAT) is None
    assert again.conversation(OTHER_GROUP) is None
    assert again.messages(OTHER_CHAT, 10) == []
    assert again.messages(CHAT, 10) == kept
    assert again.chat(CHAT) is not None
    again.close()
