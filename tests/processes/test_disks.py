"""Disks that are full, may not be written, or break off in the middle, under a client and under a relay. Hazard G5."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from tacit.sdk import Client
from tacit.sdk.types import ProblemEvent
from tests.processes.disks import SmallDisk, read_only
from tests.processes.people import ALARMS, becomes, befriend, create, happens, opened, said
from tests.processes.programs import Profile, Relay, run
from tests.processes.test_bad_input import is_refused

pytestmark = pytest.mark.processes

LONG = "x" * 20_000
"""So that a text needs room on the disk."""


async def test_a_client_on_a_full_disk_says_so_and_sends_nothing_that_it_could_not_keep(
    relay: Relay, tmp_path: Path
) -> None:
    alice, bob = await befriend(relay.link, tmp_path, "full-alice", "full-bob")
    with SmallDisk(alice.folder, size_kib=2_000) as disk:
        disk.fill()
        is_refused(alice.run("send", "@full-bob", LONG, prefix=disk.prefix), "disk-full", 1, "room")
        disk.make_room()
        sent = alice.run("send", "@full-bob", "after room was made", prefix=disk.prefix)
        assert (sent.code, sent.value["state"]) == (0, "relayed")
    async with opened(bob) as other:
        await becomes(lambda: hears_last(other, "@full-alice", "after room was made"))
    assert LONG not in "".join(await said(bob, "@full-alice"))


async def test_a_listening_client_whose_disk_fills_up_takes_everything_in_once_there_is_room(
    relay: Relay, tmp_path: Path
) -> None:
    """What cannot be written down is not shown and not acknowledged; it comes again."""
    alice, bob = await befriend(relay.link, tmp_path, "filling-alice", "filling-bob")
    texts = [f"{number} {LONG}" for number in range(20)]
    with SmallDisk(alice.folder, size_kib=4_000) as disk, alice.start("listen", prefix=disk.prefix) as listening:
        await listening.line_async(lambda event: event.get("state") == "online")
        disk.fill()
        async with opened(bob) as other:
            for text in texts:
                await other.send("@filling-alice", text)
            problem = await listening.line_async(lambda event: event["event"] == "problem")
            assert problem["code"] == "disk-full"
            assert problem["hint"]
            disk.make_room()
            shown = []
            while len(shown) < len(texts):
                event = await listening.line_async(lambda event: event["event"] == "message")
                shown.append(event["message"]["text"])
        assert shown == texts
        listening.process.terminate()
        listening.wait()
        history = alice.run("history", "@filling-bob", prefix=disk.prefix).lines
        assert [line["text"] for line in history if line["kind"] == "text"][-20:] == texts
        assert not ALARMS.intersection(line["notice"]["code"] for line in history if line["notice"])


@pytest.mark.parametrize("how", ["full", "breaking off"])
async def test_a_relay_without_room_refuses_and_what_was_typed_meanwhile_goes_out_once(
    tmp_path: Path, how: str
) -> None:
    """The second way needs no rights: writing past a size fails, as on a disk that breaks off."""
    folder = tmp_path / "relay"
    folder.mkdir()
    if how == "full":
        with SmallDisk(folder, size_kib=6_000) as disk, Relay(folder, prefix=disk.prefix) as relay:
            await refuse_and_recover(relay, tmp_path, "storage-full", disk.fill, disk.make_room)
    else:
        with Relay(folder) as relay:

            def limit_files(size: int) -> None:
                resource.prlimit(relay.running.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

            await refuse_and_recover(
                relay,
                tmp_path,
                "storage-failed",
                lambda: limit_files(4096),
                lambda: limit_files(resource.RLIM_INFINITY),
            )


async def refuse_and_recover(
    relay: Relay, tmp_path: Path, code: str, fill: Callable[[], None], make_room: Callable[[], None]
) -> None:
    alice, bob = await befriend(relay.link, tmp_path, "alice", "bob")
    async with opened(alice) as one, opened(bob) as other:
        events = one.events()
        fill()
        sent = [await one.send("@bob", f"{number} {LONG}") for number in range(10)]
        problem = await happens(events, lambda event: isinstance(event, ProblemEvent))
        assert isinstance(problem, ProblemEvent)
        assert problem.code == code
        states = {line.state for line in (await one.history("@bob"))[-10:]}
        assert states <= {"queued", "sent"}, "kept, and not called relayed"
        make_room()
        await becomes(lambda: hears_last(other, "@alice", sent[-1].text))
        await becomes(lambda: is_quiet(one))
    expected = [f"{number} {LONG}" for number in range(10)]
    assert [line.removeprefix("@alice: ") for line in (await said(bob, "@alice"))[-10:]] == expected
    assert [line.removeprefix("me: ") for line in (await said(alice, "@bob"))[-10:]] == expected


async def test_a_disk_that_may_not_be_written_is_said_to_be_that(relay: Relay, tmp_path: Path) -> None:
    (alice,) = await create(relay.link, tmp_path, "barred-alice")
    before = files(alice.folder)
    prefix = read_only(tmp_path)
    is_refused(alice.run("send", "@bob", "hi", prefix=prefix), "store-failed", 1, "Read-only", "writable")
    new = Profile("carol", tmp_path).run(
        *("init", "--name", "carol", "--no-passphrase", "--relay", relay.link), prefix=prefix
    )
    is_refused(new, "folder-failed", 1, "Read-only")
    assert files(alice.folder) == before
    here = ("serve", "--json", "--host", "127.0.0.1", "--port", "0", "--data", str(tmp_path / "relay"))
    assert run(*here, prefix=prefix).error["code"] == "store-unusable"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def hears_last(me: Client, chat: str, text: str) -> bool:
    history = await me.history(chat, limit=1)
    return bool(history) and history[-1].text == text


async def is_quiet(me: Client) -> bool:
    return (await me.status()).queued == 0
