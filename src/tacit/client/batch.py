"""A batch: everything that one turn changes, gathered first and then written in one transaction.

Reads see the batch's own changes. Effects keep their order, because rows of history are numbered as they are written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from tacit import limits
from tacit.client.books import Books, Checkpoint, Nobodys
from tacit.client.core.effects import (
    AddIntent,
    AddMessage,
    ChangeChat,
    DropIntent,
    Effect,
    GoneAstray,
    Meet,
    PutHead,
    PutIntent,
    Report,
)
from tacit.client.core.state import Context, GroupState, Step
from tacit.client.events import ChatChanged, ClientEvent
from tacit.client.model import (
    Chat,
    ChatId,
    Contact,
    ContactStatus,
    ConversationStatus,
    GroupId,
    Intent,
    Message,
    MessageKind,
    OutboxRow,
    Profile,
)
from tacit.client.restraint import Deed
from tacit.client.saving import Changes, save

REPORT_AGAIN_S: Final = limits.HOUR_S // 4
"""A stranger's doing need not be told more often: what he sends does nothing, and must not bury what others say."""


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
        self.changes = Changes(books.deferred)
        """What is to be written."""
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
        self.ask: set[GroupId] = set()
        """Logs to ask about once more after a while: the relay does not have them yet."""
        self.ask_first: set[GroupId] = set()
        """Logs of which this device has still to learn from where it reads them."""
        self.make_again: set[GroupId] = set()
        """Logs of this device that a restored relay does not know."""
        self.bring_back: set[GroupId] = set()
        """Logs to bring what is kept back to."""
        self.listen_inbox = False
        self.inbox_caught_up = False
        self.impatient_later: set[GroupId] = set()
        """Conversations in which somebody else should commit what is proposed, and this device if nobody does."""
        self.tell: set[GroupId] = set()
        """Conversations whose members may want to hear how far the owner has read."""
        self.last_resort_used = False
        """Somebody was given the last-resort KeyPackage: it is to be replaced."""
        self.again = False
        """There is more to do at once."""
        self.acknowledge: dict[bytes, int] = {}
        """What the relay may forget once this batch is saved: positions by log."""
        self.events: list[ClientEvent] = []
        self._reported: dict[str, float] = {}
        self._nobodys: dict[GroupId, Nobodys] = {}
        self._met: set[bytes] = set()
        self._next_provisional = -1

    # ---- reading ----

    def state(self, group_id: GroupId) -> GroupState | None:
        """A conversation with the changes of this batch."""
        return self.changes.states.get(group_id) or self.books.state(group_id)

    def takes_part(self, group_id: bytes) -> bool:
        """Whether this device is in a group, in step with it. One that is behind may be invited anew."""
        state = self.changes.states.get(GroupId(group_id))
        status = state.conversation.status if state else self.books.statuses.get(GroupId(group_id))
        return status in (ConversationStatus.ACTIVE, ConversationStatus.CREATING)

    def last_epoch(self, group_id: bytes) -> int:
        """The last epoch of a group that this device has had keys of, also after it has left; -1 if none."""
        state = self.changes.states.get(GroupId(group_id))
        conversation = state.conversation if state else self.books.store.conversation(GroupId(group_id))
        return -1 if conversation is None else conversation.highest_epoch

    def defer(self, payload: bytes) -> None:
        """Keep an invitation until the group that it leads to has ended here."""
        self.changes.deferred = (*self.changes.deferred, payload)

    def states_of(self, chat_id: ChatId) -> list[GroupState]:
        """The living conversations of a chat, with the changes of this batch."""
        ids = set(self.books.groups_of.get(chat_id, ()))
        ids.update(g for g, s in self.changes.states.items() if s.conversation.chat_id == chat_id)
        found = (self.state(g) for g in sorted(ids) if g in self.changes.states or self.books.is_alive(g))
        return [s for s in found if s is not None and s.conversation.status is not ConversationStatus.REMOVED]

    def chat(self, chat_id: ChatId) -> Chat | None:
        """A chat with the changes of this batch."""
        return self.changes.chats.get(chat_id) or self.books.chats.get(chat_id)

    def is_blocked(self, chat_id: ChatId) -> bool:
        """Whether a chat is a direct one with somebody who is blocked."""
        chat = self.chat(chat_id)
        contact = self.contact(chat.peer) if chat is not None and chat.peer else None
        return contact is not None and contact.status is ContactStatus.BLOCKED

    def contact(self, account_id: bytes) -> Contact | None:
        """A contact with the changes of this batch."""
        return self.changes.contacts.get(account_id) or self.books.contacts.get(account_id)

    def is_ready(self, group_id: GroupId) -> bool:
        """Whether a conversation is in step with its log, so that it may be written to."""
        return self.books.online and (group_id in self.books.ready or group_id in self.caught_up)

    def is_readable(self, group_id: GroupId) -> bool:
        """Whether the relay, as far as it has said, has the log for us."""
        return self.readable.get(group_id, group_id not in self.books.unreadable)

    def intents(self, chat_id: ChatId) -> list[Intent]:
        """What waits in a chat, with the changes of this batch; new ones come last, under provisional negative rows."""
        rows: dict[int, Intent | None] = dict(self.books.intents_of.get(chat_id, {}))
        rows |= {row: i for row, i in self.changes.intents.items() if i is None or i.chat_id == chat_id}
        return [intent for intent in rows.values() if intent is not None]

    def has_intents(self, chat_id: ChatId) -> bool:
        """Whether anything waits in a chat."""
        if any(intent is not None and intent.chat_id == chat_id for intent in self.changes.intents.values()):
            return True
        return any(row not in self.changes.intents for row in self.books.intents_of.get(chat_id, {}))

    def intent(self, row: int) -> Intent | None:
        """One intent, with the changes of this batch."""
        return self.changes.intents[row] if row in self.changes.intents else self.books.intents.get(row)

    @property
    def profile(self) -> Profile:
        """The profile with the changes of this batch."""
        return self.changes.profile or self.books.profile

    def wait_s(self, deed: Deed) -> float:
        """How long something has still to wait that others can make this device do again and again."""
        return (self.changes.restraint or self.books.restraint).wait_s(deed, self.ctx.now_s)

    @property
    def inbox_cursor(self) -> int:
        """The place reached in the inbox."""
        return self.books.inbox_cursor if self.changes.inbox_cursor is None else self.changes.inbox_cursor

    # ---- changing ----

    def take(self, step: Step) -> GroupState:
        """Lay the outcome of a step of the core over what is known."""
        group_id = step.state.conversation.group_id
        self.changes.states[group_id] = step.state
        for effect in step.effects:
            self.add(effect, group_id, step.state)
        return step.state

    def add(self, effect: Effect, group_id: GroupId | None = None, state: GroupState | None = None) -> None:
        """Take one effect in."""
        match effect:
            case AddMessage(message):
                if group_id is not None and _is_nobodys(message):
                    known = self._nobodys.get(group_id) or self.books.nobodys.get(group_id)
                    lines = self._nobodys[group_id] = Nobodys.one_more(known, self.books.clock.monotonic_s())
                    if lines.count > limits.NOBODYS_LINES:
                        return
                    if message.notice is not None and lines.count == limits.NOBODYS_LINES:
                        effect = AddMessage(replace(message, notice=replace(message.notice, reason="too-many")))
                if (
                    group_id is not None
                    and message.kind is MessageKind.TEXT
                    and message.sender != self.books.me.account_id
                ):
                    self.texts_taken[group_id] = message.seq
                self.changes.effects.append((group_id, effect))
            case AddIntent(intent):
                self.add_intent(intent)
            case PutIntent(intent):
                self.changes.intents[intent.row] = intent
            case DropIntent(row):
                self.changes.intents[row] = None
            case Meet(account_id, account_key):
                self.meet(account_id, account_key)
            case GoneAstray() if group_id is not None:
                self._go_astray(group_id)
            case ChangeChat() if state is not None:
                self._change_chat(effect, state.conversation.chat_id)
            case PutHead(seq, head) if group_id is not None:
                self.books.note_head(group_id, seq, head)
                self.changes.effects.append((group_id, effect))
            case _:
                self.changes.effects.append((group_id, effect))

    def report_seldom(self, report: Report) -> None:
        """Tell of what any stranger can cause again and again; the next one of that kind is told after a while."""
        now_s = self.books.clock.monotonic_s()
        if report.code not in self._reported and now_s >= self.books.silent_until_s.get(report.code, now_s):
            self._reported[report.code] = now_s + REPORT_AGAIN_S
            self.add(report)

    def add_intent(self, intent: Intent) -> Intent:
        """Note a wish; its row is provisional until the batch is saved."""
        provisional = replace(intent, row=self._next_provisional)
        self._next_provisional -= 1
        self.changes.intents[provisional.row] = provisional
        self.dirty.add(intent.chat_id)
        return provisional

    def put_state(self, state: GroupState) -> None:
        """Replace a conversation."""
        self.changes.states[state.conversation.group_id] = state

    def put_chat(self, chat: Chat) -> None:
        """Write a chat and tell."""
        self.changes.chats[chat.id] = chat
        if ChatChanged(chat.id) not in self.events:
            self.events.append(ChatChanged(chat.id))

    def put_contact(self, contact: Contact) -> None:
        """Write a contact."""
        self.changes.contacts[contact.account_id] = contact

    def meet(self, account_id: bytes, account_key: bytes) -> None:
        """Pin an account at first sight."""
        if account_id == self.books.me.account_id or self.contact(account_id) is not None:
            return
        now = int(self.ctx.now_s)
        self.put_contact(Contact(account_id, account_key, "", "", ContactStatus.KNOWN, None, now))
        self._met.add(account_id)

    def put_profile(self, profile: Profile) -> None:
        """Write the profile."""
        self.changes.profile = profile

    def note_registered(self, handle: str) -> None:
        """The relay knows this account, under this handle."""
        known = replace(self.profile, registered=True, handle=handle)
        if known != self.profile:
            self.put_profile(known)

    def note_done(self, deed: Deed) -> None:
        """This is being done; the next time it has to wait for longer."""
        self.changes.restraint = (self.changes.restraint or self.books.restraint).after(deed, self.ctx.now_s)

    def use_bundle(self, ref: bytes) -> None:
        """A KeyPackage was used up: its private half goes with this very transaction."""
        self.changes.used_bundles.add(ref)

    def move_inbox(self, seq: int) -> None:
        """The inbox was processed up to here."""
        self.changes.inbox_cursor = seq
        self.acknowledge[self.books.me.device_id] = seq

    def _go_astray(self, group_id: GroupId) -> None:
        """Anybody with the link can make it look so: the door is not looked at each time."""
        if self.wait_s(("look", group_id)) == 0:
            self.note_done(("look", group_id))
            self.books.astray.add(group_id)

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

    def save(self, checkpoint: Checkpoint) -> Outcome:
        """Write everything in one transaction; afterwards memory follows."""
        written = save(self.books, self.changes, checkpoint)
        books = self.books
        books.silent_until_s |= self._reported
        books.nobodys |= self._nobodys
        books.ready |= {group_id for group_id in self.caught_up if books.is_alive(group_id)}
        for group_id, readable in self.readable.items():
            (books.unreadable.discard if readable else books.unreadable.add)(group_id)
        return Outcome(written.outbox, [*self.events, *written.events], sorted(self._met))


def _is_nobodys(message: Message) -> bool:
    """Whether a line tells of something that nobody has proved to have written."""
    notice = message.notice
    return notice is not None and notice.by is None and notice.code in ("undecryptable", "invalid-commit")
