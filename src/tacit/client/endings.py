"""When something comes to nothing: what waited for it fails visibly instead of waiting for ever."""

from __future__ import annotations

from tacit.client.batch import Batch
from tacit.client.core.effects import DropIntent, SetMessage
from tacit.client.core.notices import chat_line
from tacit.client.model import ChatId, IntentKind, MessageState, Notice


def fail_waiting(batch: Batch, chat_id: ChatId, reason: str) -> None:
    """The chat has ended: what still waits in it will never go out, and says so."""
    texts = 0
    for intent in batch.intents(chat_id):
        batch.add(DropIntent(intent.row))
        if intent.kind is IntentKind.TEXT:
            batch.add(SetMessage(chat_id, intent.message_id, MessageState.FAILED))
            texts += 1
    if texts:
        batch.add(chat_line(chat_id, Notice("not-sent", count=texts, reason=reason), batch.ctx))
