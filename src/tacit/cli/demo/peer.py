"""One person of the demo as a process: takes orders as JSON Lines on standard input and answers each with one line.

Stands on the SDK alone, as any bot would.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from tacit.errors import TacitError
from tacit.sdk import Client
from tacit.ui import data

TIMEOUT_S: Final = 20.0

Order = dict[str, Any]


async def main(profile: str, folder: Path) -> None:
    """Make the identity if there is none, then obey until standard input ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    if not Client.exists(profile, folder):
        order = json.loads(await reader.readline())
        await Client.create(profile, name=profile, relay=order["relay"], passphrase=None, data_dir=folder)
    async with Client.open(profile, data_dir=folder) as me:
        await me.wait_caught_up(TIMEOUT_S)
        # Receipts are messages too; without them every message at the relay is one that somebody typed.
        await me.set_receipts(False)
        _answer({"ok": True, "account": me.me.id})
        while line := await reader.readline():
            order = json.loads(line)
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    _answer({"ok": True, "value": await _ORDERS[order["do"]](me, order)})
            except TacitError as error:
                _answer({"ok": False, "code": error.code})
            except TimeoutError:
                _answer({"ok": False, "code": "timeout"})


async def _send(me: Client, order: Order) -> None:
    message = await me.send(order["to"], order["text"])
    await me.wait_for(message.id, "relayed", TIMEOUT_S)


async def _accept(me: Client, order: Order) -> str:
    await _until(me, me.requests)
    chat = await me.accept((await me.requests())[0].id)
    return chat.id


async def _create_group(me: Client, order: Order) -> str:
    chat = await me.create_group(order["title"], order["who"])
    await _settled(me)
    return chat.id


async def _invite(me: Client, order: Order) -> None:
    await me.invite(order["chat"], order["who"])
    await _settled(me)


async def _remove(me: Client, order: Order) -> None:
    await me.remove(order["chat"], order["who"])
    await _settled(me)


async def _hear(me: Client, order: Order) -> None:
    """Wait until a text has arrived in a chat."""

    async def heard() -> bool:
        try:
            return any(message.text == order["text"] for message in await me.history(order["chat"]))
        except TacitError:
            return False  # the chat is not there yet

    await _until(me, heard)


async def _notice(me: Client, order: Order) -> None:
    """Wait until something has happened in a chat."""

    async def happened() -> bool:
        lines = await me.history(order["chat"])
        return any(line.notice is not None and line.notice.code == order["code"] for line in lines)

    await _until(me, happened)


async def _texts(me: Client, order: Order) -> list[str]:
    return [message.text for message in await me.history(order["chat"]) if message.kind == "text"]


async def _settled(me: Client) -> None:
    async def nothing_queued() -> bool:
        return not (await me.status()).queued

    await _until(me, nothing_queued)


async def _until(me: Client, true: Callable[[], Awaitable[object]]) -> None:
    """Wait for something to become so, looking again at every event and a few times a second."""
    while not await true():  # noqa: ASYNC110 - a state, not an event
        await asyncio.sleep(0.05)


_ORDERS: Final[dict[str, Callable[[Client, Order], Awaitable[Any]]]] = {
    "send": _send,
    "accept": _accept,
    "create-group": _create_group,
    "invite": _invite,
    "remove": _remove,
    "hear": _hear,
    "notice": _notice,
    "texts": _texts,
}


def _answer(value: dict[str, Any]) -> None:
    sys.stdout.write(data.line(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
