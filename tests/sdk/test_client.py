"""What a program can do with an open profile, and what it is told when it cannot."""

from __future__ import annotations

import asyncio

import pytest

from tacit.client.errors import (
    Ambiguous,
    AwaitsAnswer,
    ChatEnded,
    HandleChanged,
    NotAllowed,
    NotSent,
    OtherRelay,
    TextTooLong,
    TimedOut,
)
from tacit.client.watching import Watcher
from tacit.errors import ExitCode, NotFound, TransportError, UsageError
from tacit.identity import SafetyNumberMismatch
from tacit.limits import MAX_TEXT_BYTES
from tacit.sdk.types import ChatEvent, MessageEvent, RequestEvent, StateEvent
from tacit.testing.evil import rewrite
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb


async def code(doing: object) -> str:
    with pytest.raises(Exception) as caught:
        await doing  # type: ignore[misc]
    return str(caught.value.code)  # type: ignore[attr-defined]


# ---- names ----


@story
async def test_people_are_found_by_handle_id_link_and_name(world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    elsewhere = bob.client.contact_link.replace("tacit://", "tacit+tcp://")
    for target in ("@bob", "@Bob", bob.id, bob.client.contact_link, elsewhere):
        await alice.client.send(target, f"to {target}")
    await alice.client.rename_contact("@bob", "Robert")
    await alice.client.send("robert", "to a name")
    await alice.client.send("bob", "to a handle without its sign")
    chats = await alice.client.chats()
    assert [c.title for c in chats] == ["Robert"]
    assert len(await alice.client.history("Robert")) == 7
    assert (await alice.client.person("robert")).id == bob.id


@story
async def test_names_that_are_nobodys_name_the_nearest(world: World) -> None:
    alice, _ = await world.friends("alice", "bob")
    with pytest.raises(NotFound, match="near: @bob"):
        await alice.client.send("@bobb", "hi")
    with pytest.raises(NotFound, match="near: @bob"):
        await alice.client.person("@bobb")
    for target in ("nobody", "direct:00000000-0000-8000-8000-000000000000", "group:00"):
        with pytest.raises(NotFound):
            await alice.client.send(target, "hi")
    with pytest.raises(UsageError):
        await alice.client.send("  ", "hi")


@story
async def test_a_name_that_two_bear_must_be_made_clear(world: World) -> None:
    alice, *_ = await world.friends("alice", "bob", "carol")
    for handle in ("@bob", "@carol"):
        await alice.client.rename_contact(handle, "Friend")
    with pytest.raises(Ambiguous):
        await alice.client.send("friend", "hi")
    await alice.client.create_group("Team")
    await alice.client.create_group("Team")
    with pytest.raises(Ambiguous):
        await alice.client.chat("Team")


@story
async def test_oneself_and_groups_are_no_people(world: World) -> None:
    alice, _ = await world.friends("alice", "bob")
    await alice.client.create_group("Team")
    assert await code(alice.client.send("@alice", "hi")) == "yourself"
    assert await code(alice.client.open_direct("Team")) == "usage"
    assert await code(alice.client.invite("Team", "@alice")) == "yourself"
    link = alice.client.contact_link
    elsewhere = link[: link.index("#") + 1] + "a" * 51 + "a"
    with pytest.raises(OtherRelay):
        await alice.client.add_contact(elsewhere)


@story
async def test_somebody_unknown_needs_the_relay_and_somebody_known_does_not(world: World) -> None:
    alice, bob, _ = await world.people("alice", "bob", "carol")
    await alice.client.add_contact("@bob")
    await alice.go_offline()
    assert (await alice.client.send("@bob", "later")).state == "queued"
    with pytest.raises(TransportError) as caught:
        await alice.client.send("@carol", "hi")
    assert caught.value.exit_code is ExitCode.NETWORK
    await alice.go_online()
    await bob.accepts(alice)
    await world.shortly()
    assert await bob.hears(alice) == ["alice: later"]


@story
async def test_a_handle_that_the_relay_gives_to_somebody_else_is_refused_loudly(world: World) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await alice.client.add_contact("@bob")
    carols = bytes.fromhex(carol.id.replace("-", ""))

    def lie(keys: pb.SenderKeys) -> pb.SenderKeys:
        if keys.account_id == carols:
            keys.handle = "bob"
        return keys

    alice.way.meddle(rewrite("sender_keys", lie))
    with pytest.raises(HandleChanged):
        await alice.client.add_contact(carol.id)
    assert [p.id for p in await alice.client.contacts()] == [bob.id]


# ---- messages ----


@story
async def test_texts_that_cannot_be_sent(world: World) -> None:
    alice, _ = await world.friends("alice", "bob")
    assert await code(alice.client.send("@bob", "")) == "empty-text"
    assert await code(alice.client.send("@bob", "\ud800")) == "text-not-unicode"
    with pytest.raises(TextTooLong):
        await alice.client.send("@bob", "x" * (MAX_TEXT_BYTES + 1))
    assert (await alice.client.send("@bob", "x" * MAX_TEXT_BYTES)).mine
    assert await alice.client.history("@bob") != []


@story
async def test_the_way_of_a_message(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    message = await alice.client.send("@bob", "hi")
    assert message.state == "queued"
    assert (await alice.client.wait_for(message.id, "relayed", 10)).state in ("relayed", "delivered")
    assert (await alice.client.wait_for(message.id, "delivered", 10)).state == "delivered"
    with pytest.raises(TimedOut):
        await alice.client.wait_for(message.id, "read", 10)
    assert (await bob.client.chat("@alice")).unread == 1
    await bob.client.mark_read("@alice")
    assert (await bob.client.chat("@alice")).unread == 0
    assert (await alice.client.wait_for(message.id, "read", 10)).text == "hi"
    states = [e.state for e in alice.events if isinstance(e, StateEvent) and e.id == message.id]
    assert states == ["sent", "relayed", "delivered", "read"]
    second = await alice.client.send("@bob", "again")
    assert second.state == "sent", "with the chat in step it is sealed at once"


@story
async def test_waiting_for_what_is_not_or_will_not_be(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    for unknown in ("00" * 16, "not an ID"):
        with pytest.raises(NotFound):
            await alice.client.wait_for(unknown, "sent", 1)
    chat = await bob.creates("team", alice)
    await world.shortly()
    await alice.go_offline()
    message = await alice.client.send(chat, "too late")
    waiting = asyncio.create_task(alice.client.wait_for(message.id, "relayed", 1000))
    await bob.client.remove(chat, "@alice")
    await world.shortly()
    await alice.go_online()
    with pytest.raises(NotSent):
        await waiting
    assert "-- not-sent (1) [removed]" in await alice.sees(chat)
    with pytest.raises(ChatEnded):
        await alice.client.send(chat, "still too late")


@story
async def test_receipts_can_be_turned_off(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await bob.client.set_receipts(False)
    assert not (await bob.client.status()).receipts
    message = await alice.says(bob, "hi")
    await world.advance(60)
    await bob.reads(alice)
    await world.advance(60)
    assert await alice.state_of(bob, "hi") == "relayed"
    await bob.client.set_receipts(True)
    await alice.says(bob, "hi again")
    await alice.client.wait_for(message, "read", 30)


@story
async def test_history_comes_in_pages(world: World) -> None:
    alice, _ = await world.friends("alice", "bob")
    for n in range(7):
        await alice.client.send("@bob", str(n))
    last = await alice.client.history("@bob", limit=3)
    assert [m.text for m in last] == ["4", "5", "6"]
    before = await alice.client.history("@bob", limit=3, before_row=last[0].row)
    assert [m.text for m in before] == ["1", "2", "3"]
    with pytest.raises(UsageError):
        await alice.client.history("@bob", limit=0)


# ---- events ----


@story
async def test_every_iterator_gets_everything_from_its_creation(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.shortly()
    first, second = bob.client.events(), bob.client.events()
    await alice.says(bob, "after")
    await world.shortly()
    for events in (first, second):
        seen = await anext(events)
        assert isinstance(seen, MessageEvent)
        assert seen.message.text == "after"


@story
async def test_a_reader_of_events_that_is_slow_loses_no_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watcher.__init__, "__defaults__", (50,))
    alice, _ = await world.friends("alice", "bob")
    events = alice.client.events()
    count = 300
    await asyncio.gather(*(alice.client.send("@bob", str(n)) for n in range(count)))
    await world.advance(10)
    texts: list[str] = []
    while len(texts) < count:
        event = await anext(events)
        if isinstance(event, MessageEvent):
            texts.append(event.message.text)
    assert texts == [str(n) for n in range(count)]


@story
async def test_a_new_group_is_told_before_its_lines(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    chat = await alice.creates("team", bob)
    await world.shortly()
    about = [e for e in bob.events if getattr(e, "chat", None) and chat in str(e)]
    assert isinstance(about[0], ChatEvent)
    assert about[0].chat.title == "team"


# ---- people ----


@story
async def test_a_stranger_asks_and_is_shown_with_a_handle_and_nothing_else(world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await alice.creates("Buy now!!!", bob)
    await alice.says(bob, "a secret")
    await world.shortly()
    requests = await bob.client.requests()
    assert [(r.status, r.title, r.members) for r in requests if r.kind == "group"] == [("requested", "", ())]
    asked = [e for e in bob.events if isinstance(e, RequestEvent)]
    assert {e.person.handle for e in asked} == {"alice"}
    assert not [e for e in bob.events if isinstance(e, MessageEvent)]
    assert await bob.client.chats() == []
    with pytest.raises(AwaitsAnswer):
        await bob.client.send("@alice", "who are you?")
    accepted = [await bob.client.accept("@alice")]
    accepted += [await bob.client.accept(request.id) for request in await bob.client.requests()]
    assert [(chat.kind, chat.status) for chat in accepted] == [("direct", "active"), ("group", "active")]
    with pytest.raises(NotFound):
        await bob.client.accept("@alice")


@story
async def test_blocking_is_silence_until_it_is_undone(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    assert (await bob.client.block("@alice")).status == "blocked"
    await alice.says(bob, "two")
    await world.shortly()
    assert await bob.hears(alice) == ["alice: one"]
    assert await code(bob.client.send("@alice", "no")) == "blocked"
    assert await alice.state_of(bob, "two") == "relayed"
    await bob.client.unblock("@alice")
    await world.shortly()
    assert await bob.hears(alice) == ["alice: one", "alice: two"]


@story
async def test_the_blocked_cannot_even_ask(world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    await bob.client.refuse("@alice", block=True)
    await alice.creates("again", bob)
    await world.shortly()
    assert await bob.client.requests() == []
    assert len([e for e in bob.events if isinstance(e, RequestEvent)]) == 1


@story
async def test_safety_numbers_are_the_same_on_both_sides_and_checked(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    ours, theirs = await alice.client.safety_number("@bob"), await bob.client.safety_number("@alice")
    assert (ours.digits, ours.qr) == (theirs.digits, theirs.qr)
    assert len(ours.digits) == 12
    other = await carol.client.safety_number("@alice")
    for wrong in (" ".join(other.digits), other.qr):
        with pytest.raises(SafetyNumberMismatch):
            await alice.client.verify("@bob", wrong)
        assert not (await alice.client.person("@bob")).verified
    for right in (" ".join(theirs.digits), theirs.qr, None):
        assert (await alice.client.verify("@bob", right)).verified
        assert not (await alice.client.unverify("@bob")).verified
    assert await code(alice.client.verify("@bob", "12")) == "bad-safety-number"
    assert await code(alice.client.safety_number("@alice")) == "usage"


@story
async def test_names_for_contacts_are_checked(world: World) -> None:
    alice, _ = await world.friends("alice", "bob")
    for name in ("x" * 65, "two\nlines", "\x1b[31m"):
        assert await code(alice.client.rename_contact("@bob", name)) == "bad-name"
    assert (await alice.client.rename_contact("@bob", "Bob")).name == "Bob"
    assert (await alice.client.rename_contact("Bob", "")).name == "@bob"


# ---- groups ----


@story
async def test_only_admins_change_a_group(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("team", bob)
    await world.shortly()
    for forbidden in (
        bob.client.invite(chat, "@carol"),
        bob.client.remove(chat, "@alice"),
        bob.client.rename(chat, "mine"),
    ):
        with pytest.raises(NotAllowed):
            await forbidden
    info = await bob.client.chat(chat)
    assert info.admins == (alice.id,)
    assert [p.name for p in info.members] == ["@bob", "@alice"]
    for title in ("", "  ", "x" * 257):
        assert await code(alice.client.rename(chat, title)) == "bad-title"
    with pytest.raises(NotFound):
        await alice.client.remove(chat, carol.at)


@story
async def test_a_direct_chat_is_no_group(world: World) -> None:
    alice, bob, _ = await world.friends("alice", "bob", "carol")
    chat = await alice.client.open_direct("@bob")
    assert chat == await alice.client.open_direct("@bob")
    for forbidden in (alice.client.invite(chat.id, "@carol"), alice.client.rename(chat.id, "ours")):
        assert await code(forbidden) == "usage"
    await world.shortly()
    assert (await bob.client.chat("@alice")).members != ()


@story
async def test_leaving_a_group_in_which_nobody_else_is(world: World) -> None:
    (alice,) = await world.people("alice")
    chat = await alice.creates("alone")
    await world.shortly()
    await alice.client.send(chat, "hello?")
    await alice.client.leave(chat)
    assert (await alice.client.chat(chat)).status == "ended"
    with pytest.raises(ChatEnded):
        await alice.client.leave(chat)


@story
async def test_what_was_read_is_told_before_a_program_ends(world: World) -> None:
    """A script that reads one message and ends leaves nobody waiting for its receipt until it runs again."""
    alice, bob = await world.friends("alice", "bob")
    await bob.stop()
    await alice.says(bob, "hello")
    await world.shortly()
    await bob.start()
    await bob.client.wait_caught_up(timeout_s=300)
    await bob.reads(alice)
    await bob.stop()
    await world.settle()
    assert await alice.state_of(bob, "hello") == "read"
