"""A transaction whose sync fails, a relay that is killed, and one that starts on what the page cache still shows.

``python -m tests.relay.faults.refused FOLDER CONTROL``, with ``disk.c`` preloaded.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tacit.relay.store import Store
from tacit.wire.errors import StorageFailed
from tests.relay.faults.disks import Control, Files, Operation
from tests.relay.faults.recorded import say


async def first_life(path: Path, control: Control) -> None:
    store = Store(path)
    await make(store, 1)
    control.fail(Operation.SYNC, errno.EIO, files=Files.WAL, times=1)
    try:
        await make(store, 2)
    except StorageFailed:
        os._exit(0)
    os._exit(1)


async def second_life(path: Path) -> None:
    await make(Store(path), 3)
    os._exit(0)


async def make(store: Store, created_at: int) -> None:
    """Fill a few pages in one transaction, and tell that it was answered."""
    await store.change(
        lambda db: db.executemany(
            "INSERT INTO logs (log_id, created_at) VALUES (?, ?)",
            [(b"%d %d" % (created_at, n) + bytes(300), created_at) for n in range(80)],
        )
    )
    say(made=created_at)


def in_a_process(life: Coroutine[Any, Any, None]) -> None:
    child = os.fork()
    if child == 0:
        asyncio.run(life)
    else:
        life.close()
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(1)


if __name__ == "__main__":
    place = Path(sys.argv[1]) / "relay.db"
    in_a_process(first_life(place, Control(Path(sys.argv[2]))))
    in_a_process(second_life(place))
