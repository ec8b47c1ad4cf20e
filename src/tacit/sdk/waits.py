"""Waiting for an own message to get further, and the stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from tacit.client.books import Books
from tacit.client.errors import Broken, Closed, Mishap, NotSent, Offline, TimedOut
from tacit.client.events import ClientEvent, ConnectionChanged, LineAdded, Problem, StateMoved
from tacit.client.model import ContactStatus, ConversationStatus, Message, MessageId, MessageState
from tacit.client.runtime import Runtime
from tacit.client.watching import Missed, Watcher
from tacit.errors import NotFound, TacitError
from tacit.sdk import present
from tacit.sdk.types import Event, WaitFor

_ORDER: Final = (
    MessageState.QUEUED,
    MessageState.SENT,
    MessageState.RELAYED,
    MessageState.DELIVERED,
    MessageState.READ,
)
_LINES_AT_ONCE: Final = 200
_LOOK_AGAIN_S: Final = 0.02


async def wait_for_state(runtime: Runtime, message_id: MessageId, wanted: WaitFor, timeout_s: float) -> Message:
    """Wait until an own message is at least ``wanted``; raises ``TimedOut``, ``NotSent``, ``NotFound``, ``Mishap``."""
    watcher, own = runtime.watch(), partial(find_own, message_id=message_id)
    try:
        async with asyncio.timeout(timeout_s):
            while not _is_at_least(message := await runtime.read(own), MessageState(wanted)):
                _check_is_under_way(runtime, message)
                await _next_about(runtime, watcher, message_id)
            return message
    except TimeoutError:
        raise TimedOut from None
    finally:
        runtime.unwatch(watcher)


def _is_at_least(message: Message, wanted: MessageState) -> bool:
    return message.state in _ORDER and _ORDER.index(message.state) >= _ORDER.index(wanted)


def _check_is_under_way(runtime: Runtime, message: Message) -> None:
    """Raise ``NotSent`` or ``Mishap`` for a message that will get no further."""
    if message.state is MessageState.FAILED:
        raise NotSent
    if message.state is MessageState.QUEUED and runtime.passes_over(message.chat_id):
        raise Mishap


async def wait_for_logs(runtime: Runtime, timeout_s: float) -> None:
    """Wait until every conversation that is read here is in step with its log; raises ``Offline`` if the relay goes."""
    deadline = runtime.clock.monotonic_s() + timeout_s
    while await runtime.read(_lags):
        if runtime.uplink.connection is None or runtime.clock.monotonic_s() > deadline:
            raise Offline
        await runtime.clock.sleep(_LOOK_AGAIN_S)


def _lags(books: Books) -> bool:
    """Whether a log was asked for that has not been read to its end yet."""
    for group_id, status in books.statuses.items():
        if status not in (ConversationStatus.ACTIVE, ConversationStatus.BEHIND):
            continue
        if group_id in books.ready or group_id in books.unreadable:
            continue
        state = books.state(group_id)
        chat = books.chats.get(state.conversation.chat_id) if state is not None else None
        peer = books.contacts.get(chat.peer) if chat is not None and chat.peer else None
        if chat is not None and (peer is None or peer.status is not ContactStatus.BLOCKED):
            return True
    return False


def find_own(books: Books, message_id: MessageId) -> Message:
    """An own message by its ID; raises ``NotFound``."""
    for message in books.store.find_messages(message_id):
        if message.sender == books.me.account_id:
            return message
    raise NotFound


async def stream(runtime: Runtime, watcher: Watcher) -> AsyncIterator[Event]:
    """Everything that a watcher is told, as programs see it; ends with the client."""
    try:
        last_row = 0
        while (happened := await watcher.get()) is not None:
            if isinstance(happened, Missed):
                async for event in _missed(runtime, max(happened.after_row, last_row)):
                    last_row = event[0]
                    yield event[1]
                continue
            if isinstance(happened, LineAdded):
                if happened.message.row <= last_row:
                    continue  # it was among those read from the store
                last_row = happened.message.row
            event_or_none = await _present(runtime, happened)
            if event_or_none is not None:
                yield event_or_none
    finally:
        runtime.unwatch(watcher)


async def _missed(runtime: Runtime, after_row: int) -> AsyncIterator[tuple[int, Event]]:
    """Lines that were left to the store while the watcher was slow."""
    while True:
        lines = await runtime.read(
            lambda books, row=after_row: [  # type: ignore[misc]  # mypy does not see the default's type
                (m.row, _shown(runtime, books, LineAdded(m))) for m in books.store.messages_after(row, _LINES_AT_ONCE)
            ]
        )
        for row, event in lines:
            after_row = row
            if event is not None:
                yield row, event
        if len(lines) < _LINES_AT_ONCE:
            return


async def _present(runtime: Runtime, happened: ClientEvent) -> Event | None:
    if isinstance(happened, ConnectionChanged | Problem):
        return present.bare_event(happened)  # needs no books, and may be the last word of a client that has stopped
    try:
        return await runtime.read(lambda books: _shown(runtime, books, happened))
    except (Broken, Closed):
        return None


def _shown(runtime: Runtime, books: Books, happened: ClientEvent) -> Event | None:
    """What happened as programs see it; one thing that this program cannot show is told, and the stream goes on."""
    try:
        return present.event(books, happened)
    except TacitError:
        raise
    except Exception as error:  # noqa: BLE001 - it is in the store, and whoever watches would hear nothing any more
        return present.bare_event(runtime.mishap(error))


async def _next_about(runtime: Runtime, watcher: Watcher, message_id: MessageId) -> None:
    """Wait until something is told that may concern a message."""
    while True:
        match await watcher.get():
            case None:
                raise runtime.why_closed()
            case Missed() | Problem(code=Mishap.code):
                return
            case StateMoved(_, moved, _) if moved == message_id:
                return
