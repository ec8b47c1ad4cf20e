"""The running client: persist, send, show, in that order, here and nowhere else.

One loop takes everything that has come in, has it worked through in one transaction on the store's thread, then hands
the results to the network, then to whoever watches. Programs' wishes and the relay's entries go through the same loop,
so there is one order of things, and a crash can only fall between two named checkpoints.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from functools import partial
from typing import Final, TypeVar, cast

from tacit.client.agenda import Agenda
from tacit.client.batch import Batch
from tacit.client.books import Books, Checkpoint
from tacit.client.connection import Connection, Pushed
from tacit.client.directory import Asked, Found, look_up
from tacit.client.entering import resume as resume_joins
from tacit.client.errands import Errands, positions
from tacit.client.errors import BeganAnew, Broken, Closed, Mishap
from tacit.client.events import ClientEvent, Problem
from tacit.client.expiry import drop_expired_keys
from tacit.client.faults import Blame, Fault, Faults
from tacit.client.gone import Lookout
from tacit.client.handshake import Connect, Welcomed
from tacit.client.model import ChatId, GroupId
from tacit.client.people import introduce
from tacit.client.returning import ask_after_s
from tacit.client.store import OpenProfile
from tacit.client.store_thread import StoreThread
from tacit.client.timers import Timers
from tacit.client.turn import AfterSave, Inputs, Operation, Turned, take_turn
from tacit.client.uplink import Uplink
from tacit.client.watching import Watcher
from tacit.client.wishes import Waiting, Wishes, settle, settle_all
from tacit.clock import Clock, SystemClock
from tacit.entropy import Entropy, system_entropy
from tacit.errors import StorageError, TacitError, TransportError
from tacit.limits import HOUR_S
from tacit.log import EventLog, place_of
from tacit.wire import relay_pb2 as pb

T = TypeVar("T")
log = EventLog("client.runtime")

EXPIRE_EVERY_S: Final = float(HOUR_S)
"""How often keys are looked for that have become too old, by clients that have nothing else to do."""

INTRODUCTION_S: Final = 2.0
"""How long lines about new people wait for their handles."""

MISHAP: Final = Problem(Mishap.code, Mishap().sentence, Mishap.hint)

MAX_PUSHES_AT_ONCE: Final = 256
"""Entries worked through in one transaction."""


def no_checkpoint(name: str) -> None:
    """The checkpoint of a client that nobody crashes on purpose."""


class Runtime:
    """An open profile at work. Everything but the store's thread runs on one event loop."""

    def __init__(self, *, connect: Connect, clock: Clock, entropy: Entropy, checkpoint: Checkpoint) -> None:
        self.clock = clock
        self._entropy = entropy
        self._checkpoint = checkpoint
        self._store = StoreThread()
        self._wake = asyncio.Event()
        self._wishes = Wishes()
        self._receipts: set[GroupId] = set()
        self._watchers: list[Watcher] = []
        self._faults = Faults()
        self._loop: asyncio.Task[None] | None = None
        self._closed = False
        self._broken = False
        self.timers = Timers(clock, self._wake.set)
        self._agenda = Agenda(self.timers)
        self.errands = Errands(self)
        self._lookout = Lookout(self)
        self.uplink = Uplink(connect, clock, entropy, wake=self._wake.set, show=self.show, on_login=self._after_login)

    @classmethod
    async def open(
        cls,
        open_profile: Callable[[], OpenProfile],
        *,
        connect: Connect,
        clock: Clock | None = None,
        entropy: Entropy = system_entropy,
        checkpoint: Checkpoint = no_checkpoint,
        online: bool = True,
    ) -> Runtime:
        """Open a profile and begin to work; with ``online`` also keep a connection to its relay."""
        runtime = cls(connect=connect, clock=clock or SystemClock(), entropy=entropy, checkpoint=checkpoint)
        try:
            await runtime._start(open_profile, online=online)
        except BaseException:
            await runtime.close()
            raise
        return runtime

    async def close(self) -> None:
        """Stop everything: no task, thread, lock or open file is left, and nothing more is written."""
        if self._closed:
            return
        self._closed = True
        try:
            await self.uplink.close()
            await self.timers.close()
            await self.errands.close()
            if self._loop is not None:
                self._loop.cancel()
                await asyncio.gather(self._loop, return_exceptions=True)
            self._wishes.fail(Closed())
            for watcher in self._watchers:
                watcher.close()
        finally:
            await self._store.close()

    # ---- what programs call ----

    async def do(self, operation: Callable[[Batch], T | AfterSave[T]]) -> T:
        """Change something; returns once it is on disk, together with whatever else came in."""
        self._check_open()
        future: asyncio.Future[T] = self._wishes.ask(operation)
        self._wake.set()
        return await future

    def later(self, operation: Operation) -> None:
        """Have something changed that nobody waits for."""
        if not self._closed:
            self._wishes.add(operation)
            self._wake.set()

    async def read(self, query: Callable[[Books], T]) -> T:
        """Look something up in the books."""
        self._check_open()
        return await self._store.run(query)

    async def tell_receipts(self) -> None:
        """Tell at once what would be told in a moment: before a close, it would otherwise wait for the next start."""
        waiting = self._agenda.withdraw_receipts()
        connection = self.uplink.connection
        if waiting and connection is not None:
            self._receipts |= waiting
            await self.do(_nothing)
            await connection.flush()

    async def look_up(self, asked: Asked) -> Found:
        """Ask the relay who somebody is; raises ``Offline``, ``NoSuchAccount``, ``FalseAnswer``."""
        return await look_up(self.uplink.require(), asked)

    def watch(self) -> Watcher:
        """Everything that happens from now on."""
        self._check_open()
        watcher = Watcher()
        self._watchers.append(watcher)
        return watcher

    def unwatch(self, watcher: Watcher) -> None:
        """Stop telling a watcher."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def show(self, *events: ClientEvent) -> None:
        """Tell every watcher."""
        for watcher in self._watchers:
            for event in events:
                watcher.put(event)

    def mishap(self, error: Exception) -> Problem:
        """A fault of the program that left nothing undone, as it is to be shown; the log tells where it was."""
        log.fault(error)
        return MISHAP

    def passes_over(self, chat_id: ChatId) -> bool:
        """Whether nothing more is done in a chat while this process runs, because this program has failed at it."""
        return Blame("chat", chat_id) in self._faults.blamed

    def why_closed(self) -> TacitError:
        """What to tell whoever finds this client closed: its owner did it, or it failed."""
        return Broken() if self._broken else Closed()

    # ---- the loop ----

    async def _start(self, open_profile: Callable[[], OpenProfile], *, online: bool) -> None:
        books = await self._store.open(open_profile, self.clock, self._entropy)
        self.timers.set("expire", None, self.clock.monotonic_s())
        self._loop = asyncio.create_task(self._run(), name="tacit-client")
        if online:
            self.uplink.start(books.profile)

    async def _after_login(self, connection: Connection, welcomed: Welcomed) -> None:
        self.errands.spawn(resume_joins(self))  # first, because the relay may have something against what follows
        try:
            await self.errands.after_login(connection, welcomed)
        except TacitError as error:
            log.debug("login-errand-ended", code=error.code)
        except Exception as error:  # noqa: BLE001 - without it the connection serves all the same
            log.fault(error)

    async def _run(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                inputs, operations = self._gather()
                if not inputs.is_empty:
                    await self._turn(inputs, operations)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            log.warning("stopped", error=type(error).__name__, reason=place_of(error.__cause__ or error))
            self.show(Problem(Broken.code, Broken().sentence, Broken.hint))
            self._broken = True
            self._wishes.fail(Broken())
            self.uplink.stop(Broken())
            for watcher in self._watchers:
                watcher.close()
            raise

    def _gather(self) -> tuple[Inputs, list[Waiting]]:
        """Everything that has come in up to now."""
        receipts, self._receipts = self._receipts, set()
        change = self.uplink.take_change()
        inputs = Inputs(
            blamed=self._faults.blamed,
            receipts=receipts,
            connected=change == "connected",
            incarnation=self.uplink.logged_in.incarnation if change == "connected" else b"",
            waiting_s=float(self.uplink.logged_in.waiting_s) if change == "connected" else 0.0,
            disconnected=change == "disconnected",
        )
        for kind, what in self._agenda.take_due(inputs):
            self._begin(kind, what)
        operations, inputs.pushes = self._take_portion()
        inputs.operations = [operation for operation, _ in operations]
        return inputs, operations

    def _begin(self, kind: str, what: Hashable) -> None:
        """Begin what is due and is no input of the next turn."""
        match kind:
            case "scrub":
                self.errands.spawn(self._store.run(_scrub))
            case "expire":
                self._wishes.add(drop_expired_keys)
                self.timers.set("expire", None, self.clock.monotonic_s() + EXPIRE_EVERY_S)
            case "stock":
                self.errands.check_stock()
            case "unheard" if self.uplink.connection is not None:
                self.errands.spawn(self._lookout.ask(self.uplink.connection, cast("ChatId | None", what)))

    def _take_portion(self) -> tuple[list[Waiting], list[Pushed]]:
        """What a turn takes of what programs ask and the relay pushes: all, or one thing while a culprit is sought."""
        if not self._faults.one_by_one:
            return self._wishes.take(None), self.uplink.take_pushes(MAX_PUSHES_AT_ONCE)
        operations = self._wishes.take(1)
        if self._wishes:
            self._wake.set()
        return operations, self.uplink.take_pushes(0 if operations else 1)

    async def _turn(self, inputs: Inputs, operations: list[Waiting]) -> None:
        """One turn: persist, send, show."""
        try:
            turned = await self._take_turn(inputs)
        except TacitError as error:
            settle_all(operations, error)
            self._turn_failed(error, inputs)
            return
        except Fault as fault:
            self._take_fault(fault, inputs, operations)
            return
        except BaseException:
            settle_all(operations, Broken())
            raise
        self._faults.note_turn()
        for waiting, result in zip(operations, turned.results, strict=True):
            settle(waiting, result)
        if inputs.connected:
            self.errands.forget_connection()
        try:
            self._send(turned)
            await self._introduce(turned)
            self._checkpoint("before-show")
        except Exception as error:  # noqa: BLE001 - all of it is on disk: it is shown, and sent over the next connection
            self._begin_anew(error)
        self.show(*turned.outcome.events)
        try:
            self._plan(turned)
        except Exception as error:  # noqa: BLE001 - the same
            self._begin_anew(error)

    async def _take_turn(self, inputs: Inputs) -> Turned:
        """Have inputs worked through on the store's thread; raises as ``take_turn``."""
        return await self._store.run(partial(take_turn, inputs=inputs, checkpoint=self._checkpoint))

    def _take_fault(self, fault: Fault, inputs: Inputs, operations: list[Waiting]) -> None:
        """Nothing of the turn has happened: it is done again without what is to blame, over a new connection."""
        blame = fault.blame or inputs.only_one
        self._wishes.put_back(operations)
        self._faults.put_down_to(blame)
        place = cast("int", blame.what) if blame is not None and blame.kind == "operation" else None
        # Whoever asked for it is told; where that is not plain yet, it will be.
        known = operations[place][1] is not None if place is not None else blame is None and bool(operations)
        self._begin_anew(fault, tell=not known)
        if place is not None:
            settle(self._wishes.take(place + 1).pop(), Mishap())
            self._wishes.put_back(operations[:place])
        self._receipts |= inputs.receipts
        self._wake.set()

    def _begin_anew(self, error: Exception, *, tell: bool = True) -> None:
        """What is on disk is whole; what was known of this connection may not be. Raises when it happens too often."""
        self._faults.note(error, self.clock.monotonic_s())
        if tell:
            self.show(MISHAP)
        self.uplink.drop(BeganAnew())

    def _turn_failed(self, error: TacitError, inputs: Inputs) -> None:
        """Nothing of the turn has happened. What came from the relay comes again over a new connection."""
        log.warning("turn-failed", code=error.code)
        self.show(Problem(error.code, error.sentence, error.hint))
        self._receipts |= inputs.receipts
        if inputs.pushes or inputs.connected or isinstance(error, StorageError):
            self.uplink.drop(error)

    def _send(self, turned: Turned) -> None:
        """The network's part, in order: what was read, what to make and to hear, what to say."""
        connection = self.uplink.connection
        if connection is None:
            return
        try:
            if turned.acknowledge:
                self._checkpoint("before-acknowledge")
                connection.begin(pb.Acknowledge(positions=positions(turned.acknowledge)))
                self._checkpoint("after-acknowledge")
            self.errands.create_logs(connection, turned.create)
            self.errands.make_again(connection, turned.make_again)
            if turned.listen:
                self.errands.listen(connection, turned.listen)
            self.errands.bring_back(connection, turned.bring_back)
            for row in turned.send:
                self._checkpoint("before-send")
                self.errands.send(connection, row)
                self._checkpoint("after-send")
        except TransportError:
            log.debug("sending-cut")  # whoever reads the connection notices too, and all is sent again over the next

    async def _introduce(self, turned: Turned) -> None:
        """Ask for the handles of people who were just met, so that the lines about them can name them."""
        found = await self.errands.look_up_all(turned.outcome.met, INTRODUCTION_S)
        if not found:
            return
        inputs = Inputs(operations=[partial(introduce, found=someone) for someone in found])
        try:
            second = await self._take_turn(inputs)
        except TacitError as error:
            self._turn_failed(error, inputs)
            return
        turned.outcome.events += second.outcome.events

    def _plan(self, turned: Turned) -> None:
        """What the turn asks for later."""
        if turned.shaken:
            self.uplink.drop(BeganAnew())
        now_s = self.clock.monotonic_s()
        if turned.again:
            self._wishes.add(_nothing)
            self._wake.set()
        if turned.caught_up:
            self.uplink.note_caught_up()
        self._agenda.note(turned, now_s, ask_after_s(self._store.books, now_s))
        self.errands.note_used(turned.packages_used, last_resort=turned.last_resort_used)
        self.errands.claim(turned.claims)
        self.errands.ask_names(turned.nameless)
        self.errands.come_back(turned.come_back, turned.astray)

    def _check_open(self) -> None:
        if self._broken or self._closed or self._loop is None or self._loop.done():
            raise self.why_closed()


def _nothing(batch: Batch) -> None:
    """Have another turn."""
    batch.dirty |= set(batch.books.chats)


def _scrub(books: Books) -> None:
    """Wipe keys that were replaced from the store's log."""
    books.store.scrub()
