from __future__ import annotations

import asyncio

from tacit.client.events import ChatChanged, ConnectionChanged, ConnectionState, LineAdded, StateMoved
from tacit.client.model import ChatId, GroupId, Message, MessageId, MessageKind, MessageState
from tacit.client.watching import Missed, Watcher

CHAT = ChatId("group:00")


def line(row: int) -> LineAdded:
    text, state = MessageKind.TEXT, MessageState.RECEIVED
    return LineAdded(
        Message(row, MessageId(row.to_bytes(16, "big")), CHAT, GroupId(b""), text, state, None, "x", 0, 0, 0)
    )


async def drained(watcher: Watcher) -> list[object]:
    watcher.close()
    seen: list[object] = []
    while (event := await watcher.get()) is not None:
        seen.append(event)
    return seen


async def test_events_come_in_order_and_then_the_end() -> None:
    watcher = Watcher()
    events = [line(1), ChatChanged(CHAT), line(2)]
    for event in events:
        watcher.put(event)
    assert await drained(watcher) == events
    assert await watcher.get() is None


async def test_a_slow_reader_is_told_which_lines_to_read_and_gets_the_latest_of_the_rest() -> None:
    watcher = Watcher(capacity=2)
    watcher.put(line(1))
    watcher.put(ChatChanged(CHAT))
    for row in range(2, 50):
        watcher.put(line(row))
        watcher.put(StateMoved(CHAT, MessageId(b"m"), MessageState.SENT if row < 49 else MessageState.READ))
        watcher.put(ConnectionChanged(ConnectionState.ONLINE if row % 2 else ConnectionState.OFFLINE))
    assert await drained(watcher) == [
        line(1),
        ChatChanged(CHAT),
        Missed(after_row=1),
        StateMoved(CHAT, MessageId(b"m"), MessageState.READ),
        ConnectionChanged(ConnectionState.ONLINE),
    ]


async def test_a_reader_that_waits_is_woken() -> None:
    watcher = Watcher()
    waiting = asyncio.create_task(watcher.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    watcher.put(line(7))
    assert await waiting == line(7)
    waiting = asyncio.create_task(watcher.get())
    await asyncio.sleep(0)
    watcher.close()
    assert await waiting is None
