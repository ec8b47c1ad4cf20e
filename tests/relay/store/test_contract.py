"""What the relay relies on, whatever its store is made of: numbers, conditions, what is given out once, what lasts."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tacit.relay
from tacit.limits import ENTRY_OVERHEAD_BYTES
from tacit.relay.store import Store, Tables, accounts, departures, invites, key_packages, logs, phones, reading, rooms
from tacit.relay.store.inspect import held_account
from tacit.relay.store.invites import Invite
from tacit.relay.store.rows import (
    COMMIT,
    MESSAGE,
    WELCOME,
    Appended,
    Chunk,
    Needs,
    NewEntry,
    NewKeyPackage,
    RoomState,
    Session,
)
from tacit.wire import errors
from tests.relay.store.backends import BACKENDS, LASTING, address, identifier, join, session, wish

LOG = b"L" * 16


def entry(author: Session, n: int, payload: bytes = b"payload", **more: Any) -> NewEntry:
    fields: dict[str, Any] = {"log_id": LOG, "inbox": None, "kind": MESSAGE} | more
    return NewEntry(author.device, message_id=b"%16d" % n, payload=payload, received_at_ms=5_000, **fields)


def all_of(store: Store, *entries: NewEntry) -> list[asyncio.Future[Any]]:
    """Append without waiting in between, as connections do."""
    waiting: list[asyncio.Future[Any]] = []
    for one in entries:
        waiting.append(asyncio.get_running_loop().create_future())
        store.append(one, waiting[-1].set_result)
    return waiting


async def append(store: Store, *entries: NewEntry) -> list[int | str]:
    """The number of each entry, or the code it was refused with."""
    outcomes = await asyncio.gather(*all_of(store, *entries))
    return [outcome.seq if isinstance(outcome, Appended) else outcome.code for outcome in outcomes]


async def talk(store: Store, *names: str) -> list[Session]:
    """People, and a log that all of them read; its first entry is the commit that let the others in."""
    maker, *others = [await join(store, name) for name in names]
    await store.change(partial(logs.create_log, maker=maker, log_id=LOG, now_s=0))
    added = tuple(address(name) for name in names[1:])
    assert await append(store, entry(maker, 999, b"commit", kind=COMMIT, readers_added=added)) == [1]
    return [maker, *others]


async def read(store: Store, reader: Session, after: int = 0, log_id: bytes = LOG) -> list[tuple[int, bytes]]:
    """What somebody reads, in as many visits as it takes."""
    (state,) = await store.query(partial(reading.log_states, session=reader, log_ids=[log_id]))
    found: list[tuple[int, bytes]] = []
    while state is not None:
        ask = partial(reading.read_entries, log=state.log, device=reader.device, after=after)
        chunk: Chunk = await store.query(partial(ask, max_entries=7, max_bytes=10_000))
        found += [(one.seq, one.payload) for one in chunk.entries]
        after = chunk.upto
        if chunk.caught_up:
            break
    return found


async def acknowledge(store: Store, seq: int, *readers: Session, log_id: bytes = LOG) -> None:
    for one in readers:
        await store.change(partial(reading.acknowledge, session=one, positions=[(log_id, seq)], now_s=9))


async def held_bytes(store: Store, name: str) -> int:
    return (await store.query(partial(held_account, who=identifier(name)))).held_bytes


async def test_entries_get_numbers_without_holes_in_the_order_in_which_they_came(any_store: Store) -> None:
    alice, bob = await talk(any_store, "alice", "bob")
    told: list[int] = []
    for n in range(60):
        author = (alice, bob)[n % 2]
        any_store.append(entry(author, n, b"%d" % n), lambda outcome: told.append(outcome.seq))  # type: ignore[union-attr]
    await any_store.change(lambda db: None)
    assert told == list(range(2, 62))
    assert await read(any_store, bob, after=1) == [(n + 2, b"%d" % n) for n in range(60)]
    assert await read(any_store, alice, after=50) == [(seq, b"%d" % (seq - 2)) for seq in range(51, 62)]


async def test_a_repeat_gets_the_first_answer_even_when_its_entry_is_gone(any_store: Store) -> None:
    alice, bob = await talk(any_store, "alice", "bob")
    inbox = {"log_id": None, "inbox": address("bob"), "kind": WELCOME}
    wanted = [entry(alice, 1), entry(alice, 2), entry(alice, 3, **inbox)]
    assert await append(any_store, *wanted, *wanted) == [2, 3, 1, 2, 3, 1]
    await acknowledge(any_store, 1, bob, log_id=bob.device_id)
    assert await read(any_store, bob, log_id=bob.device_id) == []
    assert await append(any_store, replace(wanted[2], payload=b"altered")) == [1]
    assert await append(any_store, entry(bob, 1)) == [4], "an ID is its author's"


async def test_of_commits_that_build_on_the_same_one_a_single_one_enters(any_store: Store) -> None:
    alice, bob = await talk(any_store, "alice", "bob")
    await join(any_store, "carol")
    change = {"kind": COMMIT, "readers_added": (address("carol"),), "readers_removed": (address("bob"),)}
    rivals = [entry(one, 10 + n, after_commit=1, **change) for n, one in enumerate((alice, alice, bob))]
    assert await append(any_store, *rivals, entry(bob, 1), entry(alice, 2)) == [
        2, "commit-conflict", "not-a-reader", "not-a-reader", 3,
    ]  # fmt: skip
    carol = await session(any_store, "carol")
    assert [seq for seq, _ in await read(any_store, bob)] == [2], "up to the commit that removed him"
    assert [seq for seq, _ in await read(any_store, carol)] == [3], "from behind the one that added her"
    assert await append(any_store, entry(carol, 4, kind=COMMIT, after_commit=1)) == ["commit-conflict"]
    assert await append(any_store, entry(carol, 5, kind=COMMIT, after_commit=2)) == [4]


async def test_what_is_refused_leaves_no_trace_and_harms_no_neighbour(any_store: Store) -> None:
    alice, bob = await talk(any_store, "alice", "bob")
    unknown = entry(alice, 7, kind=COMMIT, after_commit=1, readers_added=(address("bob"), address("nobody")))

    def refuse(db: Tables) -> None:
        logs.append(db, entry(alice, 8))
        raise errors.QuotaExceeded("for a test")

    def trip(db: Tables) -> None:
        logs.append(db, entry(alice, 9))
        raise ZeroDivisionError

    outcomes: list[Any] = []
    any_store.append(entry(alice, 1), outcomes.append)
    for change in (refuse, trip):
        any_store.submit(change, outcomes.append)
    for one in (unknown, entry(bob, 2)):
        any_store.append(one, outcomes.append)
    await any_store.change(lambda db: None)
    assert [type(one) for one in outcomes] == [
        Appended, errors.QuotaExceeded, errors.Internal, errors.NoSuchAccount, Appended,
    ]  # fmt: skip
    assert [seq for seq, _ in await read(any_store, bob)] == [2, 3]
    assert await held_bytes(any_store, "bob") == len(b"payload") + ENTRY_OVERHEAD_BYTES


async def test_entries_go_when_all_have_acknowledged_them_and_count_until_then(any_store: Store) -> None:
    people = await talk(any_store, "alice", "bob", "carol")
    alice, bob, carol = people
    await append(any_store, *(entry(bob, n, bytes(100)) for n in range(3)))
    assert await held_bytes(any_store, "bob") == 3 * (100 + ENTRY_OVERHEAD_BYTES)
    await acknowledge(any_store, 3, alice, bob)
    assert [seq for seq, _ in await read(any_store, alice)] == [2, 3, 4], "the first is behind everybody"
    await acknowledge(any_store, 2**32 - 1, carol)
    assert [seq for seq, _ in await read(any_store, alice)] == [4]
    assert await held_bytes(any_store, "bob") == 100 + ENTRY_OVERHEAD_BYTES
    (state,) = await any_store.query(partial(reading.log_states, session=alice, log_ids=[LOG]))
    assert state is not None
    assert (state.first_seq, state.last_seq, state.last_commit_seq, state.own_last_seq) == (4, 4, 1, 1)
    (state,) = await any_store.query(partial(reading.log_states, session=bob, log_ids=[LOG]))
    assert state is not None
    assert state.own_last_seq == 4
    assert await any_store.query(partial(reading.drop_older, received_before_ms=0, now_s=9, max_entries=9)) == 0
    assert await any_store.change(partial(reading.drop_older, received_before_ms=9_000, now_s=9, max_entries=9)) == 1
    assert await held_bytes(any_store, "bob") == 0


async def test_a_key_package_is_given_out_once_whoever_asks_at_the_same_time(any_store: Store) -> None:
    alice, bob = await join(any_store, "alice"), await join(any_store, "bob")
    offered = [NewKeyPackage(1, b"package %d" % n, n == 0, 9_000) for n in range(4)]
    left = await any_store.change(partial(key_packages.publish, device=bob.device, key_packages=offered, now_s=0))
    assert left.one_time == 3
    claim = partial(key_packages.claim, account=bob.account, suite=1, asking=alice.device, now_s=0)
    claimed = await asyncio.gather(*(any_store.change(claim) for _ in range(5)))
    given = [found.key_package.key_package for (found,) in claimed if found.key_package is not None]
    assert sorted(given) == [b"package 0", b"package 0", b"package 1", b"package 2", b"package 3"]
    left = await any_store.change(partial(key_packages.publish, device=bob.device, key_packages=offered, now_s=0))
    assert (left.one_time, left.last_resort_used) == (0, True), "what was given out does not come back"
    drop = partial(key_packages.drop_expired, now_s=9_000, at_most=3)
    assert [await any_store.change(drop) for _ in range(3)] == [3, 1, 0]


async def test_an_invitation_a_handle_and_a_number_are_somebodys_once(any_store: Store) -> None:
    token = invites.hash_token("token")
    await any_store.change(partial(invites.create, token_hash=token, invite=Invite("", "", 1, 0, 0, None, None)))
    needs = Needs(invite=True)
    wishes = [partial(accounts.register, wish=wish(n, invite=token), needs=needs, now_s=0) for n in ("alice", "bob")]
    outcomes = await asyncio.gather(*map(any_store.change, wishes), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [str, errors.InviteInvalid]
    await join(any_store, "carol", needs=Needs(phone=True), handle="carol", phone=b"number")
    for more, refusal in (({"handle": "carol"}, errors.HandleTaken), ({"phone": b"number"}, errors.PhoneTaken)):
        with pytest.raises(refusal):
            await join(any_store, "dave", needs=Needs(phone="phone" in more), **more)
        with pytest.raises(errors.NoSuchAccount):
            await session(any_store, "dave")
    assert await any_store.query(partial(phones.is_taken, number=b"number"))


async def test_who_is_shut_out_stays_so_and_whoever_is_deleted_leaves_nothing(any_store: Store) -> None:
    alice, bob = await talk(any_store, "alice", "bob")
    await append(any_store, entry(bob, 1))
    revoke = partial(accounts.revoke_device, account=bob.account, device_id=bob.device_id, now_s=1)
    assert await any_store.change(revoke) == bob.device
    with pytest.raises(errors.DeviceRevoked):
        await join(any_store, "bob")
    await any_store.change(partial(departures.delete, account=bob.account, now_s=1))
    while await any_store.change(partial(departures.clear, now_s=1)):
        pass
    with pytest.raises(errors.NoSuchAccount):
        await session(any_store, "bob")
    assert [seq for seq, _ in await read(any_store, alice)] == [1, 2], "what was said is there for those it was said to"
    again = await join(any_store, "bob")
    assert again.device != bob.device, "no number is used again"


async def test_into_a_room_comes_who_shows_its_token(any_store: Store) -> None:
    alice, bob = await join(any_store, "alice"), await join(any_store, "bob")
    token = b"t" * 32
    room = RoomState(hashlib.sha256(token).digest(), b"info 0", "lobby", b"secret")
    await any_store.change(partial(logs.create_log, maker=alice, log_id=LOG, now_s=0, room=room))
    with pytest.raises(errors.RoomNameTaken):
        await any_store.change(partial(logs.create_log, maker=bob, log_id=b"M" * 16, now_s=0, room=room))
    seen = await any_store.query(partial(rooms.look_in, where="lobby", join_token=b"", visitor=bob.device))
    assert (seen.group_info, seen.last_commit_seq) == (b"info 0", 0)
    come_in = {"kind": COMMIT, "readers_added": (address("bob"),), "room": replace(room, group_info=b"info 1")}
    assert await append(
        any_store,
        entry(bob, 1, **come_in),
        entry(bob, 2, join_token=b"x" * 32, **come_in),
        entry(bob, 3, join_token=token, **come_in),
        entry(bob, 4),
    ) == ["not-a-reader", "no-such-room", 1, 2]
    seen = await any_store.query(partial(rooms.look_in, where=LOG, join_token=token, visitor=bob.device))
    assert (seen.group_info, seen.last_commit_seq) == (b"info 1", 1)


async def test_what_is_queued_at_the_end_is_finished_and_nothing_more_is_taken(any_store: Store) -> None:
    alice, _ = await talk(any_store, "alice", "bob")
    waiting = all_of(any_store, *(entry(alice, n) for n in range(20)))
    await any_store.close()
    await asyncio.sleep(0)
    assert [one.result().seq for one in waiting] == list(range(2, 22))
    with pytest.raises(errors.ShuttingDown):
        any_store.append(entry(alice, 30), lambda outcome: None)


@pytest.mark.parametrize("backend", LASTING)
async def test_what_was_answered_is_there_when_it_is_opened_again(backend: str, tmp_path: Path) -> None:
    store = BACKENDS[backend](tmp_path)
    alice, bob = await talk(store, "alice", "bob")
    assert await append(store, *(entry(alice, n) for n in range(5))) == [2, 3, 4, 5, 6]
    life = store.incarnation
    await store.close()
    store = BACKENDS[backend](tmp_path)
    assert store.incarnation == life
    assert await session(store, "bob") == bob
    assert [seq for seq, _ in await read(store, bob)] == [2, 3, 4, 5, 6]
    assert await append(store, entry(alice, 4), entry(alice, 5)) == [6, 7]
    await store.close()


SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|PRAGMA|BEGIN|COMMIT|ROLLBACK|VACUUM|CREATE|ALTER|DROP)\b")


def test_nothing_but_the_store_speaks_sql() -> None:
    """Or another backend would not be enough."""
    relay = Path(tacit.relay.__file__).parent
    spoken = set()
    for path in relay.rglob("*.py"):
        if relay / "store" in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            is_sql = isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
            names = [name.name for name in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if is_sql or "sqlite3" in names or getattr(node, "module", None) == "sqlite3":
                spoken.add(str(path.relative_to(relay)))
    assert spoken == set()
