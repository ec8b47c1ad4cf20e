"""A batch: everything that one turn changes, gathered first and then written in one transaction.

Reads see the batch's own changes. Effects keep their order, because rows of history are numbered as they are written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import assert_never

from tacit import mls
from tacit.client.books import DEFERRED, Books, Checkpoint, encode_own_commit
from tacit.client.core.effects import (
    AddIntent,
    AddMessage,
    AddOutbox,
    ChangeChat,
    DropIntent,
    DropOutbox,
    Effect,
    Meet,
    PutHead,
    PutIntent,
    RaiseStates,
    Report,
    SetMessage,
)
from tacit.client.core.state import Context, GroupState, Step
from tacit.client.events import ChatChanged, ClientEvent, LineAdded, Problem, StateMoved
from tacit.client.model import (
    Chat,
    ChatId,
    ChatStatus,
    Contact,
    ContactStatus,
    ConversationStatus,
    GroupId,
    Intent,
    IntentKind,
    KeyPackageRow,
    Message,
    MessageId,
    MessageKind,
    MessageState,
    OutboxRow,
    Profile,
)
from tacit.client.store.rows import encode_blobs


@dataclass
class Outcome:
    """What is left to do once a batch has been saved: send, then show."""

    to_send: list[OutboxRow] = field(default_factory=list)
    events: list[ClientEvent] = field(default_factory=list)
    met: list[bytes] = field(default_factory=list)
    """Accounts seen for the first time, whose handles are not known yet."""


class Batch:
    """Changes laid over the books."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.ctx: Context = books.context()
        self.dirty: set[ChatId] = set()
        """Chats in which something may be possible now that was not before."""
        self.texts_taken: dict[GroupId, int] = {}
        """Conversations that brought texts of others, with the place of the last one."""
        self.caught_up: set[GroupId] = set()
        """Conversations that are in step with their log from now on."""
        self.readable: dict[GroupId, bool] = {}
        """What the relay has said about whose logs it lets us read."""
        self.create: set[GroupId] = set()
        """Logs to make at the relay."""
        self.listen: set[GroupId] = set()
        """Logs to listen to from now on."""
        self.deferred: tuple[bytes, ...] = books.deferred
        self.inbox_caught_up = False
        self.impatient_later: set[GroupId] = set()
        """Conversations in which somebody else should commit what is proposed, and this device if nobody does."""
        self.tell: set[GroupId] = set()
        """Conversations whose members may want to hear how far the owner has read."""
        self.sweep_bundles = False
        """Delete the private halves of expired KeyPackages."""
        self.again = False
        """There is more to do at once."""
        self.acknowledge: dict[bytes, int] = {}
        """What the relay may forget once this batch is saved: positions by log."""
        self.bundles: list[KeyPackageRow] = []
        self.events: list[ClientEvent] = []
        self._states: dict[GroupId, GroupState] = {}
        self._chats: dict[ChatId, Chat] = {}
        self._contacts: dict[bytes, Contact] = {}
        self._effects: list[tuple[GroupId | None, Effect]] = []
        self._intents: dict[int, Intent | None] = {}
        self.used: set[bytes] = set()
        """KeyPackages that this batch uses up."""
        self._inbox_cursor: int | None = None
        self._profile: Profile | None = None
        self._met: set[bytes] = set()
        self._next_provisional = -1

    # ---- reading ----

    def state(self, group_id: GroupId) -> GroupState | None:
        """A conversation with the changes of this batch."""
        return self._states.get(group_id) or self.books.state(group_id)

    def takes_part(self, group_id: bytes) -> bool:
        """Whether this device is in a group, in step with it. One that is behind may be invited anew."""
        state = self._states.get(GroupId(group_id))
        status = state.conversation.status if state else self.books.statuses.get(GroupId(group_id))
        return status in (ConversationStatus.ACTIVE, ConversationStatus.CREATING)

    def defer(self, payload: bytes) -> None:
        """Keep an invitation until the group that it leads to has ended here."""
        self.deferred = (*self.deferred, payload)

    def states_of(self, chat_id: ChatId) -> list[GroupState]:
        """The living conversations of a chat, with the changes of this batch."""
        ids = set(self.books.groups_of.get(chat_id, ()))
        ids.update(g for g, s in self._states.items() if s.conversation.chat_id == chat_id)
        found = (self.state(g) for g in sorted(ids) if g in self._states or self.books.is_alive(g))
        return [s for s in found if s is not None and s.conversation.status is not ConversationStatus.REMOVED]

    def chat(self, chat_id: ChatId) -> Chat | None:
        """A chat with the changes of this batch."""
        return self._chats.get(chat_id) or self.books.chats.get(chat_id)

    def contact(self, account_id: bytes) -> Contact | None:
        """A contact with the changes of this batch."""
        return self._contacts.get(account_id) or self.books.contacts.get(account_id)

    def is_ready(self, group_id: GroupId) -> bool:
        """Whether a conversation is in step with its log, so that it may be written to."""
        return self.books.online and (group_id in self.books.ready or group_id in self.caught_up)

    def is_readable(self, group_id: GroupId) -> bool:
        """Whether the relay, as far as it has said, has the log for us."""
        return self.readable.get(group_id, group_id not in self.books.unreadable)

    def intents(self, chat_id: ChatId) -> list[Intent]:
        """What waits in a chat, with the changes of this batch; new ones come last, under provisional negative rows."""
        rows: dict[int, Intent | None] = dict(self.books.intents_of.get(chat_id, {}))
        rows |= {row: i for row, i in self._intents.items() if i is None or i.chat_id == chat_id}
        return [intent for intent in rows.values() if intent is not None]

    def has_intents(self, chat_id: ChatId) -> bool:
        """Whether anything waits in a chat."""
        if any(intent is not None and intent.chat_id == chat_id for intent in self._intents.values()):
            return True
        return any(row not in self._intents for row in self.books.intents_of.get(chat_id, {}))

    def intent(self, row: int) -> Intent | None:
        """One intent, with the changes of this batch."""
        return self._intents[row] if row in self._intents else self.books.intents.get(row)

    @property
    def profile(self) -> Profile:
        """The profile with the changes of this batch."""
        return self._profile or self.books.profile

    @property
    def inbox_cursor(self) -> int:
        """The place reached in the inbox."""
        return self.books.inbox_cursor if self._inbox_cursor is None else self._inbox_cursor

    # ---- changing ----

    def take(self, step: Step) -> GroupState:
        """Lay the outcome of a step of the core over what is known."""
        group_id = step.state.conversation.group_id
        self._states[group_id] = step.state
        for effect in step.effects:
            self.add(effect, group_id, step.state)
        return step.state

    def add(self, effect: Effect, group_id: GroupId | None = None, state: GroupState | None = None) -> None:
        """Take one effect in."""
        match effect:
            case AddMessage(message):
                if (
                    group_id is not None
                    and message.kind is MessageKind.TEXT
                    and message.sender != self.books.me.account_id
                ):
                    self.texts_taken[group_id] = message.seq
                self._effects.append((group_id, effect))
            case AddIntent(intent):
                self.add_intent(intent)
            case PutIntent(intent):
                self._intents[intent.row] = intent
            case DropIntent(row):
                self._intents[row] = None
            case Meet(account_id, account_key):
                self.meet(account_id, account_key)
            case ChangeChat() if state is not None:
                self._change_chat(effect, state.conversation.chat_id)
            case PutHead(seq, head) if group_id is not None:
                self.books.note_head(group_id, seq, head)
                self._effects.append((group_id, effect))
            case _:
                self._effects.append((group_id, effect))

    def add_intent(self, intent: Intent) -> Intent:
        """Note a wish; its row is provisional until the batch is saved."""
        provisional = replace(intent, row=self._next_provisional)
        self._next_provisional -= 1
        self._intents[provisional.row] = provisional
        self.dirty.add(intent.chat_id)
        return provisional

    def put_state(self, state: GroupState) -> None:
        """Replace a conversation."""
        self._states[state.conversation.group_id] = state

    def put_chat(self, chat: Chat) -> None:
        """Write a chat and tell."""
        self._chats[chat.id] = chat
        if ChatChanged(chat.id) not in self.events:
            self.events.append(ChatChanged(chat.id))

    def put_contact(self, contact: Contact) -> None:
        """Write a contact."""
        self._contacts[contact.account_id] = contact

    def meet(self, account_id: bytes, account_key: bytes) -> None:
        """Pin an account at first sight."""
        if account_id == self.books.me.account_id or self.contact(account_id) is not None:
            return
        now = int(self.ctx.now_s)
        self.put_contact(Contact(account_id, account_key, "", "", ContactStatus.KNOWN, None, now))
        self._met.add(account_id)

    def put_profile(self, profile: Profile) -> None:
        """Write the profile."""
        self._profile = profile

    def note_registered(self, handle: str) -> None:
        """The relay knows this account, under this handle."""
        known = replace(self.profile, registered=True, handle=handle)
        if known != self.profile:
            self.put_profile(known)

    def use_bundle(self, ref: bytes) -> None:
        """A KeyPackage was used up: its private half goes with this very transaction."""
        self.used.add(ref)

    def move_inbox(self, seq: int) -> None:
        """The inbox was processed up to here."""
        self._inbox_cursor = seq
        self.acknowledge[self.books.me.device_id] = seq

    def _change_chat(self, change: ChangeChat, chat_id: ChatId) -> None:
        chat = self.chat(chat_id)
        if chat is None:
            return
        if change.title is not None:
            chat = replace(chat, title=change.title)
        if change.status is not None:
            chat = replace(chat, status=change.status)
        self.put_chat(chat)
        self.dirty.add(chat_id)

    # ---- saving ----

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        changes = (self._states, self._chats, self._contacts, self._effects, self._intents, self.used, self.bundles)
        return not any(changes) and not self.sweep_bundles and self._profile is None and self._inbox_cursor is None

    def save(self, checkpoint: Checkpoint) -> Outcome:
        """Write everything in one transaction; afterwards memory follows."""
        writer = _Writer(self.books)
        if not self.is_empty:
            checkpoint("before-transaction")
            try:
                with self.books.store.transaction():
                    self._write(writer)
                    checkpoint("before-commit")
            finally:
                self.books.forget_heads()
            checkpoint("after-commit")
        self._follow(writer)
        return Outcome(list(writer.added.values()), [*self.events, *writer.events], sorted(self._met))

    def _write(self, writer: _Writer) -> None:
        store = self.books.store
        if self._profile is not None:
            store.put_profile(self._profile)
        for contact in self._contacts.values():
            store.put_contact(contact)
        for chat in self._chats.values():
            store.put_chat(chat)
        for row, intent in self._intents.items():
            writer.write_intent(row, intent)
        for state in self._states.values():
            _write_state(self.books, state)
        for group_id, effect in self._effects:
            writer.apply(group_id, effect)
        for group_id, heads in writer.heads.items():
            store.put_heads(group_id, heads)
        for ref in sorted(self.used):
            store.drop_bundle(ref)
        if self.bundles:
            store.add_bundles(self.bundles)
        if self.deferred != self.books.deferred:
            store.put_meta(DEFERRED, encode_blobs(self.deferred))
        if self.sweep_bundles:
            store.drop_expired_bundles(int(self.ctx.now_s))
        if self._inbox_cursor is not None:
            store.put_inbox_cursor(self._inbox_cursor)

    def _follow(self, writer: _Writer) -> None:
        books = self.books
        books.chats |= self._chats
        books.contacts |= self._contacts
        books.keep_states(self._states.values())
        for message_id in writer.dropped:
            books.outbox.pop(message_id, None)
        books.outbox |= writer.added
        for row, intent in writer.intents.items():
            books.note_intent(row, intent)
        books.under_way |= writer.sealed
        for content_id in writer.settled:
            books.under_way.pop(content_id, None)
        books.deferred = self.deferred
        if self._profile is not None:
            books.profile = self._profile
        if self._inbox_cursor is not None:
            books.inbox_cursor = self._inbox_cursor
        books.ready |= {group_id for group_id in self.caught_up if books.is_alive(group_id)}
        for group_id, readable in self.readable.items():
            (books.unreadable.discard if readable else books.unreadable.add)(group_id)


def _write_state(books: Books, state: GroupState) -> None:
    store, conversation = books.store, state.conversation
    group_id = conversation.group_id
    old = books.state(group_id)
    if old is not None and conversation.cursor < old.conversation.cursor and conversation.own_counter == 1:
        store.drop_group(group_id)  # left and joined again in one turn: nothing of the old self is kept
        old = None
    if old is None or old.conversation != conversation:
        store.put_conversation(conversation)
    if conversation.status is ConversationStatus.REMOVED:
        store.drop_group(group_id)
        return
    if old is None or old.group is not state.group:
        saved = mls.save(state.group)
        if old is None or old.group.state is not state.group.state:
            store.put_epoch(group_id, saved.epoch_blob)
        store.put_ratchets(group_id, saved.ratchet_blob)
    for device_id, row in state.progress.items():
        if old is None or old.progress.get(device_id) != row:
            store.put_sender_progress(group_id, row)
    before = None if old is None else old.own_commit
    if state.own_commit is before:
        return
    if state.own_commit is None:
        store.drop_pending_commit(group_id)
    else:
        store.put_pending_commit(group_id, encode_own_commit(state.own_commit))


class _Writer:
    """Writes effects inside the transaction and remembers what memory has to follow."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._store = books.store
        self.added: dict[MessageId, OutboxRow] = {}
        self.dropped: list[MessageId] = []
        self.intents: dict[int, Intent | None] = {}
        self.events: list[ClientEvent] = []
        self.heads: dict[GroupId, dict[int, bytes]] = {}
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
            case Report(code, sentence, hint):
                self.events.append(Problem(code, sentence, hint))
            case RaiseStates() | PutHead() | AddIntent() | PutIntent() | DropIntent() | Meet() | ChangeChat():
                raise TypeError(f"an effect out of place: {type(effect).__name__}")
            case _:
                assert_never(effect)

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


UNDONE_TEXTS = frozenset({MessageState.QUEUED, MessageState.SENT})
"""States of an own text that can still fail."""


def fail_waiting(batch: Batch, chat_id: ChatId, reason: str) -> None:
    """The chat has ended: what still waits in it will never go out, and says so."""
    from tacit.client.core.notices import chat_line
    from tacit.client.model import Notice

    texts = 0
    for intent in batch.intents(chat_id):
        batch.add(DropIntent(intent.row))
        if intent.kind is IntentKind.TEXT:
            batch.add(SetMessage(chat_id, intent.message_id, MessageState.FAILED))
            texts += 1
    if texts:
        batch.add(chat_line(chat_id, Notice("not-sent", count=texts, reason=reason), batch.ctx))


def is_open(chat: Chat) -> bool:
    """Whether a chat can be written in."""
    return chat.status in (ChatStatus.ACTIVE, ChatStatus.LEAVING)
