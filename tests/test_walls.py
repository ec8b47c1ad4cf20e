"""The walls between the rooms: who may import whom, and what a running relay has in memory."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import api
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = ROOT / "pyproject.toml"

FORBIDDEN_IMPORTS = {
    "layers": ("codec", "import tacit.crypto"),
    "relay-never-reads": ("relay", "from tacit.mls import registry"),
    "one-importer-of-cryptography": ("client", "import cryptography.fernet"),
    "one-opener-of-sockets": ("sdk", "import socket"),
    "faces-stand-on-the-sdk": ("ui", "import tacit.client.model"),
    "commands-stand-on-the-sdk": ("cli", "def later() -> None:\n    import tacit.client.model"),
    "pure-rooms": ("client/core", "import time"),
}
"""For each contract, an import that it must catch and the room where somebody might write it."""

SERVE_AND_TELL = """
import atexit, json, sys
from tacit.cli.main import main
atexit.register(lambda: print(json.dumps(sorted(sys.modules))))
main(["serve", "--ephemeral", "--host", "127.0.0.1", "--port", "0", "--public-host", "127.0.0.1"])
"""


def test_the_walls_stand(capsys: pytest.CaptureFixture[str]) -> None:
    status = lint_imports(config_filename=str(CONFIGURATION), no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


def test_every_wall_stops_what_it_is_there_for(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src" / "tacit", tmp_path / "tacit", ignore=shutil.ignore_patterns("__pycache__"))
    contracts = {
        contract["id"]: contract["name"] for contract in api.read_configuration(str(CONFIGURATION))["contracts_options"]
    }
    assert contracts.keys() == FORBIDDEN_IMPORTS.keys()
    for room, statement in FORBIDDEN_IMPORTS.values():
        (tmp_path / "tacit" / room / "trespasser.py").write_text(statement + "\n")
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo", "--config", CONFIGURATION],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1
    assert {name for name in contracts.values() if f"{name} BROKEN" in checked.stdout} == set(contracts.values())


def test_only_net_asks_the_event_loop_for_connections() -> None:
    opens = re.compile(
        r"\b(asyncio|loop|get_running_loop\(\)|get_event_loop\(\)|urllib\.request|request)\."
        r"(open_(unix_)?connection|start_(unix_)?server|create_(unix_)?(connection|server)|create_datagram_endpoint|urlopen)\b"
    )
    elsewhere = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "src" / "tacit").rglob("*.py")
        if path.relative_to(ROOT / "src" / "tacit").parts[0] != "net" and opens.search(path.read_text("utf-8"))
    ]
    assert elsewhere == []


def test_the_package_and_the_way_to_a_relay_load_quickly() -> None:
    loaded = _modules_after("import tacit, tacit.net")
    assert "tacit.net.connecting" in loaded
    assert not {"aiohttp", "cryptography", "tacit.sdk", "tacit.crypto"} & loaded


@pytest.mark.processes
def test_a_running_relay_never_loads_what_could_read_a_message() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE_AND_TELL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    ) as relay:
        assert relay.stdout is not None
        link = relay.stdout.readline()
        relay.send_signal(signal.SIGTERM)
        rest, talk = relay.communicate(timeout=30)
    assert link.startswith("tacit://127.0.0.1:"), talk
    assert relay.returncode == 0, talk
    loaded = set(json.loads(rest.splitlines()[-1]))
    assert {"tacit.relay.server", "tacit.net.ws_server", "tacit.wire.relay_pb2", "sqlite3"} <= loaded
    strangers = (
        *("tacit.mls", "tacit.client", "tacit.testing", "sqlcipher3", "prometheus_client"),
        *("phonenumbers", "pyotp", "smtplib"),
    )
    assert sorted(name for name in loaded if name.startswith(strangers)) == []


def _modules_after(statement: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(told.stdout))
