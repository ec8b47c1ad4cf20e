"""Content to bytes and back. Parsing raises ``DecodeError`` on anything out of bounds, and nothing else.

The numbers of a peer are bounded here once, so that they fit every column, every clock and JSON everywhere above.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError as ProtobufDecodeError

from tacit.client.content import content_pb2 as pb
from tacit.client.content.errors import EmptyText, TextNotUnicode
from tacit.client.errors import TextTooLong
from tacit.errors import DecodeError
from tacit.limits import MAX_COUNTER, MAX_MESSAGE_BYTES, MAX_TEXT_BYTES, MAX_TIME_MS

MESSAGE_ID_SIZE: Final = 16
HEAD_SIZE: Final = 32
INCARNATION_SIZE: Final = 16


@dataclass(frozen=True, slots=True)
class Text:
    """A text message; at most ``MAX_TEXT_BYTES`` bytes of UTF-8, not empty."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Everything up to these places in the log is on the sender's disk, and was shown to the sender."""

    delivered_seq: int = 0
    read_seq: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """What one application message says."""

    message_id: bytes
    sent_at_ms: int
    counter: int
    head_seq: int
    head: bytes
    """32 bytes, or empty when the sender had none to show."""
    body: Text | Receipt | None
    """None: a kind of message that this version does not know."""
    incarnation: bytes = b""
    """That of the relay whose numbers and head these are; 16 bytes, or empty."""


def build_content(content: Content) -> bytes:
    """Encode content for sealing; what ``parse_content`` would refuse raises ``ValueError`` or a ``UsageError``."""
    _check_bounds(content, ValueError)
    message = pb.Content(
        message_id=content.message_id,
        sent_at_ms=content.sent_at_ms,
        counter=content.counter,
        head_seq=content.head_seq,
        head=content.head,
        incarnation=content.incarnation,
    )
    match content.body:
        case Text(text):
            check_text(text)
            message.text.text = text
        case Receipt(delivered_seq, read_seq):
            # SetInParent: a receipt of zeros is a receipt, not an unknown body.
            message.receipt.SetInParent()
            message.receipt.delivered_seq = delivered_seq
            message.receipt.read_seq = read_seq
        case None:
            raise ValueError("content without a body")
    return message.SerializeToString()


def parse_content(data: bytes) -> Content:
    """Decode what a member sealed; ``DecodeError`` for anything that ``build_content`` could not have made."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise DecodeError(f"content of {len(data)} bytes")
    message = pb.Content()
    try:
        message.ParseFromString(data)
    except ProtobufDecodeError:
        raise DecodeError("not content") from None
    content = Content(
        message_id=message.message_id,
        sent_at_ms=message.sent_at_ms,
        counter=message.counter,
        head_seq=message.head_seq,
        head=message.head,
        body=_body(message),
        incarnation=message.incarnation,
    )
    _check_bounds(content, DecodeError)
    return content


def check_text(text: str) -> None:
    """Refuse a text that cannot be sent: empty, too long or not Unicode."""
    if not text:
        raise EmptyText
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise TextNotUnicode from None
    if size > MAX_TEXT_BYTES:
        raise TextTooLong(f"{size} bytes, {MAX_TEXT_BYTES} at most")


def _body(message: pb.Content) -> Text | Receipt | None:
    match message.WhichOneof("body"):
        case "text":
            size = len(message.text.text.encode())
            if not 0 < size <= MAX_TEXT_BYTES:
                raise DecodeError(f"text of {size} bytes")
            return Text(message.text.text)
        case "receipt":
            return Receipt(message.receipt.delivered_seq, message.receipt.read_seq)
        case _:
            return None


def _check_bounds(content: Content, error: type[Exception]) -> None:
    if len(content.message_id) != MESSAGE_ID_SIZE:
        raise error(f"message ID of {len(content.message_id)} bytes")
    if len(content.head) not in (0, HEAD_SIZE):
        raise error(f"head of {len(content.head)} bytes")
    if len(content.incarnation) not in (0, INCARNATION_SIZE):
        raise error(f"incarnation of {len(content.incarnation)} bytes")
    if not 0 <= content.sent_at_ms <= MAX_TIME_MS:
        raise error("a time beyond every calendar")
    if not 1 <= content.counter <= MAX_COUNTER:
        raise error("a counter out of bounds")
    seqs = [content.head_seq]
    if isinstance(content.body, Receipt):
        seqs += [content.body.delivered_seq, content.body.read_seq]
    if not all(0 <= seq <= MAX_COUNTER for seq in seqs):
        raise error("a sequence number out of bounds")
