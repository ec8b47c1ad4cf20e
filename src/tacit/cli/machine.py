"""What ``tacit doctor`` looks at on this machine, before any relay: Python, libraries, folders, terminal, proxies."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import stat
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import tacit
from tacit.errors import TacitError
from tacit.sdk.diagnosis import Finding

LEAST_PYTHON: Final = (3, 11)
LEAST_COLUMNS: Final = 60
LEAST_FREE_BYTES: Final = 100 * 1024 * 1024

_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?[^;]*?>=\s*([0-9.]+)")
_PROXIES: Final = ("ALL_PROXY", "NO_PROXY")
"""The variables that are heeded; such as HTTP_PROXY are for the web."""


class OldPython(TacitError):
    """This Python is too old for tacit."""

    code = "old-python"
    hint = "Install Python 3.11 or newer; ./tacit then makes its environment anew."


class LibrariesMissing(TacitError):
    """Libraries that tacit stands on are missing or too old."""

    code = "libraries"
    hint = "Where tacit was cloned: delete .venv and run ./tacit. Else: pip install --upgrade tacit"


class FolderOpen(TacitError):
    """Others can look into the folder of your keys and messages."""

    code = "folder-open"
    hint = "chmod 700 closes a folder, chmod 600 a file; opening the profile does both."


class FolderUnusable(TacitError):
    """The folder of everything that tacit keeps cannot be used."""

    code = "folder"
    hint = "It has to be yours and writable; name another with --data-dir."


class DiskAlmostFull(TacitError):
    """There is hardly any room left where tacit keeps everything."""

    code = "disk-almost-full"
    hint = "Make room: what cannot be written down is not sent, and what arrives cannot be kept."


class PoorTerminal(TacitError):
    """This terminal shows less than it should."""

    code = "terminal"
    hint = "Use UTF-8 (such as LC_ALL=C.UTF-8) and at least 60 columns; frames and QR codes need them."


def examine_machine(root: Path, environment: Mapping[str, str], proxy: str = "") -> Iterator[Finding]:
    """The checks that need no profile and no network, in order."""
    yield python()
    yield libraries()
    yield folder(root)
    yield terminal(environment)
    yield proxies(environment, proxy)


def python() -> Finding:
    """Whether this Python will do."""
    facts = {"version": platform.python_version(), "implementation": platform.python_implementation()}
    if sys.version_info < LEAST_PYTHON:
        return Finding("python", "failed", facts, OldPython())
    return Finding("python", "ok", facts)


def libraries() -> Finding:
    """Whether the libraries that the package names are there and new enough."""
    from tacit.net.probing import tls_library

    needed = _needed()
    wrong: list[str] = []
    count = 0
    for requirement in (line for line in needed if "extra ==" not in line):
        found = _REQUIREMENT.match(requirement)
        if found is None or "win32" in requirement:
            continue
        count += 1
        try:
            version = importlib.metadata.version(found[1])
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{found[1]} is missing")
            continue
        if _numbers(version) < _numbers(found[2]):
            wrong.append(f"{found[1]} {version} is older than {found[2]}")
    facts = {"count": count, "wrong": wrong, "openssl": tls_library()}
    return (
        Finding("libraries", "failed", facts, LibrariesMissing(", ".join(wrong)))
        if wrong
        else Finding("libraries", "ok", facts)
    )


def _needed() -> list[str]:
    """What the package asks for; where it runs out of a clone and is not installed, its project file says so."""
    try:
        return importlib.metadata.requires("tacit") or []
    except importlib.metadata.PackageNotFoundError:
        project = Path(tacit.__file__).parents[2] / "pyproject.toml"
        found: list[str] = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
        return found


def folder(root: Path) -> Finding:
    """Whether the folder of everything is ours alone and has room; one that is not there yet is made when needed."""
    facts = {"folder": str(root), "exists": root.exists()}
    if not root.exists():
        return Finding("folder", "ok", facts)
    if not root.is_dir() or not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        return Finding("folder", "failed", facts, FolderUnusable(str(root)))
    # The root may be a folder that the owner shares with other things; the profiles are below it.
    is_open = [str(place) for place in _private_places(root) if _is_open(place)]
    if is_open:
        return Finding("folder", "failed", {**facts, "open": is_open}, FolderOpen(", ".join(is_open[:3])))
    free = shutil.disk_usage(root).free
    if free < LEAST_FREE_BYTES:
        return Finding("folder", "warning", {**facts, "free_bytes": free}, DiskAlmostFull())
    return Finding("folder", "ok", facts)


def terminal(environment: Mapping[str, str]) -> Finding:
    """Whether the terminal, if there is one, can show what line mode draws."""
    if not sys.stdout.isatty():
        return Finding("terminal", "skipped", {"because": "no-terminal"})
    columns, name = shutil.get_terminal_size().columns, environment.get("TERM", "")
    encoding = (sys.stdout.encoding or "").lower()
    facts = {"encoding": encoding, "columns": columns, "term": name}
    poor = [] if encoding.replace("-", "") == "utf8" else [f"its encoding is {encoding or 'unknown'}"]
    poor += [f"it has {columns} columns"] if columns < LEAST_COLUMNS else []
    poor += ["TERM says that it can do nothing"] if name in ("", "dumb") else []
    return (
        Finding("terminal", "warning", facts, PoorTerminal(", ".join(poor)))
        if poor
        else Finding("terminal", "ok", facts)
    )


def proxies(environment: Mapping[str, str], chosen: str = "") -> Finding:
    """What names a proxy, and whether it is one; the values may hold passwords and are not shown."""
    from tacit.net.proxies import DIRECT, proxy_of, read_proxy

    given = ["--proxy"] * bool(chosen)
    given += [name for name in _PROXIES if environment.get(name) or environment.get(name.lower())]
    address = chosen or proxy_of(environment)
    try:
        if address and address != DIRECT:
            read_proxy(address)
    except TacitError as error:
        # What needs no proxy works all the same.
        return Finding("proxies", "warning", {"variables": given}, error)
    return Finding("proxies", "ok", {"variables": given})


def _private_places(root: Path) -> Iterator[Path]:
    profiles = root / "profiles"
    if profiles.is_dir():
        yield profiles
        for profile in sorted(profiles.iterdir()):
            yield profile
            if profile.is_dir() and os.access(profile, os.R_OK | os.X_OK):
                yield from sorted(profile.iterdir())


def _is_open(place: Path) -> bool:
    try:
        found = place.lstat()
    except OSError:
        return False
    return found.st_uid != os.getuid() or bool(stat.S_IMODE(found.st_mode) & 0o077)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
