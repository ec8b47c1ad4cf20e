"""Somebody who talks as fast as the disk allows and listens: ``python -m tests.processes.chatter FOLDER PROFILE WHO``.

Prints each of its own texts once the client has promised to keep it, and each text of others as it is shown. Whoever
kills this program may compare what it printed with the histories. Ends when standard input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tacit.errors import TacitError
from tacit.sdk import Client
from tacit.sdk.types import MessageEvent, StateEvent

ON_THE_WAY = 40
"""Own texts that may wait for the relay, so that a relay that is away is not talked to for ever."""


async def main(folder: Path, profile: str, who: str) -> None:
    room = asyncio.Semaphore(ON_THE_WAY)
    async with Client.open(profile, data_dir=folder) as me:
        waiting = {line.id for line in await me.history(who, limit=1000) if line.state in ("queued", "sent")}
        for _ in waiting:
            await room.acquire()
        tasks = [asyncio.create_task(listen(me, room, waiting)), asyncio.create_task(talk(me, who, room, waiting))]
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def talk(me: Client, who: str, room: asyncio.Semaphore, waiting: set[str]) -> None:
    number = len(await me.history(who, limit=10_000))
    while True:
        await room.acquire()
        number += 1
        text = f"{me.profile} {number}"
        waiting.add((await me.send(who, text)).id)
        say({"promised": text})


async def listen(me: Client, room: asyncio.Semaphore, waiting: set[str]) -> None:
    async for event in me.events():
        if isinstance(event, MessageEvent) and event.message.kind == "text" and not event.message.mine:
            say({"shown": event.message.text})
        elif isinstance(event, StateEvent) and event.state not in ("queued", "sent") and event.id in waiting:
            waiting.discard(event.id)
            room.release()


def say(what: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
    except TacitError as error:
        say({"error": error.code})
        sys.exit(1)
