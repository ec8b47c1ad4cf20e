"""Nothing is missing silently: what did not arrive, could not be opened or was lost for good is a line of its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tacit.limits import DAY_S
from tacit.testing import faults
from tacit.testing.evil import rewrite
from tacit.testing.story import story, story_on_disk
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb


def alarms(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(("-- gap", "-- undecryptable", "-- fork", "-- behind"))]


@story
async def test_an_entry_that_was_skipped_is_asked_for_again(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    bob.way.meddle(faults.lose(faults.named("entry", nth=1)))
    await alice.says(bob, "two")
    await alice.says(bob, "three")
    await world.shortly()
    assert await bob.hears(alice) == ["alice: one", "alice: two", "alice: three"]
    assert alarms(await bob.sees(alice)) == []


@story
async def test_an_entry_that_the_relay_withholds_is_a_gap_with_sender_and_count(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    withheld: list[int] = []

    def withhold(entry: pb.Entry) -> pb.Entry | None:
        if not withheld and not entry.own:
            withheld.append(entry.seq)
        return None if entry.seq in withheld else entry

    bob.way.meddle(rewrite("entry", withhold))
    for text in ("two", "three"):
        await alice.says(bob, text)
        await world.advance(60)
    lines = await bob.sees(alice)
    assert await bob.hears(alice) == ["alice: one", "alice: three"]
    assert "-- gap (1) [relay-hole]" in lines
    assert "-- gap by alice (1)" in [line.split(" [")[0] for line in lines]
    assert lines.index("alice: one") < lines.index(alarms(lines)[0]) < lines.index("alice: three")


@story
async def test_a_message_replaced_by_noise_is_undecryptable_and_then_a_gap_of_its_sender(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    noise = {"left": 1}

    def spoil(entry: pb.Entry) -> pb.Entry:
        if not entry.own and noise["left"]:
            noise["left"] -= 1
            entry.payload = entry.payload[:-1] + bytes([entry.payload[-1] ^ 1])
        return entry

    bob.way.meddle(rewrite("entry", spoil))
    await alice.says(bob, "two")
    await world.shortly()
    assert any(line.startswith("-- undecryptable") for line in await bob.sees(alice)), "shown at once"
    await alice.says(bob, "three")
    await world.shortly()
    assert await bob.hears(alice) == ["alice: one", "alice: three"]
    assert "-- gap by alice (1)" in [line.split(" [")[0] for line in await bob.sees(alice)]
    await bob.says(alice, "what was two?")
    await world.shortly()
    assert (await alice.hears(bob))[-1] == "bob: what was two?"


@story
async def test_entries_that_the_relay_dropped_for_age_are_a_gap(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    await bob.stop()
    await alice.says(bob, "two")
    await world.shortly()
    await world.leap(31 * DAY_S)
    await world.advance(3600)
    await alice.says(bob, "three")
    await world.shortly()
    await bob.start()
    await world.advance(60)
    lines = await bob.sees(alice)
    assert "alice: two" not in lines
    assert any(line.startswith("-- gap") for line in lines), lines


@story
async def test_a_message_sent_twice_by_its_author_is_shown_once(world: World) -> None:
    """An insider who seals the same content again, or a relay that repeats an entry under a new number."""
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    again: list[pb.Entry] = []

    def repeat_as_next(entry: pb.Entry) -> list[pb.Entry]:
        if entry.own or entry.log_id == b"":
            return [entry]
        entry.seq += len(again)
        copy = pb.Entry()
        copy.CopyFrom(entry)
        copy.seq += 1
        again.append(copy)
        return [entry, copy]

    remove = bob.way.meddle(rewrite("entry", repeat_as_next))
    await alice.says(bob, "two")
    await world.settle()
    remove()
    assert (await bob.hears(alice)).count("alice: two") == 1
    await world.shortly()


@story_on_disk
async def test_a_relay_that_forgets_its_last_entries_is_noticed_and_the_talk_goes_on(world: World) -> None:
    """A relay set back to yesterday's backup. Hazard A25."""
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    await world.relay.stop()
    backup = world.relay.back_up()
    await world.relay.start()
    await world.advance(60)
    await alice.says(bob, "two")
    await bob.says(alice, "three")
    await world.shortly()
    await world.relay.stop()
    world.relay.restore(backup)
    await world.relay.start()
    await world.advance(120)
    for person, other in ((alice, bob), (bob, alice)):
        assert any("relay-went-back" in line for line in await person.sees(other))
    await alice.says(bob, "four")
    await world.shortly()
    await bob.says(alice, "five")
    await world.shortly()
    assert (await bob.hears(alice))[-2:] == ["alice: four", "me: five"]
    assert (await alice.hears(bob))[-2:] == ["me: four", "bob: five"]


@story_on_disk
async def test_a_relay_that_lost_everything_but_its_key_is_named_in_each_chat(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    await world.relay.stop()
    for file in (world.folder / "relay").glob("relay.db*"):
        file.unlink()
    await world.relay.start()
    await world.advance(120)
    assert any("log-lost" in line for line in await alice.sees(bob))
    assert any("log-lost" in line for line in await bob.sees(alice))
    assert (await alice.client.status()).connection == "online", "it has registered again"


@story
async def test_a_relay_with_another_key_is_refused_loudly_and_nothing_is_sent_to_it(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    await world.relay.stop()
    sent = len(alice.way.passed)
    await world.relay.start()  # it keeps everything in memory, its key too
    await alice.says(bob, "two")
    await world.advance(120)
    assert (await alice.client.status()).connection == "offline"
    assert alice.disconnected_by() == "relay-pin-mismatch"
    assert [p.name for p in alice.way.passed[sent:] if p.to_relay] == []


def spoil(world: World, *, before_last: int) -> None:
    """Change a message behind the back of a relay that is stopped."""
    with closing(sqlite3.connect(world.folder / "relay" / "relay.db", isolation_level=None)) as db:
        (last,) = db.execute("SELECT max(position) FROM entries WHERE kind = 1").fetchone()
        place = last - before_last
        db.execute("UPDATE entries SET payload = zeroblob(length(payload)) WHERE position = ?", (place,))


@story_on_disk
async def test_what_the_relays_disk_has_spoilt_is_a_gap_with_its_cause(world: World) -> None:
    """Bit rot. Whoever wrote it has the bytes; to the others it is a line."""
    alice, bob = await world.friends("alice", "bob")
    await bob.go_offline()
    for text in ("one", "two", "three"):
        await alice.says(bob, text)
    await world.shortly()
    await world.relay.stop()
    spoil(world, before_last=1)
    await world.relay.start()
    await bob.go_online()
    await world.advance(120)
    assert await bob.hears(alice) == ["alice: one", "alice: three"]
    assert "-- gap (1) [relay-damaged]" in await bob.sees(alice)
    await bob.says(alice, "which one?")
    await world.shortly()
    assert (await alice.hears(bob))[-1] == "bob: which one?"


@story_on_disk
async def test_what_the_relays_disk_has_spoilt_of_its_own_a_client_still_has(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "zero")
    await world.shortly()
    deaf = alice.way.meddle(rewrite("entry", lambda entry: None))
    await alice.says(bob, "one")
    await world.shortly()
    await world.relay.stop()
    spoil(world, before_last=1)  # behind it lies the receipt
    deaf()
    await world.relay.start()
    await world.advance(120)
    assert (await bob.hears(alice))[-1] == "alice: one"
    assert await alice.state_of(bob, "one") == "delivered"
    assert alarms(await alice.sees(bob)) == []


@story_on_disk
async def test_what_the_relay_dropped_from_an_inbox_is_told(world: World) -> None:
    """Hazard H5: for age or for want of room, but never without a word."""
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    for kept in (False, True):
        await bob.go_offline()
        await alice.creates("lost", bob)
        await world.shortly()
        if kept:
            await carol.creates("kept", bob)
            await world.shortly()
        await world.relay.stop()
        with closing(sqlite3.connect(world.folder / "relay" / "relay.db", isolation_level=None)) as db:
            (first,) = db.execute("SELECT min(position) FROM entries WHERE kind = 3").fetchone()
            db.execute("DELETE FROM entries WHERE position = ?", (first,))
            db.execute("UPDATE logs SET dropped_seq = ? WHERE log = ?", (first & 0xFFFFFFFF, first >> 32))
        await world.relay.start()
        await bob.go_online()
        await world.advance(120)
        assert bob.problems().count("inbox-hole") == 1 + kept
