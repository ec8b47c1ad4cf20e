"""Rooms whose relay lies, or whose link somebody abuses: a clear word, nothing lost, and the others go on."""

from __future__ import annotations

import pytest

from tacit import mls
from tacit.client.core import room_keys
from tacit.client.core.joining import Entrance, RoomDamaged, ask_in
from tacit.client.core.rooms import EXTENSION_TYPES, with_nick
from tacit.client.core.state import Context, Me
from tacit.client.store import Store
from tacit.client.store.keys import unlock
from tacit.crypto.eddsa import ED25519
from tacit.identity import AccountKey, DeviceCertificate, device_id, parse_link
from tacit.testing.actor import Actor
from tacit.testing.entropy import SeededEntropy
from tacit.testing.evil import push, rewrite, rewrite_request
from tacit.testing.story import story, story_on_disk
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tests.stories.test_restores import LATE_S, Lost
from tests.stories.test_rooms import all_agree, room_of


async def talk(room: str, *people: Actor) -> None:
    """Everybody says something that everybody else reads."""
    for person in people:
        await person.says(room, f"{person.name} goes on")
        await person.world.advance(30)
    for person in people:
        heard = [line.split(": ")[1] for line in await person.hears(room)]
        assert heard[-len(people) :] == [f"{other.name} goes on" for other in people]


def somebody(now_s: float) -> Context:
    """A device of nobody we know, as a relay can make one."""
    entropy = SeededEntropy(99, "somebody")
    account, device = AccountKey.generate(entropy), ED25519.generate(entropy)
    certificate = DeviceCertificate.issue(account, device.public, int(now_s))
    me = Me(account.id, device_id(device.public), account.public, certificate.encode(), device.private)
    return Context(me, now_s, entropy)


@story
async def test_a_room_that_the_relay_shows_falsely_is_not_entered(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")
    (carol,) = await world.people("carol")
    link = await alice.client.room_link(room)
    shown: list[pb.RoomEntrance] = []

    def spoil(body: pb.RoomEntrance) -> pb.RoomEntrance:
        shown.append(pb.RoomEntrance.FromString(body.SerializeToString()))
        body.group_info = body.group_info[:-1] + bytes([body.group_info[-1] ^ 1])
        return body

    stop = carol.way.meddle(rewrite("room_entrance", spoil))
    assert await carol.refused(carol.client.join_room(link, nick="carol")) == "room-damaged"
    stop()
    stop = carol.way.meddle(rewrite("room_entrance", lambda body: pb.RoomEntrance(log_id=body.log_id)))
    assert await carol.refused(carol.client.join_room(link, nick="carol")) == "room-damaged"
    stop()
    assert await carol.client.chats() == []
    assert sent_commits(carol) == []
    await carol.client.join_room(link, nick="carol")
    await world.shortly()
    await all_agree(room, alice, bob, carol)
    await talk(room, alice, bob, carol)


def sent_commits(actor: Actor) -> list[pb.Append]:
    """What somebody has appended of commits."""
    return [p.body for p in actor.way.passed if p.name == "append" and p.body.kind == pb.ENTRY_KIND_COMMIT]


@story
async def test_the_relay_with_all_that_it_has_cannot_make_anybody_a_member(world: World) -> None:
    """It knows every frame of everybody, and pushes whatever it can make of that."""
    room, (alice, bob) = await room_of(world, "alice", "bob")
    room_id = parse_link(await alice.client.room_link(room)).room_id
    ctx = somebody(world.clock.now_s())
    seen = [p.body for actor in (alice, bob) for p in actor.way.passed]
    kept = [body.room for body in seen if isinstance(body, pb.Append | pb.CreateLog) and body.HasField("room")]
    tokens = [body.join_token for body in seen if isinstance(body, pb.Append | pb.EnterRoom) and body.join_token]
    assert kept
    assert tokens
    assert all(not part.link_secret and not part.name for part in kept)
    for part in kept:
        for secret in (*tokens, part.join_token_hash, part.group_info[:32]):
            with pytest.raises(RoomDamaged):
                ask_in(Entrance(room_id, part.group_info, 0, secret), "relay", ctx)
    everything = b"".join(body.SerializeToString() for body in seen)
    assert b"lobby" not in everything, "what a room is called that is not public is not the relay's business"
    await talk(room, alice, bob)


@story
async def test_a_commit_of_nobody_is_told_and_the_door_is_mended(world: World) -> None:
    """Somebody with the link comes in under a taken name, past his own client: the relay cannot tell, members can.

    What he left at the door would lead newcomers astray, so the first member sets it right at once.
    """
    room, (alice, bob) = await room_of(world, "alice", "bob")
    carol, eve = await world.people("carol", "eve")
    link = parse_link(await alice.client.room_link(room))
    ctx = somebody(world.clock.now_s())

    def impostor(body: pb.Append) -> pb.Append:
        """Eve's own client would not do it, so her commit is made anew on the way."""
        kept = body.room.group_info
        info = room_keys.open_group_info(link.room_secret, link.room_id, shown[-1].group_info)
        group_info = mls.read_group_info(info)
        psk = room_keys.psk(link.room_secret, link.room_id)
        named = mls.ExternalPSK(room_keys.psk_id(link.room_id, 0))
        joined = mls.join_externally(
            info,
            ctx.me.certificate,
            ctx.me.signature_private,
            psks=(mls.PreSharedKeyID.fresh(group_info.group_context.cipher_suite, named, ctx.entropy),),
            authenticate=lambda old, new: None,
            policy=mls.Policy(find_psk=lambda asked: psk),
            extensions=with_nick((), "AL1CE"),
            extension_types=EXTENSION_TYPES,
            now_s=ctx.now_s,
            entropy=ctx.entropy,
        )
        assert kept
        body.payload = room_keys.seal_commit(link.room_secret, link.room_id, joined.commit, ctx.entropy)
        after = joined.group.group_info()
        body.room.group_info = room_keys.seal_group_info(link.room_secret, link.room_id, after, ctx.entropy)
        return body

    shown: list[pb.RoomEntrance] = []

    def note(body: pb.RoomEntrance) -> pb.RoomEntrance:
        shown.append(body)
        return body

    eve.way.meddle(rewrite("room_entrance", note))
    eve.way.meddle(rewrite_request("append", impostor))
    await eve.client.join_room(await alice.client.room_link(room), nick="eve")
    await world.shortly()
    for person in (alice, bob):
        assert sorted((await person.chat(room)).nicks.values()) == ["alice", "bob"]
        assert any(line.startswith("-- rejected-commit") and "[nick-taken]" in line for line in await person.sees(room))
    await carol.client.join_room(await bob.client.room_link(room), nick="carol")
    await world.shortly()
    assert sorted((await carol.chat(room)).nicks.values()) == ["alice", "bob", "carol"]
    await talk(room, alice, bob, carol)


@story
async def test_a_commit_that_is_pushed_without_the_key_changes_nothing(world: World) -> None:
    room, (alice, _) = await room_of(world, "alice", "bob")
    room_id = parse_link(await alice.client.room_link(room)).room_id
    last = max(p.body.seq for p in alice.way.passed if p.name == "entry")
    garbage = pb.Entry(
        log_id=room_id, seq=last + 1, message_id=b"m" * 16, kind=pb.ENTRY_KIND_COMMIT, payload=b"\xf7\xa1\x01" * 30
    )
    push(alice.way, garbage)
    await world.shortly()
    assert "-- invalid-commit [malformed]" in await alice.sees(room)
    assert sorted((await alice.chat(room)).nicks.values()) == ["alice", "bob"]


@story
async def test_a_relay_that_spoils_every_commit_of_a_room_gets_no_storm(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")

    def spoil(body: pb.Entry) -> pb.Entry:
        if body.kind == pb.ENTRY_KIND_COMMIT:
            body.payload = body.payload[:-1] + bytes([body.payload[-1] ^ 1])
        return body

    for person in (alice, bob):
        person.way.meddle(rewrite("entry", spoil))
    await alice.client.lock_room(room, locked=True)
    await world.advance(45)
    assert len(sent_commits(alice)) + len(sent_commits(bob)) <= 4
    assert not (await bob.chat(room)).locked


@story
async def test_who_is_out_keeps_no_secret_of_the_room(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")
    secret = parse_link(await bob.client.room_link(room)).room_secret
    await alice.client.kick(room, "bob")
    await world.shortly()
    await bob.stop()
    store = Store.open(bob.paths.store, unlock(bob.paths.key_file, None))
    assert [c.link_secret for c in store.conversations()] == [b""]
    store.close()
    assert secret


@story
async def test_a_device_that_lost_its_place_takes_it_anew_by_itself(world: World) -> None:
    """Bob's store is put back to an older copy. In a room nobody has to invite him again."""
    room, (alice, bob) = await room_of(world, "alice", "bob")
    backup = bob.back_up()
    await bob.says(room, "before")
    await world.shortly()
    await bob.client.change_nick(room, "robert")
    await world.shortly()
    await bob.restore(backup)
    await world.advance(60)
    assert (await bob.chat(room)).status == "active"
    await alice.says(room, "do you hear me?")
    await world.advance(30)
    await bob.says(room, "I do")
    await world.advance(30)
    assert (await bob.hears(room))[-2:] == ["alice: do you hear me?", "me: I do"]
    assert (await alice.hears(room))[-2:] == ["me: do you hear me?", "bob: I do"]
    told = [line for line in await bob.sees(room) if line.startswith("--")]
    assert told[1:] == ["-- gap (2) [relay-hole]", "-- behind [missed-commit]", "-- joined by bob 'bob'"]
    assert sorted((await alice.chat(room)).nicks.values()) == ["alice", "bob"]


@story_on_disk
async def test_a_room_survives_its_relay(world: World) -> None:
    """The relay is put back to before Carol came in: what the members have is brought back, and the door is mended."""
    room, (alice, bob) = await room_of(world, "alice", "bob")
    lost = Lost(world)
    carol, dave = await world.people("carol", "dave")
    link = await alice.client.room_link(room)
    await carol.client.join_room(link, nick="carol")
    await carol.says(room, "hello")
    await world.advance(30)
    await lost.comes_back(alice, bob, carol, dave)
    await world.advance(LATE_S)
    await dave.client.join_room(link, nick="dave")
    await world.advance(60)
    views = [sorted((await person.chat(room)).nicks.values()) for person in (alice, bob, carol, dave)]
    assert views == [["alice", "bob", "carol", "dave"]] * 4
    await talk(room, alice, bob, carol, dave)
