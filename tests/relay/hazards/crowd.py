"""``python -m tests.relay.hazards.crowd ATTACK PORT SECONDS``: one attack by people with accounts, in its own process.

Says ``{}`` once the attack is under way, and what it came to when its time is up.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tacit import limits
from tacit.net.errors import LinkClosed
from tacit.wire import relay_pb2 as pb
from tests.relay.hazards.attacker import begin, tell
from tests.relay.hazards.guests import Guests
from tests.relay.peers import FAILURES, Peer

PEOPLE = 8
TOKEN = b"t" * 32


async def doors(people: Sequence[Peer], seconds: float) -> Counter[str]:
    """Everybody asks to come into everybody's room, each of which shows as much as a room may, and never comes in."""
    asked: list[asyncio.Future[Any]] = []
    rooms = [os.urandom(16) for _ in people]
    room = pb.Room(join_token_hash=hashlib.sha256(TOKEN).digest(), group_info=bytes(limits.MAX_ROOM_INFO_BYTES))
    for peer, log in zip(people, rooms, strict=True):
        await peer.ask(pb.CreateLog(log_id=log, room=room))
    attack = begin(seconds)

    async def hammer(peer: Peer) -> None:
        for log in itertools.cycle(rooms):
            if not attack.goes_on():
                return
            answers = [await peer.begin(pb.EnterRoom(log_id=log, join_token=TOKEN)) for _ in range(8)]
            asked.extend(answers)
            await asyncio.wait(answers, timeout=0.1)

    await asyncio.gather(*map(hammer, people))
    answered = [one.result() for one in asked if one.done()]
    refused = sum(isinstance(answer, FAILURES) for answer in answered)
    return Counter({"asked": len(asked), "refused": refused, "shown": len(answered) - refused})


async def refusals(people: Sequence[Peer], seconds: float) -> Counter[str]:
    """Everybody asks as fast as it can for what nobody with an account is given."""
    attack = begin(seconds)
    asked: list[asyncio.Future[Any]] = []

    async def ask(peer: Peer) -> None:
        with suppress(LinkClosed):
            while True:
                asked.append(await peer.begin(pb.OpenRendezvous()))
                await asyncio.sleep(0)

    asking = [asyncio.create_task(ask(peer)) for peer in people]
    while attack.goes_on():
        await asyncio.wait(asking, timeout=0.1)
    refused = sum(one.done() and isinstance(one.result(), FAILURES) for one in asked)
    lasted_ms = int(attack.lasted_s * 1000)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    return Counter({"asked": len(asked), "refused": refused, "lasted ms": lasted_ms})


ATTACKS = {"doors": doors, "refusals": refusals}


async def main(attack: str, port: int, seconds: float) -> None:
    async with Guests(port) as guests:
        people = [await guests.member() for _ in range(PEOPLE)]
        tell(dict(await ATTACKS[attack](people, seconds)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
