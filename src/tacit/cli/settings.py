"""The one configuration value of a process: built once, from flag, then environment, then TOML, then default.

Unknown keys are errors that name the nearest known one. Passphrases are no configuration: see ``passphrases``.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import click
import msgspec

from tacit.cli.tree import flags
from tacit.errors import ConfigError

_ENVIRONMENT: Final = {
    "TACIT_PROFILE": ("profile",),
    "TACIT_DATA_DIR": ("data_dir",),
    "TACIT_LOG_FILE": ("log_file",),
    "TACIT_NO_INPUT": ("no_input",),
    "TACIT_PASSPHRASE_FILE": ("passphrase_file",),
    "TACIT_SERVE_HOST": ("serve", "host"),
    "TACIT_SERVE_PORT": ("serve", "port"),
    "TACIT_SERVE_DATA": ("serve", "data"),
    "TACIT_SERVE_PUBLIC_HOST": ("serve", "public_host"),
    "TACIT_SERVE_REGISTRATION": ("serve", "registration"),
    "TACIT_SERVE_RETENTION": ("serve", "retention"),
    "TACIT_SERVE_EPHEMERAL": ("serve", "ephemeral"),
}
_RUN_ONLY: Final = ("json", "verbose", "passphrase_fd")
"""Flags that say how this run talks, and so belong into no file."""

_SPAN: Final = re.compile(r"(\d{1,9})\s*([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class BadConfig(ConfigError):
    """The configuration cannot be used."""

    code = "bad-config"
    hint = "Flags go before TACIT_* variables, these before the configuration file."


class ServeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a relay runs."""

    host: str = ""
    """Address to listen on; empty: every one, IPv4 and IPv6."""
    port: int = 8765
    public_host: str = ""
    """Name or address that goes into links; empty: this machine's address."""
    registration: Literal["open", "invite"] = "open"
    retention: str = "30d"
    data: str = ""
    """Folder of the relay; empty: ``relay`` below the data folder."""
    ephemeral: bool = False


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this process runs."""

    profile: str = "default"
    data_dir: str = ""
    log_file: str = ""
    no_input: bool = False
    passphrase_file: str = ""
    serve: ServeSettings = ServeSettings()
    json: bool = False
    verbose: int = 0
    passphrase_fd: int | None = None

    @property
    def root(self) -> Path:
        """The folder of everything that tacit keeps."""
        if self.data_dir:
            return Path(self.data_dir).expanduser().absolute()
        import platformdirs

        return platformdirs.user_data_path("tacit", appauthor=False)

    @property
    def relay_dir(self) -> Path:
        """The folder of this machine's relay."""
        return Path(self.serve.data).expanduser().absolute() if self.serve.data else self.root / "relay"


def load(ctx: click.Context, serve: Mapping[str, Any] | None = None) -> Settings:
    """Build the settings of this process; ``serve`` holds the flags of the relay."""
    given = flags(ctx)
    layers = [_from_file(path) for path in config_files(given.get("config"), os.environ)]
    layers.append(_from_environment(os.environ))
    from_flags = {key: value for key, value in given.items() if key != "config"}
    if serve:
        from_flags["serve"] = {key: value for key, value in serve.items() if value is not None and value is not False}
    layers.append(_checked(from_flags, "the command line"))
    return msgspec.convert(_merged(layers), Settings, strict=False)


def config_files(named: str | None, environment: Mapping[str, str]) -> list[Path]:
    """The files to read, the weakest first; one that was named must exist."""
    chosen = named or environment.get("TACIT_CONFIG")
    if chosen:
        if not Path(chosen).is_file():
            raise BadConfig(f"no file {chosen}")
        return [Path(chosen)]
    home = environment.get("XDG_CONFIG_HOME") or "~/.config"
    usual = (Path("/etc/tacit/config.toml"), Path(home).expanduser() / "tacit" / "config.toml")
    return [path for path in usual if path.is_file()]


def span_s(text: str) -> int:
    """Read a span of time such as ``7d``, ``12h``, ``30m``, ``90s``; in seconds."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise BadConfig(f"{text!r} is no span of time, such as 7d, 12h, 30m or 90s")
    return int(found[1]) * _SECONDS[found[2]]


def _from_file(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfig(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: {error}") from error
    for key in _RUN_ONLY:
        if key in found:
            raise BadConfig(f"{path}: {key!r} is for the command line, not for a file")
    return _checked(found, str(path))


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    layer: dict[str, Any] = {}
    for variable, keys in _ENVIRONMENT.items():
        value = environment.get(variable)
        if not value:
            continue
        place = layer if len(keys) == 1 else layer.setdefault(keys[0], {})
        place[keys[-1]] = value
        _checked(layer, variable)
    return layer


def _checked(layer: dict[str, Any], source: str) -> dict[str, Any]:
    _refuse_unknown(layer, Settings, source, "")
    try:
        msgspec.convert(layer, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadConfig(f"{source}: {error}") from error
    return layer


def _refuse_unknown(layer: Mapping[str, Any], shape: type[msgspec.Struct], source: str, path: str) -> None:
    known = {field.name: field.type for field in msgspec.structs.fields(shape)}
    for key, value in layer.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            meant = f"; did you mean {path}{close[0]}?" if close else f"; known are {', '.join(sorted(known))}"
            raise BadConfig(f"{source}: unknown key {path}{key}{meant}")
        inner = known[key]
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            _refuse_unknown(value, inner, source, f"{path}{key}.")


def _merged(layers: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, dict) and isinstance(merged.get(key), dict):
                merged[key] = {**merged[key], **value}
            else:
                merged[key] = value
    return merged
