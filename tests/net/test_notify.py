"""The service manager hears what it must, on a real socket, and its absence disturbs nobody."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.net.notify import ALIVE, READY, STOPPING, notify, told_to_the_manager, watchdog_s


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


def test_lines_arrive_in_one_datagram(manager: socket.socket) -> None:
    assert notify({"NOTIFY_SOCKET": manager.getsockname()}, READY, "STATUS=listening")
    assert manager.recv(1000) == b"READY=1\nSTATUS=listening"


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="the abstract namespace is of Linux")
def test_an_abstract_socket_is_reached_too() -> None:
    name = f"tacit-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(20)
        assert notify({"NOTIFY_SOCKET": f"@{name}"}, READY)
        assert listening.recv(1000) == b"READY=1"


@pytest.mark.parametrize("place", ["", "relative", "/nowhere/at/all", "@nobody-listens-here"])
def test_nobody_to_tell_is_no_error(place: str) -> None:
    assert not notify({"NOTIFY_SOCKET": place}, READY)
    assert not notify({}, READY)


def test_a_manager_that_does_not_read_holds_nobody_up(manager: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": manager.getsockname()}
    assert not all(notify(environment, READY) for _ in range(100_000))


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "7"}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_told_within_its_time(environment: dict[str, str], seconds: float | None) -> None:
    assert watchdog_s(environment, 7) == seconds


async def test_a_loop_that_turns_says_so_again_and_again_and_its_end_last(manager: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "10000"}
    # Heard in the very loop that speaks: who is slower finds his queue full, and the last word is lost.
    manager.setblocking(False)
    async with told_to_the_manager(environment):
        said = [await asyncio.get_running_loop().sock_recv(manager, 1000) for _ in range(4)]
    assert said == [READY.encode(), *[ALIVE.encode()] * 3]
    while (last := manager.recv(1000)) == ALIVE.encode():
        pass
    assert last == STOPPING.encode()
