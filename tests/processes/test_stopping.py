"""A relay that is asked to stop: it finishes what it has, tells its clients, and starts again into the same state."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tacit.net.errors import LinkClosed
from tacit.sdk import Client
from tests.processes.people import becomes, befriend, create, opened, said, texts
from tests.processes.programs import TIMEOUT_S, Relay, run
from tests.processes.test_frames import somebody
from tests.relay.peers import message

pytestmark = pytest.mark.processes

SIGNALS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture
def own_relay(tmp_path: Path) -> Iterator[Relay]:
    with Relay(tmp_path / "relay") as running:
        yield running


@pytest.mark.parametrize("how", SIGNALS)
async def test_clients_are_told_and_come_back_by_themselves(own_relay: Relay, tmp_path: Path, how: int) -> None:
    alice, bob = await befriend(own_relay.link, tmp_path, "alice", "bob")
    with bob.start("listen") as listening:
        listening.line(lambda event: event.get("state") == "online")
        link = own_relay.link
        ended = own_relay.end(signal.Signals(how))
        assert ended.code == 0
        events = [json.loads(line)["event"].split()[0] for line in ended.err.splitlines()]
        assert events == ["started", "stopping", "stopped"]
        told = listening.line(lambda event: event.get("state") == "offline")
        assert told["code"] == "shutting-down"
        assert told["retry_in_s"] >= 2, "the relay says when it will be back"
        async with Client.open(alice.name, data_dir=alice.data_dir) as me:
            sent = await me.send("@bob", "while nobody is there")
            await asyncio.to_thread(own_relay.start)
            assert own_relay.link == link
            await listening.line_async(lambda event: event.get("message", {}).get("text") == "while nobody is there")
            await me.wait_for(sent.id, "delivered", TIMEOUT_S)


@pytest.mark.parametrize("how", SIGNALS)
async def test_what_was_asked_before_the_end_is_answered_or_comes_again(
    own_relay: Relay, tmp_path: Path, how: int
) -> None:
    """A burst of texts, and the signal in the middle of it."""
    alice, bob = await befriend(own_relay.link, tmp_path, "alice", "bob")
    async with opened(alice) as one, opened(bob) as other:
        for number in range(150):
            await one.send("@bob", f"text {number}")
            if number == 60:
                stopping = asyncio.create_task(asyncio.to_thread(own_relay.end, signal.Signals(how)))
        assert (await stopping).code == 0
        await asyncio.to_thread(own_relay.start)
        await becomes(lambda: has_heard(other, 150))
        await becomes(lambda: is_quiet(one))
    expected = [f"text {number}" for number in range(150)]
    assert [line.removeprefix("@alice: ") for line in await said(bob, "@alice") if "text" in line] == expected
    assert [line.removeprefix("me: ") for line in await said(alice, "@bob") if "text" in line] == expected


async def has_heard(me: Client, count: int) -> bool:
    return len([line for line in texts(await me.history("@alice", limit=1000)) if ": text " in line]) == count


async def is_quiet(me: Client) -> bool:
    return (await me.status()).queued == 0


async def test_an_answered_append_is_on_the_disk_and_an_unanswered_one_is_not_promised(own_relay: Relay) -> None:
    """Drains, seen on the wire: every answer stands for an entry, and the last word says that the relay goes away."""
    async with somebody(own_relay) as (_, peer):
        log = await peer.create_log()
        answers = [await peer.begin(message(log, b"%d" % number)) for number in range(40)]
        ending = asyncio.create_task(asyncio.to_thread(own_relay.end, signal.SIGTERM))
        with suppress(LinkClosed):
            for number in range(40, 400):
                answers.append(await peer.begin(message(log, b"%d" % number)))  # noqa: PERF401 - kept up to the end
        assert (await ending).code == 0
        await peer.wait_ended()
        assert [closing.code for closing in peer.closings] == ["shutting-down"]
        assert peer.closings[0].reconnect_after_s > 0
    answered = [answer.result() for answer in answers if answer.done() and not answer.exception()]
    granted = sorted(answer.seq for answer in answered if hasattr(answer, "seq"))
    refused = {answer.code for answer in answered if not hasattr(answer, "seq")}
    assert len(granted) >= 40
    assert refused <= {"shutting-down"}
    database = sqlite3.connect(own_relay.folder / "relay.db")
    kept = [position & 0xFFFFFFFF for (position,) in database.execute("SELECT position FROM entries ORDER BY position")]
    database.close()
    assert kept == granted


async def test_a_relay_keeps_its_identity_its_accounts_and_its_invitations(tmp_path: Path) -> None:
    with Relay(tmp_path / "relay", "--registration", "invite") as relay:
        made = run("relay", "--data", str(relay.folder), "invite", "--uses", "2", "--note", "for friends", "--json")
        (alice,) = await create(made.value["link"], tmp_path, "alice")
        link = relay.link
        relay.end(signal.SIGTERM)
        relay.start()
        assert relay.link == link
        assert alice.run("status", "--check").value["key_packages"] > 0
        await create(made.value["link"], tmp_path, "bob")
        for stranger, code in ((made.value["link"], "invite-invalid"), (link, "invite-needed")):
            refused = run(
                *("init", "-P", "carol", "--name", "carol", "--no-passphrase", "--relay", stranger, "--json"),
                *("--data-dir", str(tmp_path)),
            )
            assert (refused.code, refused.error["code"]) == (2, code)
        listed = run("relay", "--data", str(relay.folder), "invites", "--json").value
        assert (listed["note"], listed["used"], listed["uses"]) == ("for friends", 2, 2)


def test_two_signals_do_not_keep_a_relay_from_stopping_cleanly(own_relay: Relay) -> None:
    own_relay.running.process.send_signal(signal.SIGINT)
    ended = own_relay.end(signal.SIGTERM)
    assert ended.code == 0
    assert "Traceback" not in ended.err
