"""Where an operation works: the store of a relay, and the relay itself if it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tacit.clock import Clock
from tacit.entropy import Entropy
from tacit.errors import RelayError, TacitError
from tacit.relay.context import Context
from tacit.relay.data_dir import DataDir
from tacit.relay.store import Store, Tables
from tacit.relay.store.database import FILE_NAME
from tacit.relay.store.roster import Figures

T = TypeVar("T")


class _Refused(RelayError):
    """A change was refused; the store takes back only what refuses in its clients' words."""

    code = "operation-refused"

    def __init__(self, error: TacitError) -> None:
        super().__init__()
        self.error = error


@dataclass(slots=True)
class Counted:
    """How much of everything there was when it was counted last: whoever asks may not keep the reader thread busy."""

    at_s: float = float("-inf")
    """By ``monotonic_s``."""
    figures: Figures | None = None
    counting: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Live:
    """What of a running relay an operation may touch."""

    context: Context
    began_s: float
    """When it started, by ``monotonic_s``."""
    connections: Callable[[], int]
    drain: Callable[[int, bool], None]
    """Begins to send everybody away: when they may come back, in seconds, and whether the relay stays."""
    counted: Counted = field(default_factory=Counted)


@dataclass(frozen=True, slots=True)
class Desk:
    """What an operation works with; ``live`` is None for a relay that does not run."""

    store: Store
    folder: Path
    retention_s: int
    entropy: Entropy
    now_s: Callable[[], int]
    """Unix seconds."""
    steady_now_s: Callable[[], int]
    """Unix seconds by which things expire."""
    live: Live | None = None

    async def change(self, change: Callable[[Tables], T]) -> T:
        """Run a change and wait until it is on the disk; raises what it refused with, of whatever family."""

        def guarded(db: Tables) -> T:
            try:
                return change(db)
            except RelayError:
                raise
            except TacitError as error:
                raise _Refused(error) from error

        try:
            return await self.store.change(guarded)
        except _Refused as refused:
            raise refused.error from None

    @property
    def store_path(self) -> Path:
        """The store's file."""
        return self.folder / FILE_NAME


def running_desk(live: Live, folder: Path) -> Desk:
    """The desk of a relay that runs on a folder."""
    context = live.context
    return Desk(
        context.store, folder, context.config.retention_s, context.entropy, context.now_s, context.steady_now_s, live
    )


@asynccontextmanager
async def stopped_desk(folder: Path, *, retention_s: int, clock: Clock, entropy: Entropy) -> AsyncIterator[Desk]:
    """The desk of a relay that does not run, under its folder's lock. Raises ``AlreadyRunning``, a ``StorageError``."""
    held = DataDir.open(folder)
    try:
        store = Store(held.store_path, entropy)
        try:
            yield Desk(store, folder, retention_s, entropy, lambda: int(clock.now_s()), lambda: int(clock.now_s()))
        finally:
            await store.close()
    finally:
        held.close()
