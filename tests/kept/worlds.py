"""Worlds on the disk: written down as SQL, and made again from that."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher

from tacit import limits
from tacit.client.paths import ProfilePaths, profile_paths
from tacit.client.store.database import SCHEMA_VERSIONS
from tacit.client.store.keys import unlock
from tacit.relay.data_dir import KEY_FILE
from tacit.relay.store.database import FILE_NAME
from tacit.relay.store.migrations import SCHEMA_DIRECTORY
from tacit.sdk.client import DEFAULT_PROFILE
from tacit.testing.actor import Actor
from tacit.testing.clock import run_in_world
from tacit.testing.world import World
from tests.kept.dumps import counts, dump
from tests.kept.life import PEOPLE, live

WRITTEN = Path(__file__).parent / "written"
RELAY_SCHEMA = len(list(SCHEMA_DIRECTORY.glob("[0-9]*.sql")))
CLIENT_SCHEMA = len(SCHEMA_VERSIONS)
PRESENT = f"relay-{RELAY_SCHEMA}-client-{CLIENT_SCHEMA}"


@dataclass(frozen=True)
class Left:
    """When a world was written down, and what everybody saw."""

    at_s: float
    ids: dict[str, str]
    """Of everybody, by name."""
    seen: dict[str, dict[str, list[str]]]

    @classmethod
    def read(cls, written: Path) -> Left:
        return cls(**json.loads((written / "left.json").read_text()))


def keep(folder: Path, written: Path) -> None:
    """Let a life happen in ``folder`` and write down what is left of it."""
    limits.ONE_TIME_KEY_PACKAGES = 3  # type: ignore[misc]  # as many as need be, or they are all that there is to see

    left: list[Left] = []

    async def run() -> None:
        async with World(folder, seed=9, ephemeral_relay=False) as world:
            await live(world)
            people = [world.actors[name] for name in PEOPLE]
            ids = {actor.name: actor.id for actor in world.actors.values()}
            left.append(Left(world.clock.now_s(), ids, {actor.name: await look(actor) for actor in people}))

    run_in_world(run)
    shutil.rmtree(written, ignore_errors=True)
    written.mkdir(parents=True)
    (written / "left.json").write_text(json.dumps(vars(left[0]), indent=1, sort_keys=True) + "\n")
    with closing(sqlite3.connect(folder / "relay" / FILE_NAME)) as db:
        (written / "relay.sql").write_text(dump(db))
    (written / KEY_FILE).write_text((folder / "relay" / KEY_FILE).read_bytes().hex() + "\n")
    for name in PEOPLE:
        paths = profile_of(folder, name)
        with closing(open_store(paths)) as db:
            (written / f"{name}.sql").write_text(dump(db))
        shutil.copy(paths.key_file, written / f"{name}.json")


def make_again(written: Path, folder: Path) -> None:
    """Put a world that was written down into ``folder``."""
    data = folder / "relay"
    data.mkdir(mode=0o700)
    run_script(sqlite3.connect(data / FILE_NAME), written / "relay.sql")
    (data / KEY_FILE).write_bytes(bytes.fromhex((written / KEY_FILE).read_text()))
    for name in PEOPLE:
        paths = profile_of(folder, name)
        paths.folder.mkdir(mode=0o700, parents=True)
        shutil.copy(written / f"{name}.json", paths.key_file)
        run_script(open_store(paths), written / f"{name}.sql")


async def look(actor: Actor) -> dict[str, list[str]]:
    """Every chat that somebody has, by its title, and the lines in it."""
    return {chat.title: await actor.sees(chat.id) for chat in await actor.client.chats()}


def rows_of(folder: Path) -> dict[str, dict[str, int]]:
    """How many rows there are in each table of everybody."""
    with closing(sqlite3.connect(folder / "relay" / FILE_NAME)) as db:
        found = {"relay": counts(db)}
    for name in PEOPLE:
        with closing(open_store(profile_of(folder, name))) as store:
            found[name] = counts(store)
    return found


def profile_of(folder: Path, name: str) -> ProfilePaths:
    return profile_paths(DEFAULT_PROFILE, folder / name)


def open_store(paths: ProfilePaths) -> Any:
    """A bare connection to somebody's store."""
    db = sqlcipher.connect(str(paths.store), isolation_level=None)
    db.execute(f"PRAGMA key = \"x'{unlock(paths.key_file, None).reveal().hex()}'\"")
    return db


def run_script(db: Any, script: Path) -> None:
    with closing(db):
        db.executescript(script.read_text())
