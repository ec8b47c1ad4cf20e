"""A relay's life on a recorded disk: ``python -m tests.relay.faults.recorded FOLDER SEED``, with ``disk.c`` preloaded.

Several relays run on the folder, one after the other, each in a process of its own that ends without a word at a
random moment, as by ``kill -9``; the last one stops as it should. On the way a sync fails here and there. What each was
told and what it answered is noted in the disk's own log, at the moment at which the answer is there.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import hashlib
import json
import mmap
import os
import random
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tacit.clock import SystemClock
from tacit.relay.config import RelayConfig
from tacit.relay.server import Relay
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.faults.disks import Control, Files, Operation
from tests.relay.peers import Peer, RunningRelay, Someone, commit, key_package, message

LIVES = 4
STEPS = 14
KILLED = 137
Array: TypeAlias = "memoryview[int]"
"""How many messages were ever sent, where the processes of all lives see it."""

CHECKPOINT_PAGES = 24
"""Small, so that there are many checkpoints in little that is written."""


def say(**what: Any) -> None:
    """Note something among what the disk did."""
    data = json.dumps(what).encode()
    ctypes.CDLL(None).disk_note(data, len(data))


@dataclass
class Plan:
    """What stays the same from one life to the next: who there is, and every message with its ID."""

    people: list[Someone]
    logs: list[bytes]
    messages: list[pb.Append]

    @classmethod
    def made(cls, chance: random.Random) -> Plan:
        logs = [chance.randbytes(16) for _ in range(2)]
        messages = [
            message(logs[n % 2], chance.randbytes(chance.choice((3, 200, 3000))), message_id=b"%16d" % n)
            for n in range(2000)
        ]
        return cls([Someone.new() for _ in range(2)], logs, messages)


class Life:
    """One relay from its start to its end."""

    def __init__(self, folder: Path, plan: Plan, chance: random.Random, control: Control, sent: Array) -> None:
        self.relay = Relay(RelayConfig(folder, registration="open", port=None))
        self.plan, self.chance, self.control, self.sent = plan, chance, control, sent
        self.world = RunningRelay(self.relay, SystemClock())

    async def run(self, *, last: bool) -> None:
        """Live."""
        next_message = self.sent[0]
        await self.relay.start()
        await self.relay._running().store.change(
            lambda db: db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}").fetchone()
        )
        alice, bob = [await self.join(someone) for someone in self.plan.people]
        first, second = self.plan.logs
        for log in self.plan.logs:
            await alice.ask(pb.CreateLog(log_id=log))
            added = commit(log, b"add", 0, message_id=b"add".ljust(16), readers_added=[bob.someone.address])
            with suppress(errors.CommitConflict):  # it is known from an earlier life, and was collected since
                await self.append(alice, added)
        for append in self.plan.messages[max(0, next_message - 60) : next_message]:
            if append.log_id == second:
                await self.append(self.author(append, alice, bob), append)
        for step in range(STEPS):
            waiting = []
            if self.chance.random() < 0.2:
                self.break_something()
            for append in self.plan.messages[next_message : next_message + self.chance.randrange(1, 12)]:
                next_message += 1
                self.sent[0] = next_message
                waiting.append(asyncio.ensure_future(self.append(self.author(append, alice, bob), append)))
            if not last and step == STEPS - 2 and self.chance.random() < 0.7:
                await asyncio.sleep(0)
                os._exit(KILLED)
            await asyncio.gather(*waiting)
            await self.acknowledge(first, alice, bob)
            await self.keys(bob, alice)
        if not last:
            os._exit(KILLED)
        self.control.mend()
        await self.relay.stop()

    async def join(self, someone: Someone) -> Peer:
        peer = await self.world.join(someone)
        say(registered=someone.account.id.hex())
        return peer

    def author(self, append: pb.Append, alice: Peer, bob: Peer) -> Peer:
        return alice if int(append.message_id) % 3 else bob

    async def append(self, peer: Peer, append: pb.Append) -> None:
        try:
            seq = await peer.append(append.log_id, append.payload, **{
                name.name: value for name, value in append.ListFields() if name.name not in ("log_id", "payload")
            })  # fmt: skip
        except errors.StorageFailed:
            return
        digest = hashlib.sha256(append.payload).hexdigest()
        say(log=append.log_id.hex(), message=append.message_id.hex(), seq=seq, payload=digest)

    async def acknowledge(self, log: bytes, *peers: Peer) -> None:
        """Both collect the first log up to some place; what was dropped need not be there any more."""
        if self.chance.random() < 0.4:
            upto = self.chance.randrange(1, 60)
            say(acknowledging=upto)
            for peer in peers:
                with suppress(errors.StorageFailed):
                    await peer.acknowledge(log, upto)

    async def keys(self, owner: Peer, asking: Peer) -> None:
        """One publishes a KeyPackage, the other takes one: it may never be given out again."""
        if self.chance.random() < 0.3:
            try:
                await owner.ask(pb.PublishKeys(key_packages=[key_package(self.chance.randbytes(40))]))
                taken = await asking.ask(
                    pb.RecipientKeysRequest(who=pb.Who(account_id=owner.someone.account.id), suite=1)
                )
            except (errors.StorageFailed, errors.NoKeyPackages):
                return
            for device in taken.devices:
                say(claimed=hashlib.sha256(device.key_package.key_package).hexdigest())

    def break_something(self) -> None:
        """Let the next sync or write of one of the files fail, once or twice."""
        operation = self.chance.choice((Operation.SYNC, Operation.SYNC, Operation.WRITE))
        files = self.chance.choice((Files.WAL, Files.STORE))
        self.control.fail(operation, errno.EIO, files=files, after=self.chance.randrange(3), times=1)


def main(folder: Path, control: Control, seed: int) -> None:
    chance = random.Random(seed)
    plan = Plan.made(chance)
    sent: Array = memoryview(mmap.mmap(-1, 8)).cast("Q")
    for number in range(LIVES):
        control.mend()
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(live(folder, plan, random.Random(seed * 100 + number), control, sent, number))
            except BaseException:  # noqa: BLE001 - a forked process must not go on as its parent
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) not in (0, KILLED):
            sys.exit(1)


async def live(folder: Path, plan: Plan, chance: random.Random, control: Control, sent: Array, number: int) -> None:
    await Life(folder, plan, chance, control, sent).run(last=number == LIVES - 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Control(Path(sys.argv[2])), int(sys.argv[3]))
