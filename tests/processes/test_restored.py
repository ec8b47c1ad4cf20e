"""A relay process that is killed, put back to an older backup by the command line and started again."""

from __future__ import annotations

import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.processes.people import alarms, becomes, befriend, create, opened, texts
from tests.processes.programs import TIMEOUT_S, Relay, run

pytestmark = pytest.mark.processes

AFTER_S = 3 * TIMEOUT_S
"""Clients come back in their own time, and ask ever less often for what others have to bring."""


async def test_a25_talk_that_a_backup_lacks_comes_back_and_goes_on(tmp_path: Path) -> None:
    """Backup, more talk and a group that the backup knows nothing of, kill -9, restore, talk."""
    with Relay(tmp_path / "relay") as relay:
        alice, bob = await befriend(relay.link, tmp_path, "alice", "bob")
        env, file = {"TACIT_SERVE_DATA": str(tmp_path / "relay")}, str(tmp_path / "backup")
        assert run("relay", "backup", file, env=env).code == 0
        (carol,) = await create(relay.link, tmp_path, "carol")
        async with AsyncExitStack() as stack:
            people = [await stack.enter_async_context(opened(profile)) for profile in (alice, bob, carol)]
            a, b, c = people
            for one in people:
                for other in people:
                    if one is not other:
                        await one.add_contact(f"@{other.profile}")
            lost = await a.send("@bob", "the backup lacks this")
            await a.wait_for(lost.id, "delivered", TIMEOUT_S)
            chat = (await a.create_group("friends", ["@bob", "@carol"])).id

            async def all_in() -> bool:
                found = [{known.id for known in await one.chats()} for one in people]
                return all(chat in known for known in found)

            await becomes(all_in)
            said = await c.send(chat, "and this")
            await c.wait_for(said.id, "delivered", TIMEOUT_S)

            relay.end(signal.SIGKILL)
            assert run("relay", "restore", file, "--force", env=env).code == 0
            relay.start()
            more = await a.send("@bob", "after the restore")
            await a.wait_for(more.id, "delivered", AFTER_S)
            more = await c.send(chat, "here, too")
            await c.wait_for(more.id, "delivered", AFTER_S)
            history = await b.history("@alice")
            assert not alarms(history), alarms(history)
            assert texts(history)[-2:] == ["@alice: the backup lacks this", "@alice: after the restore"]
            for one in people:
                history = await one.history(chat)
                assert not alarms(history), alarms(history)
                assert [text.split(": ")[1] for text in texts(history)] == ["and this", "here, too"]
            assert len({(await one.chat(chat)).epoch for one in people}) == 1
