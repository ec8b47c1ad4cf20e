"""A full disk, a killed process, a power cut: what was committed is there, and nothing of what was not."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tacit.client.model import Message
from tacit.client.store import Store, StoreFailed, StoreFull
from tacit.client.store.database import Database
from tests.client.stores import CHAT, GROUP, KEY, filled_store, message, message_id, outbox_row

WRITER = """
import sys
from pathlib import Path
from tacit.client.store import Store
from tests.client.stores import CHAT, GROUP, KEY, message, outbox_row
store = Store.open(Path(sys.argv[1]), KEY)
with store.transaction():
    store.add_message(message(1))
    store.change_group(GROUP, {b"ratchets": b"first"})
with store.transaction():
    store.add_message(message(2))
    store.change_group(GROUP, {b"ratchets": b"second"})
    store.add_outbox(outbox_row(2, payload=b"p" * 200_000))
    if sys.argv[2] == "inside":
        print("ready", flush=True)
        sys.stdin.read()
print("ready", flush=True)
sys.stdin.read()
"""

FILLER = """
import resource, signal, sys
from pathlib import Path
from tacit.client.store import Store, StoreFailed, StoreFull
from tests.client.stores import CHAT, KEY, message, message_id
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store.open(Path(sys.argv[1]), KEY)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
stored = 0
try:
    while True:
        with store.transaction():
            store.add_message(message(stored + 1, "x" * 20_000))
        stored += 1
except (StoreFull, StoreFailed):
    pass
assert len(store.messages(CHAT, 1000)) == stored
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with store.transaction():
    store.add_message(message(stored + 1, "room again"))
store.close()
print(stored)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def kill_9_while_writing(path: Path, moment: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), moment], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)


@pytest.mark.processes
@pytest.mark.parametrize(("moment", "survives"), [("inside", 1), ("after", 2)])
def test_kill_9_keeps_finished_transactions_and_nothing_of_the_one_under_way(
    path: Path, moment: str, survives: int
) -> None:
    filled_store(path).close()
    kill_9_while_writing(path, moment)
    store = Store.open(path, KEY)
    assert [m.id for m in store.messages(CHAT, 10)] == [message_id(n) for n in range(1, survives + 1)]
    store.change_group(GROUP, {b"epoch": b"epoch"})
    assert store.group_rows(GROUP) == {b"epoch": b"epoch", b"ratchets": [b"first", b"second"][survives - 1]}
    assert len(store.outbox()) == survives - 1
    store.close()


def test_a_full_disk_is_named_loses_nothing_and_ends_when_there_is_room(path: Path) -> None:
    filled_store(path).close()
    database = Database.open(path, KEY)
    store = Store(database)
    store.add_message(message(1))
    pages = database.all("PRAGMA page_count")[0][0]
    database.all(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreFull) as full:
        send_something_large(store)
    assert full.value.code == "disk-full"
    assert full.value.hint
    assert [m.id for m in store.messages(CHAT, 10)] == [message_id(1)]
    assert store.outbox() == []
    database.all("PRAGMA max_page_count = 100000")
    send_something_large(store)
    assert len(store.outbox()) == 1
    store.close()


def test_a_number_that_no_column_takes_is_an_error_of_the_store_and_changes_nothing(path: Path) -> None:
    store = filled_store(path)
    with pytest.raises(StoreFailed):
        add_both(store, message(1), message(2, seq=2**63))
    assert store.messages(CHAT, 10) == []
    store.close()


def add_both(store: Store, *messages: Message) -> None:
    with store.transaction():
        for line in messages:
            store.add_message(line)


def send_something_large(store: Store) -> None:
    with store.transaction():
        store.add_message(message(2))
        store.add_outbox(outbox_row(2, payload=b"p" * 100_000))


@pytest.mark.processes
def test_writes_that_the_system_refuses_lose_nothing_that_was_committed(path: Path) -> None:
    filled_store(path).close()
    done = subprocess.run(
        [sys.executable, "-c", FILLER, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    stored = int(done.stdout)
    assert stored > 2
    store = Store.open(path, KEY)
    assert [m.id for m in store.messages(CHAT, 1000)] == [message_id(n) for n in range(1, stored + 2)]
    store.close()


def test_a_write_ahead_log_cut_anywhere_gives_a_prefix_of_whole_transactions(path: Path, tmp_path: Path) -> None:
    filled_store(path).close()
    store, log = Store.open(path, KEY), path.with_name("store.db-wal")
    durable = [(log.stat().st_size if log.exists() else 0, 0)]
    for n in range(1, 6):
        with store.transaction():
            store.add_message(message(n, "x" * 3000))
            store.change_group(GROUP, {b"epoch": b"epoch"})
            store.change_group(GROUP, {b"ratchets": b"ratchets %d" % n})
        durable.append((log.stat().st_size, n))
    data = path.read_bytes(), log.read_bytes()
    store.close()
    for cut in range(0, len(data[1]) + 1, 1111):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        (folder / "store.db").write_bytes(data[0])
        (folder / "store.db-wal").write_bytes(data[1][:cut])
        after = Store.open(folder / "store.db", KEY)
        found = after.messages(CHAT, 10)
        synced = max(n for size, n in durable if size <= cut)
        assert [m.id for m in found] == [message_id(n) for n in range(1, len(found) + 1)]
        assert len(found) >= synced, "a transaction that had reached the disk is gone"
        rows = {b"epoch": b"epoch", b"ratchets": b"ratchets %d" % len(found)} if found else {}
        assert after.group_rows(GROUP) == rows, "half a transaction"
        after.close()
        shutil.rmtree(folder)


def test_a_folder_in_place_of_the_store_is_named(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreFailed):
        Store.open(path, KEY)


def test_a_second_writer_is_refused_at_once_and_neither_is_harmed(path: Path) -> None:
    first = filled_store(path)
    second = Store.open(path, KEY)
    with first.transaction():
        first.add_message(message(1))
        with pytest.raises(StoreFailed):
            second.add_message(message(2))
    assert [m.id for m in second.messages(CHAT, 10)] == [message_id(1)]
    second.close()
    first.close()
