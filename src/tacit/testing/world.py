"""A world of real clients and one real relay, in one process, on virtual time.

Everything is as it is in production but for three things: links are in memory (unless ``TACIT_STORY_TRANSPORT`` says
``ws``, ``grpc`` or ``tcp``), time passes when nobody has anything to do, and randomness has a seed (HPKE's own draws
from OpenSSL excepted). Stories are written against ``Actor``.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tacit.sdk.accounts import AccountFile, NewKey
from tacit.sdk.types import Person
from tacit.testing.actor import Actor
from tacit.testing.clock import FakeClock, world_loop
from tacit.testing.crashes import Crashed, copy_profile
from tacit.testing.entropy import SeededEntropy
from tacit.testing.ledger import Ledger
from tacit.testing.relays import MEMORY, WorldRelay

SHORTLY_S: Final = 3.0
"""Long enough for receipts and first tries to connect, too short for anything that is meant to take a while."""


class Failed(Exception):
    """Something went wrong in the background of a story."""


class World:
    """Use ``async with World(folder) as world`` on a ``WorldLoop``; at the end everything is checked and closed."""

    def __init__(self, folder: Path, *, seed: int = 1, ephemeral_relay: bool = True, transport: str = "") -> None:
        """``transport`` is ``memory``, ``ws``, ``grpc`` or ``tcp``; empty for what ``TACIT_STORY_TRANSPORT`` says."""
        self.folder = folder
        self.clock = FakeClock()
        self.ledger = Ledger()
        self.seed = seed
        self.actors: dict[str, Actor] = {}
        self.relay = WorldRelay(
            None if ephemeral_relay else folder / "relay",
            self.clock,
            SeededEntropy(seed, "the relay"),
            transport=transport or os.environ.get("TACIT_STORY_TRANSPORT", MEMORY),
        )
        self._troubles: list[str] = []

    async def __aenter__(self) -> World:
        world_loop().set_exception_handler(self._note_trouble)
        await self.relay.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in self.actors.values():
            await actor.stop()
        await self.relay.stop()
        if error is None:
            self.check()

    def check(self) -> None:
        """Raise what a story need not look for: anything sealed twice, any task that failed unseen."""
        self.ledger.check()
        if self._troubles:
            raise Failed("; ".join(self._troubles))

    async def person(self, name: str, *, passphrase: str | None = None, key: NewKey = "ed25519") -> Actor:
        """Somebody new with a profile of their own, registered under a handle, online."""
        actor = Actor(self, name, passphrase=passphrase)
        self.actors[name] = actor
        await actor.create(key)
        await actor.start()
        await self.shortly()
        return actor

    async def further_device(self, name: str, key: AccountFile) -> Actor:
        """One more device of the account with this key, online."""
        actor = Actor(self, name)
        self.actors[name] = actor
        await actor.create(key, handle="")
        await actor.start()
        await self.shortly()
        return actor

    async def people(self, *names: str) -> list[Actor]:
        """Several who do not know each other."""
        return [await self.person(name) for name in names]

    async def friends(self, *names: str) -> list[Actor]:
        """Several who have each other in their contacts, so that nobody is a stranger."""
        people = await self.people(*names)
        for one in people:
            for other in people:
                if one is not other:
                    await one.client.add_contact(other.at)
        await self.shortly()
        return people

    async def clone(self, actor: Actor, name: str) -> Actor:
        """A copy of somebody's profile on another machine; not started."""
        copy = Actor(self, name)
        copy_profile(actor.paths.folder, copy.paths.folder)
        self.actors[name] = copy
        return copy

    async def settle(self) -> None:
        """Let everybody finish what they are at; no time passes."""
        await world_loop().settle()

    async def advance(self, seconds: float) -> None:
        """Let time pass, with everything that happens in it."""
        await self.clock.sleep(seconds)
        await self.settle()

    async def shortly(self) -> None:
        """Let a few seconds pass."""
        await self.advance(SHORTLY_S)

    async def leap(self, seconds: float) -> None:
        """Let much time pass at once, as for machines that were asleep."""
        world_loop().leap(seconds)
        await self.settle()

    async def until(self, claim: Callable[[], Awaitable[bool]], *, within_s: float = 120.0) -> None:
        """Let time pass until a claim holds; raises ``TimeoutError`` when it does not in time."""
        deadline = self.clock.monotonic_s() + within_s
        await self.settle()
        while not await claim():
            if self.clock.monotonic_s() > deadline:
                raise TimeoutError
            await self.advance(1.0)

    def name_of(self, person: Person | None) -> str:
        """What a person is called in this story, whatever others call them."""
        if person is None:
            return "nobody"
        return next((actor.name for actor in self.actors.values() if actor.id == person.id), "a stranger")

    def _note_trouble(self, _: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, Crashed):
            self._troubles.append(f"{context.get('message')}: {error!r}")
