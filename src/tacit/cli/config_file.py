"""The configuration file as an operator gets it: every key with its default and its meaning, some filled in.

A key at its default stands behind a ``#``, so the file says the same as no file until somebody changes it.
"""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tacit.cli.settings import ENVIRONMENT, MEANINGS, Settings
from tacit.errors import UsageError

SYSTEM_FILE: Final = Path("/etc/tacit/config.toml")

_WIDTH: Final = 100
_HEAD: Final = """\
# Configuration of tacit. A key behind a # has the default that stands there; take the # away to change it.
# Flags and TACIT_* variables win over this file. To see whether it is in order: tacit relay check-config
"""


class FileExists(UsageError):
    """There is a file in that place already."""

    code = "file-exists"
    hint = "Look at it first; --force replaces it."


def default_file(environment: Mapping[str, str]) -> Path:
    """Where this user's configuration file usually is: root's is the one of the machine."""
    if os.geteuid() == 0:
        return SYSTEM_FILE
    return Path(environment.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "tacit" / "config.toml"


def config_text(filled_in: Mapping[str, Any]) -> str:
    """The file, with these keys (such as ``serve.public_host``) set and the others at their defaults."""
    parts, table = [_HEAD], ""
    for key, meaning in MEANINGS.items():
        inside, _, name = key.rpartition(".")
        if inside != table:
            table = inside
            parts.append(f"[{table}]\n")
        value = filled_in.get(key, default_of(key))
        line = f"{name} = {json.dumps(value)}"
        comment = textwrap.fill(f"{meaning} {_elsewhere(key)}", _WIDTH, initial_indent="# ", subsequent_indent="# ")
        parts.append(f"{comment}\n{line if key in filled_in else f'# {line}'}\n")
    return "\n".join(parts)


def default_of(key: str) -> Any:
    """The default of a key such as ``serve.port``."""
    found: Any = Settings()
    for name in key.split("."):
        found = getattr(found, name)
    return found


def write_config(path: Path, text: str, *, force: bool) -> None:
    """Write the file, whole or not at all; it holds no secrets, and the relay's own user must read it.

    Raises ``FileExists`` unless ``force``.
    """
    if path.exists() and not force:
        raise FileExists(str(path))
    _make_folder(path.parent)
    aside = path.with_name(f"{path.name}.new")
    aside.write_text(text, encoding="utf-8")
    aside.chmod(0o644)
    aside.replace(path)


def _make_folder(path: Path) -> None:
    """Make a folder and those above it; root's can be passed by the relay's own user, whatever root's umask says."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    path.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        path.chmod(0o755)


def _elsewhere(key: str) -> str:
    """The variable that wins over this key."""
    variable = next(name for name, keys in ENVIRONMENT.items() if ".".join(keys) == key)
    return f"({variable})"
