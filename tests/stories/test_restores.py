"""A relay that is put back from a backup: those who were there bring back what it lacks, and go on. Hazard A25."""

from __future__ import annotations

import pytest

from tacit.client.batch import Batch
from tacit.client.core.effects import AddOutbox
from tacit.client.core.state import EntryKind
from tacit.client.model import ChatId, OutboxRow
from tacit.limits import DAY_S, RETURN_WAIT_S
from tacit.relay.backups import back_up, restore
from tacit.testing.actor import Actor
from tacit.testing.evil import rewrite, rewrite_request
from tacit.testing.story import story, story_on_disk
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tests.mls.mirror import Mirror
from tests.stories.scenes import nothing_is_missing

LATE_S = RETURN_WAIT_S + 60.0


def quietly(what: str, done: float) -> None:
    """Nobody looks on."""


@pytest.mark.parametrize("older", range(3))
@story_on_disk
async def test_after_any_older_backup_nothing_is_missing_and_an_account_made_since_comes_back(
    world: World, older: int
) -> None:
    alice, bob = await world.friends("alice", "bob")
    data = world.folder / "relay"
    now_s = int(world.clock.now_s())
    for n in range(3):
        await alice.says(bob, f"to bob {n}")
        await bob.says(alice, f"to alice {n}")
        await world.shortly()
        if n == older:
            back_up(data, world.folder / "backup", now_s=now_s, progress=quietly)
    await alice.says(bob, "lost to the backup")
    await world.shortly()
    (carol,) = await world.friends("carol")
    await world.relay.stop()
    restore(world.folder / "backup", data, force=True, now_s=now_s, progress=quietly)
    await world.relay.start()
    await world.advance(120)
    await alice.says(bob, "and on")
    await bob.says(alice, "and on")
    await world.advance(60)
    said = [line for n in range(3) for line in (f"alice: to bob {n}", f"me: to alice {n}")]
    said += ["alice: lost to the backup", "alice: and on", "me: and on"]
    assert sorted(await bob.hears(alice)) == sorted(said)
    assert sorted(await alice.hears(bob)) == sorted(mirrored(line) for line in said)
    assert await alice.state_of(bob, "and on") == "delivered"
    for person, other in ((alice, bob), (bob, alice)):
        await nothing_is_missing(person, other.id)
        assert person.problems() == ["relay-restored"]
    # The KeyPackages of the backup are gone, and everybody has made new ones.
    await alice.client.add_contact(carol.at)
    await carol.client.add_contact(alice.at)
    await carol.says(alice, "is this thing on?")
    await world.advance(60)
    assert await alice.hears(carol) == ["carol: is this thing on?"]


class Lost:
    """A relay that will be put back to where it is now."""

    def __init__(self, world: World, name: str = "only") -> None:
        self.world = world
        self.now_s = int(world.clock.now_s())
        self.backup = world.folder / f"backup {name}"
        back_up(world.folder / "relay", self.backup, now_s=self.now_s, progress=quietly)

    async def comes_back(self, *first: Actor, after_s: float = 0.0) -> None:
        """Everybody loses the relay; these find it again when it has been there for a while."""
        for actor in self.world.actors.values():
            actor.way.close()
        await self.world.relay.crash()
        restore(self.backup, self.world.folder / "relay", force=True, now_s=self.now_s, progress=quietly)
        await self.world.relay.start()
        await self.world.advance(after_s)
        await bring(self.world, *first)


async def bring(world: World, *actors: Actor) -> None:
    """Let people find the relay again."""
    for actor in actors:
        actor.way.reopen()
    await world.advance(60)


async def agree(people: list[Actor], chat: str) -> None:
    """Same epoch, same members, no alarm."""
    log_id = bytes.fromhex(chat.removeprefix("group:"))
    states = {actor.name: actor.group(log_id) for actor in people}
    assert len({state.epoch_authenticator for state in states.values() if state is not None}) == 1
    for person in people:
        await nothing_is_missing(person, chat)


@story_on_disk
async def test_who_comes_late_still_brings_what_only_he_has_read(world: World) -> None:
    """Its old number is taken by then; everybody shows both, once."""
    alice, bob, carol = people = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    lost = Lost(world)
    await alice.go_offline()
    await carol.says(chat, "only bob reads this")
    await world.shortly()
    await lost.comes_back(alice, after_s=LATE_S)
    await alice.says(chat, "is anybody there?")
    await world.shortly()
    await bring(world, bob)
    assert await alice.hears(chat) == ["me: is anybody there?", "carol: only bob reads this"]
    assert await bob.hears(chat) == ["carol: only bob reads this", "alice: is anybody there?"]
    await bring(world, carol)
    await bob.says(chat, "all three")
    await world.advance(60)
    for person in people:
        assert (await person.hears(chat)).count("me: all three" if person is bob else "bob: all three") == 1
        assert len(await person.hears(chat)) == 3
    await alice.says(chat, "at last")
    await world.advance(60)
    await agree(people, chat)
    assert await carol.state_of(chat, "only bob reads this") == "delivered"


@story_on_disk
async def test_a_change_that_somebody_has_missed_comes_back_late(world: World) -> None:
    alice, bob, carol = people = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    for person in people:  # from here on nobody has a reason of his own to put fresh keys into the group
        await person.says(chat, "hi")
        await world.shortly()
    lost = Lost(world)
    await carol.go_offline()
    await alice.client.rename(chat, "old friends")
    await world.shortly()
    await bob.says(chat, "a better name")
    await world.shortly()
    await lost.comes_back(carol, after_s=LATE_S)
    await carol.says(chat, "in the old epoch")
    await world.shortly()
    await bring(world, bob)
    await bring(world, alice)
    await agree(people, chat)
    for person in people:
        assert (await person.chat(chat)).title == "old friends"
        said = sorted(line.split(": ")[1] for line in await person.hears(chat))
        assert said == ["a better name", "hi", "hi", "hi", "in the old epoch"]


@story_on_disk
async def test_nothing_new_is_taken_before_everybody_has_come_or_the_time_is_over(world: World) -> None:
    alice, bob, carol = people = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    lost = Lost(world)
    await alice.says(chat, "one")
    await world.shortly()
    await lost.comes_back(alice, bob)
    await alice.says(chat, "two")
    await world.advance(60)
    assert await bob.hears(chat) == ["alice: one"]
    assert await alice.state_of(chat, "two") == "queued"
    await bring(world, carol)
    assert await carol.hears(chat) == ["alice: one", "alice: two"]
    await agree(people, chat)
    await lost.comes_back(alice, bob)
    await alice.says(chat, "three")
    await world.advance(LATE_S)
    assert await bob.hears(chat) == ["alice: one", "alice: two", "alice: three"], "whoever stays away holds up nobody"


@story_on_disk
async def test_a_fork_after_a_restore_is_told_to_who_cannot_follow(world: World) -> None:
    """Nobody who had seen the change came in time, and somebody made another."""
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    lost = Lost(world)
    await carol.go_offline()
    await alice.client.rename(chat, "old friends")
    await world.shortly()
    await lost.comes_back(carol, after_s=LATE_S)
    await world.leap(2 * DAY_S)
    await carol.says(chat, "with fresh keys")
    await world.advance(60)
    await bring(world, alice, bob)
    for person in (alice, bob):
        assert "-- behind [relay-restored]" in await person.sees(chat)
    await bob.says(chat, "never sealed")
    await world.advance(60)
    assert await carol.hears(chat) == ["me: with fresh keys"]
    assert await bob.state_of(chat, "never sealed") == "queued"


@story_on_disk
async def test_a_direct_chat_that_forked_begins_anew(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    await bob.says(alice, "two")
    await world.advance(60)
    lost = Lost(world)
    await bob.go_offline()
    await world.leap(2 * DAY_S)
    await alice.says(bob, "with fresh keys")
    await world.shortly()
    await lost.comes_back(bob, after_s=LATE_S)
    await bob.says(alice, "with others")
    await world.shortly()
    await bring(world, alice)
    assert "-- behind [relay-restored]" in await alice.sees(bob)
    await alice.says(bob, "three")
    await world.advance(60)
    await bob.says(alice, "four")
    await world.advance(60)
    assert (await bob.hears(alice))[-2:] == ["alice: three", "me: four"]
    assert (await alice.hears(bob))[-2:] == ["me: three", "bob: four"]


@story_on_disk
async def test_who_was_added_since_and_is_unknown_now_gets_in_again(world: World) -> None:
    """Dave is not registered, no reader, and his invitation is gone, whoever comes first."""
    alice, bob = await world.friends("alice", "bob")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    lost = Lost(world)
    dave = await world.person("dave")
    await dave.client.add_contact(alice.at)
    await alice.client.add_contact(dave.at)
    await dave.go_offline()
    await alice.client.invite(chat, dave.at)
    await world.shortly()
    await bob.says(chat, "welcome, dave")
    await world.shortly()
    await lost.comes_back(alice, bob)
    await bring(world, dave)
    await dave.says(chat, "here I am")
    await world.advance(60)
    assert await dave.hears(chat) == ["bob: welcome, dave", "me: here I am"]
    assert await alice.hears(chat) == ["bob: welcome, dave", "dave: here I am"]
    await agree([alice, bob, dave], chat)


@story_on_disk
async def test_a_crash_while_everything_comes_back_changes_nothing(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    lost = Lost(world)
    for n in range(5):
        await alice.says(chat, f"{n}")
    await alice.client.rename(chat, "old friends")
    await world.shortly()
    for at in (4, 9, 14, 19, 24, 29):
        alice.doom(at)
        await lost.comes_back(alice)
        await alice.rise()
        await bring(world, alice, bob)
        await world.advance(120)
        await agree([alice, bob], chat)
        assert await bob.hears(chat) == [f"alice: {n}" for n in range(5)]


@story_on_disk
async def test_a_receipt_that_was_on_its_way_is_given_again(world: World) -> None:
    """Nothing is lost, the relay has only moved; but the receipt speaks of numbers of its former life."""
    alice, bob = await world.friends("alice", "bob")
    await bob.says(alice, "hi")
    await world.advance(60)
    await bob.go_offline()
    await alice.says(bob, "on its way")
    await world.shortly()
    await alice.go_offline()
    await bob.go_online()
    await world.advance(60)
    await Lost(world).comes_back(alice, bob)
    await world.advance(60)
    assert await alice.state_of(bob, "on its way") == "delivered"


@story_on_disk
async def test_a_text_that_has_another_number_now_is_told_to_have_arrived_and_been_read(world: World) -> None:
    """Nobody says anything behind it."""
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    lost = Lost(world)
    await alice.go_offline()
    await carol.says(chat, "two have this")
    await world.shortly()
    await lost.comes_back(alice, after_s=LATE_S)
    await alice.says(chat, "meanwhile")
    await world.shortly()
    await bring(world, bob)
    await bring(world, carol)
    assert await carol.state_of(chat, "two have this") == "delivered"
    assert await alice.state_of(chat, "meanwhile") == "delivered"
    for person in (alice, bob, carol):
        await person.reads(chat)
    await world.advance(60)
    assert await carol.state_of(chat, "two have this") == "read"
    assert await alice.state_of(chat, "meanwhile") == "read"


@story_on_disk
async def test_a_false_commit_that_nobody_had_followed_leaves_nobody_behind(world: World) -> None:
    """Who had read it comes late, when a true one has taken its place."""
    alice, bob, carol = people = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    for person in people:
        await person.says(chat, "hi")
        await world.shortly()
    lost = Lost(world)
    await carol.go_offline()
    await says_falsely(alice, chat)
    await alice.says(chat, "after the false one")
    await world.shortly()
    assert "-- invalid-commit [malformed]" in await bob.sees(chat)
    await lost.comes_back(carol, after_s=LATE_S)
    await world.leap(2 * DAY_S)
    await carol.says(chat, "with fresh keys")
    await world.advance(60)
    await bring(world, alice, bob)
    await alice.says(chat, "and on")
    await world.advance(60)
    for person in people:
        said = sorted(line.split(": ")[1] for line in await person.hears(chat))
        assert said == ["after the false one", "and on", "hi", "hi", "hi", "with fresh keys"]
        assert not any("behind" in line for line in await person.sees(chat))


@story_on_disk
async def test_who_cannot_bring_a_change_back_does_not_go_on_alone_without_a_word(world: World) -> None:
    alice, bob, carol = people = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    for person in people:
        await person.says(chat, "hi")
        await world.shortly()
    lost = Lost(world)
    await bob.go_offline()
    await carol.go_offline()
    await alice.client.rename(chat, "old friends")
    await world.shortly()

    def elsewhere(asked: pb.BringBack) -> pb.BringBack:
        if asked.message_id:
            asked.log_id = bytes(16)
        return asked

    alice.way.meddle(rewrite_request("bring_back", elsewhere))
    await lost.comes_back(alice, bob, carol)
    assert "-- behind [relay-restored]" in await alice.sees(chat)
    assert [(await person.chat(chat)).title for person in (bob, carol)] == ["friends", "friends"]


@story_on_disk
async def test_a_last_word_that_the_relay_has_no_time_for_is_said_again(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    await bob.says(chat, "hi")
    await world.shortly()
    lost = Lost(world)
    await alice.says(chat, "lost")
    await world.shortly()
    refused = iter([True])

    def busy(said: pb.BroughtBack) -> pb.BroughtBack | pb.Error:
        if not said.seq and next(refused, False):
            return pb.Error(code="rate-limited", sentence="Later.", retry_after_s=1)
        return said

    alice.way.meddle(rewrite("brought_back", busy))
    await lost.comes_back(alice, after_s=LATE_S)
    assert not any(refused)
    await alice.says(chat, "and on")
    await bring(world, bob)
    assert await bob.hears(chat) == ["me: hi", "alice: lost", "alice: and on"]


@story_on_disk
async def test_what_was_said_to_somebody_who_is_blocked_comes_back_when_he_is_heard_again(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "hi")
    await world.shortly()
    await bob.says(alice, "hi too")
    await world.advance(30)
    lost = Lost(world)
    await alice.go_offline()
    await bob.says(alice, "only bob has this")
    await world.shortly()
    await bob.client.block("@alice")
    await lost.comes_back(alice, bob)
    await bob.client.unblock("@alice")
    await world.advance(60)
    await bob.says(alice, "and on")
    await world.advance(60)
    assert await alice.hears(bob) == ["me: hi", "bob: hi too", "bob: only bob has this", "bob: and on"]
    for person, other in ((alice, bob), (bob, alice)):
        await nothing_is_missing(person, other.id)


@story
async def test_a_relay_that_only_says_so_gets_no_key_used_twice(world: World) -> None:
    """An evil relay that claims a new life at every login, and that all entries were lost."""
    alice, bob = await world.friends("alice", "bob")
    lives = iter(range(1, 100))

    def reborn(said: pb.LoggedIn) -> pb.LoggedIn:
        said.incarnation = bytes([next(lives)]) * 16
        said.waiting_s = 2**32 - 1
        return said

    def forgotten(said: pb.Listening) -> pb.Listening:
        for log in said.logs:
            log.restored_seq = 0
        return said

    for person in (alice, bob):
        person.way.meddle(rewrite("logged_in", reborn))
        person.way.meddle(rewrite("listening", forgotten))
    for n in range(3):
        await alice.says(bob, f"a{n}")
        await bob.says(alice, f"b{n}")
        await world.shortly()
        for person in (alice, bob):
            person.way.cut()
        await world.advance(60)
    said = [f"{who}{n}" for n in range(3) for who in "ab"]
    for person, other in ((alice, bob), (bob, alice)):
        assert sorted(line.split(": ")[1] for line in await person.hears(other)) == sorted(said)
        await nothing_is_missing(person, other.id)


@pytest.mark.parametrize("started_anew", [False, True])
@story_on_disk
async def test_nobody_is_stopped_by_what_another_brings_back_in_its_name(world: World, started_anew: bool) -> None:
    """Mallory claims that alice wrote what her store does not know: of an epoch to come, and from her own leaf."""
    alice, mallory = await world.friends("alice", "mallory")
    chat = await alice.creates("friends", mallory)
    await world.shortly()
    for person in (alice, mallory):
        await person.says(chat, "hi")
        await world.shortly()
    lost = Lost(world)
    forged: list[bytes] = []

    def forge(batch: Batch) -> None:
        (state,) = batch.states_of(ChatId(chat))
        (victim,) = (m.leaf_index for m in state.group.members() if m.leaf_index != state.group.own_leaf)
        mirror = Mirror(state.group, batch.ctx.entropy)
        forged.append(mirror.private(b"never said", sender=victim, generation=50))
        forged.append(mirror.private(b"never said", sender=victim, header={"epoch": state.group.epoch + 1}))

    await mallory.client._runtime.do(forge)
    for n in range(len(forged)):
        await mallory.says(chat, f"lost {n}")
    await world.shortly()
    account_id, device_id = await alice.client._runtime.read(lambda books: books.me.device)

    def in_the_name_of_alice(asked: pb.BringBack) -> pb.BringBack:
        if asked.message_id and forged:
            asked.message_id, asked.payload = bytes([len(forged)]) * 16, forged.pop()
            asked.author.CopyFrom(pb.Device(account_id=account_id, device_id=device_id))
        return asked

    mallory.way.meddle(rewrite_request("bring_back", in_the_name_of_alice))
    await alice.go_offline()
    await lost.comes_back(mallory)
    assert not forged
    if started_anew:
        await alice.restart()
    await bring(world, alice)
    assert [line for line in await alice.sees(chat) if "behind" in line] == []
    await alice.says(chat, "still here")
    await world.advance(60)
    assert "alice: still here" in await mallory.hears(chat)


@story_on_disk
async def test_what_others_have_brought_back_of_somebodys_is_not_unknown_to_it_after_the_next_restore(
    world: World,
) -> None:
    """The first backup lacks bob's texts, which alice brings back; the second has them as his own."""
    alice, bob = await world.friends("alice", "bob")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    without = Lost(world, "without")
    for n in range(2):
        await bob.says(chat, f"bob {n}")
        await world.shortly()
    await alice.go_offline()  # or all have read what the second backup is to hold
    await bob.says(chat, "bob at last")
    await world.shortly()
    with_them = Lost(world, "with them")
    await alice.go_online()
    await without.comes_back(alice)
    await bring(world, bob)
    await with_them.comes_back(alice)
    await bring(world, bob)
    await bob.says(chat, "still here")
    await world.advance(60)
    assert (await alice.hears(chat))[-2:] == ["bob: bob at last", "bob: still here"]
    await agree([alice, bob], chat)


async def says_falsely(evil: Actor, chat: str) -> None:
    """Send a commit that is none."""

    def send(batch: Batch) -> None:
        (state,) = batch.states_of(ChatId(chat))
        after = state.conversation.last_commit
        row = OutboxRow(0, batch.ctx.fresh_id(), state.conversation.group_id, None, EntryKind.COMMIT, b"false", after)
        batch.add(AddOutbox(row))

    await evil.client._runtime.do(send)


def mirrored(line: str) -> str:
    """A line of Bob's as Alice sees it."""
    who, text = line.split(": ", 1)
    return f"{'bob' if who == 'me' else 'me'}: {text}"
