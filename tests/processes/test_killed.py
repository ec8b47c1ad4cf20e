"""``kill -9`` at random moments under traffic: of the relay, of either client, of single commands.

The moments are drawn from a seed. What a program printed as promised is in both histories, once and in order; nothing
else is there twice; and no line of alarm stands beside it. Hazards G1 to G4 outside the laboratory.
"""

from __future__ import annotations

import random
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tacit.sdk import Client
from tests.processes.people import becomes, befriend, opened, said, texts
from tests.processes.programs import TIMEOUT_S, Profile, Program, Relay

pytestmark = pytest.mark.processes

ROUNDS = 3


class Chatter:
    """A talking client, restarted as often as it is killed, and all that its lives have printed."""

    def __init__(self, profile: Profile, who: str) -> None:
        self._profile, self._who = profile, who
        self.promised: list[str] = []
        self.shown: list[str] = []
        self.start()

    def start(self) -> None:
        self.program = Program(
            *(str(self._profile.data_dir), self._profile.name, self._who),
            module="tests.processes.chatter",
            talks=True,
        )

    def prints(self, kind: str, count: int) -> None:
        """Wait for so many more lines of a kind."""
        for _ in range(count):
            # Whoever was killed or cut off several times in a row waits longer before the next try.
            self.program.line(lambda line: kind in line, timeout_s=2 * TIMEOUT_S)

    def end(self, how: signal.Signals) -> None:
        ended = self.program.end(how)
        if ended is None:
            return
        lines = [line for line in ended.out.splitlines() if line.endswith("}")]
        assert "error" not in ended.out
        for kind, list_ in (("promised", self.promised), ("shown", self.shown)):
            list_ += [line.split('"')[3] for line in lines if line.startswith(f'{{"{kind}"')]


@pytest.mark.parametrize(
    "victim",
    ["relay", pytest.param("sender", marks=pytest.mark.long), pytest.param("receiver", marks=pytest.mark.long)],
)
async def test_killed_under_traffic(victim: str, tmp_path: Path) -> None:
    chance = random.Random(f"20261121 {victim}")
    with Relay(tmp_path / "relay") as relay:
        profiles = await befriend(relay.link, tmp_path, "alice", "bob")
        alice, bob = Chatter(profiles[0], "@bob"), Chatter(profiles[1], "@alice")
        try:
            for _ in range(ROUNDS):
                alice.prints("promised", chance.randrange(1, 60))
                bob.prints("shown", chance.randrange(1, 60))
                match victim:
                    case "relay":
                        relay.end(signal.SIGKILL)
                        relay.start()
                    case "sender":
                        alice.end(signal.SIGKILL)
                        alice.start()
                    case "receiver":
                        bob.end(signal.SIGKILL)
                        bob.start()
            alice.prints("promised", 1)
            bob.prints("shown", 1)
        finally:
            alice.end(signal.SIGTERM)
            bob.end(signal.SIGTERM)
        await all_arrives(profiles)
    for mine, theirs, profile in ((alice, bob, profiles[1]), (bob, alice, profiles[0])):
        assert len(mine.promised) > ROUNDS
        await is_there_once(mine.promised, theirs.shown, profile)
    own, others = [await said(profile, who) for profile, who in zip(profiles, ("@bob", "@alice"), strict=True)]
    assert own_lines(own) == lines_of("alice", others)
    assert own_lines(others) == lines_of("bob", own)


async def is_there_once(promised: list[str], shown: list[str], reader: Profile) -> None:
    """Everything promised is in the reader's history, and nothing was shown that is not, or twice in one life."""
    who = promised[0].split()[0]
    heard = [line.split(": ", 1)[1] for line in await said(reader, f"@{who}") if line.startswith(f"@{who}: {who} ")]
    assert set(promised) <= set(heard)
    assert max(Counter(heard).values()) == 1
    assert set(shown) <= set(heard)
    assert max(Counter(shown).values()) == 1


def own_lines(history: list[str]) -> list[str]:
    return [line.removeprefix("me: ") for line in history if line.startswith("me: ")]


def lines_of(name: str, history: list[str]) -> list[str]:
    return [line.removeprefix(f"@{name}: ") for line in history if line.startswith(f"@{name}: ")]


async def all_arrives(profiles: list[Profile]) -> None:
    """Both come back once more, say all that waits, and hear all that waits."""
    async with opened(profiles[0]) as alice, opened(profiles[1]) as bob:
        for me in (alice, bob):
            await becomes(lambda me=me: has_said_all(me))
        for me, you, chat in ((alice, bob, "@bob"), (bob, alice, "@alice")):
            last = await me.send(chat, f"{me.profile} 1000000")
            await becomes(lambda you=you, me=me, last=last: has(you, f"@{me.profile}", last.id))


async def has_said_all(me: Client) -> bool:
    return (await me.status()).queued == 0


async def has(me: Client, chat: str, message_id: str) -> bool:
    return any(line.id == message_id for line in await me.history(chat, limit=5))


async def test_send_commands_killed_at_random_moments_send_once_or_not_at_all(relay: Relay, tmp_path: Path) -> None:
    chance = random.Random(20261122)
    alice, bob = await befriend(relay.link, tmp_path, "killed-alice", "killed-bob")
    kept = []
    for number in range(6):
        with alice.start("send", "@killed-bob", f"text {number}") as program:
            try:
                program.process.wait(chance.uniform(0.4, 1.6))
            except subprocess.TimeoutExpired:
                program.process.kill()
            if program.wait().out:
                kept.append(f"me: text {number}")
    last = alice.run("send", "@killed-bob", "the last", "--wait", "sent")
    assert last.code == 0
    async with opened(alice) as one, opened(bob) as other:
        await becomes(lambda: has_said_all(one))
        await becomes(lambda: has(other, "@killed-alice", last.value["id"]))
        own, heard = texts(await one.history("@killed-bob")), texts(await other.history("@killed-alice"))
    assert set(kept) <= set(own)
    assert len(set(own)) == len(own)
    assert lines_of("killed-alice", heard) == own_lines(own)
