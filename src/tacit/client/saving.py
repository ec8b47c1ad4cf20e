"""Writing a batch down: one transaction for all of it, and memory follows only afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import assert_never

from tacit import mls
from tacit.client.books import DEFERRED, INCARNATION, RESTRAINT, Books, Checkpoint, encode_own_commit
from tacit.client.core.effects import (
    AddIntent,
    AddMessage,
    AddOutbox,
    ChangeChat,
    DropAside,
    DropIntent,
    DropOutbox,
    Effect,
    FoundAgain,
    GoneAstray,
    Keep,
    KeepWelcome,
    Meet,
    PutHead,
    PutIntent,
    RaiseStates,
    Report,
    SetAside,
    SetMessage,
)
from tacit.client.core.state import GroupState
from tacit.client.events import ClientEvent, LineAdded, Problem, StateMoved
from tacit.client.model import (
    Chat,
    ChatId,
    Contact,
    ConversationStatus,
    GroupId,
    Intent,
    JoinRow,
    KeptEntry,
    KeyPackageRow,
    Message,
    MessageId,
    MessageKind,
    MessageState,
    OutboxRow,
    Profile,
)
from tacit.client.restraint import Restraint
from tacit.client.store.rows import encode_blobs
from tacit.crypto.memory import forget_private_keys
from tacit.limits import PAST_EPOCH_S


@dataclass
class Changes:
    """What a batch wants written."""

    deferred: tuple[bytes, ...]
    """Invitations that wait for a group to end here."""
    states: dict[GroupId, GroupState] = field(default_factory=dict)
    chats: dict[ChatId, Chat] = field(default_factory=dict)
    contacts: dict[bytes, Contact] = field(default_factory=dict)
    effects: list[tuple[GroupId | None, Effect]] = field(default_factory=list)
    intents: dict[int, Intent | None] = field(default_factory=dict)
    """By row, negative while provisional; None: dropped."""
    bundles: list[KeyPackageRow] = field(default_factory=list)
    used_bundles: set[bytes] = field(default_factory=set)
    sweep_bundles_before: int | None = None
    """Delete the private halves of KeyPackages that expired before this time."""
    inbox_cursor: int | None = None
    inbox_seen: list[bytes] = field(default_factory=list)
    """IDs of what the inbox has brought."""
    incarnation: bytes | None = None
    """The relay's at which the inbox is being read."""
    drop_kept_before: int | None = None
    restraint: Restraint | None = None
    joins: dict[GroupId, JoinRow | None] = field(default_factory=dict)
    """Wishes to come into rooms; None: gone."""
    forgotten: set[ChatId] = field(default_factory=set)
    """Chats that have never come about."""
    profile: Profile | None = None

    def is_nothing(self, books: Books) -> bool:
        """Whether there is nothing to write."""
        return self == Changes(books.deferred)


@dataclass
class Written:
    """What came of it."""

    outbox: list[OutboxRow]
    events: list[ClientEvent]


def save(books: Books, changes: Changes, checkpoint: Checkpoint) -> Written:
    """Write everything in one transaction; raises ``StorageError``, and then nothing has happened."""
    writer = _Writer(books, changes)
    if not changes.is_nothing(books):
        checkpoint("before-transaction")
        try:
            with books.store.transaction():
                _write(books, changes, writer)
                checkpoint("before-commit")
        finally:
            books.forget_heads()
        books.is_whole = False
        checkpoint("after-commit")
        ends_keys = _ends_keys(books, changes)
        _follow(books, changes, writer)
        books.is_whole = True
        if ends_keys:
            forget_private_keys()
    return Written(list(writer.added.values()), writer.events)


def _write(books: Books, changes: Changes, writer: _Writer) -> None:
    store = books.store
    if changes.profile is not None:
        store.put_profile(changes.profile)
    for contact in changes.contacts.values():
        store.put_contact(contact)
    for chat in changes.chats.values():
        store.put_chat(chat)
    for row, intent in changes.intents.items():
        writer.write_intent(row, intent)
    for state in changes.states.values():
        _write_state(books, state)
    for group_id, effect in changes.effects:
        writer.apply(group_id, effect)
    for group_id, heads in writer.heads.items():
        if _is_kept(books, changes, group_id):
            store.put_heads(group_id, heads)
    for group_id in writer.kept:
        writer.write_kept(group_id)
    for ref in sorted(changes.used_bundles):
        store.drop_bundle(ref)
    if changes.bundles:
        store.add_bundles(changes.bundles)
    if changes.sweep_bundles_before is not None:
        store.drop_expired_bundles(changes.sweep_bundles_before)
    if changes.deferred != books.deferred:
        store.put_meta(DEFERRED, encode_blobs(changes.deferred))
    if changes.inbox_cursor is not None:
        store.put_inbox_cursor(changes.inbox_cursor)
    if changes.inbox_seen:
        store.note_inbox(changes.inbox_seen)
    if changes.incarnation is not None:
        store.put_meta(INCARNATION, changes.incarnation)
    if changes.restraint is not None:
        store.put_meta(RESTRAINT, changes.restraint.encode())
    if changes.drop_kept_before is not None:
        store.drop_kept_before(changes.drop_kept_before)
    for group_id, join in changes.joins.items():
        if join is None:
            store.drop_join(group_id)
        else:
            store.put_join(join)
    for chat_id in sorted(changes.forgotten):
        store.drop_chat(chat_id)


def _follow(books: Books, changes: Changes, writer: _Writer) -> None:
    """Let memory follow what is on disk now."""
    books.chats |= changes.chats
    books.contacts |= changes.contacts
    books.keep_states(changes.states.values())
    for message_id in writer.dropped:
        books.outbox.pop(message_id, None)
    books.outbox |= writer.added
    for row, intent in writer.intents.items():
        books.note_intent(row, intent)
    books.under_way |= writer.sealed
    for content_id in writer.settled:
        books.under_way.pop(content_id, None)
    for chat_id in changes.forgotten:
        books.forget_chat(chat_id)
    books.deferred = changes.deferred
    for group_id, join in changes.joins.items():
        if join is None:
            books.joins.pop(group_id, None)
        else:
            books.joins[group_id] = join
    if changes.profile is not None:
        books.profile = changes.profile
    if changes.inbox_cursor is not None:
        books.inbox_cursor = changes.inbox_cursor
    if changes.incarnation is not None:
        books.inbox_incarnation = changes.incarnation
    if changes.restraint is not None:
        books.restraint = changes.restraint


def _is_kept(books: Books, changes: Changes, group_id: GroupId) -> bool:
    state = changes.states.get(group_id)
    status = state.conversation.status if state else books.statuses.get(group_id)
    return status is not ConversationStatus.REMOVED


def _write_state(books: Books, state: GroupState) -> None:
    store, conversation = books.store, state.conversation
    group_id = conversation.group_id
    old = books.state(group_id)
    if old is not None and conversation.joined_epoch != old.conversation.joined_epoch:
        store.drop_group(group_id)  # left and joined again in one turn: nothing of the old self is kept
        old = None
    if conversation.status is ConversationStatus.REMOVED:
        conversation = replace(conversation, link_secret=b"")
    if old is None or old.conversation != conversation:
        store.put_conversation(conversation)
    if conversation.status is ConversationStatus.REMOVED:
        store.drop_group(group_id)
        return
    if old is None or old.group is not state.group:
        # What is in memory is what was saved last, so the rows of the old group are on disk, and all of them.
        changes = mls.save_changes(None if old is None else old.group, state.group)
        store.change_group(group_id, changes.put, changes.drop)
        if old is None or old.group.past_keys is not state.group.past_keys:
            store.put_group_expiry(group_id, _expiry(state.group))
    for device_id, row in state.progress.items():
        if old is None or old.progress.get(device_id) != row:
            store.put_sender_progress(group_id, row)
    before = None if old is None else old.own_commit
    if state.own_commit is before:
        return
    if state.own_commit is None:
        store.drop_pending_commit(group_id)
    else:
        store.put_pending_commit(group_id, encode_own_commit(state.own_commit, state.group))


def _expiry(group: mls.Group) -> int | None:
    """When the oldest keys of past epochs are to go."""
    ends = [keys.ended_at for keys in group.past_keys if keys.ended_at is not None]
    return int(min(ends)) + PAST_EPOCH_S + 1 if ends else None


def _ends_keys(books: Books, changes: Changes) -> bool:
    """Whether private keys are given up: those of an epoch, or of a KeyPackage."""
    befores = [(books.state(group_id), state) for group_id, state in changes.states.items()]
    return bool(changes.used_bundles) or any(
        before is not None
        and (before.group.epoch != after.group.epoch or after.conversation.status is ConversationStatus.REMOVED)
        for before, after in befores
    )


class _Writer:
    """Writes effects inside the transaction and remembers what memory has to follow."""

    def __init__(self, books: Books, changes: Changes) -> None:
        self._books = books
        self._changes = changes
        self._store = books.store
        self._now = int(books.clock.now_s())
        self.added: dict[MessageId, OutboxRow] = {}
        self.dropped: list[MessageId] = []
        self.intents: dict[int, Intent | None] = {}
        self.events: list[ClientEvent] = []
        self.heads: dict[GroupId, dict[int, bytes]] = {}
        self.kept: dict[GroupId, list[KeptEntry]] = {}
        self.sealed: dict[MessageId, Message] = {}
        """Own texts that were sealed."""
        self.settled: list[MessageId] = []
        """Own texts that have got further, or never will."""
        self._by_row = {row.row: row.message_id for row in books.outbox.values()}
        self._real_rows: dict[int, int] = {}

    def write_intent(self, row: int, intent: Intent | None) -> None:
        """Add, replace or drop an intent; a provisional row becomes a real one."""
        if intent is None:
            if row > 0:
                self._store.drop_intent(row)
                self.intents[row] = None
        elif row > 0:
            self._store.put_intent(intent)
            self.intents[row] = intent
        else:
            added = self._store.add_intent(intent)
            self.intents[added.row] = added
            self._real_rows[row] = added.row

    def apply(self, group_id: GroupId | None, effect: Effect) -> None:
        """Write one effect."""
        match effect:
            case AddMessage(message):
                self._add_message(message)
            case SetMessage():
                self._set_message(effect, group_id)
            case RaiseStates(through_seq, state) if group_id is not None:
                for moved in self._store.raise_message_states(group_id, through_seq, state):
                    self.events.append(StateMoved(moved.chat_id, moved.id, state))
            case AddOutbox(row):
                real = replace(row, intent_row=self._real_rows.get(row.intent_row, row.intent_row))
                added = self._store.add_outbox(real)
                self.added[added.message_id] = added
                self._by_row[added.row] = added.message_id
            case DropOutbox(row_number):
                self._store.drop_outbox(row_number)
                message_id = self._by_row.get(row_number)
                if message_id is not None:
                    self.dropped.append(message_id)
                    self.added.pop(message_id, None)
            case PutHead(seq, head) if group_id is not None:
                self.heads.setdefault(group_id, {})[seq] = head
            case Keep(entry) if group_id is not None:
                self.kept.setdefault(group_id, []).append(entry)
            case KeepWelcome(row):
                self._store.keep_welcome(row, self._now)
            case SetAside(seq) if group_id is not None:
                self.write_kept(group_id)
                self._store.set_aside(group_id, seq)
            case FoundAgain(old_seq, seq) if group_id is not None:
                self._store.found_again(group_id, old_seq, seq)
            case DropAside(from_seq) if group_id is not None:
                self._store.drop_aside(group_id, from_seq)
            case Report(code, sentence, hint):
                self.events.append(Problem(code, sentence, hint))
            case RaiseStates() | PutHead() | Keep() | SetAside() | FoundAgain() | DropAside():
                raise TypeError(f"an effect without a conversation: {type(effect).__name__}")
            case AddIntent() | PutIntent() | DropIntent() | Meet() | ChangeChat() | GoneAstray():
                raise TypeError(f"an effect out of place: {type(effect).__name__}")
            case _:
                assert_never(effect)

    def write_kept(self, group_id: GroupId) -> None:
        """Write the entries of a log that are to be kept, if it still has keys here."""
        entries, self.kept[group_id] = self.kept.get(group_id, []), []
        if entries and _is_kept(self._books, self._changes, group_id):
            self._store.keep_entries(group_id, entries, self._now)

    def _add_message(self, message: Message) -> None:
        is_text = message.kind is MessageKind.TEXT
        if is_text and self._store.has_content(message.chat_id, message.id):
            return
        added = self._store.add_message(message)
        self.events.append(LineAdded(added))
        if added.state is MessageState.SENT:
            self.sealed[added.id] = added

    def _set_message(self, change: SetMessage, group_id: GroupId | None) -> None:
        self._store.set_message_state(
            change.chat_id,
            change.message_id,
            change.state,
            group_id=group_id,
            seq=change.seq,
            epoch=change.epoch,
            counter=change.counter,
        )
        self.events.append(StateMoved(change.chat_id, change.message_id, change.state))
        self.settled.append(change.message_id)
