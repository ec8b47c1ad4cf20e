"""Where a profile lives on disk, and who may look there: folders 0700, files 0600, enforced and checked at every start.

The only place that turns a name into a local path. Knows nothing of what is in the files.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tacit.errors import StorageError, UsageError

DATA_DIR_VARIABLE: Final = "TACIT_DATA_DIR"
DIR_MODE: Final = 0o700
FILE_MODE: Final = 0o600

_PROFILE_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9_-])?")
_RESERVED: Final = frozenset(
    ("con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10)))
)
"""Names that Windows keeps for devices, with any extension."""

_HAS_MODES: Final = os.name == "posix"


class BadProfileName(UsageError):
    """A profile name has up to 32 lower-case letters, digits, dots, dashes or underscores."""

    code = "bad-profile-name"
    hint = "Begin with a letter or digit, and do not end with a dot."


class NotPrivate(StorageError):
    """A file or folder of the profile belongs to somebody else, or is a link to one."""

    code = "not-private"
    hint = "Choose a folder that only you can write to."


class FolderFailed(StorageError):
    """The folder of the profile cannot be made or read."""

    code = "folder-failed"


@dataclass(frozen=True, slots=True)
class ProfilePaths:
    """The files of one profile."""

    root: Path
    name: str
    in_the_making: bool = False

    @property
    def folder(self) -> Path:
        """The profile's own folder; no profile's name begins with a dot."""
        return self.root / "profiles" / (f".{self.name}.new" if self.in_the_making else self.name)

    @property
    def staged(self) -> ProfilePaths:
        """Where this profile lies while it is being made."""
        return ProfilePaths(self.root, self.name, in_the_making=True)

    @property
    def store(self) -> Path:
        """The encrypted store."""
        return self.folder / "store.db"

    @property
    def key_file(self) -> Path:
        """How the store's key is made; without a passphrase, the key itself."""
        return self.folder / "key.json"

    @property
    def lock(self) -> Path:
        """Held by the one process that uses the profile."""
        return self.folder / "lock"

    def exist(self) -> bool:
        """Whether the profile has been made: its store is there."""
        return self.store.is_file()


def check_profile_name(name: str) -> None:
    """Refuse a name that could leave its folder, hide, or mean two things on some file system."""
    if not _PROFILE_NAME.fullmatch(name) or name.split(".", 1)[0] in _RESERVED:
        raise BadProfileName(name)


def data_root(environment: Mapping[str, str] | None = None) -> Path:
    """The folder of all profiles: ``TACIT_DATA_DIR``, else the platform's place for user data."""
    chosen = (os.environ if environment is None else environment).get(DATA_DIR_VARIABLE, "")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("tacit", appauthor=False)


def profile_paths(name: str, data_dir: Path | str | None = None) -> ProfilePaths:
    """The files of a profile below ``data_dir``, or below ``data_root()``; touches no disk."""
    check_profile_name(name)
    root = data_root() if data_dir is None else Path(data_dir).expanduser().absolute()
    return ProfilePaths(root, name)


def profile_names(data_dir: Path | str | None = None) -> list[str]:
    """The profiles that exist, by name."""
    root = data_root() if data_dir is None else Path(data_dir).expanduser().absolute()
    folder = root / "profiles"
    if not folder.is_dir():
        return []
    names = (entry.name for entry in folder.iterdir())
    valid = (name for name in names if _PROFILE_NAME.fullmatch(name))
    return sorted(name for name in valid if ProfilePaths(root, name).exist())


def prepare_folders(paths: ProfilePaths) -> list[Path]:
    """Make the profile's folders and close what others could read; returns what had to be closed.

    Raises ``NotPrivate`` when one of them is not ours, and ``FolderFailed`` when the disk refuses.
    """
    folders = (paths.folder.parent, paths.folder)
    try:
        # The root may be a folder that the owner shares with other things; ours are below it.
        paths.root.mkdir(mode=DIR_MODE, parents=True, exist_ok=True)
        for folder in folders:
            folder.mkdir(mode=DIR_MODE, exist_ok=True)
        repaired = [folder for folder in folders if _close(folder, DIR_MODE)]
        files = [entry for entry in paths.folder.iterdir() if not entry.is_dir()]
        return repaired + [file for file in files if _close(file, FILE_MODE)]
    except OSError as error:
        raise FolderFailed(error.strerror or "") from error


def publish_profile(paths: ProfilePaths) -> bool:
    """Put a profile that was made aside in place, in one step; False when there is something there already."""
    try:
        paths.staged.folder.rename(paths.folder)
        _sync_folder(paths.folder.parent)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            return False
        raise FolderFailed(error.strerror or "") from error
    return True


def remove_profile(paths: ProfilePaths) -> None:
    """Delete a profile's folder and all in it; nothing happens when there is none."""
    try:
        if paths.folder.is_dir():
            shutil.rmtree(paths.folder)
    except OSError as error:
        raise FolderFailed(error.strerror or "") from error


def write_private(path: Path, data: bytes) -> None:
    """Put a small file in place whole or not at all, readable by its owner only, and on the disk when this returns."""
    aside = path.with_name(path.name + ".new")
    try:
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        aside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise FolderFailed(error.strerror or "") from error


def _close(path: Path, mode: int) -> bool:
    """Take away from others what is beyond ``mode``; says whether there was anything."""
    if not _HAS_MODES:
        return False
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False  # SQLite's side files come and go with the process that uses them
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.getuid():
        raise NotPrivate
    if not stat.S_IMODE(found.st_mode) & ~mode & 0o7777:
        return False
    path.chmod(mode)
    return True


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    if not _HAS_MODES:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
