"""Prosody and ejabberd as processes: configured for the work, started in a folder that goes afterwards."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.peers.environments import Missing
from bench.relay.processes import Patience, end, on_core
from bench.relay.xmpp.packages import unpacked
from tacit.crypto.certificates import make_relay_certificate

DOMAIN: Final = "localhost"

STARTS_IN_S: Final = 40.0


@dataclass(frozen=True)
class Command:
    """How a server is run."""

    arguments: list[str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Server:
    """One server in one configuration. ``prepare`` gets the packages' root, a folder of its own and the port."""

    name: str
    packages: tuple[str, ...]
    prepare: Callable[[Path, Path, int], Command]
    archive: str
    """Where its archive lies, and what that promises."""
    longer: float = 1.0
    """How many times as long it is measured: one that syncs each message alone acknowledges few in a second."""


@dataclass(frozen=True)
class RunningServer:
    """A server that answers."""

    address: tuple[str, int]
    pids: list[int]


@contextmanager
def running(
    server: Server, folder: Path, core: int | None, *, within_s: float, patience: Patience
) -> Iterator[RunningServer]:
    """A server from start to end, all of its files in ``folder``. Raises ``Missing``."""
    until = time.monotonic() + within_s
    root = unpacked(server.name.partition(" ")[0], server.packages, within_s)
    folder.mkdir()
    port = _free_port()
    certificate, key = make_relay_certificate(os.urandom(32), [DOMAIN], time.time())
    (folder / "tls.pem").write_bytes(key + certificate)
    complaints = folder / "complaints"
    try:
        command = server.prepare(root, folder, port)
        with complaints.open("wb") as log, on_core(core):
            process = subprocess.Popen(
                command.arguments,
                cwd=folder,
                env={**os.environ, **command.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
    except (OSError, sqlite3.Error) as error:
        raise Missing(f"its package is not as it was expected: {error}") from None
    try:
        _wait_for(process, port, complaints, min(until, time.monotonic() + STARTS_IN_S))
        yield RunningServer(("127.0.0.1", port), [process.pid])
    finally:
        end(process, patience)


def _wait_for(process: subprocess.Popen[bytes], port: int, complaints: Path, until: float) -> None:
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    said = complaints.read_text("utf-8", "replace").strip().splitlines() or ["no reason given"]
    raise Missing("it did not start in time" if process.poll() is None else f"it did not start: {said[-1][:200]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


# ---- Prosody ----

_PROSODY: Final = """
data_path = "{folder}/data"
pidfile = "{folder}/prosody.pid"
certificates = "{folder}"
log = {{ {{ levels = {{ min = "error" }}, to = "console" }} }}
run_as_root = true
modules_enabled = {{ "saslauth", "roster", "smacks", "mam", "register_ibr" }}
modules_disabled = {{ "s2s", "offline" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{}}
c2s_direct_tls_ports = {{ {port} }}
c2s_direct_tls_ssl = {{ key = "{folder}/tls.pem", certificate = "{folder}/tls.pem" }}
authentication = "internal_plain"
allow_registration = true
default_archive_policy = true
archive_expires_after = "never"
storage_archive_item_limit = 1000000000
{storage}
VirtualHost "{domain}"
"""

_PROSODY_SQLITE: Final = """
storage = {{ archive = "sql" }}
sql = {{ driver = "SQLite3", database = "{folder}/data/archive.sqlite" }}
"""


def _prosody(storage: str) -> Callable[[Path, Path, int], Command]:
    def prepare(root: Path, folder: Path, port: int) -> Command:
        (folder / "data").mkdir()
        configuration = _PROSODY.format(folder=folder, port=port, domain=DOMAIN, storage=storage.format(folder=folder))
        (folder / "prosody.cfg.lua").write_text(configuration)
        # The program has the place of its own parts written into it.
        program = (root / "usr/bin/prosody").read_text().replace("'/usr/lib/prosody", f"'{root}/usr/lib/prosody")
        (folder / "prosody.lua").write_text(program)
        lua = root / "usr/bin/lua5.4"
        arguments = [str(lua) if lua.exists() else "lua5.4", "prosody.lua", "--config", "prosody.cfg.lua", "-F"]
        shared = f"{root}/usr/share/lua/5.4"
        native = _libraries(root)
        return Command(
            arguments,
            {
                "LUA_PATH": f"{shared}/?.lua;{shared}/?/init.lua;;",
                "LUA_CPATH": f"{native}/lua/5.4/?.so;;",
                "LD_LIBRARY_PATH": native,
            },
        )

    return prepare


# ---- ejabberd ----

_EJABBERD: Final = """
hosts: [{domain}]
loglevel: error
certfiles: ["{folder}/tls.pem"]
auth_method: internal
registration_timeout: infinity
listen:
  - port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    tls: true
    max_stanza_size: 1048576
    shaper: none
    access: all
{storage}
modules:
  mod_mam:
    default: always
    assume_mam_usage: true
  mod_register:
    ip_access: all
    access: all
  mod_roster: {{}}
  mod_stream_mgmt:
    max_ack_queue: infinity
"""

_EJABBERD_SQLITE: Final = """
default_db: sql
sql_type: sqlite
sql_database: "{folder}/data/archive.sqlite"
"""


def _ejabberd(storage: str) -> Callable[[Path, Path, int], Command]:
    def prepare(root: Path, folder: Path, port: int) -> Command:
        for name in ("data", "log"):
            (folder / name).mkdir()
        configuration = _EJABBERD.format(folder=folder, port=port, domain=DOMAIN, storage=storage.format(folder=folder))
        (folder / "ejabberd.yml").write_text(configuration)
        native = Path(_libraries(root))
        if storage:
            with sqlite3.connect(folder / "data" / "archive.sqlite") as db:
                db.executescript((root / "usr/share/ejabberd/sql/lite.sql").read_text())
            db.close()
        erlang = root / "usr/lib/erlang"
        if not (erlang / "bin" / "start.boot").exists():
            erlang = Path("/usr/lib/erlang")
        programs = next(erlang.glob("erts-*/bin"), None)
        if programs is None:
            raise Missing("Erlang is not where Debian puts it")
        # A node without a name needs no port mapper, and nobody can reach it.
        arguments = [str(programs / "erlexec"), "-noinput", "-noshell", "+K", "true", "+P", "250000"]
        arguments += ["-mnesia", "dir", f'"{folder}/data"', "-s", "ejabberd"]
        return Command(
            arguments,
            {
                "ROOTDIR": str(erlang),
                "BINDIR": str(programs),
                "EMU": "beam",
                "PROGNAME": "erl",
                "ERL_LIBS": f"{native}:{root}/usr/lib/erlang/lib:/{native.relative_to(root)}",
                "LD_LIBRARY_PATH": str(native),
                "EJABBERD_CONFIG_PATH": f"{folder}/ejabberd.yml",
                "EJABBERD_LOG_PATH": f"{folder}/log/ejabberd.log",
                "ERL_CRASH_DUMP": os.devnull,
                "HOME": str(folder),
            },
        )

    return prepare


def _libraries(root: Path) -> str:
    """Where this machine's kind of libraries lies."""
    found = next(root.glob("usr/lib/*-linux-gnu*"), None)
    if found is None:
        raise Missing("its packages hold no libraries for this machine")
    return str(found)


PROSODY: Final = Server("prosody", ("prosody",), _prosody('storage = "internal"'), "its own files, never synced")
PROSODY_SQLITE: Final = Server(
    "prosody with SQLite", ("prosody", "lua-dbi-sqlite3"), _prosody(_PROSODY_SQLITE), "SQLite as it sets it up", 3.0
)
EJABBERD: Final = Server("ejabberd", ("ejabberd",), _ejabberd(""), "Mnesia on the disk, synced later")
EJABBERD_SQLITE: Final = Server(
    "ejabberd with SQLite",
    ("ejabberd", "erlang-p1-sqlite3"),
    _ejabberd(_EJABBERD_SQLITE),
    "SQLite as it sets it up",
    3.0,
)
