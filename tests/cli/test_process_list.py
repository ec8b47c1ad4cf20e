"""Links and passwords are not for everybody who looks at the list of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tacit.cli.relay_process import relay_process
from tacit.identity import RelayLink, format_link
from tests.processes.programs import environment

SECRET = b"\x5f" * 32
LINK = format_link(RelayLink("relay.example", 8765, b"f" * 32, invite="letmein", room_id=b"r" * 16, room_secret=SECRET))

seen = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="only Linux lets one look")


@seen
def test_neither_the_secrets_of_a_link_nor_those_of_a_proxy_can_be_seen(tmp_path: Path) -> None:
    pipe = tmp_path / "passphrase"
    os.mkfifo(pipe)
    arguments = ["join", LINK, "--proxy", "socks5h://me:hush@127.0.0.1:9050", "--name", "maya", "--nick", "maya"]
    command = [
        sys.executable,
        "-m",
        "tacit.cli",
        *arguments,
        "--passphrase-file",
        str(pipe),
        "--data-dir",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process, pipe.open("wb"):  # waits until it asks for the passphrase
        shown = Path(f"/proc/{process.pid}/cmdline").read_text()
        process.kill()
    link = LINK.partition("#")[0]
    assert f"\0{link}#*" in shown
    assert "\0socks5h://*******@127.0.0.1:9050\0" in shown
    for secret in ("letmein", "hush", LINK.rpartition(".")[2]):
        assert secret not in shown
    assert shown.endswith(f"\0--data-dir\0{tmp_path}\0"), "and nothing else has changed"


@seen
async def test_a_relay_that_a_client_starts_is_not_told_its_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_PASSPHRASE", "hush hush")
    monkeypatch.setenv("TACIT_SERVE_REGISTRATION", "open")
    async with relay_process(None, host="127.0.0.1", port=0, public_host="127.0.0.1") as relay:
        environ = environment_of(relay.pid)
    assert b"TACIT_SERVE_REGISTRATION=open" in environ
    assert b"hush hush" not in environ


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()
