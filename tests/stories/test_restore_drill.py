"""The drill: people talk, come and go, and the relay is put back to any older backup, again and again.

Whatever the backup lacks comes back from those who have read it. Afterwards everybody is in the same epoch, shows every
text once and no alarm, and the talk goes on. The ledger of the world sees that nothing is sealed twice.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tacit.errors import TacitError
from tacit.limits import RETURN_WAIT_S
from tacit.relay.backups import back_up, restore
from tacit.testing.actor import Actor
from tacit.testing.clock import run_in_world
from tacit.testing.entropy import SeededEntropy
from tacit.testing.world import World
from tests.stories.scenes import nothing_is_missing

FOUNDERS = ("alice", "bob", "carol")
ALARMS = ("-- gap", "-- fork", "-- undecryptable", "-- invalid-commit", "-- rejected-commit", "-- behind")


class Drill:
    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.seed = seed
        self.dice = random.Random(seed)
        self.chat = ""
        self.said: list[tuple[str, str, str]] = []
        """Chat, author and text of everything that was said."""
        self.backups: list[Path] = []
        self.restores = 0
        self.moved_while_away = False

    @property
    def people(self) -> list[Actor]:
        return list(self.world.actors.values())

    async def begin(self) -> None:
        await self.world.friends(*FOUNDERS)
        self.back_up()  # before anybody has a chat, and before dave is known

    async def round(self, steps: int) -> None:
        """Some life, with a backup in it, then a restore to any backup so far."""
        when = self.dice.randrange(steps)
        for step in range(steps):
            if step == when:
                self.back_up()
            await self.dice.choice([self.say, self.say, self.say, self.change, self.vanish, self.wait])()
        await self.lose_the_relay()

    async def create(self) -> None:
        alice, bob, carol = self.people[:3]
        self.chat = await alice.creates("friends", bob, carol)
        await self.world.shortly()

    async def say(self) -> None:
        author = self.dice.choice(self.people)
        chat = self.chat
        if len(self.people) > 1 and self.dice.random() < 0.3 and author.name in FOUNDERS[:2]:
            chat = "direct"
        elif author.name not in FOUNDERS:
            if author.name not in await self.people[0].members(self.chat):
                return
            if not await self.is_in(author):
                return
        text = f"{author.name} {len(self.said)}"
        try:
            await author.says(self.target(author, chat), text)
        except TacitError:
            assert author.name == "dave", "only he is removed, and that may be in this very moment"
        self.said.append((chat, author.name, text))
        await self.world.advance(self.dice.choice([0.0, 0.5, 5.0]))

    async def change(self) -> None:
        """Dave comes or goes, or the group gets another name."""
        alice = self.people[0]
        if len(self.people) == 3 and not alice.way.open:
            alice.way.reopen()
            await self.world.advance(35)
        if self.dice.random() < 0.5 or self.is_moved_while_away():
            await alice.client.rename(self.chat, f"friends {len(self.said)}")
        elif len(self.people) == 3:
            dave = await self.world.person("dave")
            await dave.client.add_contact(alice.at)
            await alice.client.add_contact(dave.at)
            await alice.client.invite(self.chat, dave.at)
        elif "dave" in await alice.members(self.chat):
            await alice.client.remove(self.chat, "@dave")
        else:
            await alice.client.invite(self.chat, "@dave")
        await self.world.advance(self.dice.choice([0.0, 1.0, 10.0]))

    def is_moved_while_away(self) -> bool:
        """Whether dave has come or gone while he was away: a second time would show him gaps that are none."""
        if len(self.people) == 3 or self.people[3].way.open:
            self.moved_while_away = False
            return False
        was, self.moved_while_away = self.moved_while_away, True
        return was

    async def vanish(self) -> None:
        """Somebody is away for some steps, or comes back."""
        actor = self.dice.choice(self.people)
        if actor.way.open:
            actor.way.close()
        else:
            actor.way.reopen()
            await self.world.advance(35)

    async def wait(self) -> None:
        await self.world.advance(self.dice.choice([1.0, 40.0, 400.0]))

    def back_up(self) -> None:
        file = self.world.folder / f"backup {len(self.backups)}"
        back_up(self.world.folder / "relay", file, now_s=int(self.world.clock.now_s()), progress=quietly)
        self.backups.append(file)

    async def lose_the_relay(self) -> None:
        """Put the relay back, and let everybody come in any order within the time that it waits."""
        await self.dice.choice([self.world.relay.stop, self.world.relay.crash])()
        self.put_back(self.dice.choice(self.backups[-3:] + self.backups[:1]))
        for actor in self.people:
            actor.way.close()
            if self.dice.random() < 0.3:
                await actor.restart()  # who has not run all the time cannot know how old his store is
        await self.world.relay.start()
        for actor in self.dice.sample(self.people, len(self.people)):
            actor.way.reopen()
            await self.world.advance(self.dice.choice([0.0, 0.3, 40.0, 100.0]))
            if self.dice.random() < 0.5 and self.chat:
                await self.say()  # what is written meanwhile waits
        await self.world.advance(RETURN_WAIT_S + 120)

    def put_back(self, backup: Path) -> None:
        self.restores += 1
        restore(
            backup,
            self.world.folder / "relay",
            force=True,
            now_s=int(self.world.clock.now_s()),
            progress=quietly,
            entropy=SeededEntropy(self.seed, f"restore {self.restores}"),
        )

    # ---- what must be true afterwards ----

    async def check(self) -> None:
        members = await self.people[0].members(self.chat)
        groups = [actor.group(bytes.fromhex(self.chat.removeprefix("group:"))) for actor in self.people]
        states = [group.epoch_authenticator for group in groups if group is not None]
        assert len(states) == len(members)
        assert len(set(states)) == 1, [group and group.epoch for group in groups]
        for reader in self.people:
            if await self.is_in(reader):
                assert await reader.members(self.chat) == members
                if reader.name in FOUNDERS:
                    await nothing_is_missing(reader, self.chat)
                else:  # what dave said while he was being removed is told to be unsent
                    assert not [line for line in await reader.sees(self.chat) if line.startswith(ALARMS)]
        for name in FOUNDERS:
            await self.check_texts(self.world.actors[name], "group")
        for name in FOUNDERS[:2]:
            await self.check_texts(self.world.actors[name], "direct")
            await nothing_is_missing(self.world.actors[name], self.target(self.world.actors[name], "direct").id)
        if len(self.people) > 3:
            shown = await self.texts(self.people[3], self.chat)
            assert len(shown) == len(set(shown))
            assert set(shown) <= {text for _, _, text in self.said}

    async def check_texts(self, reader: Actor, chat: str) -> None:
        said = [text for where, _, text in self.said if (where == "direct") == (chat == "direct")]
        shown = await self.texts(reader, self.target(reader, self.chat if chat == "group" else chat))
        # What dave says may never go out, because he is removed before.
        said = [text for text in said if text in shown or not text.startswith("dave ")]
        assert sorted(shown) == sorted(said), (reader.name, chat, set(said) ^ set(shown))
        for author in self.people:
            own = [text for text in shown if text.startswith(f"{author.name} ")]
            assert own == [text for text in said if text.startswith(f"{author.name} ")], "in the author's order"

    async def texts(self, reader: Actor, chat: Actor | str) -> list[str]:
        return [m.text for m in await reader.messages(chat) if m.kind == "text"]

    async def is_in(self, actor: Actor) -> bool:
        chats = {chat.id: chat.status for chat in await actor.client.chats()}
        return chats.get(self.chat) == "active"

    def target(self, who: Actor, chat: str) -> Actor | str:
        if chat != "direct":
            return chat
        return self.world.actors["bob" if who.name == "alice" else "alice"]


def quietly(what: str, done: float) -> None:
    """Nobody looks on."""


def drill(tmp_path: Path, seed: int, *, rounds: int, steps: int) -> None:
    async def run() -> None:
        async with World(tmp_path, seed=seed, ephemeral_relay=False) as world:
            story = Drill(world, seed)
            await story.begin()
            await story.create()
            for _ in range(rounds):
                await story.round(steps)
                await story.check()
                assert all("relay-restored" in actor.problems() for actor in story.people)

    run_in_world(run)


@pytest.mark.parametrize("seed", range(10))
def test_after_any_restore_everybody_agrees_and_nothing_is_missing(seed: int, tmp_path: Path) -> None:
    """Thirty restores, three in each life; each may go back past the one before it."""
    drill(tmp_path, seed, rounds=3, steps=6)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
def test_after_many_restores_everybody_agrees_and_nothing_is_missing(seed: int, tmp_path: Path) -> None:
    drill(tmp_path, seed, rounds=8, steps=12)
