"""Sample rows and stores on disk for the tests of the store."""

from __future__ import annotations

from pathlib import Path

from tacit.client.model import (
    Chat,
    ChatId,
    ChatKind,
    ChatStatus,
    Conversation,
    ConversationStatus,
    GroupId,
    Intent,
    IntentKind,
    Message,
    MessageId,
    MessageKind,
    MessageState,
    OutboxRow,
    Profile,
)
from tacit.client.store import Store
from tacit.crypto.secret import Secret

KEY = Secret(bytes(range(32)))
CHAT = ChatId("group:" + "67" * 16)
OTHER_CHAT = ChatId("group:" + "6f" * 16)
GROUP = GroupId(b"g" * 16)
OTHER_GROUP = GroupId(b"o" * 16)
ALICE = b"alice-account-id"
BOB = b"bob-s-account-id"
DEVICE = b"device-of-alice!"


def message_id(n: int) -> MessageId:
    return MessageId(n.to_bytes(16, "big"))


def chat(chat_id: ChatId = CHAT) -> Chat:
    return Chat(chat_id, ChatKind.GROUP, ChatStatus.ACTIVE, "friends", None, 1_700_000_000)


def conversation(group_id: GroupId = GROUP, chat_id: ChatId = CHAT) -> Conversation:
    return Conversation(group_id, chat_id, ConversationStatus.ACTIVE, 3, 2, 1, 5, b"h" * 32, 1_700_000_000)


def message(n: int, text: str = "hello", **changes: object) -> Message:
    fields: dict[str, object] = {
        "row": 0,
        "id": message_id(n),
        "chat_id": CHAT,
        "group_id": GROUP,
        "kind": MessageKind.TEXT,
        "state": MessageState.RECEIVED,
        "sender": BOB,
        "text": text,
        "sent_at_ms": 1_700_000_000_000 + n,
        "received_at_ms": 1_700_000_000_500 + n,
        "seq": n,
    }
    return Message(**{**fields, **changes})  # type: ignore[arg-type]


def intent(n: int, kind: IntentKind = IntentKind.TEXT) -> Intent:
    return Intent(row=0, chat_id=CHAT, kind=kind, message_id=message_id(n), created_at=1_700_000_000)


def outbox_row(n: int, **changes: object) -> OutboxRow:
    fields: dict[str, object] = {
        "row": 0,
        "message_id": message_id(n),
        "group_id": GROUP,
        "inbox": None,
        "kind": 1,
        "payload": b"sealed bytes",
    }
    return OutboxRow(**{**fields, **changes})  # type: ignore[arg-type]


def profile() -> Profile:
    return Profile(ALICE, b"a" * 32, DEVICE, b"d" * 32, b"certificate", "alice", "tacit://relay:1/#x", False, True, 1)


def filled_store(path: Path) -> Store:
    """A new store with one chat and its conversation."""
    store = Store.create(path, KEY)
    with store.transaction():
        store.put_chat(chat())
        store.put_conversation(conversation())
    return store
