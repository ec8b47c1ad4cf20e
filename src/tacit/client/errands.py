"""What the running client asks the relay for besides the stream of its logs, and what it does with the answers.

Each errand is a task that ends by itself with its connection; answers come back as operations of the runtime's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

from tacit import limits
from tacit.client import key_stock
from tacit.client.batch import Batch
from tacit.client.bringing_back import bring_back
from tacit.client.connection import Connection
from tacit.client.core.effects import Report
from tacit.client.directory import Asked, Found, look_up
from tacit.client.entering import come_back
from tacit.client.errors import UnexpectedAnswer
from tacit.client.events import Problem
from tacit.client.gone import note_gone
from tacit.client.handshake import Welcomed
from tacit.client.invites import RETRY_CLAIM_S, claim_all, take_claimed
from tacit.client.loop import Loop
from tacit.client.model import Contact, GroupId, Intent, OutboxRow
from tacit.client.people import introduce
from tacit.client.returning import note_made_again
from tacit.client.room_requests import room_of
from tacit.client.sending import WORTH_TELLING, created, look_again, retry_after_s, take_appended, take_refused
from tacit.errors import RelayError, TacitError, TransportError, Untrusted
from tacit.identity import BadHandle, parse_handle
from tacit.log import EventLog
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import HandleTaken, NoSuchAccount
from tacit.wire.frames import ResponseBody

log = EventLog("client.errands")


class Errands:
    """The tasks beside the loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._creating: set[GroupId] = set()
        self._claiming: set[int] = set()
        self._asked: set[bytes] = set()
        self._told: set[str] = set()
        self._bringing: set[GroupId] = set()
        self._looking: set[GroupId] = set()
        """Rooms to which a way back is being tried."""
        self._looked: set[GroupId] = set()
        """Rooms to which one was tried over the present connection."""

    def spawn(self, errand: Coroutine[Any, Any, None]) -> None:
        """Run an errand; what relay or network refuse ends it quietly, because it is begun again when needed."""

        async def run() -> None:
            try:
                await errand
            except TacitError as error:
                log.debug("errand-ended", code=error.code)
            except Exception as error:  # noqa: BLE001 - errands are begun again, and change nothing but by the loop
                log.fault(error)

        task = asyncio.create_task(run(), name="tacit-errand")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End every errand."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget_connection(self) -> None:
        """A new connection: what was asked over the last one is asked again."""
        self._creating.clear()
        self._told.clear()
        self._bringing.clear()
        self._looked.clear()

    async def after_login(self, connection: Connection, welcomed: Welcomed) -> None:
        """Note what the relay said at the door and fill up the KeyPackages."""
        said = welcomed.logged_in
        packages = await self._loop.do(partial(_note_login, welcomed=welcomed))
        self._loop.uplink.key_packages = said.one_time_key_packages
        await self._publish(connection, packages)

    def create_logs(self, connection: Connection, requests: Mapping[GroupId, pb.CreateLog]) -> None:
        """Ask for logs; each is asked for once over a connection."""
        for group_id in sorted(requests.keys() - self._creating):
            self._creating.add(group_id)
            answer = connection.begin(requests[group_id])
            answer.add_done_callback(partial(self._log_created, group_id))

    def make_again(self, connection: Connection, requests: Mapping[GroupId, pb.CreateLog]) -> None:
        """Make logs again that a restored relay does not know."""
        for group_id in sorted(requests):
            answer = connection.begin(requests[group_id])
            answer.add_done_callback(partial(self._made_again, group_id))

    def listen(self, connection: Connection, after: Mapping[Any, int]) -> None:
        """Ask for what comes in logs, for as many in one request as a relay takes."""
        places = list(after.items())
        for begin in range(0, len(places), limits.MAX_LISTEN_LOGS):
            self._listen(connection, dict(places[begin : begin + limits.MAX_LISTEN_LOGS]))

    def bring_back(self, connection: Connection, group_ids: Iterable[GroupId]) -> None:
        """Bring back what a restored relay lacks, to each log once over a connection."""
        for group_id in sorted(set(group_ids) - self._bringing):
            self._bringing.add(group_id)
            self.spawn(self._bring_back(connection, group_id))

    def come_back(self, lost: AbstractSet[GroupId], astray: AbstractSet[GroupId]) -> None:
        """Look for ways back into rooms, each once over a connection; where a place only seems lost, at each cause."""
        for group_id in sorted(lost - (self._looked - astray) - self._looking):
            self._looking.add(group_id)
            self._looked.add(group_id)
            self.spawn(self._come_back(group_id))

    def send(self, connection: Connection, row: OutboxRow) -> None:
        """Send a row of the outbox, and have the answer worked through."""
        try:
            answer = connection.begin(append_of(row))
        except RelayError as error:  # larger than any frame
            self._loop.later(partial(take_refused, row=row, error=error))
        else:
            answer.add_done_callback(partial(self._row_answered, row))

    def note_used(self, packages: int, *, last_resort: bool) -> None:
        """Invitations have used KeyPackages up: fill the stock before it runs out."""
        uplink = self._loop.uplink
        if uplink.key_packages < 0 or not (packages or last_resort):
            return  # what the relay says at the door comes first
        uplink.key_packages = max(0, uplink.key_packages - packages)
        if last_resort or uplink.key_packages <= key_stock.LOW:
            self.check_stock(last_resort_used=last_resort)

    def check_stock(self, *, last_resort_used: bool = False) -> None:
        """Ask how many KeyPackages the relay still has, and publish what is missing; again after a day."""
        connection = self._loop.uplink.connection
        if connection is not None:
            self.spawn(self._check_stock(connection, last_resort_used=last_resort_used))

    def claim(self, intents: Iterable[Intent]) -> None:
        """Claim KeyPackages for invitations, once for each at a time."""
        connection = self._loop.uplink.connection
        for intent in intents:
            if connection is not None and intent.row not in self._claiming:
                self._claiming.add(intent.row)
                self.spawn(self._claim(connection, intent))

    def ask_names(self, contacts: Iterable[Contact]) -> None:
        """Ask for handles that are not known, once while the client runs."""
        new = [c.account_id for c in contacts if c.account_id not in self._asked]
        if new and self._loop.uplink.connection is not None:
            self.spawn(self._ask_names(new))

    async def look_up_all(self, accounts: Iterable[bytes], timeout_s: float) -> list[Found]:
        """Ask who accounts are; those that the relay does not tell of in time are left out."""
        connection = self._loop.uplink.connection
        wanted = [account for account in accounts if account not in self._asked]
        if connection is None or not wanted:
            return []
        found: list[Found] = []
        try:
            async with asyncio.timeout(timeout_s):
                for account in wanted:
                    self._asked.add(account)
                    try:
                        found.append(await look_up(connection, Asked(account_id=account)))
                    except (RelayError, Untrusted) as error:
                        log.debug("no-introduction", code=error.code)
        except (TimeoutError, TransportError):
            self._asked -= set(wanted) - {someone.account_id for someone in found}
        return found

    def _listen(self, connection: Connection, after: Mapping[Any, int]) -> None:
        answer = connection.begin(pb.Listen(after=positions(after)))
        answer.add_done_callback(partial(self._listened, connection, after))

    def _listened(self, connection: Connection, after: Mapping[Any, int], answer: asyncio.Future[ResponseBody]) -> None:
        """Who is not let listen would wait for ever: he asks again, or comes anew."""
        refusal = _result(answer)
        if isinstance(refusal, RelayError):
            self.spawn(self._listen_later(connection, after, refusal))

    async def _listen_later(self, connection: Connection, after: Mapping[Any, int], refusal: RelayError) -> None:
        delay_s = retry_after_s(refusal)
        if delay_s is not None:
            await self._loop.clock.sleep(delay_s)
            self._listen(connection, after)
        elif self._loop.uplink.connection is connection:
            self._loop.uplink.drop(refusal)

    def _log_created(self, group_id: GroupId, answer: asyncio.Future[ResponseBody]) -> None:
        body = _result(answer)
        if isinstance(body, pb.LogCreated):
            self._loop.later(partial(created, group_id=group_id))
        elif isinstance(body, RelayError):
            self._loop.show(Problem(body.code, body.sentence, body.hint))
            delay_s = retry_after_s(body)
            if delay_s is not None:
                self.spawn(self._create_later(group_id, delay_s))

    def _made_again(self, group_id: GroupId, answer: asyncio.Future[ResponseBody]) -> None:
        if isinstance(_result(answer), pb.LogCreated | RelayError):
            self._loop.later(partial(note_made_again, group_id=group_id))

    async def _bring_back(self, connection: Connection, group_id: GroupId) -> None:
        try:
            await bring_back(self._loop, connection, group_id)
        finally:
            self._bringing.discard(group_id)

    async def _come_back(self, group_id: GroupId) -> None:
        try:
            await come_back(self._loop, group_id)
        except TacitError:
            if await self._loop.read(lambda books: group_id in books.astray):
                self._looked.discard(group_id)
            raise
        finally:
            self._looking.discard(group_id)
        self._looked.discard(group_id)

    async def _create_later(self, group_id: GroupId, delay_s: float) -> None:
        await self._loop.clock.sleep(delay_s)
        self._creating.discard(group_id)
        self._loop.later(partial(look_again, group_id=group_id))

    def _row_answered(self, row: OutboxRow, answer: asyncio.Future[ResponseBody]) -> None:
        body = _result(answer)
        if isinstance(body, pb.Appended):
            if row.inbox is not None:
                self._loop.later(partial(take_appended, row=row))
        elif isinstance(body, RelayError):
            # A refusal that passes leaves the row where it is.
            delay_s = retry_after_s(body)
            if delay_s is None:
                self._loop.later(partial(take_refused, row=row, error=body))
            else:
                self._loop.timers.set("send", row, self._loop.clock.monotonic_s() + delay_s)
                self._tell(body)
        elif body is not None and not isinstance(body, TacitError):
            self._loop.uplink.drop(UnexpectedAnswer())

    def _tell(self, refusal: RelayError) -> None:
        """Tell of a refusal that somebody has to do something about, once over each connection."""
        if isinstance(refusal, WORTH_TELLING) and refusal.code not in self._told:
            self._told.add(refusal.code)
            self._loop.show(Problem(refusal.code, refusal.sentence, refusal.hint))

    async def _check_stock(self, connection: Connection, *, last_resort_used: bool) -> None:
        told = await connection.request(pb.PublishKeys(), pb.KeysSet)
        at_relay = told.one_time_key_packages
        self._loop.uplink.key_packages = at_relay
        refill = partial(key_stock.refill, at_relay=at_relay, last_resort_used=last_resort_used)
        await self._publish(connection, await self._loop.do(refill))

    async def _publish(self, connection: Connection, packages: list[pb.KeyPackage]) -> None:
        if packages:
            answer = await connection.request(pb.PublishKeys(key_packages=packages), pb.KeysSet)
            self._loop.uplink.key_packages = answer.one_time_key_packages
        self._loop.timers.set("stock", None, self._loop.clock.monotonic_s() + key_stock.CHECK_EVERY_S)

    async def _claim(self, connection: Connection, intent: Intent) -> None:
        try:
            claimed = await claim_all(connection, intent, self._loop.clock.now_s())
            for error in claimed.failed.values():
                if isinstance(error, Untrusted):
                    self._loop.show(Problem(error.code, error.sentence, error.hint))
            await self._loop.do(partial(take_claimed, row=intent.row, claimed=claimed))
            if gone := [account for account, error in claimed.failed.items() if isinstance(error, NoSuchAccount)]:
                await self._loop.do(partial(note_gone, accounts=gone))
        finally:
            self._claiming.discard(intent.row)
        if claimed.failed:
            self._loop.timers.set("parked", intent.row, self._loop.clock.monotonic_s() + RETRY_CLAIM_S)

    async def _ask_names(self, accounts: list[bytes]) -> None:
        for found in await self.look_up_all(accounts, timeout_s=60.0):
            await self._loop.do(partial(introduce, found=found))


def append_of(row: OutboxRow) -> pb.Append:
    """The request that a row of the outbox is, the same at every try."""
    request = pb.Append(
        message_id=row.message_id,
        kind=pb.EntryKind.ValueType(row.kind),
        payload=row.payload,
        after_commit=row.after_commit,
        readers_added=[pb.Device(account_id=a, device_id=d) for a, d in row.readers_added],
        readers_removed=[pb.Device(account_id=a, device_id=d) for a, d in row.readers_removed],
    )
    if row.inbox is not None:
        request.inbox.CopyFrom(pb.Device(account_id=row.inbox[0], device_id=row.inbox[1]))
    else:
        request.log_id = row.group_id or b""
    if row.room is not None:
        request.room.CopyFrom(room_of(row.room))
    return request


def positions(places: Mapping[Any, int]) -> list[pb.Position]:
    """Positions by log, as the protocol lists them."""
    return [pb.Position(log_id=log_id, seq=seq) for log_id, seq in places.items()]


def _note_login(batch: Batch, welcomed: Welcomed) -> list[pb.KeyPackage]:
    if welcomed.handle_lost:
        batch.add(Report(HandleTaken.code, HandleTaken().sentence, "This account goes on without a handle there."))
    batch.note_registered(known_handle(welcomed.logged_in.handle))
    said = welcomed.logged_in
    # A relay that had to be told who we are has nothing of ours.
    renew = said.last_resort_used or welcomed.registered
    return key_stock.refill(batch, said.one_time_key_packages, last_resort_used=renew)


def known_handle(said: str) -> str:
    """The handle that the relay says this account has; what cannot be one is none."""
    try:
        return parse_handle(said)
    except BadHandle:
        return ""


def _result(answer: asyncio.Future[ResponseBody]) -> ResponseBody | BaseException | None:
    """What came of a request; None when it was given up."""
    if answer.cancelled():
        return None
    return answer.exception() or answer.result()
