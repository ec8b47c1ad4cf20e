"""The stories again, over real TLS on real sockets: nothing above ``net`` can tell what carries the frames.

A few of them each time, all of them with ``-m long``.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tacit.sdk import Client
from tests.relay.peers import running

CARRIERS: Final = ("ws", "grpc", "tcp")
SHORT: Final = {
    "test_the_first_message_reaches_a_friend_who_is_there",
    "test_what_is_typed_offline_goes_out_once_and_in_order",
    "test_a_group_is_made_and_all_talk_in_it",
}


def stories() -> dict[str, Callable[[Path], None]]:
    """Every story that needs nothing but a folder."""
    found: dict[str, Callable[[Path], None]] = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.stem == Path(__file__).stem:
            continue
        module = importlib.import_module(f"tests.stories.{path.stem}")
        for name, told in inspect.getmembers(module, inspect.isfunction):
            if getattr(told, "is_story", False) and list(inspect.signature(told).parameters) == ["tmp_path"]:
                found[f"{path.stem}.{name}"] = told
    return found


STORIES: Final = stories()


def chosen(carrier: str) -> list[object]:
    always = {name for name in STORIES if name.rpartition(".")[2] in SHORT}
    return [
        pytest.param(carrier, told, id=f"{carrier}-{name}", marks=() if name in always else pytest.mark.long)
        for name, told in STORIES.items()
    ]


@pytest.mark.parametrize(("carrier", "told"), [one for carrier in CARRIERS for one in chosen(carrier)])
def test_a_story_over(carrier: str, told: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_STORY_TRANSPORT", carrier)
    told(tmp_path=tmp_path)


def test_the_chosen_ones_exist() -> None:
    assert {name.rpartition(".")[2] for name in STORIES} >= SHORT
    assert len(STORIES) > 50


async def test_a_person_on_each_transport_talk_in_one_group(tmp_path: Path) -> None:
    """With nothing of the test's world: the clients of programs, the machine's clock, real connections."""
    names = dict(zip(("ann", "ben", "cleo"), CARRIERS, strict=True))
    ports = {"port": 0, "grpc_port": 0, "tcp_port": 0}
    async with running(None, host="127.0.0.1", public_host="127.0.0.1", **ports) as world:
        for name, carrier in names.items():
            link = world.relay.link("", carrier)
            await Client.create(name, name=name, relay=link, passphrase=None, data_dir=tmp_path)
        async with (
            Client.open("ann", data_dir=tmp_path) as ann,
            Client.open("ben", data_dir=tmp_path) as ben,
            Client.open("cleo", data_dir=tmp_path) as cleo,
        ):
            everybody = {"ann": ann, "ben": ben, "cleo": cleo}
            events = {name: one.events() for name, one in everybody.items()}

            async def until(name: str, claim: Callable[[], Awaitable[bool]]) -> None:
                async with asyncio.timeout(30):
                    while not await claim():
                        await anext(events[name])

            async def sees(name: str, wanted: set[str]) -> bool:
                chats = [chat for chat in await everybody[name].chats() if chat.title == "three ways"]
                lines = await everybody[name].history(chats[0].id) if chats else []
                return bool(chats) and wanted <= {line.text for line in lines if line.kind == "text"}

            for name, one in everybody.items():
                await one.wait_online()
                for other in names.keys() - {name}:
                    await one.add_contact(f"@{other}")
            await ann.create_group("three ways", ["@ben", "@cleo"])
            wanted: set[str] = set()
            for name, one in everybody.items():
                await until(name, partial(sees, name, wanted))
                text = f"{name} over {names[name]}"
                await one.send("three ways", text)
                wanted.add(text)
            for name in names:
                await until(name, partial(sees, name, wanted))
