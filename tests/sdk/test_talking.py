"""Two real clients and a real relay over in-memory links."""

from __future__ import annotations

from pathlib import Path

from tacit.clock import SystemClock
from tacit.entropy import system_entropy
from tacit.identity import RelayLink
from tacit.net import FrameLink
from tacit.net.memory import memory_pair
from tacit.relay.config import RelayConfig
from tacit.relay.server import Relay
from tacit.sdk import Client
from tacit.sdk.parts import Parts


async def test_two_talk(tmp_path: Path) -> None:
    import asyncio

    relay = Relay(RelayConfig(None, port=None, public_host="relay.test", public_port=8765, registration="open"), SystemClock(), system_entropy)
    await relay.start()
    tasks = set()

    async def dial(link: RelayLink) -> FrameLink:
        ours, theirs = memory_pair()
        tasks.add(asyncio.create_task(relay.handle(theirs)))
        return ours

    parts = Parts(connect=dial)
    link = relay.link()
    for name in ("alice", "bob"):
        await Client.create(name, name=name, relay=link, passphrase=None, data_dir=tmp_path, parts=parts)
    async with (
        Client.open("alice", data_dir=tmp_path, parts=parts) as alice,
        Client.open("bob", data_dir=tmp_path, parts=parts) as bob,
    ):
        await alice.wait_caught_up(5)
        await bob.wait_caught_up(5)
        bob_events = bob.events()
        message = await alice.send("@bob", "hi bob")
        await alice.wait_for(message.id, "relayed", 5)
        request = None
        async for event in bob_events:
            print(event)
            if type(event).__name__ == "RequestEvent":
                request = event
                break
        await bob.accept(request.chat.id)
        async for event in bob_events:
            print(event)
            if type(event).__name__ == "MessageEvent":
                break
        print(await bob.history("@alice"))
        await alice.wait_for(message.id, "delivered", 5)
        await bob.mark_read("@alice")
        await alice.wait_for(message.id, "read", 5)
        again = await bob.send("@alice", "hi alice")
        await bob.wait_for(again.id, "delivered", 5)
        print(await alice.chats(), await alice.status())
    await relay.stop()
