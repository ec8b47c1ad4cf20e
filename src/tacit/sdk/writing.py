"""What programs change and want to see the outcome of at once. Called on the store's thread."""

from __future__ import annotations

from tacit.client.batch import Batch
from tacit.client.books import Books
from tacit.client.model import ChatId
from tacit.client.outgoing import queue_text
from tacit.client.turn import AfterSave
from tacit.errors import NotFound
from tacit.sdk.present import message_info
from tacit.sdk.types import MessageInfo


def send(batch: Batch, chat_id: ChatId, text: str) -> AfterSave[MessageInfo]:
    """Write a text down, and say what has become of it once it is on disk."""
    message_id = queue_text(batch, chat_id, text)

    def read(books: Books) -> MessageInfo:
        message = books.store.message_by_id(chat_id, message_id)
        if message is None:
            raise NotFound
        return message_info(books, message)

    return AfterSave(read)
