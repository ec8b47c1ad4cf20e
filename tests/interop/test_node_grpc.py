"""Strangers get in over gRPC: the example client in Node, on the libraries that people use there, and generic tools."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tacit.crypto.hashes import sha256
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


@pytest.fixture(scope="session")
def tools(judges_folder: Path) -> Path:
    """Where buf is; skips where it or openssl is not to be had, and fails so under ``CI``."""
    found = next(judges_folder.glob("node_modules/@bufbuild/buf-*/bin"), None)
    if found is not None and shutil.which("openssl"):
        return found
    why = "there is no buf for this kind of machine" if found is None else "the openssl command is not installed"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@asynccontextmanager
async def relay_over_grpc() -> AsyncIterator[Relay]:
    relay = Relay(
        RelayConfig(None, host="127.0.0.1", public_host="127.0.0.1", port=None, grpc_port=0, registration="invite")
    )
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


async def run(*command: str, **settings: Any) -> tuple[int, str, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, **settings)
    async with asyncio.timeout(TIMEOUT_S):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_client_in_node_registers_logs_in_appends_and_reads_it_back(example: Path) -> None:
    say = ("node", str(example / "say.mjs"))
    async with relay_over_grpc() as relay:
        link = relay.link(await relay.invite())
        code, out, err = await run(*say, link, "grüße aus Node")
        assert (code, err) == (0, "")
        said = json.loads(out)
        assert (said["seq"], said["read"]) == (1, "grüße aus Node")
        code, _, err = await run(*say, link, "the invitation was for one")
        assert (code, err.startswith("invite-")) == (1, True)
        another = format_link(parse_link(f"tacit+grpc://127.0.0.1:{relay.port}/#{'a' * 52}"))
        code, out, err = await run(*say, another, "to somebody else")
        assert (code, out, err.strip()) == (1, "", "this is another relay than the link names")


async def test_the_lines_of_the_page_that_look_around_do_so(tools: Path, tmp_path: Path) -> None:
    """Those with grpcurl, too, where it is installed."""
    page = (ROOT / "docs" / "protocol.md").read_text("utf-8").partition("**Looking around.**")[2]
    lines = page.partition("```sh\n")[2].partition("```")[0].splitlines()
    taking, *asking = (line for line in lines if shutil.which("grpcurl") or not line.startswith("grpcurl"))
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "BUF_CACHE_DIR": str(tmp_path)}
    said = []
    async with relay_over_grpc() as relay:
        for line in (taking, *asking):
            command = line.replace("HOST:50051", f"127.0.0.1:{relay.port}")
            code, out, err = await run("sh", "-c", command, cwd=tmp_path, env=environment)
            assert (code, err) == (0, ""), line
            said.append(out)
        fingerprint = parse_link(relay.link()).fingerprint
    taken = ssl.PEM_cert_to_DER_cert((tmp_path / "relay.pem").read_text())
    methods, health, heard = said[-3:]
    assert {"tacit.relay.v1.Relay/Connect", "grpc.health.v1.Health/Check"} <= set(methods.split())
    assert json.loads(health) == {"status": "SERVING"}
    hello, answer = (json.loads(text) for text in re.split(r"(?<=^})\n", heard.strip(), flags=re.MULTILINE))
    assert base64.b64decode(hello["hello"]["certificateHash"]) == sha256(taken)
    assert sha256(base64.b64decode(hello["hello"]["relayKey"])) == fingerprint
    assert (answer["requestId"], answer["error"]["code"]) == ("1", "not-logged-in")
