"""Three ways to connect, and proxies, as people meet them: pseudo-terminals, a relay process, real proxies."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tacit.net.addresses import is_loopback, primary_address
from tacit.sdk import Client
from tests.cli.tacit_command import World
from tests.ops.needed import needed
from tests.ports import free_port
from tests.processes.people import becomes, opened
from tests.processes.programs import Profile, Relay, run
from tests.processes.ways import EVERYWHERE, WAYS, coming_by, link_by
from tests.ui.terminal import Terminal

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

PEOPLE = ("ann", "ben", "cleo")


@contextmanager
def terminal(town: World, *args: str) -> Iterator[Terminal]:
    argv = [sys.executable, "-m", "tacit.cli", *args]
    with Terminal(argv, columns=90, rows=40, inherited=town.env, env=town.env) as opened:
        yield opened


async def has_group(me: Client) -> bool:
    return any(chat.title == "three ways" for chat in await me.chats())


@coming_by("ws", "grpc", "tcp")
async def test_a_person_on_each_transport_talk_in_one_group(tmp_path: Path, ways: tuple[str, str, str]) -> None:
    town = World(tmp_path, measured=False)
    with town.relay(*EVERYWHERE) as said, ExitStack() as stack:
        for name, way in zip(PEOPLE, ways, strict=True):
            town.ok("init", "-P", name, "--name", name, "--relay", link_by(way, said["links"]), "--no-passphrase")
        for name in PEOPLE:
            for other in {*PEOPLE} - {name}:
                town.ok("contacts", "add", f"@{other}", "-P", name)
        town.ok("group", "create", "three ways", "@ben", "@cleo", "-P", "ann")
        for name in ("ben", "cleo"):
            async with opened(Profile(name, tmp_path / "data")) as me:
                await becomes(partial(has_group, me))
        screens = {name: stack.enter_context(terminal(town, "chat", "three ways", "-P", name)) for name in PEOPLE}
        for name, screen in screens.items():
            screen.sees("three ways")
            screen.enter(f"{name} is here")
            for other, there in screens.items():
                there.sees(f"{'you' if other == name else name} │ {name} is here")
        for screen in screens.values():
            screen.type("\x04")
            assert screen.ends() == 0


@contextmanager
def socks(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A SOCKS5 proxy for maya, who has a password."""
    command = [needed("microsocks", "microsocks"), "-i", "127.0.0.1", "-p", str(port), "-u", "maya", "-P", "secret"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_the_way_leads_through_a_proxy_or_nowhere(tmp_path: Path, way: str) -> None:
    here = primary_address()
    if is_loopback(here):
        pytest.skip("this machine has no address but loopback, which no proxy is asked for")
    port = free_port()
    proxy = f"socks5h://maya:secret@127.0.0.1:{port}"
    options = ("--host", "0.0.0.0", "--public-host", here, "--registration", "open")
    with Relay(tmp_path / "relay", *options, *EVERYWHERE) as relay:
        mine = ("-P", "dora", "--data-dir", str(tmp_path), "--json")
        making = ("init", "--name", "dora", "--relay", relay.by(way), "--no-passphrase", *mine)
        down = run(*making, "--proxy", proxy)
        assert (down.code, down.error["code"]) == (3, "proxy-unreachable")
        with socks(port) as process:
            refused = run(*making, "--proxy", f"socks5h://127.0.0.1:{port}")
            assert (refused.code, refused.error["code"]) == (3, "proxy-refused")
            assert run(*making, "--proxy", proxy).code == 0
            assert run("status", "--check", *mine, env={"ALL_PROXY": proxy}).code == 0
        assert process.stderr is not None
        assert run("status", "--check", *mine, env={"ALL_PROXY": proxy, "NO_PROXY": here}).code == 0
        assert run("status", "--check", *mine, "--proxy", "direct", env={"all_proxy": proxy}).code == 0
        failed = run("status", "--check", *mine, env={"TACIT_PROXY": proxy})
        assert failed.code == 3
        assert re.search("proxy", failed.out)
        wrong = run("status", "--check", *mine, "--proxy", "ftp://x")
        assert wrong.error["code"] == "bad-proxy"
