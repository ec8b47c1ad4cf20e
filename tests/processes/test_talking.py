"""The stories of tests/stories again, in fewer numbers: a relay process, TLS, files, and the clock on the wall."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tacit.sdk import Client
from tests.processes.people import (
    alarms,
    becomes,
    befriend,
    create,
    fresh,
    notices,
    opened,
    said,
    texts,
)
from tests.processes.programs import TIMEOUT_S, Profile, Relay, environment
from tests.processes.ways import coming_by
from tests.ui.terminal import Terminal

pytestmark = pytest.mark.processes


async def test_the_first_message_by_commands_alone(relay: Relay, tmp_path: Path) -> None:
    """Nothing of a stranger is shown before the yes; then everything is, and it goes both ways."""
    alice, bob = await create(relay.link, tmp_path, fresh("alice"), fresh("bob"))
    sent = alice.run("send", f"@{bob.name}", "hello from a stranger")
    assert (sent.code, sent.value["state"]) == (0, "relayed")
    asking = bob.run("requests")
    assert asking.value["invited_by"]["handle"] == alice.name
    assert "hello from a stranger" not in asking.out
    assert bob.run("accept", f"@{alice.name}").value["status"] == "active"
    heard = bob.run("listen", "--count", "1").lines[-1]
    assert heard["message"]["text"] == "hello from a stranger"
    with alice.start("listen") as listening:
        answered = bob.run("send", f"@{alice.name}", "hello to you", "--wait", "read")
        assert answered.value["state"] == "read"
        assert bob.run("status", "--check").code == 0  # says what a busy machine had no time for before it ended
        wanted = {"hello to you", sent.value["id"]}
        while wanted:  # his words, and that he has read hers: in either order
            event = listening.line()
            wanted -= {event.get("message", {}).get("text"), event.get("id") if event.get("state") == "read" else None}
    states = [(line["text"], line["state"]) for line in alice.run("history", f"@{bob.name}").lines]
    assert states == [("hello from a stranger", "read"), ("hello to you", "received")]


@coming_by("grpc", "tcp")
async def test_two_talk_in_terminals_and_what_is_written_to_one_who_is_away_waits(
    relay: Relay, tmp_path: Path, ways: tuple[str, str]
) -> None:
    (ann,) = await create(relay.by(ways[0]), tmp_path, fresh("ann"))
    (ben,) = await create(relay.by(ways[1]), tmp_path, fresh("ben"))
    with terminal(ann, "chat", f"@{ben.name}") as hers:
        hers.sees(f"@{ben.name} is asked to talk to you")
        hers.enter("hello before the yes")
        hers.shows("✓ on the relay")
        with terminal(ben, "chat") as his:
            his.sees(f"@{ann.name}")
            his.sees("wants to talk to you")
            assert "hello before the yes" not in his.text
            his.enter("y")
            his.sees(f"@{ann.name} │ hello before the yes")
            hers.shows("✓✓ read")
            his.enter("hello to you")
            hers.sees(f"@{ben.name} │ hello to you")
            his.type("\x04")
            assert his.ends() == 0
        hers.enter("while you were away")
        hers.shows("✓ on the relay")
        with terminal(ben, "chat", f"@{ann.name}") as his:
            his.sees(f"@{ann.name} │ while you were away")
            assert his.text.count("while you were away") == his.text.count("hello before the yes") == 1
        hers.enter("/exit")
        assert hers.ends() == 0


def terminal(profile: Profile, *arguments: str) -> Terminal:
    argv = [sys.executable, "-m", "tacit.cli", *arguments, "-P", profile.name, "--data-dir", str(profile.data_dir)]
    return Terminal(argv, columns=90, rows=40, inherited=environment())


async def test_both_sides_offline_at_different_times_and_the_relay_between_them_too(tmp_path: Path) -> None:
    with Relay(tmp_path / "relay") as relay:
        alice, bob = await befriend(relay.link, tmp_path, "alice", "bob")
        for number in range(3):
            assert alice.run("send", "@bob", f"while bob is away {number}").code == 0
        relay.end()
        typed = alice.run("send", "@bob", "while the relay is away too", "--timeout", "1")
        assert (typed.code, typed.lines[0]["message"]["state"]) == (3, "queued")
        assert typed.error["hint"].startswith("The message is kept")
        relay.start()
        # Alice comes for a moment without saying anything: what waits goes out. Then only Bob is there.
        assert alice.run("status", "--check").code == 0
        async with opened(alice) as me:
            await becomes(lambda: is_sent(me))
        heard = bob.run("listen", "--count", "4")
        new = [line["message"]["text"] for line in heard.lines if line["event"] == "message"]
        expected = [*(f"while bob is away {number}" for number in range(3)), "while the relay is away too"]
        assert new[-4:] == expected
    assert (await said(bob, "@alice"))[-4:] == [f"@alice: {text}" for text in expected]
    assert (await said(alice, "@bob"))[-4:] == [f"me: {text}" for text in expected]


async def is_sent(me: Client) -> bool:
    return (await me.status()).queued == 0


async def test_somebody_who_was_away_while_a_group_changed_finds_the_way_back(relay: Relay, tmp_path: Path) -> None:
    """An offline week, shortened: members come and go, the title changes, keys are renewed, people talk."""
    profiles = await befriend(relay.link, tmp_path, *(fresh(name) for name in ("alice", "bob", "carol")))
    async with AsyncExitStack() as stack:
        alice, carol = [await stack.enter_async_context(opened(profiles[n])) for n in (0, 2)]
        async with opened(profiles[1]) as bob:
            group = (await alice.create_group("climbing", [bob.me.handle, carol.me.handle])).id
            await becomes(lambda: all_agree([alice, bob, carol], group, members=3))
            await bob.send(group, "see you in a week")
            await becomes(lambda: have_all([alice, bob, carol], group, 1))
        for day in range(7):
            await alice.send(group, f"day {day}")
            await carol.send(group, f"yes, day {day}")
            await becomes(lambda day=day: have_all([alice, carol], group, 3 + 2 * day))
            match day:
                case 1:
                    await alice.rename(group, "climbing and bread")
                case 3:
                    await alice.remove(group, carol.me.id)
                    await becomes(lambda: all_agree([alice], group, members=2))
                    await alice.invite(group, carol.me.id)
                    await becomes(lambda: all_agree([alice, carol], group, members=3))
        bob = await stack.enter_async_context(opened(profiles[1]))
        await becomes(lambda: have_all([bob], group, 15))
        await becomes(lambda: all_agree([alice, bob, carol], group, members=3))
        for person in (bob, alice, carol):
            await person.send(group, f"back, says {person.me.handle}")
        await becomes(lambda: have_all([alice, bob], group, 18))
        heard = texts(await bob.history(group, limit=1000))
        assert len(set(heard)) == len(heard) == 18
        assert [line for line in heard if f"@{profiles[0].name}: day" in line] == [
            f"@{profiles[0].name}: day {day}" for day in range(7)
        ]
        assert {"renamed", "removed", "added"} <= set(notices(await bob.history(group, limit=1000)))
        assert (await bob.chat(group)).title == "climbing and bread"


async def test_two_who_write_to_each_other_at_once_end_up_in_one_chat(relay: Relay, tmp_path: Path) -> None:
    """Both make a group and invite the other, having only been introduced as contacts."""
    alice, bob = await create(relay.link, tmp_path, fresh("alice"), fresh("bob"))
    async with opened(alice) as one, opened(bob) as other:
        await one.add_contact(f"@{bob.name}")
        await other.add_contact(f"@{alice.name}")
    async with opened(alice, connect=False) as one, opened(bob, connect=False) as other:
        await one.send(f"@{bob.name}", "me first")
        await other.send(f"@{alice.name}", "no, me")
    async with opened(alice) as one, opened(bob) as other:
        people, chats = (one, other), (f"@{bob.name}", f"@{alice.name}")
        for me, chat in zip(people, chats, strict=True):
            await becomes(lambda me=me, chat=chat: have_all([me], chat, 2))
        for number in range(5):
            sent = [await me.send(chat, f"{me.me.handle} {number}") for me, chat in zip(people, chats, strict=True)]
            for me, message in zip(people, sent, strict=True):
                await me.wait_for(message.id, "delivered", TIMEOUT_S)
        epochs = {(await me.chat(chat)).epoch for me, chat in zip(people, chats, strict=True)}
        assert len(epochs) == 1
    for profile, chat in ((alice, chats[0]), (bob, chats[1])):
        heard = await said(profile, chat)
        assert len(set(heard)) == len(heard) == 12


async def test_commits_made_at_once_all_come_true(relay: Relay, tmp_path: Path) -> None:
    """Two are invited and the title changes while those who joined just now put fresh keys into the group."""
    names = [fresh(name) for name in ("alice", "bob", "carol", "dave", "erin")]
    profiles = await create(relay.link, tmp_path, *names)
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(opened(profile)) for profile in profiles]
        alice, bob, carol, dave, erin = people
        for other in people[1:]:
            await alice.add_contact(other.contact_link)
            await other.add_contact(alice.contact_link)
        group = (await alice.create_group("rush", [bob.me.id, carol.me.id])).id
        await becomes(lambda: all_agree([alice, bob, carol], group, members=3))
        await asyncio.gather(
            bob.send(group, "bob was here"),
            alice.invite(group, dave.contact_link),
            carol.send(group, "carol was here"),
            alice.rename(group, "crush"),
            alice.invite(group, erin.contact_link),
        )
        await becomes(lambda: all_agree(people, group, members=5))
        await becomes(lambda: have_all([alice, bob, carol], group, 2))
        for person in people:
            await person.send(group, f"all here, says {person.me.handle}")
        await becomes(lambda: have_all([alice, bob, carol], group, 7))
        for person in people:
            history = await person.history(group, limit=1000)
            assert alarms(history) == []
            assert len([line for line in texts(history) if "all here" in line]) == 5
            assert (await person.chat(group)).title == "crush"


async def all_agree(people: list[Client], group: str, *, members: int) -> bool:
    """Everybody sees as many members, the same ones, in one epoch."""
    views = []
    for person in people:
        known = [chat for chat in await person.chats() if chat.id == group]
        if not known:
            return False
        views.append((known[0].epoch, sorted(member.id for member in known[0].members)))
    return all(view == views[0] for view in views) and len(views[0][1]) == members


async def have_all(people: list[Client], chat: str, count: int) -> bool:
    """Everybody has at least so many texts."""
    return all([len(texts(await person.history(chat, limit=1000))) >= count for person in people])
