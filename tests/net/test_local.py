"""Real Unix sockets: who may connect, whose place is taken, and who is hung up on."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import psutil
import pytest

from tacit.net import local
from tacit.net.errors import LocalClosed, LocalForbidden, LocalTimeout, LocalUnreachable
from tacit.net.local import LocalListener
from tacit.net.local_asking import ask_line
from tests.net.conftest import leap

TIMEOUT_S = 20.0
MAX_LINE_BYTES = 100

LISTENS = """
import asyncio, sys
from pathlib import Path
from tacit.net.local import LocalListener

async def echo(line):
    return line

async def main():
    await LocalListener.open(Path(sys.argv[1]), echo, mode=0o600, max_line_bytes=100)
    print("listens", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def backwards(line: bytes) -> bytes:
    return line[::-1]


@asynccontextmanager
async def listening(path: Path, serve: local.Serve = backwards, mode: int = 0o600) -> AsyncIterator[LocalListener]:
    listener = await LocalListener.open(path, serve, mode=mode, max_line_bytes=MAX_LINE_BYTES)
    try:
        yield listener
    finally:
        await listener.close()


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def ask(path: Path, line: bytes = b"hello", max_answer_bytes: int = 1000, timeout_s: float = TIMEOUT_S) -> bytes:
    return await asyncio.to_thread(ask_line, path, line, timeout_s=timeout_s, max_answer_bytes=max_answer_bytes)


async def test_a_line_gets_a_line_and_the_file_goes_with_the_listener(tmp_path: Path) -> None:
    async with listening(tmp_path / "s"):
        assert await ask(tmp_path / "s") == b"olleh"
        assert await ask(tmp_path / "s", b"") == b""
        assert names(tmp_path) == ["s"]
    assert names(tmp_path) == []
    with pytest.raises(LocalUnreachable):
        await ask(tmp_path / "s")


async def test_who_says_nothing_is_left_without_a_word_in_the_log(tmp_path: Path) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    async with listening(tmp_path / "s"):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(b"hello\n")
        assert await reader.readline() == b"olleh\n"
    assert await reader.read() == b""
    writer.close()
    assert told == []


@pytest.mark.parametrize("mode", [0o600, 0o660])
async def test_a_socket_has_its_mode_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    for umask in (0o000, 0o777):
        before = os.umask(umask)
        try:
            async with listening(tmp_path / "s", mode=mode):
                assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == mode
        finally:
            os.umask(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_whom_the_mode_shuts_out_is_told_so(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    async with listening(tmp_path / "s"):
        os.seteuid(65_534)
        try:
            with pytest.raises(LocalForbidden):
                await ask(tmp_path / "s")
        finally:
            os.seteuid(0)


async def test_nobody_can_connect_before_a_socket_has_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = Path.chmod

    def chmod(self: Path, wanted: int) -> None:
        seen.append(wanted)
        with closing(socket.socket(socket.AF_UNIX)) as early, pytest.raises(ConnectionRefusedError):
            early.connect(str(self))
        real(self, wanted)

    monkeypatch.setattr(Path, "chmod", chmod)
    async with listening(tmp_path / "s"):
        assert seen == [0o600]


async def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LISTENS, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            assert await process.stdout.readline() == b"listens\n"
        assert await ask(path) == b"hello"
        with pytest.raises(OSError, match="listens") as refused:
            await LocalListener.open(path, backwards, mode=0o600, max_line_bytes=MAX_LINE_BYTES)
        assert refused.value.errno == errno.EADDRINUSE
        assert await ask(path) == b"hello", "who listens goes on"
    finally:
        process.kill()
        await process.wait()
    assert stat.S_ISSOCK(path.stat().st_mode)
    with pytest.raises(LocalUnreachable):
        await ask(path)
    async with listening(path):
        assert await ask(path) == b"olleh"
    assert names(tmp_path) == []


async def test_one_who_is_too_busy_to_accept_is_alive(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with closing(socket.socket(socket.AF_UNIX)) as busy, closing(socket.socket(socket.AF_UNIX)) as waiting:
        busy.bind(str(path))
        busy.listen(0)
        waiting.connect(str(path))
        with pytest.raises(OSError, match="listens"):
            await LocalListener.open(path, backwards, mode=0o600, max_line_bytes=MAX_LINE_BYTES)
    assert names(tmp_path) == ["s"]


async def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    with pytest.raises(FileExistsError):
        await LocalListener.open(tmp_path / "s", backwards, mode=0o600, max_line_bytes=MAX_LINE_BYTES)
    assert (tmp_path / "s").read_text() == "mine"
    assert names(tmp_path) == ["s"]


@pytest.mark.parametrize("room", [80, 100, 101, 107, 108, 200])
async def test_a_path_of_any_length_will_do(tmp_path_factory: pytest.TempPathFactory, room: int) -> None:
    folder = tmp_path_factory.mktemp("l")
    path = folder / ("d" * max(1, room - len(os.fsencode(folder)) - 3)) / "s"
    path.parent.mkdir()
    assert len(os.fsencode(path)) == room
    open_files = psutil.Process().num_fds()
    async with listening(path):
        assert await ask(path) == b"olleh"
    assert psutil.Process().num_fds() == open_files


async def test_a_name_that_no_address_has_room_for_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ("s" * 200)
    with pytest.raises(OSError, match="too long"):
        await LocalListener.open(path, backwards, mode=0o600, max_line_bytes=MAX_LINE_BYTES)
    with pytest.raises(LocalUnreachable):
        await ask(path)
    assert names(tmp_path) == []


async def test_lines_are_put_together_and_taken_apart(tmp_path: Path) -> None:
    async with listening(tmp_path / "s"):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        for piece in (b"he", b"l", b"lo\nwor", b"ld\n\nthi", b"rd\n"):
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(TIMEOUT_S):
            assert [await reader.readline() for _ in range(4)] == [b"olleh\n", b"dlrow\n", b"\n", b"driht\n"]
        writer.close()


async def test_half_a_line_is_no_line(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def serve(line: bytes) -> bytes:
        heard.append(line)
        return b""

    async with listening(tmp_path / "s", serve):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(b"whole\nhalf")
        writer.write_eof()
        async with asyncio.timeout(TIMEOUT_S):
            assert await reader.read() == b"\n"
        writer.close()
    assert heard == [b"whole"]


@pytest.mark.parametrize(("size", "is_answered"), [(MAX_LINE_BYTES - 1, True), (MAX_LINE_BYTES + 2, False)])
async def test_too_long_a_line_is_hung_up_on_and_others_are_served(
    tmp_path: Path, size: int, is_answered: bool
) -> None:
    async with listening(tmp_path / "s"):
        if is_answered:
            assert await ask(tmp_path / "s", b"x" * size) == b"x" * size
        else:
            with pytest.raises(LocalClosed):
                await ask(tmp_path / "s", b"x" * size)
        with pytest.raises(LocalClosed):
            await ask(tmp_path / "s", b"x" * 1_000_000)
        assert await ask(tmp_path / "s") == b"olleh"


async def test_too_long_an_answer_is_none(tmp_path: Path) -> None:
    async def much(_: bytes) -> bytes:
        return bytes(200_000)

    async with listening(tmp_path / "s", much):
        assert len(await ask(tmp_path / "s", max_answer_bytes=200_000)) == 200_000
        with pytest.raises(LocalClosed):
            await ask(tmp_path / "s", max_answer_bytes=100_000)


async def test_one_who_goes_away_in_the_middle_hurts_nobody(tmp_path: Path) -> None:
    asked, goes_on = asyncio.Event(), asyncio.Event()

    async def slow(line: bytes) -> bytes:
        if line == b"slow":
            asked.set()
            await goes_on.wait()
        return bytes(100_000)

    async with listening(tmp_path / "s", slow):
        for said in (b"", b"half", b"slow\n"):
            with closing(socket.socket(socket.AF_UNIX)) as asking:
                asking.connect(str(tmp_path / "s"))
                asking.sendall(said)
                if said == b"slow\n":
                    async with asyncio.timeout(TIMEOUT_S):
                        await asked.wait()
        goes_on.set()
        assert len(await ask(tmp_path / "s", max_answer_bytes=100_000)) == 100_000


async def test_a_fault_of_one_talk_is_told_and_ends_that_talk_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def picky(line: bytes) -> bytes:
        if line == b"secret":
            raise KeyError(line)
        return line

    async with listening(tmp_path / "s", picky):
        with pytest.raises(LocalClosed):
            await ask(tmp_path / "s", b"secret")
        assert await ask(tmp_path / "s") == b"hello"
    assert "local-talk-failed error='KeyError'" in caplog.text
    assert "secret" not in caplog.text


async def test_one_who_takes_no_answer_leaves_nothing_behind(tmp_path: Path) -> None:
    talks: list[asyncio.Task[None]] = []
    asked = asyncio.Event()

    async def serve(_: bytes) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        talks.append(task)
        asked.set()
        return bytes(2**20)

    listener = await LocalListener.open(tmp_path / "socket", serve, mode=0o600, max_line_bytes=100)
    with socket.socket(socket.AF_UNIX) as asking:
        before = psutil.Process().num_fds()
        asking.connect(str(tmp_path / "socket"))
        asking.sendall(b"ask\n")
        async with asyncio.timeout(TIMEOUT_S):
            await asked.wait()
        await leap(local.LINE_TIMEOUT_S)
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.wait(talks)
            await asyncio.sleep(0)  # the transport closes its socket in a turn of its own
        assert psutil.Process().num_fds() == before
    await listener.close()


async def test_a_program_that_hangs_or_hangs_up_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "s"
    hang = asyncio.Event()

    async def slow(_: bytes) -> bytes:
        await hang.wait()
        raise ConnectionResetError

    async with listening(path, slow):
        with pytest.raises(LocalTimeout):
            await ask(path, timeout_s=0.05)
        hang.set()
        with pytest.raises(LocalClosed):
            await ask(path)
    with pytest.raises(LocalUnreachable):
        await ask(path)


@pytest.mark.parametrize("turns", range(4))
async def test_who_connects_while_the_listener_closes_is_hung_up_on(tmp_path: Path, turns: int) -> None:
    """In whichever turn of the event loop the close falls: whoever was taken a moment before has an end, too."""
    path = tmp_path / "control.sock"
    async with listening(path) as listener, asyncio.timeout(TIMEOUT_S):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.setblocking(False)
            asking.connect(str(path))
            for _ in range(turns):
                await asyncio.sleep(0)
            await listener.close()
            with suppress(ConnectionResetError):
                assert await asyncio.get_running_loop().sock_recv(asking, 1) == b""
