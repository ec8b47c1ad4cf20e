"""What this client knows: its store, and in memory the part of it that every message touches.

Everything here happens on one thread. Work is done on a ``Batch``, which lays changes over what is known; ``save``
writes a batch in one transaction and only then lets memory follow. A batch that is not saved has never been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tacit import limits, mls
from tacit.client.core.group_info import read_group_info
from tacit.client.core.lives import may_seal
from tacit.client.core.roster import read_roster
from tacit.client.core.state import Context, GroupState, Me, OwnCommit
from tacit.client.errors import Closed
from tacit.client.model import (
    Aside,
    Chat,
    ChatId,
    Contact,
    ConversationStatus,
    GroupId,
    Intent,
    JoinRow,
    Message,
    MessageId,
    OutboxRow,
    Profile,
)
from tacit.client.restraint import Restraint
from tacit.client.store import Store, StoreDamaged
from tacit.client.store.rows import decode_blobs
from tacit.clock import Clock
from tacit.entropy import Entropy
from tacit.identity import DeviceCertificate
from tacit.wire import relay_pb2 as pb

DEFERRED: Final = "deferred-welcomes"
INCARNATION: Final = "relay-incarnation"
RESTRAINT: Final = "restraint"

Checkpoint = Callable[[str], None]
"""Called by name between any two effects; tests crash there."""


@dataclass(frozen=True, slots=True)
class Nobodys:
    """Lines about what nobody has proved to have written: since when, on the steady clock, and how many."""

    since_s: float
    count: int

    @classmethod
    def one_more(cls, known: Nobodys | None, now_s: float) -> Nobodys:
        """The same with one more, or the first of another while."""
        if known is None or now_s - known.since_s >= limits.NOBODYS_LINES_S:
            return cls(now_s, 1)
        return cls(known.since_s, known.count + 1)


class Books:
    """The store and its image in memory."""

    def __init__(self, store: Store, clock: Clock, entropy: Entropy) -> None:
        profile = store.profile()
        if profile is None:
            raise StoreDamaged("the profile is missing")
        self.store = store
        self.clock = clock
        self.entropy = entropy
        self.profile = profile
        self.me = read_me(profile)
        self.contacts: dict[bytes, Contact] = {c.account_id: c for c in store.contacts()}
        self.chats: dict[ChatId, Chat] = {c.id: c for c in store.chats()}
        self.intents: dict[int, Intent] = {}
        """By row, in the order of asking."""
        self.intents_of: dict[ChatId, dict[int, Intent]] = {}
        for intent in store.intents():
            self.note_intent(intent.row, intent)
        self.outbox: dict[MessageId, OutboxRow] = {o.message_id: o for o in store.outbox()}
        self.joins: dict[GroupId, JoinRow] = {j.group_id: j for j in store.joins()}
        """Rooms that this device has asked to come into."""
        self.inbox_cursor = store.inbox_cursor()
        self.inbox_incarnation = store.meta(INCARNATION) or b""
        """That of the relay whose inbox is being read; empty before the first."""
        self.deferred = decode_blobs(store.meta(DEFERRED) or b"")
        """Invitations to groups that this device is still in, as far as it knows."""
        self.groups_of: dict[ChatId, set[GroupId]] = {}
        self.statuses: dict[GroupId, ConversationStatus] = {}
        for conversation in store.conversations():
            self.groups_of.setdefault(conversation.chat_id, set()).add(conversation.group_id)
            self.statuses[conversation.group_id] = conversation.status
        self.ready: set[GroupId] = set()
        """Conversations whose log is being listened to and has been caught up with: here may be written."""
        self.unreadable: set[GroupId] = set()
        """Conversations whose log the relay says it does not have, or not for us."""
        self.asked_after: dict[bytes, int] = {}
        """From where each log was asked for over the present connection."""
        self.holes: dict[GroupId, str] = {}
        """Logs that are being asked for once more over the present connection: see ``holes``."""
        self.early: dict[GroupId, dict[int, pb.Entry]] = {}
        """Entries that came before their turn, by number."""
        self.incarnation = b""
        """That of the relay at the other end of the present connection."""
        self.connected_at_s = 0.0
        """When, on the steady clock, the present connection was made."""
        self.waits_until_s = 0.0
        """Until when, on the steady clock, that relay waits for what it lacks."""
        self.returning: set[GroupId] = set()
        """Conversations to whose logs something may have to be brought back before anything new is said."""
        self.made_again: set[GroupId] = set()
        """Logs that were made again over the present connection."""
        self.aside: dict[GroupId, dict[MessageId, Aside]] = {}
        """Entries that these logs have still to show again."""
        self.newest: set[GroupId] = set()
        """Conversations that this process has been in step with, so that its store of them is no old copy."""
        self.stale_rooms: set[GroupId] = set()
        """Rooms of which the relay keeps something else than what they are now: newcomers would be led astray."""
        self.astray: set[GroupId] = set()
        """Rooms whose others seem to be elsewhere: this device keeps its place until it has another one."""
        self.alone: set[GroupId] = set()
        """Rooms to which there is no way back: as long as nobody is heard there, their doors are left alone."""
        self.restraint = Restraint.decode(store.meta(RESTRAINT) or b"")
        """What this device has done of late at the doors of rooms."""
        self.silent_until_s: dict[str, float] = {}
        """Until when, on the steady clock, a report of this code is not told again."""
        self.nobodys: dict[GroupId, Nobodys] = {}
        """What the log of a conversation has lately brought that nobody could open."""
        self.online = False
        self.impatient: set[GroupId] = set()
        """Conversations in which this device has waited long enough for others to commit."""
        self.parked: set[int] = set()
        """Invitations whose people have no KeyPackage at the relay just now."""
        self.under_way: dict[MessageId, Message] = {}
        """Own texts whose echo has not come yet, as far as they were sealed since the start."""
        self._states: dict[GroupId, GroupState] = {}
        self._heads: dict[tuple[GroupId, int], bytes] = {}
        self.is_whole = True
        """Whether memory has followed all that was written."""
        self._closed = False

    def context(self) -> Context:
        """What the core's steps are given now."""
        incarnation = self.incarnation or self.inbox_incarnation
        now_s = self.clock.now_s()
        return Context(self.me, now_s, self.entropy, self.head_at, incarnation, lambda group: group in self.newest)

    def state(self, group_id: GroupId) -> GroupState | None:
        """One conversation as it was last saved; None when it is unknown or its keys are gone."""
        if self._closed:
            raise Closed
        state = self._states.get(group_id)
        if state is None:
            state = self._load(group_id)
            if state is not None:
                self._states[group_id] = state
        return state

    def head_at(self, group_id: bytes, seq: int) -> bytes | None:
        """The running head after an entry, as far as it is remembered."""
        found = self._heads.get((GroupId(group_id), seq))
        return found if found is not None else self.store.head_at(GroupId(group_id), seq)

    def note_head(self, group_id: GroupId, seq: int, head: bytes) -> None:
        """Remember a head that is being saved, for entries of the same batch."""
        self._heads[group_id, seq] = head

    def forget_heads(self) -> None:
        """Leave the heads to the store."""
        self._heads.clear()

    def keep_states(self, states: Iterable[GroupState]) -> None:
        """Let memory follow what was saved."""
        for state in states:
            conversation = state.conversation
            group_id = conversation.group_id
            self.groups_of.setdefault(conversation.chat_id, set()).add(group_id)
            self.statuses[group_id] = conversation.status
            if conversation.status is not ConversationStatus.ACTIVE:
                self.newest.discard(group_id)
            if conversation.status is ConversationStatus.REMOVED:
                self._states.pop(group_id, None)
                self.ready.discard(group_id)
            else:
                self._states[group_id] = state

    def forget_chat(self, chat_id: ChatId) -> None:
        """Let memory follow a chat that was deleted."""
        self.chats.pop(chat_id, None)
        for group_id in self.groups_of.pop(chat_id, set()):
            self.statuses.pop(group_id, None)

    def leave_connection(self) -> None:
        """Forget what was true over the last connection, but not that its conversations were in step."""
        ctx = self.context()
        for group_id in self.ready:
            state = self.state(group_id)
            if state is not None and state.is_active and may_seal(state, ctx):
                self.newest.add(group_id)
        for known in (self.ready, self.asked_after, self.holes, self.early, self.returning, self.made_again):
            known.clear()

    def chat_states(self, chat_id: ChatId) -> list[GroupState]:
        """The living conversations of a chat, as saved."""
        states = (self.state(g) for g in sorted(self.groups_of.get(chat_id, ())) if self.is_alive(g))
        return [state for state in states if state is not None]

    def is_alive(self, group_id: GroupId) -> bool:
        """Whether a conversation still has keys here."""
        return self.statuses.get(group_id, ConversationStatus.REMOVED) is not ConversationStatus.REMOVED

    def note_intent(self, row: int, intent: Intent | None) -> None:
        """Let memory follow an intent that was written, replaced or dropped."""
        if intent is None:
            known = self.intents.pop(row, None)
            if known is not None:
                self.intents_of[known.chat_id].pop(row)
        else:
            self.intents[row] = intent
            self.intents_of.setdefault(intent.chat_id, {})[row] = intent

    def close(self) -> None:
        """Forget every secret in memory; the store is closed by its owner."""
        self._closed = True
        self._states.clear()

    def _load(self, group_id: GroupId) -> GroupState | None:
        conversation = self.store.conversation(group_id)
        rows = self.store.group_rows(group_id)
        if conversation is None or not rows:
            return None
        group = mls.load_rows(rows)
        pending = self.store.pending_commit(group_id)
        return GroupState(
            conversation=conversation,
            group=group,
            info=read_group_info(group.extensions),
            roster=read_roster(group.members()),
            progress={p.device_id: p for p in self.store.sender_progress(group_id)},
            own_commit=None if pending is None else decode_own_commit(pending, group),
        )


def encode_own_commit(own: OwnCommit, group: mls.Group) -> bytes:
    """The stored form: the ID of the entry, then what sets the commit's epoch apart from that of the group."""
    return own.message_id + own.pending.encode(group)


def decode_own_commit(data: bytes, group: mls.Group) -> OwnCommit:
    """What ``encode_own_commit`` made."""
    return OwnCommit(MessageId(data[:16]), mls.PendingCommit.decode(data[16:], group))


def read_me(profile: Profile) -> Me:
    """Who a profile is, as the core wants it."""
    return Me(
        account_id=profile.account_id,
        device_id=profile.device_id,
        account_key=DeviceCertificate.decode(profile.device_certificate).account_key,
        certificate=profile.device_certificate,
        signature_private=profile.device_private,
    )
