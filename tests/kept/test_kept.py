"""What earlier versions have written is read by this one: stores of relays and clients, and what waits in them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tacit.relay.backups import examine
from tacit.relay.store.database import FILE_NAME
from tacit.relay.store.migrations import version
from tacit.testing.actor import Actor
from tacit.testing.clock import run_in_world
from tacit.testing.world import World
from tests.kept.worlds import (
    CLIENT_SCHEMA,
    PEOPLE,
    PRESENT,
    RELAY_SCHEMA,
    WRITTEN,
    Left,
    look,
    make_again,
    open_store,
    profile_of,
    rows_of,
)


def test_what_the_present_stores_hold_is_kept_for_the_versions_after_this_one(tmp_path: Path) -> None:
    kept = WRITTEN / PRESENT
    assert kept.is_dir(), f"no stores of {PRESENT} are kept: run ./dev keep and commit tests/kept/written"
    make_again(kept, tmp_path)
    relay, *clients = rows_of(tmp_path).values()
    assert [table for table, count in relay.items() if count == 0] == []
    assert [table for table in clients[0] if not any(client[table] for client in clients)] == []


@pytest.mark.parametrize("kept", sorted(WRITTEN.iterdir()), ids=lambda kept: kept.name)
def test_who_comes_back_with_what_was_written_then_has_lost_nothing(kept: Path, tmp_path: Path) -> None:
    make_again(kept, tmp_path)
    before, left = rows_of(tmp_path), Left.read(kept)

    async def run() -> None:
        async with World(tmp_path, seed=10, ephemeral_relay=False) as world:
            world.clock.set_wrong_by(left.at_s - world.clock.now_s())
            for name, account_id in left.ids.items():
                world.actors[name] = Actor(world, name)
                world.actors[name].id = account_id
            people = [world.actors[name] for name in PEOPLE]
            for actor in people:
                actor.way.close()
                await actor.start()
            assert {actor.name: await look(actor) for actor in people} == left.seen
            check_stores(tmp_path, before)
            await go_on(world, *people)

    run_in_world(run)


def check_stores(folder: Path, before: dict[str, dict[str, int]]) -> None:
    """They are brought up to date, sound, and hold what they held."""
    found = examine(folder / "relay", progress=lambda what, done: None)
    assert (found.problems, found.damaged_entries, found.met_entries) == ((), 0, 1)
    with closing(sqlite3.connect(folder / "relay" / FILE_NAME)) as db:
        assert version(db) == RELAY_SCHEMA
    for name in PEOPLE:
        with closing(open_store(profile_of(folder, name))) as store:
            assert version(store) == CLIENT_SCHEMA
    after = rows_of(folder)
    for owner, tables in before.items():
        assert {table: after[owner].get(table) for table in tables} == tables


async def go_on(world: World, alice: Actor, bob: Actor, carol: Actor) -> None:
    """What waited arrives, what was not sent goes out, and everybody talks on."""
    for actor in (alice, bob, carol):
        actor.way.reopen()
    await world.advance(120)
    seen = {actor.name: await look(actor) for actor in (alice, bob, carol)}
    assert {"alice: waits for bob", "carol: waits for bob, too"} <= set(seen["bob"]["new friends"])
    assert seen["bob"]["@alice"][-2:] == ["alice: not sent yet", "alice: nor is this"]
    assert "without carol" in seen["bob"]
    assert "-- joined by carol" in seen["alice"]["lobby"]
    assert await bob.requests() == []
    for title in ("new friends", "lobby"):
        for actor in (alice, bob, carol):
            (chat,) = [chat.id for chat in await actor.client.chats() if chat.title == title]
            await actor.says(chat, f"{actor.name} is still here")
            await world.advance(30)
        for actor in (alice, bob, carol):
            heard = [line.split(": ")[1] for line in (await look(actor))[title] if "still here" in line]
            assert heard == [f"{name} is still here" for name in PEOPLE]
