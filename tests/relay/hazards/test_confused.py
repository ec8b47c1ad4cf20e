"""A24: a relay process that mixes two of its people up gives each what waited for the other, and fools neither."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tacit.relay.store.database import FILE_NAME
from tacit.sdk import Client
from tacit.sdk.types import Event, ProblemEvent, WaitFor
from tests.processes.people import alarms, create, happens, introduce, opened, texts
from tests.processes.programs import TIMEOUT_S, Profile, Relay

pytestmark = pytest.mark.processes


def mix_up(folder: Path, one: str, other: str) -> None:
    """Exchange two people's mailboxes, and the queues of the conversation that each has with somebody else."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as db, db:
        devices = dict(db.execute("SELECT handle, device FROM accounts JOIN devices USING (account)"))
        pair = devices[one], devices[other]
        for column, table, key, places in (
            ("inbox", "devices", "device", pair),
            ("log_id", "logs", "log", tuple(_talk_of(db, device) for device in pair)),
        ):
            held = [db.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (n,)).fetchone()[0] for n in places]
            # Nobody may have what somebody else has, not even for a moment.
            nobodys = -1 if column == "inbox" else b""
            for place, value in ((places[0], nobodys), (places[1], held[0]), (places[0], held[1])):
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (value, place))
            logs = held if column == "inbox" else places
            db.execute(
                "UPDATE readers SET device = ? - device WHERE log IN (?, ?) AND device IN (?, ?)",
                (sum(pair), *logs, *pair),
            )


def _talk_of(db: sqlite3.Connection, device: int) -> int:
    """The first conversation that a device is in."""
    query = "SELECT min(log) FROM readers JOIN logs USING (log) WHERE device = ? AND log_id IS NOT NULL"
    return int(db.execute(query, (device,)).fetchone()[0])


async def say(me: Client, target: str, text: str, state: WaitFor = "delivered") -> None:
    await me.wait_for((await me.send(target, text)).id, state, TIMEOUT_S)


@asynccontextmanager
async def watched(profile: Profile) -> AsyncIterator[tuple[Client, asyncio.Task[Event]]]:
    """A profile that is opened while the relay is away, and the first problem that it tells of."""
    async with Client.open(profile.name, data_dir=profile.data_dir) as me:
        watching = asyncio.create_task(happens(me.events(), lambda event: isinstance(event, ProblemEvent)))
        try:
            yield me, watching
        finally:
            watching.cancel()


async def test_a24_who_is_given_the_queue_and_the_mailbox_of_another_is_not_fooled_and_hears_of_it(
    tmp_path: Path,
) -> None:
    """What was given to somebody else is missed, and told; everything before and after it is there."""
    with Relay(tmp_path / "relay") as relay:
        alice, bob, carol = await create(relay.link, tmp_path, "alice", "bob", "carol")
        async with opened(alice) as a:
            for profile in (bob, carol):
                async with opened(profile) as them:
                    await introduce(them, a)
                    await say(a, f"@{profile.name}", f"{profile.name} has this")
            for name in ("bob", "carol"):
                await say(a, f"@{name}", f"{name} misses this", "relayed")
                group = await a.create_group(f"only {name}", [f"@{name}"])
                await say(a, group.id, "welcome", "relayed")
            relay.end()
            mix_up(relay.folder, "bob", "carol")
            async with watched(bob) as (b, his), watched(carol) as (c, hers):
                relay.start()
                for problem in await asyncio.gather(his, hers):
                    assert isinstance(problem, ProblemEvent)
                    assert problem.code == "welcome-invalid", "of the group of the other"
                relay.end()
                mix_up(relay.folder, "bob", "carol")
                relay.start()
                for me in (b, c):
                    name = me.profile
                    await say(a, f"@{name}", f"and {name} this")
                    await say(me, "@alice", f"{name} answers")
                    history = await me.history("@alice")
                    assert texts(history) == [
                        *(f"me: I am {name}", f"@alice: {name} has this"),
                        *(f"@alice: and {name} this", f"me: {name} answers"),
                    ]
                    assert alarms(history) == ["undecryptable wrong-group", "fork", "gap counter"]
                    assert [chat.title for chat in await me.chats()] == ["@alice"]
                    assert texts(await a.history(f"@{name}"))[-1] == f"@{name}: {name} answers"
