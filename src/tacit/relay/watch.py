"""What the relay does unasked: ends connections that take too long, and drops what has waited too long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from tacit import limits
from tacit.errors import RelayError
from tacit.log import EventLog
from tacit.relay.connection import Connection
from tacit.relay.context import Context
from tacit.relay.store import maintenance
from tacit.relay.store.database import FILE_NAME
from tacit.relay.sweeping import Swept, sweep_once
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import Closed

WATCH_S: Final = 5
"""How often connections are looked at; their deadlines are this coarse."""

SWEEP_S: Final = limits.HOUR_S // 4


async def keep_going(context: Context, kind: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do work that never ends, again when a fault has ended it: want of memory passes, and nobody else would notice."""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - without it deadlines, retention or bounds would silently be none
            EventLog("relay").warning("upkeep-failed", kind=kind, error=type(error).__name__)
        await context.clock.sleep(WATCH_S)


async def watch_connections(context: Context, connections: Callable[[], Collection[Connection]]) -> None:
    """End strangers past their deadline and readers that do not drain, for ever."""
    while True:
        context.addresses.forget()
        context.meetings.sweep()
        context.phones.forget()
        await context.clock.sleep(WATCH_S)
        now_s = context.clock.monotonic_s()
        for connection in tuple(connections()):
            check_deadlines(connection, now_s)
        for account, buckets in tuple(context.accounts.items()):
            if buckets.is_full(now_s):
                del context.accounts[account]


def check_deadlines(connection: Connection, now_s: float) -> None:
    """End this connection if one of its deadlines has passed."""
    is_stranger = connection.session is None and connection.place is None
    if is_stranger and now_s - connection.began_s >= limits.HANDSHAKE_TIMEOUT_S:
        connection.end(pb.Closing(code=Closed.LOGIN_TIMEOUT))
    if connection.outgoing.stalled_s(now_s) >= limits.SLOW_READER_TIMEOUT_S:
        connection.cut_off("slow-reader")


async def sweep_store(context: Context) -> None:
    """Drop what is past its time, now and then, for ever."""
    log = EventLog("relay")
    while True:
        await context.clock.sleep(SWEEP_S)
        try:
            await sweep(context)
            context.metrics.sweeps += 1
        except RelayError as refusal:
            context.metrics.failed_sweeps += 1
            log.warning("sweep-failed", code=refusal.code)


async def sweep(context: Context) -> Swept:
    """Drop everything that is past its time, also from the write-ahead log where a deletion could not do that."""
    folder = context.config.data_dir
    path = None if folder is None else folder / FILE_NAME
    swept = await sweep_once(
        context.store, now_s=context.steady_now_s(), retention_s=context.config.retention_s, path=path
    )
    if path is not None and context.log_to_be_emptied:
        context.log_to_be_emptied = False
        if not await maintenance.empty_log(path):
            context.log_to_be_emptied = True
    return swept
