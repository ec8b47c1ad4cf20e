"""What the client tells whoever watches it, in the terms of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from tacit.client.model import ChatId, Message, MessageId, MessageState
from tacit.errors import TacitError


class ConnectionState(StrEnum):
    """How the client stands to its relay."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    ONLINE = "online"


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """The connection came, went, or is being tried."""

    state: ConnectionState
    error: TacitError | None = None
    retry_in_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LineAdded:
    """A line was added to history."""

    message: Message


@dataclass(frozen=True, slots=True)
class StateMoved:
    """An own message got further."""

    chat_id: ChatId
    message_id: MessageId
    state: MessageState


@dataclass(frozen=True, slots=True)
class ChatChanged:
    """A chat appeared, or its members, title or status changed."""

    chat_id: ChatId


@dataclass(frozen=True, slots=True)
class RequestArrived:
    """A stranger opened a chat."""

    chat_id: ChatId
    account_id: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """Something went wrong that belongs to no chat."""

    code: str
    sentence: str
    hint: str = ""


ClientEvent: TypeAlias = ConnectionChanged | LineAdded | StateMoved | ChatChanged | RequestArrived | Problem
