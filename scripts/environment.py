"""Makes or renews ``.venv`` from a lock file; run by ``./tacit`` and ``./dev`` with any Python from 3.11 on.

Uses the standard library only, installs nothing that the lock file does not name with its hash, and builds nothing:
the project itself is put on the path where it lies. One process works at a time, others wait for it. A stamp, written
last, holds the lock file that was installed; whatever an interrupted run left behind is thrown away by the next one.

    environment.py runtime    what tacit needs
    environment.py dev        that, and what its tests need
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VENV: Final = ROOT / ".venv"
PYTHON: Final = VENV / "bin" / "python"
UNFINISHED: Final = VENV / "unfinished"
MIN_PYTHON: Final = (3, 11)

NO_VENV: Final = """\
This Python cannot make virtual environments: its module {module} is missing. Install it, then run the same again:
    Debian, Ubuntu    sudo apt install python3-venv    (or python{version}-venv)
    Alpine            sudo apk add python3 py3-pip
    others            install uv, and tacit will use that"""

NO_DOWNLOAD: Final = """\
The packages could not be installed; what the installer said is above. If it could not reach the network, try again
when this machine is online. If it found no matching distribution, there is no ready-made package for this machine
(Python {version}, {machine}); try another Python, 3.11 to 3.14."""


NOT_OURS = """\
This user may not write into {folder}, so .venv cannot be made there, or made anew where its Python is one that only its
maker can reach, such as one below somebody's home ({python}). Let the folder's owner do it once, with a Python that is
there for everybody:
    rm -rf .venv && env PATH=/usr/bin:/bin ./tacit --version"""


class SetupFailed(Exception):
    """The environment could not be made; the text says why."""


def main(kind: str) -> int:
    """Make the environment of ``kind`` unless it is there."""
    lock_file = ROOT / "requirements" / f"{kind}.txt"
    try:
        with _alone():
            if not is_current(kind):
                install(kind, lock_file)
    except SetupFailed as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ntacit: interrupted; the next start begins again", file=sys.stderr)
        return 130
    return 0


def is_current(kind: str) -> bool:
    """Whether the environment was made from the lock file as it is now."""
    try:
        installed = stamp(kind).read_bytes()
    except OSError:
        return False
    return os.access(PYTHON, os.X_OK) and installed == (ROOT / "requirements" / f"{kind}.txt").read_bytes()


def stamp(kind: str) -> Path:
    """Where the lock file that was installed is remembered."""
    return VENV / f"{kind}.lock"


def install(kind: str, lock_file: Path) -> None:
    """Make the environment, or bring the one that is there up to date."""
    uv = shutil.which("uv")
    if UNFINISHED.exists() or not _works():
        shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir(exist_ok=True)
    UNFINISHED.touch()
    stamp(kind).unlink(missing_ok=True)
    if not PYTHON.exists():
        say(f"first start here: making .venv with Python {_version()} and {'uv' if uv else 'venv'}")
        _make_venv(uv)
    pinned = [line.split(" ")[0] for line in lock_file.read_text("utf-8").splitlines() if line[:1].isalnum()]
    say(f"installing {len(pinned)} locked packages, each checked against its hash")
    _install_with_uv(uv, lock_file) if uv else _install_with_pip(lock_file, len(pinned))
    (_site_packages() / "tacit.pth").write_text(os.path.relpath(ROOT / "src", _site_packages()) + "\n", "utf-8")
    stamp(kind).write_bytes(lock_file.read_bytes())
    if kind == "dev":
        # The development lock holds the same versions and more.
        stamp("runtime").write_bytes((ROOT / "requirements" / "runtime.txt").read_bytes())
    UNFINISHED.unlink()
    say("ready")


def say(words: str, *, end: str = "\n") -> None:
    """Tell a person what goes on; standard output stays clean."""
    print(f"tacit: {words}", end=end, file=sys.stderr, flush=True)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock that two setups at once wait for.

    Installers inherit it: one that outlives this process keeps the next setup waiting until it is gone too.
    """
    try:
        lock = (ROOT / ".venv.lock").open("w")
    except OSError:
        made_with = PYTHON.with_name("python3")
        python = made_with.readlink() if made_with.is_symlink() else "none yet"
        raise SetupFailed(NOT_OURS.format(folder=ROOT, python=python)) from None
    with lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another tacit is setting up here; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _works() -> bool:
    """Whether the environment's Python starts and is new enough; it does not when its base was upgraded away."""
    check = f"import sys; sys.exit(sys.version_info < {MIN_PYTHON})"
    try:
        return subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _make_venv(uv: str | None) -> None:
    if uv:
        _run([uv, "venv", "--quiet", "--no-project", "--allow-existing", "--python", sys.executable, str(VENV)])
        return
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupFailed(NO_VENV.format(module=module, version=_version(2)))
    _run([sys.executable, "-m", "venv", str(VENV)])


def _install_with_uv(uv: str, lock_file: Path) -> None:
    # On a terminal uv draws its own progress.
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    command = [uv, "pip", "install", *quiet, "--python", str(PYTHON), "--require-hashes", "--no-deps"]
    _run(
        [*command, "--only-binary", ":all:", "--compile-bytecode", "-r", str(lock_file)],
        capture=not sys.stderr.isatty(),
    )


def _install_with_pip(lock_file: Path, total: int) -> None:
    if not _has_pip():
        _run([str(PYTHON), "-m", "ensurepip"])
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--require-hashes"]
    command += ["--no-deps", "--only-binary", ":all:", "--progress-bar", "off", "-r", str(lock_file)]
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, close_fds=False) as pip:
        done = 0
        for line in pip.stdout or ():
            said.append(line)
            verb, _, rest = line.partition(" ")
            if verb in ("Collecting", "Processing", "Requirement"):
                done += 1
                found = rest.removeprefix("already satisfied: ").split()[0].rpartition("/")[2]
                _progress(done, total, re.split(r"==|-\d", found)[0])
            elif verb == "Installing":
                _progress(total, total, "unpacking")
    if sys.stderr.isatty():
        print(file=sys.stderr)
    _check(pip.returncode, "".join(said[-20:]))


def _progress(done: int, total: int, name: str) -> None:
    """One line that changes on a terminal; elsewhere every tenth package."""
    if sys.stderr.isatty():
        print(f"\r\x1b[Ktacit: {done}/{total} {name.strip()[:40]}", end="", file=sys.stderr, flush=True)
    elif done % 10 == 0:
        say(f"{done}/{total}")


def _has_pip() -> bool:
    return subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def _run(command: list[str], *, capture: bool = True) -> None:
    done = subprocess.run(command, capture_output=capture, text=True, check=False, close_fds=False)
    _check(done.returncode, (done.stdout + done.stderr) if capture else "")


def _check(returncode: int, said: str) -> None:
    if returncode != 0:
        print(said, file=sys.stderr)
        raise SetupFailed(NO_DOWNLOAD.format(version=_version(), machine=f"{os.uname().sysname} {os.uname().machine}"))


def _site_packages() -> Path:
    (found,) = (VENV / "lib").glob("python3*/site-packages")
    return found


def _version(parts: int = 3) -> str:
    return ".".join(map(str, sys.version_info[:parts]))


if __name__ == "__main__":
    if sys.argv[1:] not in (["runtime"], ["dev"]):
        sys.exit("usage: environment.py runtime|dev")
    sys.exit(main(sys.argv[1]))
