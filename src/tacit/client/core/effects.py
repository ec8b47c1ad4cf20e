"""What the core wants done: values that the runtime turns into rows, frames and events, and that tests compare.

The new state of a conversation is not an effect; it is returned beside them and saved in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tacit.client.model import (
    ChatId,
    ChatStatus,
    Intent,
    KeptEntry,
    Message,
    MessageId,
    MessageState,
    OutboxRow,
)


@dataclass(frozen=True, slots=True)
class AddMessage:
    """Append a line to history and show it, unless the chat already has a line of that ID."""

    message: Message


@dataclass(frozen=True, slots=True)
class SetMessage:
    """Move an own message on; what is None stays."""

    chat_id: ChatId
    message_id: MessageId
    state: MessageState
    seq: int | None = None
    epoch: int | None = None
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class RaiseStates:
    """Own messages of this log up to ``through_seq`` have arrived at, or been read by, everybody."""

    through_seq: int
    state: MessageState


@dataclass(frozen=True, slots=True)
class AddOutbox:
    """Bytes for the network, sent after the transaction."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class DropOutbox:
    """The relay has it, or it will never be sent."""

    row: int


@dataclass(frozen=True, slots=True)
class AddIntent:
    """Something to do later."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class PutIntent:
    """Another try."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class DropIntent:
    """Done, or without meaning by now."""

    row: int


@dataclass(frozen=True, slots=True)
class PutHead:
    """Remember the running head after an entry."""

    seq: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep an entry as it came, for a relay that loses it."""

    entry: KeptEntry


@dataclass(frozen=True, slots=True)
class KeepWelcome:
    """Keep a Welcome that the relay has taken, for the same."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class SetAside:
    """What came after ``seq`` is to be shown again by the log."""

    seq: int


@dataclass(frozen=True, slots=True)
class FoundAgain:
    """The log shows an entry again, perhaps under another number."""

    old_seq: int
    seq: int


@dataclass(frozen=True, slots=True)
class DropAside:
    """What the log has not shown again it never will, of what had this number or a later one."""

    from_seq: int = 0


@dataclass(frozen=True, slots=True)
class Meet:
    """An account was seen in a group: pin its key unless it is known."""

    account_id: bytes
    account_key: bytes


@dataclass(frozen=True, slots=True)
class ChangeChat:
    """The chat has another title or status; None: unchanged. With neither: its members changed."""

    title: str | None = None
    status: ChatStatus | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Something that belongs to no chat: tell the person."""

    code: str
    sentence: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class GoneAstray:
    """Others seem to have gone on in a room where this device cannot follow: look at the door whether it is so."""


Effect: TypeAlias = (
    AddMessage
    | SetMessage
    | RaiseStates
    | AddOutbox
    | DropOutbox
    | AddIntent
    | PutIntent
    | DropIntent
    | PutHead
    | Keep
    | KeepWelcome
    | SetAside
    | FoundAgain
    | DropAside
    | Meet
    | ChangeChat
    | Report
    | GoneAstray
)
