"""The example client in Node talks to a relay: written from the documents, on the libraries that people use there."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tacit.identity import format_link, parse_link
from tacit.relay.config import RelayConfig
from tacit.relay.server import Relay
from tests.interop.conftest import ROOT

FOLDER = ROOT / "examples" / "node-grpc"
TIMEOUT_S = 60


@pytest.fixture(scope="session")
def example() -> Path:
    """The example with its packages; skips where they cannot be had, and fails so under ``CI``."""
    command = [sys.executable, ROOT / "scripts" / "judges.py", FOLDER.relative_to(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if os.environ.get("CI"):
            pytest.fail(done.stderr)
        pytest.skip(done.stderr.strip())
    return FOLDER


async def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "node", str(folder / "say.mjs"), *arguments, stdout=pipe, stderr=pipe
    )
    async with asyncio.timeout(TIMEOUT_S):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_client_in_node_registers_logs_in_appends_and_reads_it_back(example: Path) -> None:
    relay = Relay(
        RelayConfig(None, host="127.0.0.1", public_host="127.0.0.1", port=None, grpc_port=0, registration="invite")
    )
    await relay.start()
    try:
        link = relay.link(await relay.invite())
        code, out, err = await run(example, link, "grüße aus Node")
        assert (code, err) == (0, "")
        said = json.loads(out)
        assert (said["seq"], said["read"]) == (1, "grüße aus Node")
        code, _, err = await run(example, link, "the invitation was for one")
        assert (code, err.startswith("invite-")) == (1, True)
        another = format_link(parse_link(f"tacit+grpc://127.0.0.1:{relay.port}/#{'a' * 52}"))
        code, out, err = await run(example, another, "to somebody else")
        assert (code, out, err.strip()) == (1, "", "this is another relay than the link names")
    finally:
        await relay.stop()
