"""Whose account the relay does not have any more: asked while something of ours waits for them, told in their chats.

Whoever runs a relay can delete an account there. Its devices stay in every group until a member removes them, for the
relay has no say in a group; so what it says is shown as its word, and changes nothing. It could say so of anybody, and
gains nothing by it that it could not have by silence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Final

from tacit.client.batch import Batch
from tacit.client.books import Books
from tacit.client.connection import Connection
from tacit.client.core.notices import notice_line
from tacit.client.core.receipts import lacking
from tacit.client.directory import Asked, look_up
from tacit.client.loop import Loop
from tacit.client.model import ChatId, ChatKind, ChatStatus, Message, MessageState, Notice
from tacit.errors import RelayError, TransportError, Untrusted
from tacit.limits import HOUR_S
from tacit.wire.errors import NoSuchAccount

GONE: Final = "account-gone"

ASK_AFTER_S: Final = 15.0
"""How long an own message waits for the word that it has arrived before the relay is asked after those who owe it."""

ASK_EVERY_S: Final = float(HOUR_S)
"""How often the relay is asked after the same account."""

MAX_ASKED: Final = 16
"""After how many at once; the rest of a large group has its turn with a later message."""

LINES: Final = 200
"""How far back in a chat is looked for what waits, and for what was told already."""

KINDS: Final = (ChatKind.DIRECT, ChatKind.GROUP)
"""Chats of people who know each other's accounts."""


class Lookout:
    """Asks after those for whom something waits, as long as the client runs."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._asked_at_s: dict[bytes, float] = {}

    async def ask(self, connection: Connection, chat_id: ChatId | None) -> None:
        """Ask after those who owe word in a chat, or in any of which the last line is an own one; tell who is gone."""
        now_s = self._loop.clock.monotonic_s()
        owing = await self._loop.read(partial(who_owes_word, chat_id=chat_id))
        wanted = [a for a in owing if now_s - self._asked_at_s.get(a, -math.inf) >= ASK_EVERY_S][:MAX_ASKED]
        self._asked_at_s |= dict.fromkeys(wanted, now_s)
        try:
            gone = [account for account in wanted if await _is_gone(connection, account)]
        except TransportError:
            for account in wanted:
                self._asked_at_s.pop(account, None)
            raise
        if gone:
            await self._loop.do(partial(note_gone, accounts=gone))


def who_owes_word(books: Books, chat_id: ChatId | None = None) -> list[bytes]:
    """Accounts that have not said whether they have an own message which is on the relay's disk."""
    owing: dict[bytes, None] = {}
    for chat in list(books.chats.values()) if chat_id is None else [books.chats[chat_id]]:
        if chat.status is not ChatStatus.ACTIVE or chat.kind not in KINDS:
            continue
        if chat_id is None and not _waits(books.store.last_message(chat.id)):
            continue
        waiting = [line for line in books.store.messages(chat.id, LINES) if _waits(line)]
        for state in books.chat_states(chat.id) if waiting else []:
            group_id = state.conversation.group_id
            seq = max((line.seq for line in waiting if line.group_id == group_id), default=0)
            owing |= dict.fromkeys(lacking(state, seq, books.me)) if state.is_active else {}
    return list(owing)


def note_gone(batch: Batch, accounts: Iterable[bytes]) -> None:
    """Say in every chat with one of these accounts that the relay does not have it, unless that was said last."""
    for account in accounts:
        for chat in list(batch.books.chats.values()):
            if chat.status is not ChatStatus.ACTIVE or chat.kind not in KINDS or batch.is_blocked(chat.id):
                continue
            state = next((s for s in batch.states_of(chat.id) if s.is_active and account in s.roster.accounts), None)
            if state is None or _was_told(batch.books.store.messages(chat.id, LINES), account):
                continue
            notice = Notice(GONE, who=(account,))
            batch.add(notice_line(state, notice, batch.ctx), state.conversation.group_id, state)


async def _is_gone(connection: Connection, account: bytes) -> bool:
    """Whether the relay says that it does not have an account; any other refusal says nothing about that."""
    try:
        await look_up(connection, Asked(account_id=account))
    except NoSuchAccount:
        return True
    except (RelayError, Untrusted):
        pass
    return False


def _waits(line: Message | None) -> bool:
    return line is not None and line.state is MessageState.RELAYED


def _was_told(lines: list[Message], account: bytes) -> bool:
    """Whether it was, and nothing has come from them since."""
    for line in reversed(lines):
        if line.sender == account:
            return False
        if line.notice is not None and line.notice.code == GONE and account in line.notice.who:
            return True
    return False
