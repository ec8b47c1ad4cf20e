"""People, chats and lines for the tests of this room."""

from __future__ import annotations

import dataclasses

from tacit.sdk.types import ChatInfo, MessageInfo, NoticeInfo, Person

NOON_MS = 1_795_255_200_000  # 2026-11-21 10:00 UTC

ALICE = Person("11111111-aaaa-8aaa-8aaa-aaaaaaaaaaaa", "alice", "@alice", False, "self")
BOB = Person("22222222-bbbb-8bbb-8bbb-bbbbbbbbbbbb", "bob", "@bob", False, "accepted")
CAROL = Person("33333333-cccc-8ccc-8ccc-cccccccccccc", "", "Carol from work", True, "accepted")

DIRECT = ChatInfo(
    id=f"direct:{BOB.id}",
    kind="direct",
    status="active",
    title="@bob",
    peer=BOB,
    members=(ALICE, BOB),
    admins=(ALICE.id,),
    unread=0,
    last_at_ms=NOON_MS,
    invited_by=None,
    suite="test",
    epoch=1,
)
TEAM = dataclasses.replace(
    DIRECT, id="group:00ff", kind="group", title="team", peer=None, members=(ALICE, BOB, CAROL), admins=(ALICE.id,)
)


def text(row: int, body: str, sender: Person = BOB, *, chat: str = DIRECT.id, at_ms: int = NOON_MS) -> MessageInfo:
    """Make a message."""
    mine = sender.status == "self"
    return MessageInfo(
        id=f"{row:032x}",
        row=row,
        chat=chat,
        kind="text",
        sender=sender,
        mine=mine,
        text=body,
        sent_at_ms=at_ms,
        received_at_ms=at_ms,
        state="relayed" if mine else "received",
    )


def note(row: int, code: str, *, chat: str = DIRECT.id, **facts: object) -> MessageInfo:
    """Make a notice."""
    info = NoticeInfo(code, **facts)  # type: ignore[arg-type]
    return dataclasses.replace(text(row, "", chat=chat), kind="notice", sender=None, notice=info)
