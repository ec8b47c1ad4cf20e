"""One process at a time on a profile, with real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tacit.client.store import ProfileInUse, StoreFailed
from tacit.client.store.lock import ProfileLock

HOLDER = """
import sys
from pathlib import Path
from tacit.client.store.lock import ProfileLock
lock = ProfileLock.acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_a_second_opening_in_this_process_is_refused_until_release(path: Path) -> None:
    with ProfileLock.acquire(path) as lock:
        with pytest.raises(ProfileInUse):
            ProfileLock.acquire(path)
        lock.release()
        ProfileLock.acquire(path).release()
        lock.release()


@pytest.mark.processes
def test_another_process_is_refused_and_kill_9_frees_the_profile(path: Path) -> None:
    with held_by_another_process(path) as holder:
        with pytest.raises(ProfileInUse):
            ProfileLock.acquire(path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        ProfileLock.acquire(path).release()


@pytest.mark.processes
def test_a_process_that_ends_cleanly_frees_the_profile(path: Path) -> None:
    with held_by_another_process(path) as holder:
        holder.communicate("")
        assert holder.returncode == 0
        ProfileLock.acquire(path).release()


def test_a_lock_file_left_behind_locks_nothing(path: Path) -> None:
    path.write_text("12345")
    ProfileLock.acquire(path).release()


def test_a_lock_on_a_file_that_was_deleted_does_not_count(path: Path) -> None:
    with ProfileLock.acquire(path):
        path.unlink()
        with ProfileLock.acquire(path), pytest.raises(ProfileInUse):
            ProfileLock.acquire(path)


def test_the_lock_file_is_for_its_owner_only(path: Path) -> None:
    with ProfileLock.acquire(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_lock_that_cannot_be_made_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed):
        ProfileLock.acquire(tmp_path / "missing" / "lock")
