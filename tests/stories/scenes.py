"""Things that people do, each with what must be true afterwards, for stories that disturb them at every moment.

A scene is prepared, acted and checked. Whatever happens in between, what was promised is kept, what was never promised
may be asked for again, and everybody agrees in the end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import pytest

from tacit.testing.actor import Actor
from tacit.testing.world import World

Act: TypeAlias = Callable[[World, str], Awaitable[object]]

PARTS = 4
"""A scene that is disturbed one moment later each time is dealt out to so many tests, each taking every fourth."""

in_parts = pytest.mark.parametrize("part", [0, 3, *(pytest.param(part, marks=pytest.mark.long) for part in (1, 2))])
"""Half of the moments everywhere, two by two, and the others where there is time."""


@dataclass(frozen=True)
class Scene:
    """``doomed`` is the one to whom things happen; ``prepare`` returns the chat."""

    cast: tuple[str, ...]
    doomed: str
    prepare: Callable[[World], Awaitable[str]]
    act: Act
    check: Act
    again: Act | None = None
    """Asks once more for what was not promised; None where ``act`` is somebody else's, who keeps the promise."""


async def prepare_talk(world: World) -> str:
    """Alice and Bob have talked."""
    alice, bob = world.actors["alice"], world.actors["bob"]
    await alice.says(bob, "before")
    await world.shortly()
    await bob.says(alice, "before too")
    await world.shortly()
    return ""


async def prepare_nothing(world: World) -> str:
    """Nobody has said anything yet."""
    return ""


async def prepare_group(world: World) -> str:
    """Alice has a group with Bob; Carol is not in it."""
    alice, bob = world.actors["alice"], world.actors["bob"]
    chat = await alice.creates("friends", bob)
    await world.shortly()
    await bob.says(chat, "before")
    await world.shortly()
    return chat


async def prepare_three(world: World) -> str:
    """Alice has a group with Bob and Carol."""
    alice = world.actors["alice"]
    chat = await alice.creates("friends", world.actors["bob"], world.actors["carol"])
    await world.shortly()
    await world.actors["carol"].says(chat, "before")
    await world.shortly()
    return chat


async def say(world: World, _: str) -> None:
    await world.actors["alice"].says(world.actors["bob"], "the message")


async def say_again(world: World, chat: str) -> None:
    if not await world.actors["alice"].state_of(world.actors["bob"], "the message"):
        await say(world, chat)


async def said_once(world: World, _: str) -> None:
    """Both show the message once and the talk goes on."""
    alice, bob = world.actors["alice"], world.actors["bob"]
    await bob.says(alice, "after from bob")
    await world.advance(30)
    await alice.says(bob, "after from alice")
    await world.advance(60)
    own = await alice.hears(bob)
    assert own.count("me: the message") == 1
    assert own[-3:] == ["me: the message", "bob: after from bob", "me: after from alice"]
    assert await bob.hears(alice) == [mirrored(line) for line in own]
    assert await alice.state_of(bob, "the message") == "delivered"
    assert await alice.state_of(bob, "after from alice") == "delivered"
    await nothing_is_missing(alice, bob.id)
    await nothing_is_missing(bob, alice.id)


async def invite(world: World, chat: str) -> None:
    await world.actors["alice"].client.invite(chat, "@carol")


async def invite_again(world: World, chat: str) -> None:
    if "carol" not in await world.actors["alice"].members(chat):
        await invite(world, chat)


async def three_agree(world: World, chat: str) -> None:
    """All three are members, in one epoch, and hear each other."""
    people = [world.actors[name] for name in ("alice", "bob", "carol")]
    await agree(world, people, chat)


async def remove(world: World, chat: str) -> None:
    await world.actors["alice"].client.remove(chat, "@carol")


async def remove_again(world: World, chat: str) -> None:
    if "carol" in await world.actors["alice"].members(chat):
        await remove(world, chat)


async def carol_is_out(world: World, chat: str) -> None:
    """Carol hears nothing more and knows it; the others go on."""
    carol = world.actors["carol"]
    before = await carol.hears(chat)
    await agree(world, [world.actors["alice"], world.actors["bob"]], chat)
    assert (await carol.chat(chat)).status == "ended"
    assert await carol.hears(chat) == before


async def leave(world: World, chat: str) -> None:
    await world.actors["carol"].client.leave(chat)


async def leave_again(world: World, chat: str) -> None:
    if (await world.actors["carol"].chat(chat)).status == "active":
        await leave(world, chat)


async def rename(world: World, chat: str) -> None:
    await world.actors["alice"].client.rename(chat, "new name")


async def rename_again(world: World, chat: str) -> None:
    if (await world.actors["alice"].chat(chat)).title != "new name":
        await rename(world, chat)


async def all_renamed(world: World, chat: str) -> None:
    for name in ("alice", "bob"):
        assert (await world.actors[name].chat(chat)).title == "new name"
        lines = await world.actors[name].sees(chat)
        assert lines.count("-- renamed by alice 'new name'") == 1
    await agree(world, [world.actors["alice"], world.actors["bob"]], chat)


async def agree(world: World, people: list[Actor], chat: str) -> None:
    """These and only these are members, in one epoch, and each hears what each says, once."""
    for person in people:
        await person.says(chat, f"{person.name} is here")
        await world.advance(30)
    await world.advance(90)
    names = sorted(person.name for person in people)
    for person in people:
        assert await person.members(chat) == names
        for other in people:
            line = "me" if other is person else other.name
            assert (await person.hears(chat)).count(f"{line}: {other.name} is here") == 1
        await nothing_is_missing(person, chat)
    epochs = {person.name: (await person.chat(chat)).epoch for person in people}
    assert len(set(epochs.values())) == 1, epochs


async def nothing_is_missing(person: Actor, chat: str) -> None:
    """No line of alarm stands in the history."""
    target = chat if ":" in chat else f"direct:{chat}"
    alarms = (
        "-- gap",
        "-- fork",
        "-- undecryptable",
        "-- invalid-commit",
        "-- rejected-commit",
        "-- behind",
        "-- not-",
    )
    found = [line for line in await person.sees(target) if line.startswith(alarms)]
    assert not found, (person.name, found)


def mirrored(line: str) -> str:
    """A line of Alice's as Bob sees it."""
    who, text = line.split(": ", 1)
    return f"{'alice' if who == 'me' else 'me'}: {text}"


SCENES: dict[str, Scene] = {
    "sending": Scene(("alice", "bob"), "alice", prepare_talk, say, said_once, say_again),
    "receiving": Scene(("alice", "bob"), "bob", prepare_talk, say, said_once),
    "sending the very first": Scene(("alice", "bob"), "alice", prepare_nothing, say, said_once, say_again),
    "receiving the very first": Scene(("alice", "bob"), "bob", prepare_nothing, say, said_once),
    "inviting": Scene(("alice", "bob", "carol"), "alice", prepare_group, invite, three_agree, invite_again),
    "being invited": Scene(("alice", "bob", "carol"), "carol", prepare_group, invite, three_agree),
    "seeing an invitation": Scene(("alice", "bob", "carol"), "bob", prepare_group, invite, three_agree),
    "removing": Scene(("alice", "bob", "carol"), "alice", prepare_three, remove, carol_is_out, remove_again),
    "being removed": Scene(("alice", "bob", "carol"), "carol", prepare_three, remove, carol_is_out),
    "leaving": Scene(("alice", "bob", "carol"), "carol", prepare_three, leave, carol_is_out, leave_again),
    "carrying out a leave": Scene(("alice", "bob", "carol"), "alice", prepare_three, leave, carol_is_out),
    "renaming": Scene(("alice", "bob"), "alice", prepare_group, rename, all_renamed, rename_again),
}
