"""Disks that are full or may not be written: file systems of a few megabytes that exist for a test's programs alone.

A keeper process holds them in a mount namespace of its own; programs are started into it by their prefix, and when the
keeper ends, however that happens, everything is gone.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import pytest

UNSHARE = ("unshare", "--mount")

_OVER = (
    'mount -t tmpfs -o "size=$1k,mode=700" tmpfs "$0.small" && cp -a "$0/." "$0.small/" && mount --move "$0.small" "$0"'
)
_KEEPER = f"{_OVER} && echo mounted && read -r _"
_READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


def need_mounts() -> None:
    """Skip where the machine lets a test make no file system of its own; that takes root, in a container or not."""
    tools = all(shutil.which(tool) for tool in ("unshare", "nsenter", "mount"))
    if not tools or subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let a test mount a disk of its own")


def read_only(folder: Path) -> tuple[str, ...]:
    """A prefix for a program that cannot write below a folder."""
    need_mounts()
    return (*UNSHARE, "sh", "-c", _READ_ONLY, str(folder))


class SmallDisk:
    """A small file system in the place of a folder, with the folder's content at its beginning."""

    def __init__(self, folder: Path, *, size_kib: int) -> None:
        need_mounts()
        self._folder = folder
        folder.mkdir(exist_ok=True)
        folder.with_name(f"{folder.name}.small").mkdir()
        self._keeper = subprocess.Popen(
            [*UNSHARE, "sh", "-c", _KEEPER, str(folder), str(size_kib)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> SmallDisk:
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"mounted\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeper.communicate()

    @property
    def prefix(self) -> tuple[str, ...]:
        """Before the command line of a program that is to see it."""
        return ("nsenter", "--target", str(self._keeper.pid), "--mount", f"--wd={Path.cwd()}")

    @property
    def inside(self) -> Path:
        """The folder as it looks on the small disk."""
        return Path(f"/proc/{self._keeper.pid}/root{self._folder}")

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.inside / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(4096))

    def make_room(self) -> None:
        (self.inside / "ballast").unlink()
