"""Throw-away environments, one for each peer, in the platform's cache folder or where ``TACIT_BENCH_CACHE`` says.

An environment is made anew when its pins, the program or the runtime have changed. Deleting the folder is always fine.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from bench.peers.catalogue import Home, Package

PROGRAMS = Path(__file__).parent / "programs"
READY = "ready"
"""The file that is written last."""

INSTALLS_IN_S = 600


class Missing(Exception):
    """A peer cannot be had here; the text says why."""


def command_of(package: Package) -> list[str]:
    """The command that runs a peer's program, installed first where it has not been; raises ``Missing``."""
    folder = cache() / f"{package.name}-{_fingerprint(package)}"
    if not (folder / READY).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        {Home.NODE: _install_node, Home.PYTHON: _install_python}[package.home](package, folder)
        (folder / READY).touch()
    if package.home is Home.PYTHON:
        return [str(_python_in(folder)), str(PROGRAMS / package.program)]
    for program in PROGRAMS.glob("*.mjs"):
        shutil.copy(program, folder)
    return ["node", str(folder / package.program)]


def cache() -> Path:
    """Where environments live."""
    named = os.environ.get("TACIT_BENCH_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("tacit-bench")


def _fingerprint(package: Package) -> str:
    facts = json.dumps([sorted(package.pins.items()), package.home.value, sys.version])
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def _install_node(package: Package, folder: Path) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("Node and npm are not here")
    manifest = {"name": "peer", "private": True, "type": "module", "dependencies": dict(package.pins)}
    (folder / "package.json").write_text(json.dumps(manifest))
    _run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)


def _install_python(package: Package, folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)], folder)
    pins = [f"{name}=={version}" for name, version in package.pins.items()]
    _run([str(_python_in(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins], folder)


def _python_in(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALLS_IN_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{command[0]}: {error}") from None
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no reason given"]
        raise Missing(f"{Path(command[0]).name} could not install it: {lines[-1]}")
