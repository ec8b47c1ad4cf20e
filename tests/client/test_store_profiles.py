"""A profile as one thing: made whole or not at all, opened by one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tacit.client.paths import ProfilePaths, profile_names, profile_paths
from tacit.client.store import (
    KeyFileInvalid,
    PassphraseNeeded,
    ProfileInUse,
    StoreExists,
    StoreMissing,
    WrongPassphrase,
    begin_profile,
    open_profile,
)
from tests.client.stores import profile

CRASHING = """
import os, signal, sys
from tacit.client.paths import profile_paths
from tacit.client.store import begin_profile
new = begin_profile(profile_paths("alice", sys.argv[1]), None, os.urandom)
print("begun", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def paths(tmp_path: Path) -> ProfilePaths:
    return profile_paths("alice", tmp_path)


def make(paths: ProfilePaths, passphrase: str | None = None) -> None:
    new = begin_profile(paths, passphrase, os.urandom)
    new.store.put_profile(profile())
    new.publish()


def test_a_profile_is_made_opened_and_closed(paths: ProfilePaths) -> None:
    make(paths, "pass")
    opened = open_profile(paths, "pass")
    assert opened.store.profile() == profile()
    assert opened.repaired == ()
    opened.close()
    opened.close()
    again = open_profile(paths, "pass")
    again.close()


def test_nothing_shows_before_it_is_published_and_nothing_stays_when_it_is_not(paths: ProfilePaths) -> None:
    new = begin_profile(paths, None, os.urandom)
    assert not paths.exist()
    with pytest.raises(StoreMissing):
        open_profile(paths, None)
    new.discard()
    assert list(paths.folder.parent.iterdir()) == []


def test_two_cannot_make_the_same_profile_at_once(paths: ProfilePaths) -> None:
    new = begin_profile(paths, None, os.urandom)
    with pytest.raises(ProfileInUse):
        begin_profile(paths, None, os.urandom)
    new.publish()
    with pytest.raises(StoreExists):
        begin_profile(paths, None, os.urandom)


def test_one_that_appeared_meanwhile_is_not_replaced(paths: ProfilePaths) -> None:
    new = begin_profile(paths, None, os.urandom)
    paths.folder.mkdir()
    paths.store.write_bytes(b"another")
    with pytest.raises(StoreExists):
        new.publish()
    assert paths.store.read_bytes() == b"another"
    assert not paths.staged.folder.exists()


@pytest.mark.processes
def test_kill_9_while_making_leaves_no_profile_and_does_not_stand_in_the_way(paths: ProfilePaths) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(paths.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGKILL)
    assert profile_names(paths.root) == []
    make(paths)
    assert profile_names(paths.root) == ["alice"]
    assert [p.name for p in paths.folder.parent.iterdir()] == ["alice"]


def test_wrong_or_missing_passphrase_lets_go_of_the_lock(paths: ProfilePaths) -> None:
    make(paths, "pass")
    with pytest.raises(WrongPassphrase):
        open_profile(paths, "word")
    with pytest.raises(PassphraseNeeded):
        open_profile(paths, None)
    open_profile(paths, "pass").close()


def test_a_second_use_is_refused(paths: ProfilePaths) -> None:
    make(paths)
    opened = open_profile(paths, None)
    with pytest.raises(ProfileInUse):
        open_profile(paths, None)
    opened.close()


def test_files_open_to_others_are_closed_and_named(paths: ProfilePaths) -> None:
    make(paths)
    paths.store.chmod(0o644)
    opened = open_profile(paths, None)
    assert opened.repaired == (paths.store,)
    opened.close()


def test_without_its_key_file_a_profile_says_so(paths: ProfilePaths) -> None:
    make(paths)
    paths.key_file.unlink()
    with pytest.raises(KeyFileInvalid):
        open_profile(paths, None)


def test_every_file_of_an_open_profile_is_for_its_owner_only(paths: ProfilePaths) -> None:
    before = os.umask(0)
    try:
        make(paths)
        opened = open_profile(paths, None)
        opened.store.put_meta("x", b"y")
        modes = {p.name: p.stat().st_mode & 0o777 for p in paths.folder.iterdir()}
        opened.close()
    finally:
        os.umask(before)
    assert {"store.db", "store.db-wal", "store.db-shm", "key.json", "lock"} == set(modes)
    assert set(modes.values()) == {0o600}
