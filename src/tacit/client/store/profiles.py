"""A profile on disk as one thing: its private folder, its lock, its key and its store.

A new profile is made aside and put in place by one rename, so a crash at any moment leaves it whole or not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tacit.client.paths import ProfilePaths, prepare_folders, publish_profile, remove_profile
from tacit.client.store.errors import StoreExists, StoreMissing
from tacit.client.store.keys import make_key, unlock
from tacit.client.store.lock import ProfileLock
from tacit.client.store.store import Store
from tacit.entropy import Entropy


@dataclass(frozen=True, slots=True)
class OpenProfile:
    """The one use of a profile at a time; closed by ``close``, or by the end of the process."""

    paths: ProfilePaths
    store: Store
    lock: ProfileLock
    repaired: tuple[Path, ...]
    """Files and folders that others could have read until now."""

    def close(self) -> None:
        """Close the store, then let others have the profile; twice is harmless."""
        self.store.close()
        self.lock.release()


@dataclass(frozen=True, slots=True)
class NewProfile:
    """A profile in the making, of which nothing shows before ``publish``."""

    paths: ProfilePaths
    store: Store
    lock: ProfileLock

    def publish(self) -> None:
        """Close the store and put the profile in place; raises ``StoreExists`` when another was faster."""
        self.store.close()
        try:
            if self.paths.exist() or not publish_profile(self.paths):
                raise StoreExists
        except BaseException:
            self.discard()
            raise
        self.lock.release()

    def discard(self) -> None:
        """Close the store and leave nothing behind."""
        self.store.close()
        remove_profile(self.paths.staged)
        self.lock.release()


def open_profile(paths: ProfilePaths, passphrase: str | None) -> OpenProfile:
    """Open an existing profile; about a third of a second with a passphrase.

    Raises ``StoreMissing``, ``ProfileInUse``, ``PassphraseNeeded``, ``WrongPassphrase`` or another ``StorageError``.
    """
    if not paths.exist():
        raise StoreMissing
    repaired = prepare_folders(paths)
    lock = ProfileLock.acquire(paths.lock)
    try:
        store = Store.open(paths.store, unlock(paths.key_file, passphrase))
    except BaseException:
        lock.release()
        raise
    return OpenProfile(paths, store, lock, tuple(repaired))


def begin_profile(paths: ProfilePaths, passphrase: str | None, entropy: Entropy) -> NewProfile:
    """Begin a profile; None is one without a passphrase. What a crash left of an earlier try is swept away.

    Raises ``StoreExists`` when there is one by that name, ``ProfileInUse`` when another process is making it.
    """
    if paths.exist():
        raise StoreExists
    staged = paths.staged
    prepare_folders(staged)
    lock = ProfileLock.acquire(staged.lock)
    try:
        for leftover in staged.folder.iterdir():
            if leftover != staged.lock:
                leftover.unlink()
        store = Store.create(staged.store, make_key(staged.key_file, passphrase, entropy))
    except BaseException:
        remove_profile(staged)
        lock.release()
        raise
    return NewProfile(paths, store, lock)
