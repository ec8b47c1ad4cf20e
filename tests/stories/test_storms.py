"""Random lives from seeds: people talk, vanish and die, links fail, the relay restarts; in the end all agree.

A failing seed replays the same storm, except for HPKE's own randomness.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tacit.errors import TacitError
from tacit.testing import faults
from tacit.testing.actor import Actor
from tacit.testing.clock import run_in_world
from tacit.testing.crashes import Crashed
from tacit.testing.world import World
from tests.stories.scenes import nothing_is_missing

pytestmark = pytest.mark.no_cover

NAMES = ("alice", "bob", "carol")
STEPS = 40
SEEDS = range(12)


class Storm:
    """One life of three friends and their group."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.dice = random.Random(seed)
        self.chat = ""
        self.promised: dict[str, list[str]] = {}
        """Texts whose sending returned, by chat and sender."""
        self.uncertain: set[str] = set()
        """Texts whose sender died before it returned."""
        self.titles = 0

    @property
    def people(self) -> list[Actor]:
        return [self.world.actors[name] for name in NAMES]

    async def live(self) -> None:
        people = await self.world.friends(*NAMES)
        self.chat = await people[0].creates("friends", *people[1:])
        await self.world.shortly()
        for step in range(STEPS):
            actor = self.dice.choice(people)
            await self.dice.choice(
                [self.say, self.say, self.say, self.say, self.vanish, self.meddle, self.die, self.restart, self.rename]
            )(actor, step)
            await self.world.advance(self.dice.choice([0.0, 0.5, 2.0, 10.0, 70.0]))
            if self.dice.random() < 0.05:
                await self.shake_the_relay()
        await self.calm()

    async def say(self, actor: Actor, step: int) -> None:
        where = self.dice.choice([self.chat, *(p.name for p in self.people if p is not actor)])
        text = f"{actor.name} {step}"
        target = self.chat if where == self.chat else self.world.actors[where]
        try:
            await actor.says(target, text)
        except (TacitError, Crashed, RuntimeError):
            self.uncertain.add(text)
            return
        key = where if where == self.chat else "+".join(sorted((where, actor.name)))
        self.promised.setdefault(f"{key} {actor.name}", []).append(text)

    async def vanish(self, actor: Actor, _: int) -> None:
        if actor.way.open:
            await actor.go_offline()
        else:
            actor.way.reopen()

    async def meddle(self, actor: Actor, _: int) -> None:
        """Cuts, delays and losses; pushes are repeated, and answers late.

        A push that overtakes the word that all have been sent is a lie of the relay, which clients may take for one.
        """
        pushed = faults.named(self.dice.choice(["entry", "appended"]), nth=self.dice.randint(1, 4))
        asked = faults.named(self.dice.choice(["append", "acknowledge", "listen"]), nth=self.dice.randint(1, 4))
        either = self.dice.choice([pushed, asked])
        some = [
            faults.cut_at(either),
            faults.delay(either, 3.0),
            faults.overtake(faults.named("appended", nth=self.dice.randint(1, 4)), 3.0),
            faults.repeat(pushed, 2),
            faults.lose(pushed),
        ]
        actor.way.meddle(self.dice.choice(some))

    async def die(self, actor: Actor, step: int) -> None:
        if actor.plan is None:
            actor.doom(self.dice.randint(1, 30))
            await self.say(actor, step + 1000)
            await self.world.advance(self.dice.choice([0.0, 5.0, 30.0]))
        await actor.rise()

    async def restart(self, actor: Actor, _: int) -> None:
        if actor.plan is None:
            await actor.restart()

    async def rename(self, _: Actor, step: int) -> None:
        self.titles += 1
        try:
            await self.people[0].client.rename(self.chat, f"title {step}")
        except (TacitError, Crashed):
            self.titles -= 1

    async def shake_the_relay(self) -> None:
        await self.dice.choice([self.world.relay.stop, self.world.relay.crash])()
        await self.world.advance(self.dice.choice([0.0, 20.0]))
        await self.world.relay.start()

    async def calm(self) -> None:
        """End every fault and give everybody time."""
        for actor in self.people:
            actor.way.meddlers[:] = actor.way.meddlers[:1]  # the ledger's watch stays
            await actor.rise()
            actor.way.reopen()
        await self.world.advance(600)

    async def check(self) -> None:
        """Everybody shows everything that was promised, once and in its author's order, and nothing else."""
        for reader in self.people:
            await self.check_chat(reader, self.chat, self.chat)
            for other in self.people:
                if other is not reader:
                    await self.check_chat(reader, other, "+".join(sorted((reader.name, other.name))))
        views = [await person.chat(self.chat) for person in self.people]
        assert len({(view.epoch, view.title, view.members and len(view.members)) for view in views}) == 1

    async def check_chat(self, reader: Actor, chat: Actor | str, key: str) -> None:
        messages = [m for m in await reader.messages(chat) if m.kind == "text"]
        for author in self.people:
            shown = [m.text for m in messages if m.text.startswith(f"{author.name} ")]
            assert len(shown) == len(set(shown)), f"{reader.name} shows twice: {shown}"
            promised = self.promised.get(f"{key} {author.name}", [])
            certain = [text for text in shown if text not in self.uncertain]
            assert certain == promised, f"{reader.name} of {author.name} in {key}"
        if messages:
            await nothing_is_missing(reader, self.chat if isinstance(chat, str) else chat.id)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_storm(seed: int, tmp_path: Path) -> None:
    async def run() -> None:
        async with World(tmp_path, seed=seed, ephemeral_relay=False) as world:
            storm = Storm(world, seed)
            await storm.live()
            await storm.check()

    run_in_world(run)
