"""Which lines of a chat its owner has not seen: texts of others are counted, and notices may stand among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tacit.sdk.types import ChatInfo, MessageInfo

if TYPE_CHECKING:
    from tacit.sdk import Client


async def last_lines(me: Client, chat: ChatInfo, limit: int, most: int | None = None) -> list[MessageInfo]:
    """The last ``limit`` lines of a chat, or more, ``most`` at the most, so that all unread texts are among them.

    What is passed over among notices would never be shown.
    """
    messages = await me.history(chat.id, limit=limit)
    while len(messages) == limit and (most is None or limit < most) and len(_texts_of_others(messages)) < chat.unread:
        limit = 2 * limit if most is None else min(2 * limit, most)
        messages = await me.history(chat.id, limit=limit)
    return messages


def first_new(messages: Sequence[MessageInfo], unread: int) -> int:
    """Return the index of the first unread text of others, or one past the end."""
    theirs = _texts_of_others(messages)
    if not unread:
        return len(messages)
    return theirs[-unread] if len(theirs) >= unread else 0


def _texts_of_others(messages: Sequence[MessageInfo]) -> list[int]:
    """Their indices; notices are never unread."""
    return [index for index, message in enumerate(messages) if message.kind == "text" and not message.mine]
