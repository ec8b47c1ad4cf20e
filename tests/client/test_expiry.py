"""Keys that have served: gone in time from the store and from memory, also where nobody says a word."""

from __future__ import annotations

from tacit import limits
from tacit.client.core.state import EntryKind
from tacit.client.model import ConversationStatus
from tacit.crypto import eddsa, groups, xwing
from tacit.testing.actor import Actor
from tacit.testing.evil import push, rewrite
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb


async def log_of(actor: Actor, chat_id: str) -> bytes:
    return await actor.client._runtime.read(lambda books: min(books.groups_of[chat_id]))  # type: ignore[index]


def past_epochs(actor: Actor, log_id: bytes) -> int:
    group = actor.group(log_id)
    assert group is not None
    return len(group.past_keys)


@story
async def test_keys_of_past_epochs_go_after_a_day_of_silence(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    await alice.client.rename(chat, "good friends")
    await world.advance(60)
    log_id = await log_of(alice, chat)
    assert past_epochs(alice, log_id)
    assert past_epochs(bob, log_id)
    await world.leap(limits.PAST_EPOCH_S - 2 * limits.HOUR_S)
    assert past_epochs(alice, log_id), "not before their time"
    await world.leap(limits.HOUR_S)
    await world.leap(limits.HOUR_S)
    await world.leap(limits.HOUR_S)
    assert past_epochs(alice, log_id) == past_epochs(bob, log_id) == 0
    await alice.says(chat, "still here")
    await world.advance(60)
    assert await bob.hears(chat) == ["alice: still here"]


@story
async def test_keys_that_expired_while_the_client_was_closed_go_when_it_opens_without_a_relay(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    await alice.client.rename(chat, "good friends")
    await world.advance(60)
    log_id = await log_of(bob, chat)
    assert past_epochs(bob, log_id)
    await bob.stop()
    await world.leap(limits.PAST_EPOCH_S + limits.HOUR_S)
    assert past_epochs(bob, log_id)
    bob.way.close()
    await bob.stop()
    await bob.start()
    assert past_epochs(bob, log_id) == 0


@story
async def test_parsed_private_keys_are_forgotten_with_their_epoch_and_on_closing(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    await alice.client.rename(chat, "good friends")
    await world.advance(60)
    assert groups._x25519_private.cache_info().currsize == xwing._load_private.cache_info().currsize == 0
    await alice.says(chat, "signed")
    await world.advance(60)
    assert eddsa._load_private.cache_info().currsize > 0
    await alice.stop()
    await bob.stop()
    assert eddsa._load_private.cache_info().currsize == 0


@story
async def test_an_old_invitation_to_a_last_resort_brings_no_old_epoch_back(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    invitations: list[pb.Entry] = []

    def keep(entry: pb.Entry) -> pb.Entry:
        if int(entry.kind) == EntryKind.WELCOME:
            invitations.append(entry)
        return entry

    bob.way.meddle(rewrite("entry", keep))
    bundles = await bob.client._runtime.read(lambda books: books.store.bundles())
    chat = await alice.creates("friends", bob)
    await world.shortly()
    log_id = await log_of(bob, chat)
    await alice.client.remove(chat, bob.at)
    await world.advance(60)
    assert bob.group(log_id) is None

    def bring_back(batch: object) -> None:
        batch.changes.bundles += bundles  # type: ignore[attr-defined]

    await bob.client._runtime.do(bring_back)
    (entry,) = invitations
    entry.seq += 1
    entry.message_id = bytes(16)  # under its own it would be passed over as known
    push(bob.way, entry)
    await world.shortly()
    assert bob.group(log_id) is None, "the same epoch a second time has the same keys"
    assert "welcome-invalid" in bob.problems()
    status = await bob.client._runtime.read(lambda books: books.statuses[log_id])  # type: ignore[index]
    assert status is ConversationStatus.REMOVED
