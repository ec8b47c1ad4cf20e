"""Debian packages, with what they need and this machine lacks, unpacked into a folder of the cache.

Nothing is installed: apt resolves and downloads, and checks signatures as ever, ``dpkg -x`` unpacks. What this machine
has already is used from where it is. Deleting the cache is always fine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bench.peers.environments import READY, Missing, cache

SILENT_S: Final = 10
"""How long a mirror may say nothing."""


def unpacked(name: str, packages: Sequence[str], within_s: float) -> Path:
    """The folder under which these packages' files lie, fetched first where they have not been. Raises ``Missing``."""
    folder = cache() / f"{name}-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:12]}"
    ready = folder / READY
    if ready.is_file():
        return folder / "root"
    if not sys.platform.startswith("linux") or shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise Missing("it comes as a Debian package, and apt-get or dpkg is not here")
    try:
        _fetch(folder, packages, time.monotonic() + within_s)
    except OSError as error:
        raise Missing(f"it cannot be kept in {folder.parent}: {error.strerror}") from None
    ready.touch()
    return folder / "root"


def _fetch(folder: Path, packages: Sequence[str], until: float) -> None:
    """Download and unpack; what was downloaded stays until all of it is unpacked."""
    shutil.rmtree(folder / "root", ignore_errors=True)
    archives = folder / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    _download(folder, archives, packages, until)
    (folder / "root").mkdir()
    with ThreadPoolExecutor(os.cpu_count()) as unpacking:
        done = [
            unpacking.submit(_run, ["dpkg", "-x", str(archive), str(folder / "root")], until)
            for archive in archives.glob("*.deb")
        ]
    for one in done:
        one.result()
    shutil.rmtree(archives)


def _download(folder: Path, archives: Path, packages: Sequence[str], until: float) -> None:
    """Have apt fetch packages; with an index of our own where the machine has none that knows them."""
    command = ["apt-get", "-qq", "-y", "-o", "Debug::NoLocking=1", "-o", f"Dir::Cache::archives={archives}/"]
    command += ["-o", "Acquire::Retries=0", "-o", f"Acquire::http::Timeout={SILENT_S}"]
    if os.geteuid() == 0:
        command += ["-o", "APT::Sandbox::User=root"]
    install = ["install", "--download-only", "--reinstall", "--no-install-recommends", *packages]
    try:
        _run([*command, *install], until)
    except Missing:
        lists = folder / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        command += ["-o", f"Dir::State::lists={lists}/", "-o", f"Dir::Cache={folder}/"]
        _run([*command, "update"], until)
        _run([*command, *install], until)


def _run(command: Sequence[str], until: float) -> None:
    left_s = until - time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(left_s, 0.0), check=False)
    except OSError as error:
        raise Missing(f"{command[0]}: {error}") from None
    except subprocess.TimeoutExpired:
        raise Missing("fetching it took too long; what has arrived is kept for the next run") from None
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no reason given"]
        raise Missing(f"{command[0]} could not get it: {lines[-1]}")
