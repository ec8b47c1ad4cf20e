"""Installs the judges that tests/interop runs against ours: implementations of MLS by others, and buf for gRPC.

They go into a folder of their own that git ignores, in exactly the versions and with the checksums of
tests/interop/package-lock.json, and none of their install scripts is run. Never a dependency of tacit: one is GPL.
With a folder as its argument, what the example in that folder needs is installed there in the same way.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "tests" / "interop"
FOLDER: Final = ROOT / ".judges"
OLDEST_NODE: Final = 20
_TIMEOUT_S: Final = 300
_STAMP: Final = "installed"


class NoJudges(Exception):
    """Why the judges are not there."""


def install() -> Path:
    """The folder in which the judges are, with our scripts beside them; raises ``NoJudges``."""
    _require_node()
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        manifests = [SOURCE / "package.json", SOURCE / "package-lock.json"]
        wanted = hashlib.sha256(b"".join(path.read_bytes() for path in manifests)).hexdigest()
        stamp = FOLDER / _STAMP
        if not stamp.exists() or stamp.read_text() != wanted:
            _install(manifests)
            stamp.write_text(wanted)
        for script in SOURCE.glob("*.mjs"):
            _copy_if_changed(script)
    return FOLDER


def install_example(folder: Path) -> Path:
    """The folder of an example with what it needs in it; raises ``NoJudges``."""
    _require_node()
    with (folder / "package-lock.json").open() as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        wanted = hashlib.sha256(locked.read().encode()).hexdigest()
        stamp = folder / "node_modules" / f".{_STAMP}"
        if not stamp.exists() or stamp.read_text() != wanted:
            _npm_ci(folder)
            stamp.write_text(wanted)
    return folder


def _require_node() -> None:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NoJudges(f"{program} is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S607
    major = re.match(r"v(\d+)\.", version)
    if major is None or int(major[1]) < OLDEST_NODE:
        raise NoJudges(f"node is {version.strip() or 'broken'}, and {OLDEST_NODE} is needed")


def _install(manifests: list[Path]) -> None:
    (FOLDER / _STAMP).unlink(missing_ok=True)
    for path in manifests:
        shutil.copy(path, FOLDER)
    _npm_ci(FOLDER)


def _npm_ci(folder: Path) -> None:
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise NoJudges("npm does not come to an end") from None
    if done.returncode != 0:
        raise NoJudges(f"npm cannot install them: {done.stderr.strip()[-500:]}")


def _copy_if_changed(script: Path) -> None:
    target = FOLDER / script.name
    if not target.exists() or target.read_bytes() != script.read_bytes():
        shutil.copy(script, target)


def main() -> int:
    """Install, and say where or why not."""
    try:
        if len(sys.argv) > 1:
            print(f"ready: {install_example(ROOT / sys.argv[1])}")
        else:
            print(f"ready: the judges are in {install().relative_to(ROOT)}/")
    except NoJudges as error:
        print(f"judges: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
