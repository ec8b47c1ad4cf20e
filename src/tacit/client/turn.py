"""One turn: everything that has come in since the last one, worked through on the store's thread in one transaction.

Nothing here waits for the network. What is left to do on it comes back as a value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tacit.client.batch import Batch, Outcome
from tacit.client.books import Books, Checkpoint
from tacit.client.catching_up import take_listening
from tacit.client.errors import Mishap
from tacit.client.faults import Adrift, Blame, Fault, blaming
from tacit.client.incoming import take_entry
from tacit.client.model import (
    ChatId,
    Contact,
    ConversationStatus,
    GroupId,
    Intent,
    IntentKind,
    OutboxRow,
)
from tacit.client.outgoing import advance, patience_s, tell_receipts
from tacit.client.resending import due_again
from tacit.client.returning import ASK_ONLY, begin_connection
from tacit.client.room_requests import create_log_of
from tacit.errors import TacitError
from tacit.log import EventLog
from tacit.wire import relay_pb2 as pb

log = EventLog("client.turn")

T = TypeVar("T")
Operation = Callable[[Batch], Any]
"""Changes a batch or raises before it has changed anything."""


@dataclass(frozen=True, slots=True)
class AfterSave(Generic[T]):
    """What an operation returns to have its result read once everything is on disk."""

    read: Callable[[Books], T]


@dataclass
class Inputs:
    """What has come in."""

    pushes: list[pb.Entry | pb.Listening] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    receipts: set[GroupId] = field(default_factory=set)
    """Conversations whose members may want to hear what has arrived here."""
    dirty: set[ChatId] = field(default_factory=set)
    impatient: set[GroupId] = field(default_factory=set)
    unparked: set[int] = field(default_factory=set)
    resend: list[OutboxRow] = field(default_factory=list)
    """Rows that the relay would not take for the moment."""
    connected: bool = False
    """A connection has just been made: listen to everything, and send again what may not have arrived."""
    incarnation: bytes = b""
    """That of the relay that was connected to, and for how long it waits for what it lacks."""
    waiting_s: float = 0.0
    disconnected: bool = False
    asked_again: set[GroupId] = field(default_factory=set)
    """Logs to ask about that the relay did not have."""
    blamed: frozenset[Blame] = frozenset()
    """What this program has failed at, and passes over."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return self == Inputs(blamed=self.blamed)

    @property
    def only_one(self) -> Blame | None:
        """The one thing that has come in, if it is one alone."""
        if self.connected or len(self.pushes) + len(self.operations) != 1:
            return None
        if self.operations:
            return Blame("operation", 0)
        (push,) = self.pushes
        return Blame("entry", (push.log_id, push.seq)) if isinstance(push, pb.Entry) else None


@dataclass
class Turned:
    """What a turn leaves to be done on the network and on the screen."""

    outcome: Outcome = field(default_factory=Outcome)
    results: list[Any] = field(default_factory=list)
    """One for each operation: what it returned, or the ``TacitError`` that it raised."""
    acknowledge: dict[bytes, int] = field(default_factory=dict)
    create: dict[GroupId, pb.CreateLog] = field(default_factory=dict)
    listen: dict[bytes, int] = field(default_factory=dict)
    """Positions by log."""
    make_again: dict[GroupId, pb.CreateLog] = field(default_factory=dict)
    ask_later: set[GroupId] = field(default_factory=set)
    bring_back: set[GroupId] = field(default_factory=set)
    """See ``returning``."""
    come_back: set[GroupId] = field(default_factory=set)
    """Rooms in which this device has lost its place, or seems to have."""
    astray: set[GroupId] = field(default_factory=set)
    """Those of them in which it only seems so: nothing is said there until somebody has looked."""
    send: list[OutboxRow] = field(default_factory=list)
    claims: list[Intent] = field(default_factory=list)
    """Invitations that need KeyPackages."""
    nameless: list[Contact] = field(default_factory=list)
    """Contacts whose handles have not been asked for."""
    receipts_later: set[GroupId] = field(default_factory=set)
    impatient_later: dict[GroupId, float] = field(default_factory=dict)
    """How long to wait for somebody else to commit."""
    packages_used: int = 0
    last_resort_used: bool = False
    caught_up: bool = False
    again: bool = False
    shaken: bool = False
    """All of it is on disk, but what is to follow could not be told: a new connection begins with that anew."""


def take_turn(books: Books, inputs: Inputs, checkpoint: Checkpoint) -> Turned:
    """Work through the inputs; raises what the store raises, or ``Fault``, and then nothing has happened.

    Raises ``Adrift`` if memory could not follow what has been written.
    """
    try:
        return _take_turn(books, inputs, checkpoint)
    except Exception as error:
        if not books.is_whole:
            raise Adrift from error
        if isinstance(error, TacitError | Fault):
            raise
        raise Fault from error
    finally:
        books.forget_heads()


def _take_turn(books: Books, inputs: Inputs, checkpoint: Checkpoint) -> Turned:
    _note_connection(books, inputs)
    batch = Batch(books)
    turned = Turned()
    for push in inputs.pushes:
        _take_push(batch, push, inputs.blamed)
    resend = due_again(batch, connected=inputs.connected, asked=inputs.resend)
    turned.results = [_result(batch, place, operation) for place, operation in enumerate(inputs.operations)]
    unable = {g for g in inputs.receipts if not _tell_receipts(batch, g, inputs.blamed)}
    turned.receipts_later = unable | set(batch.texts_taken) | batch.tell
    _advance(batch, inputs)
    if inputs.connected:
        _begin_connection(batch, turned)
    else:
        turned.listen = {g: s.conversation.cursor for g in batch.listen if (s := batch.state(g)) is not None}
        turned.listen |= dict.fromkeys(inputs.asked_again | batch.ask_first, ASK_ONLY)
        if batch.listen_inbox:
            turned.listen[books.me.device_id] = batch.inbox_cursor
    turned.outcome = batch.save(checkpoint)
    turned.results = [_read(books, r) if isinstance(r, AfterSave) else r for r in turned.results]
    books.asked_after |= turned.listen
    turned.send = [row for row in resend if row.message_id in books.outbox] + turned.outcome.to_send
    try:
        _look_ahead(batch, turned, inputs.impatient)
    except Exception as error:  # noqa: BLE001 - what is on disk is to be shown, whatever fails after that
        log.fault(error)
        turned.shaken = True
    return turned


def _note_connection(books: Books, inputs: Inputs) -> None:
    if inputs.disconnected or inputs.connected:
        books.leave_connection()
        books.online = inputs.connected
    if inputs.connected:
        books.incarnation = inputs.incarnation
        books.connected_at_s = books.clock.monotonic_s()
        books.waits_until_s = books.connected_at_s + inputs.waiting_s
        books.aside = books.store.all_aside()
    books.impatient |= inputs.impatient
    books.parked -= inputs.unparked


def _take_push(batch: Batch, push: pb.Entry | pb.Listening, blamed: frozenset[Blame]) -> None:
    if isinstance(push, pb.Entry):
        take_entry(batch, push, blamed)
        return
    for told in push.logs:
        blame = Blame("log", told.log_id)
        if blame not in blamed:
            with blaming(blame):
                take_listening(batch, told)


def _result(batch: Batch, place: int, operation: Operation) -> Any:
    with blaming(Blame("operation", place)):
        try:
            return operation(batch)
        except TacitError as error:
            return error


def _read(books: Books, result: AfterSave[Any]) -> Any:
    try:
        return result.read(books)
    except TacitError as error:
        return error
    except Exception as error:  # noqa: BLE001 - what was asked for has been done, and so has all the rest
        log.fault(error)
        return Mishap()


def _tell_receipts(batch: Batch, group_id: GroupId, blamed: frozenset[Blame]) -> bool:
    state = batch.state(group_id)
    blame = Blame("chat", state.conversation.chat_id if state else None)
    if blame in blamed:
        return True
    with blaming(blame):
        return tell_receipts(batch, group_id)


def _advance(batch: Batch, inputs: Inputs) -> None:
    batch.dirty |= inputs.dirty
    for group_id in inputs.impatient:
        state = batch.state(group_id)
        if state is not None:
            batch.dirty.add(state.conversation.chat_id)
    if inputs.connected:
        batch.dirty |= set(batch.books.chats)
    done: set[ChatId] = set()
    while batch.dirty - done:
        chat_id = min(batch.dirty - done)
        done.add(chat_id)
        blame = Blame("chat", chat_id)
        if blame not in inputs.blamed:
            with blaming(blame):
                advance(batch, chat_id)


def _begin_connection(batch: Batch, turned: Turned) -> None:
    """Listen to the inbox and to every log that is read."""
    turned.listen = begin_connection(batch)
    turned.nameless = [c for c in batch.books.contacts.values() if not c.handle]


def _look_ahead(batch: Batch, turned: Turned, impatient: set[GroupId]) -> None:
    """What should happen next, as far as the books tell."""
    books = batch.books
    turned.acknowledge = batch.acknowledge
    turned.come_back = _lost_places(batch, turned, impatient)
    turned.astray = turned.come_back & books.astray
    creating = {g for g in batch.create if books.statuses.get(g) is ConversationStatus.CREATING}
    turned.create = _requests(batch, creating, again=False)
    turned.make_again = _requests(batch, batch.make_again, again=True)
    turned.ask_later, turned.bring_back = batch.ask, batch.bring_back
    turned.claims = [
        intent
        for intent in books.intents.values()
        if intent.kind is IntentKind.INVITE and not intent.key_packages and intent.row not in books.parked
    ]
    turned.nameless += [books.contacts[a] for a in turned.outcome.met if a in books.contacts]
    turned.impatient_later |= {group_id: patience_s(batch, group_id) for group_id in batch.impatient_later}
    turned.packages_used = len(batch.changes.used_bundles)
    turned.last_resort_used = batch.last_resort_used
    turned.caught_up = batch.inbox_caught_up
    turned.again = batch.again
    if batch.inbox_caught_up:
        turned.receipts_later |= books.ready


def _lost_places(batch: Batch, turned: Turned, impatient: set[GroupId]) -> set[GroupId]:
    """Rooms to come back into now; where that was done a moment ago, it waits."""
    found = set()
    for group_id in batch.changes.states.keys() | impatient:
        state = batch.books.state(group_id)
        if state is None or not state.is_room:
            continue
        wait_s = batch.wait_s(("return", group_id))
        if group_id in batch.books.astray:
            found.add(group_id)
        elif state.conversation.status is ConversationStatus.BEHIND and wait_s > 0:
            turned.impatient_later[group_id] = wait_s
        elif state.conversation.status is ConversationStatus.BEHIND:
            found.add(group_id)
    return found


def _requests(batch: Batch, group_ids: set[GroupId], *, again: bool) -> dict[GroupId, pb.CreateLog]:
    """What to ask the relay for each of these logs."""
    states = {group_id: batch.books.state(group_id) for group_id in group_ids}
    return {g: create_log_of(state, batch.ctx, again=again) for g, state in states.items() if state is not None}
