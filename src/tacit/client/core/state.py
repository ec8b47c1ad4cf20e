"""The state of one conversation, and what every step of the core is given besides it.

Values only. A step returns a new state; whoever calls it saves both in one transaction or forgets the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from tacit import mls
from tacit.client.core.effects import Effect
from tacit.client.core.group_info import GroupInfo, GroupKind
from tacit.client.core.roster import Member, Roster
from tacit.client.model import (
    Conversation,
    ConversationStatus,
    Message,
    MessageId,
    OutboxRow,
    SenderProgress,
)
from tacit.entropy import Entropy


class EntryKind(IntEnum):
    """What an entry of a log is, in the numbers of the relay protocol."""

    MESSAGE = 1
    COMMIT = 2
    WELCOME = 3


@dataclass(frozen=True, slots=True)
class Me:
    """The account and device that this client is."""

    account_id: bytes
    device_id: bytes
    account_key: bytes
    certificate: bytes
    """Encoded device certificate: the MLS credential."""
    signature_private: bytes = field(repr=False)

    @property
    def device(self) -> tuple[bytes, bytes]:
        """How the relay names this reader."""
        return self.account_id, self.device_id


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may use besides its state and its input."""

    me: Me
    now_s: float
    entropy: Entropy
    head_at: Callable[[bytes, int], bytes | None] = lambda _group_id, _seq: None
    """The running head that this store remembers of a conversation after an entry."""
    incarnation: bytes = b""
    """The relay's, which is drawn anew when it is restored from a backup."""
    is_newest: Callable[[bytes], bool] = lambda _group_id: False
    """Whether this process knows that its store of a conversation is no old copy: see ``core.lives``."""

    @property
    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return int(self.now_s * 1000)

    def fresh_id(self) -> MessageId:
        """A new random ID."""
        return MessageId(self.entropy(16))


@dataclass(frozen=True, slots=True)
class OwnCommit:
    """A commit of this device that the log has not shown yet."""

    message_id: MessageId
    pending: mls.PendingCommit


@dataclass(frozen=True, slots=True)
class GroupState:
    """One conversation: its row, its MLS group and what is known of each member."""

    conversation: Conversation
    group: mls.Group
    info: GroupInfo
    roster: Roster
    progress: Mapping[bytes, SenderProgress]
    """By device ID. The row of this very device says what it has told others: see ``receipts`` and ``commits``."""
    own_commit: OwnCommit | None = None
    alarmed_epoch: int = -1
    """The epoch for which the alarm about a fork has been given."""

    @property
    def group_id(self) -> bytes:
        """The MLS group ID, which is also the log's."""
        return self.conversation.group_id

    @property
    def is_active(self) -> bool:
        """Whether this device may send here."""
        return self.conversation.status is ConversationStatus.ACTIVE

    @property
    def is_room(self) -> bool:
        """Whether people come in by a link here, under nicknames."""
        return self.info.kind is GroupKind.ROOM

    def others(self, me: Me) -> frozenset[bytes]:
        """Accounts in the group but the own one."""
        return self.roster.accounts - {me.account_id}

    def member(self, leaf: int) -> Member:
        """Who stands at a leaf."""
        return self.roster.by_leaf[leaf]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a conversation's log as the relay gave it; everything but the payload's content is its word."""

    seq: int
    message_id: MessageId
    kind: int
    payload: bytes = field(repr=False)
    own: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """What this store knows of an entry that it sent itself."""

    row: OutboxRow
    message: Message | None = None
    """The line of history that the payload carries, if any."""


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one input: the state to save and what else to do."""

    state: GroupState
    effects: tuple[Effect, ...] = ()
    author: tuple[bytes, bytes] | None = None
    """Account and device that have proved to have written the entry, if it was one."""
