"""What the store's files show: nothing without the key, and nothing deleted even with it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tacit.client.model import KeyPackageRow
from tacit.client.store import (
    Store,
    StoreDamaged,
    StoreExists,
    StoreFailed,
    StoreMissing,
    StoreNewer,
    WrongPassphrase,
    database,
)
from tacit.client.store.database import SCHEMA_VERSIONS, Database
from tacit.crypto.secret import Secret
from tests.client.stores import CHAT, GROUP, KEY, filled_store, intent, message, message_id, outbox_row, profile

PAGE = 4096
RESERVED = 80
"""What SQLCipher 4 keeps at the end of each page: 16 bytes of IV and 64 of HMAC."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def decrypted_pages(path: Path) -> bytes:
    """Every page of the file, free ones included, as somebody with the key would see them."""
    data, pages = path.read_bytes(), []
    for number in range(len(data) // PAGE):
        page = data[number * PAGE : (number + 1) * PAGE]
        start = 16 if number == 0 else 0  # the salt takes the place of SQLite's header
        iv = page[PAGE - RESERVED : PAGE - RESERVED + 16]
        decryptor = Cipher(algorithms.AES256(KEY.reveal()), modes.CBC(iv)).decryptor()
        pages.append(decryptor.update(page[start : PAGE - RESERVED]) + decryptor.finalize())
    return b"".join(pages)


def files_beside(path: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(path.parent.iterdir()))


def test_no_file_shows_what_is_in_the_store(path: Path) -> None:
    store = filled_store(path)
    canary = "canary-" * 20
    with store.transaction():
        store.put_profile(profile())
        store.add_message(message(1, canary))
        store.change_group(GROUP, {b"epoch": canary.encode() * 100})
        store.change_group(GROUP, {b"ratchets": canary.encode()})
        store.add_bundles([KeyPackageRow(b"ref", canary.encode(), False, 1)])
    names = sorted(p.name for p in path.parent.iterdir())
    assert names == ["store.db", "store.db-shm", "store.db-wal"]
    for state in ("open", "scrubbed", "closed"):
        shown = files_beside(path)
        for word in (b"canary", b"CREATE TABLE", b"SQLite format", b"friends", b"tacit://", KEY.reveal()):
            assert word not in shown, (state, word)
        if state == "open":
            store.scrub()
        elif state == "scrubbed":
            store.close()


def test_the_key_holder_finds_live_secrets_and_no_deleted_ones(path: Path) -> None:
    store = filled_store(path)
    with store.transaction():
        for n in range(50):
            store.change_group(GROUP, {b"epoch": f"epoch-{n:03}-secret|".encode() * 400})
            store.change_group(GROUP, {b"ratchets": f"ratchet-{n:03}-secret|".encode() * 30})
    for n in range(50, 100):
        store.change_group(GROUP, {b"ratchets": f"ratchet-{n:03}-secret|".encode() * 30})
    store.put_pending_commit(GROUP, b"pending-secret|" * 500)
    row = store.add_outbox(outbox_row(1, payload=b"payload-secret|" * 500)).row
    wish = store.add_intent(intent(1)).row
    store.add_bundles([KeyPackageRow(b"ref-%d" % n, b"bundle-%d-secret|" % n * 100, False, n) for n in range(9)])
    store.scrub()
    assert b"bundle-5-secret" in decrypted_pages(path), "this test must be able to see"
    store.drop_pending_commit(GROUP)
    store.drop_outbox(row)
    store.drop_intent(wish)
    store.drop_bundle(b"ref-5")
    store.scrub()
    seen = decrypted_pages(path)
    assert b"ratchet-099-secret" in seen
    assert b"epoch-049-secret" in seen
    assert b"bundle-6-secret" in seen
    for gone in (b"ratchet-098", b"epoch-048", b"epoch-000", b"pending-secret", b"payload-secret", b"bundle-5-secret"):
        assert gone not in seen, gone
    store.drop_group(GROUP)
    store.scrub()
    assert b"ratchet-099-secret" not in decrypted_pages(path)
    assert b"epoch-049-secret" not in decrypted_pages(path)
    store.close()


def test_scrubbing_empties_the_write_ahead_log(path: Path) -> None:
    store = filled_store(path)
    log = path.with_name("store.db-wal")
    store.change_group(GROUP, {b"ratchets": b"r" * 2000})
    assert log.stat().st_size > 0
    store.scrub()
    assert log.stat().st_size == 0
    store.close()
    assert not log.exists()


def test_another_key_is_refused_and_harms_nothing(path: Path) -> None:
    filled_store(path).close()
    before = path.read_bytes()
    with pytest.raises(WrongPassphrase):
        Store.open(path, Secret(bytes(32)))
    assert path.read_bytes() == before
    store = Store.open(path, KEY)
    assert store.chat(CHAT) is not None
    store.close()


def test_a_key_of_another_length_is_a_mistake_of_the_program(path: Path) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Store.create(path, Secret(b"short"))


def test_nothing_is_created_over_something_and_nothing_opened_from_nothing(path: Path) -> None:
    with pytest.raises(StoreMissing):
        Store.open(path, KEY)
    filled_store(path).close()
    with pytest.raises(StoreExists):
        Store.create(path, KEY)
    with pytest.raises(StoreFailed):
        Store.create(path.parent / "missing" / "store.db", KEY)


def test_a_store_of_a_newer_version_is_left_alone(path: Path) -> None:
    filled_store(path).close()
    newer = Database.open(path, KEY)
    newer.run(f"PRAGMA user_version = {len(SCHEMA_VERSIONS) + 1}")
    newer.close()
    before = path.read_bytes()
    with pytest.raises(StoreNewer):
        Store.open(path, KEY)
    assert path.read_bytes() == before


def test_a_store_that_is_not_encrypted_is_not_opened(path: Path) -> None:
    with sqlite3.connect(path) as plain:
        plain.execute("CREATE TABLE t (x)")
    plain.close()
    with pytest.raises(StoreDamaged):
        Store.open(path, KEY)


@pytest.mark.parametrize("size", [0, 15, 100, 4096, 3 * 4096, 10_000])
def test_a_store_cut_short_is_damaged(path: Path, size: int) -> None:
    filled_store(path).close()
    os.truncate(path, size)
    with pytest.raises((StoreDamaged, WrongPassphrase)) as refused:
        open_and_list_chats(path)
    # A first page that does not verify looks the same as one of another key; all else is told apart.
    assert refused.type is StoreDamaged or size <= PAGE


def open_and_list_chats(path: Path) -> None:
    store = Store.open(path, KEY)
    try:
        store.chats()
    finally:
        store.close()


def test_every_flipped_page_is_noticed(path: Path) -> None:
    store = filled_store(path)
    with store.transaction():
        for n in range(1, 60):
            store.add_message(message(n, "text " * 50))
    store.close()
    good = path.read_bytes()
    assert len(good) > 8 * PAGE
    for number in range(len(good) // PAGE):
        bad = bytearray(good)
        bad[number * PAGE + 1000] ^= 1
        path.write_bytes(bad)
        assert read_everything(path) == "refused", f"page {number}"
    path.write_bytes(good)
    assert read_everything(path) == "fine"


def read_everything(path: Path) -> str:
    database = None
    try:
        database = Database.open(path, KEY)
        found = database.all("PRAGMA cipher_integrity_check")
        tables = [row[0] for row in database.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            database.all(f"SELECT * FROM {table}")
    except (StoreDamaged, WrongPassphrase):
        return "refused"
    finally:
        if database is not None:
            database.close()
    return "refused" if found else "fine"


def test_a_closed_store_says_so(path: Path) -> None:
    store = filled_store(path)
    store.close()
    store.close()
    with pytest.raises(StoreFailed):
        store.chats()
    with pytest.raises(StoreFailed), store.transaction():
        pass


def test_durability_settings_are_in_force(path: Path) -> None:
    filled_store(path).close()
    database = Database.open(path, KEY)
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "temp_store": 2}
    assert {name: database.all(f"PRAGMA {name}")[0][0] for name in expected} == expected
    assert database.all("PRAGMA cipher_version")
    database.close()


def add_twice(store: Store) -> None:
    with store.transaction():
        store.add_message(message(1))
        store.add_message(message(1))


def test_a_transaction_that_fails_leaves_no_trace_and_another_may_follow(path: Path) -> None:
    store = filled_store(path)
    with pytest.raises(StoreFailed):
        add_twice(store)
    assert not store.has_content(CHAT, message_id(1))
    with store.transaction():
        store.add_message(message(2))
        with pytest.raises(RuntimeError, match="nest"), store.transaction():
            pass
    assert [m.id for m in store.messages(CHAT, 10)] == [message_id(2)]
    store.close()


def test_a_store_from_before_lives_were_told_apart_keeps_its_chats_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SCHEMA_VERSIONS", SCHEMA_VERSIONS[:2])
    old = Database.create(path, KEY)
    for insert in (
        "INSERT INTO meta (name, value) VALUES ('relay-incarnation', x'22')",
        "INSERT INTO key_package (ref, bundle, last_resort, expires_at) VALUES (x'01', x'02', 0, 3)",
        "INSERT INTO chat (id, kind, status, title, created_at, read_through)"
        " VALUES ('c', 'group', 'active', '', 1, 1)",
        "INSERT INTO conversation (group_id, chat_id, status, cursor, last_commit, own_last, own_counter, head,"
        " committed_at, joined_epoch, highest_epoch, in_doubt, incarnation)"
        " VALUES (x'33', 'c', 'active', 1, 1, 1, 1, x'', 1, 0, 0, 0, x'11')",
    ):
        old.run(insert)
    old.close()
    monkeypatch.undo()
    store = Store.open(path, KEY)
    try:
        assert {known.keys_from for known in store.conversations()} == {b"\x11"}
        assert store.bundle(b"\x01") == KeyPackageRow(b"\x01", b"\x02", False, 3, b"\x22")
    finally:
        store.close()
