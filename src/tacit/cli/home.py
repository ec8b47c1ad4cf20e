"""What ``tacit up`` remembers about the relay that it runs here: its port, its public name, and whose home it is.

Identities whose home is the relay of this machine reach it at 127.0.0.1, whatever network the machine is in; links for
others name an address that others can reach.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from tacit.cli.settings import BadConfig, Settings

_HOME_FILE: Final = "home.json"
_ADDRESS_FILE: Final = "address.json"
LOOPBACK: Final = "127.0.0.1"

_T = TypeVar("_T", bound=msgspec.Struct)


class Home(msgspec.Struct, frozen=True):
    """The relay of this machine as ``tacit up`` runs it."""

    port: int = 0
    """0 before the first start."""
    public_host: str = ""
    """Name or address for links; empty: this machine's address at the time."""
    profiles: tuple[str, ...] = ()
    """Identities that were made at this relay by ``tacit up``."""
    invite: str = ""
    """Token of the invitation that links for others carry; see ``standing_invite``."""


class Address(msgspec.Struct, frozen=True):
    """Where the relay of this machine listens, or last did; written by ``tacit serve``."""

    link: str
    port: int
    registration: str = "open"
    """What newcomers need: ``open`` for nothing, else ``invite``, ``phone`` or both with a ``+`` between."""
    links: tuple[str, ...] = ()
    """One for each way to connect, ``link`` being the first."""


def load_home(settings: Settings) -> Home:
    """Read what is remembered; nothing yet when there was no ``tacit up``."""
    return _read(settings.relay_dir / _HOME_FILE, Home) or Home()


def save_home(settings: Settings, home: Home) -> None:
    """Remember."""
    _write(settings.relay_dir / _HOME_FILE, home)


def is_home(settings: Settings) -> bool:
    """Whether this profile's relay is the one that ``tacit up`` runs here."""
    return settings.profile in load_home(settings).profiles


def load_address(settings: Settings) -> Address | None:
    """Read where the relay of this machine said it listens; it may have ended since."""
    return _read(settings.relay_dir / _ADDRESS_FILE, Address)


def save_address(data_dir: Path, address: Address) -> None:
    """Say where this relay listens."""
    _write(data_dir / _ADDRESS_FILE, address)


def public_host(settings: Settings, home: Home | None = None) -> str:
    """The name or address of this machine that goes into links for others."""
    from tacit.net.addresses import primary_address

    return settings.serve.public_host or (home.public_host if home else "") or primary_address()


def shareable(settings: Settings, link: str) -> str:
    """Return a link of this profile as others can use it."""
    home = load_home(settings)
    if settings.profile not in home.profiles:
        return link
    return with_host(link, public_host(settings, home))


def with_host(link: str, host: str) -> str:
    """Return a link with another host."""
    from tacit.identity.links import format_link, parse_link

    return format_link(dataclasses.replace(parse_link(link), host=host))


def _read(path: Path, shape: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise BadConfig(f"{path}: {error}") from error


def _write(path: Path, value: msgspec.Struct) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(value) + b"\n")
    aside.replace(path)
