"""A relay in a process of its own: out of disk, and looked through for what it should not hold."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from tacit.errors import RelayError
from tacit.identity import RelayLink, parse_link
from tacit.net import connect
from tacit.wire import errors
from tests.relay.peers import TIMEOUT_S, Peer, Someone, commit, message, to_inbox

pytestmark = pytest.mark.processes


class RelayProcess:
    """One relay process and what it said."""

    def __init__(self, process: asyncio.subprocess.Process, link: RelayLink) -> None:
        self.process = process
        self.link = link
        self.said = b""

    @classmethod
    async def start(cls, data_dir: Path, *arguments: str, prefix: tuple[str, ...] = ()) -> RelayProcess:
        process = await asyncio.create_subprocess_exec(
            *prefix, sys.executable, "-m", "tests.relay.relay_process", str(data_dir), *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=2**20,
        )  # fmt: skip
        async with asyncio.timeout(TIMEOUT_S):
            line = await process.stdout.readline()
        if not line:
            _, said = await process.communicate()
            raise AssertionError(said.decode())
        return cls(process, parse_link(json.loads(line)["link"]))

    async def end(self, how: int) -> bytes:
        """Send a signal and wait; returns the rest of standard output."""
        if self.process.returncode is None:
            self.process.send_signal(how)
        async with asyncio.timeout(TIMEOUT_S):
            rest, self.said = await self.process.communicate()
        return rest

    async def connect(self) -> Peer:
        return await Peer.over(await connect(self.link, timeout_s=TIMEOUT_S))

    async def join(self, someone: Someone, *, known: bool = False, handle: str = "") -> Peer:
        peer = await self.connect()
        if not known:
            await peer.register(someone, handle=handle)
        await peer.login(someone)
        return peer


async def test_a_running_relay_has_never_heard_of_mls(tmp_path):
    relay = await RelayProcess.start(tmp_path)
    alice, bob = await relay.join(Someone.new()), await relay.join(Someone.new())
    log = await alice.create_log()
    await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
    await alice.append(log, b"x")
    modules = json.loads(await relay.end(signal.SIGTERM))["modules"]
    assert "tacit.relay.server" in modules
    assert [name for name in modules if name.startswith(("tacit.mls", "tacit.client", "tacit.sdk", "tacit.ui"))] == []


async def fill(peer: Peer, log: bytes) -> tuple[int, RelayError]:
    """Append until the relay refuses; the last number it gave, and the refusal."""
    kept = 0
    for _ in range(100):
        try:
            kept = await peer.append(log, os.urandom(20_000))
        except RelayError as refusal:
            return kept, refusal
    raise AssertionError("the disk took everything")


@pytest.fixture
def small_disk():
    """A file system of two megabytes, in a mount namespace of the relay's process."""
    prefix = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"')
    if shutil.which("unshare") is None or os.system("unshare --mount true 2>/dev/null") != 0:
        pytest.skip("this machine does not let the test mount a small disk")
    return prefix


async def test_a_full_disk_is_said_to_be_full_and_making_room_helps(tmp_path, small_disk):
    """Hazard G5, with a disk that is full."""
    relay = await RelayProcess.start(tmp_path, prefix=(*small_disk, str(tmp_path)))
    alice = await relay.join(Someone.new())
    log = await alice.create_log()
    # What fills the disk lies beside the store, where the relay's own process can reach it and so can we.
    inside = Path(f"/proc/{relay.process.pid}/root{tmp_path}")
    ballast = inside / "ballast"
    free = os.statvfs(inside)
    ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - 40_000)))
    kept, refusal = await fill(alice, log)
    assert isinstance(refusal, errors.StorageFull)
    (state,) = await alice.listen(log)
    assert state.last_seq == kept
    assert len(await alice.take(kept)) == kept
    with pytest.raises(errors.StorageFull):
        await alice.append(log, os.urandom(60_000))
    ballast.unlink()
    assert await alice.append(log, b"room again") == kept + 1
    await relay.end(signal.SIGTERM)
    assert relay.process.returncode == 0


async def test_the_disk_and_the_log_hold_payloads_and_names_only_where_they_belong(tmp_path):
    """The canary: payloads are ciphertext anyway, but even that lies in one column and in no log line."""
    canaries = {
        "message": b"CANARY-MESSAGE-" + os.urandom(20).hex().encode(),
        "welcome": b"CANARY-WELCOME-" + os.urandom(20).hex().encode(),
    }
    relay = await RelayProcess.start(tmp_path)
    alice, bob = await relay.join(Someone.new(), handle="canaryalice"), await relay.join(Someone.new())
    log = await alice.create_log()
    await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
    await alice.append(log, canaries["message"])
    await alice.ask(to_inbox(bob.someone, canaries["welcome"]))
    await bob.listen(log, bob.someone.certificate.device_id, after=0)
    with pytest.raises(errors.BadRequest):
        await bob.ask(message(log, b"CANARY-REFUSED", message_id=b"short"))
    await relay.end(signal.SIGKILL)

    places = columns_holding(tmp_path / "relay.db", b"CANARY-")
    assert places == {("entries", "payload")}
    assert columns_holding(tmp_path / "relay.db", b"canaryalice") == {("accounts", "handle")}
    assert b"started" in relay.said
    for secret in (b"CANARY", b"canaryalice", b"127.0.0.1", bob.someone.account.id.hex().encode(), log.hex().encode()):
        assert secret not in relay.said

    relay = await RelayProcess.start(tmp_path)
    alice, bob = await relay.join(alice.someone, known=True), await relay.join(bob.someone, known=True)
    await alice.acknowledge(log, 2)
    await bob.acknowledge(log, 2)
    await bob.acknowledge(bob.someone.certificate.device_id, 1)
    await relay.end(signal.SIGTERM)
    for path in tmp_path.iterdir():
        assert b"CANARY-" not in path.read_bytes(), "what is dropped is overwritten"


def columns_holding(path: Path, needle: bytes) -> set[tuple[str, str]]:
    """Every column of every table in which a value contains these bytes."""
    db = sqlite3.connect(path)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = set()
    for table in tables:
        cursor = db.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        for row in cursor:
            for name, value in zip(names, row, strict=True):
                if needle in (value if isinstance(value, bytes) else str(value).encode()):
                    found.add((table, name))
    db.close()
    return found
