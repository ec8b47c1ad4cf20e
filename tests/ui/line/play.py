"""A session with a scripted client in the terminal that this process runs in; driven by the tests of the terminal.

A text that is sent makes the scripted peer do what it says: ``flood N``, ``say TEXT``, ``cut``, ``ask``.
"""

from __future__ import annotations

import asyncio
import sys

from tacit.sdk.types import Connection, MessageInfo, RequestEvent
from tacit.ui.line.completer import Names
from tacit.ui.line.deeds import DEEDS
from tacit.ui.line.session import Session
from tacit.ui.line.terminal import TerminalFace
from tests.ui.people import CAROL, DIRECT
from tests.ui.scripted import REQUEST_CHAT, Scripted


class Obliging(Scripted):
    async def send(self, target: str, body: str) -> MessageInfo:
        message = await super().send(target, body)
        what, _, rest = body.partition(" ")
        if what == "flood":
            for number in range(int(rest)):
                self.hear(f"line {number}")
        elif what == "drip":
            self.dripping = asyncio.create_task(self.drip(int(rest)))
        elif what == "say":
            self.hear(rest.encode().decode("unicode_escape"))
        elif what == "cut":
            self.happen(Connection("offline", "connection-refused", "Nothing answers there.", 8))
        elif what == "ask":
            self.happen(RequestEvent(REQUEST_CHAT, CAROL))
        self.progress(message.id, "delivered")
        return message

    async def drip(self, count: int) -> None:
        for number in range(count):
            await asyncio.sleep(0.01)
            self.hear(f"drop {number}")


async def main() -> None:
    me, names = Obliging(), Names()
    me.hear("are you there?")
    session = Session(me.as_client, TerminalFace(names), names, DEEDS)
    await session.begin()
    if "home" not in sys.argv:
        await session.open(DIRECT)
    code = await session.run()
    sys.stdout.write(f"ended {int(code)}\n")


asyncio.run(main())
