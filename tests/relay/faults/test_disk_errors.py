"""A disk that is full, may not be written or breaks, under a relay that serves: writes are refused, reads go on,
and nobody has to do anything when it is well again. Hazard G5.
"""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tacit.errors import RelayError
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.faults.disks import Control, Files, Operation, environment
from tests.relay.faults.invariants import check_sequence
from tests.relay.peers import Peer, Someone, message
from tests.relay.test_processes import RelayProcess

pytestmark = pytest.mark.processes


@dataclass(frozen=True)
class Fault:
    """What the disk does, and what whoever writes is told."""

    operations: Operation
    error: int
    told: type[RelayError]
    files: Files = Files.ALL
    after: int = 0


FAULTS = (
    Fault(Operation.WRITE, errno.ENOSPC, errors.StorageFull),
    Fault(Operation.WRITE, errno.ENOSPC, errors.StorageFull, after=3),
    Fault(Operation.CHANGE, errno.EROFS, errors.StorageFailed),
    Fault(Operation.WRITE, errno.EIO, errors.StorageFailed),
    Fault(Operation.WRITE, errno.EIO, errors.StorageFailed, after=4),
    Fault(Operation.SYNC, errno.EIO, errors.StorageFailed, files=Files.WAL),
    Fault(Operation.SYNC, errno.ENOSPC, errors.StorageFailed),
)


class OnThinIce:
    """A relay process whose disk a test breaks, and one who writes there."""

    def __init__(self, shim: Path, place: Path) -> None:
        self.folder = place / "relay"
        self.folder.mkdir()
        self.control = Control(place / "control")
        told = environment(shim, self.folder, control=self.control.path)
        self._prefix = ("env", *(f"{name}={told[name]}" for name in told if name.startswith(("LD_PRE", "TACIT_DISK"))))
        self.kept: list[bytes] = []
        self.someone = Someone.new()
        self.log = b""

    async def start(self) -> Peer:
        self.relay = await RelayProcess.start(self.folder, prefix=self._prefix)
        peer = await self.relay.join(self.someone, known=bool(self.log))
        self.log = self.log or await peer.create_log()
        return peer

    async def append(self, peer: Peer, payload: bytes, message_id: bytes) -> None:
        """Append, and note that it was acknowledged under the next number."""
        assert await peer.append(self.log, payload, message_id=message_id) == len(self.kept) + 1
        self.kept.append(message_id)

    async def read_all(self, peer: Peer) -> None:
        """Everything that was acknowledged can be read, and nothing else."""
        (state,) = await peer.listen(self.log)
        assert state.last_seq == len(self.kept)
        # The answer comes behind them; before them there may be some that an earlier call has listened to.
        read = [peer.entries.get_nowait() for _ in range(peer.entries.qsize())]
        assert [entry.message_id for entry in read[-len(self.kept) :]] == self.kept

    async def turns_strangers_away(self, told: type[RelayError]) -> None:
        """Who cannot be written down is not taken: what lets people in fails closed."""
        stranger = await self.relay.connect()
        with pytest.raises(told):
            await stranger.register(Someone.new())
        await stranger.close()

    async def end(self, how: int) -> None:
        await self.relay.end(how)

    def check_file(self) -> None:
        with closing(sqlite3.connect(self.folder / "relay.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            (log,) = db.execute("SELECT log FROM logs WHERE log_id = ?", (self.log,)).fetchone()
            db.create_function("entry_checksum", 6, lambda *_: 0)
            assert [message_id for message_id, _, _ in check_sequence(db, log).values()] == self.kept


@pytest.fixture
def ice(shim, tmp_path) -> OnThinIce:
    return OnThinIce(shim, tmp_path)


async def test_g5_whatever_the_disk_does_writes_are_refused_reads_go_on_and_it_recovers_by_itself(ice):
    """Full, read-only and broken, at the first call, in the middle of a transaction, and when it is synced. H10."""
    peer = await ice.start()
    await ice.append(peer, b"before", os.urandom(16))
    for fault in FAULTS:
        refused = message(ice.log, os.urandom(9_000))
        ice.control.fail(fault.operations, fault.error, files=fault.files, after=fault.after)
        for _ in range(2):
            with pytest.raises(fault.told):
                await peer.ask(refused)
        await ice.read_all(peer)
        await ice.turns_strangers_away(fault.told)
        assert (await peer.ask(pb.SenderKeysRequest(who=pb.Who(account_id=ice.someone.account.id)))).device_certificates
        assert ice.control.mend() >= 1, fault
        await ice.append(peer, refused.payload, refused.message_id)
        assert await peer.append(ice.log, b"again", message_id=refused.message_id) == len(ice.kept)
    await ice.read_all(peer)
    await ice.end(signal.SIGTERM)
    assert ice.relay.process.returncode == 0
    assert b"Traceback" not in ice.relay.said
    ice.check_file()


@pytest.mark.parametrize("operation", [Operation.WRITE, Operation.SYNC])
async def test_a_checkpoint_that_fails_loses_nothing_and_is_made_up_for(ice, operation):
    """G5: the log of writes holds all until the file can be written; so nobody even notices."""
    peer = await ice.start()
    wal = ice.folder / "relay.db-wal"
    ice.control.fail(operation, errno.EIO, files=Files.STORE)
    while wal.stat().st_size < 5_000_000:
        await ice.append(peer, os.urandom(60_000), os.urandom(16))
    assert ice.control.mend() >= 1, "a checkpoint was tried"
    await ice.read_all(peer)
    await ice.end(signal.SIGTERM)
    assert not wal.exists()
    ice.check_file()


async def test_a_relay_that_starts_on_a_full_disk_serves_what_it_has_and_takes_more_when_there_is_room(ice):
    """G5: after a crash the log must be brought into the file first, which takes room; see ADR 18."""
    peer = await ice.start()
    for _ in range(5):
        await ice.append(peer, os.urandom(9_000), os.urandom(16))
    await ice.end(signal.SIGKILL)
    ice.control.fail(Operation.WRITE, errno.ENOSPC, files=Files.WAL | Files.STORE)
    peer = await ice.start()
    await ice.read_all(peer)
    refused = message(ice.log, b"no room for this")
    with pytest.raises(errors.StorageFull):
        await peer.ask(refused)
    assert ice.control.mend() >= 1
    await ice.append(peer, refused.payload, refused.message_id)
    await ice.read_all(peer)
    await ice.end(signal.SIGTERM)
    ice.check_file()


async def test_what_cannot_be_read_is_not_made_up(ice):
    """G5: whoever asks hears of the fault, and gets everything once the disk can be read again."""
    peer = await ice.start()
    for _ in range(60):
        await ice.append(peer, os.urandom(60_000), os.urandom(16))
    await ice.end(signal.SIGTERM)
    peer = await ice.start()
    ice.control.fail(Operation.READ, errno.EIO, files=Files.WAL | Files.STORE)
    with pytest.raises(errors.StorageFailed):
        await peer.append(ice.log, b"x", message_id=os.urandom(16))
    ice.control.mend()
    peer = await ice.relay.join(ice.someone, known=True)
    await ice.read_all(peer)
    await ice.append(peer, b"x", os.urandom(16))
    await ice.end(signal.SIGTERM)
    ice.check_file()
