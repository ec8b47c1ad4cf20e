"""Real clients through a real nginx and a real Caddy to a real relay, by the snippets that operators copy."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.cli.tacit_command import World
from tests.ops.needed import OPS, needed
from tests.ports import free_port

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

NAME = "localhost"


@dataclass(frozen=True)
class Tls:
    """An authority that the clients of these tests know, and what it has issued to the proxy."""

    authority: Path
    chain: Path
    key: Path


def certificate(name: str, key: Any, issuer: str, issuer_key: Any, *, authority: bool) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=authority,
                crl_sign=authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not authority:
        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(issuer_key, SHA256())


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """Made anew: an authority and a certificate for ``localhost``."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = certificate("test authority", root_key, "test authority", root_key, authority=True)
    leaf = certificate(NAME, key, "test authority", root_key, authority=False)
    made = Tls(tmp_path / "authority.pem", tmp_path / "chain.pem", tmp_path / "key.pem")
    made.authority.write_bytes(root.public_bytes(Encoding.PEM))
    made.chain.write_bytes(leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM))
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def adapted(snippet: str, changes: dict[str, str]) -> str:
    """The snippet as operators get it, with nothing but names, ports and paths changed."""
    text = (OPS / snippet).read_text("utf-8")
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


@contextmanager
def nginx(folder: Path, tls: Tls, port: int, relay_port: int) -> Iterator[None]:
    program = needed("nginx", "Debian's nginx-light")
    server = adapted(
        "nginx.conf",
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "listen [::]:443 ssl;": "",
            "server_name chat.example.org;": f"server_name {NAME};",
            "/etc/letsencrypt/live/chat.example.org/fullchain.pem": str(tls.chain),
            "/etc/letsencrypt/live/chat.example.org/privkey.pem": str(tls.key),
            "127.0.0.1:8765": f"127.0.0.1:{relay_port}",
        },
    )
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"worker_processes 1;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\n"
        f"events {{ worker_connections 128; }}\nhttp {{\n{places}{server}}}\n"
    )
    # It returns when it listens, and goes on in the background.
    subprocess.run([program, "-p", folder, "-c", file, "-e", folder / "nginx.log"], check=True, timeout=60)
    process = psutil.Process(int((folder / "nginx.pid").read_text()))
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextmanager
def caddy(folder: Path, tls: Tls, port: int, relay_port: int) -> Iterator[None]:
    program = needed("caddy", "Debian's caddy")
    site = adapted(
        "Caddyfile",
        {
            "chat.example.org {\n": f"https://{NAME}:{port} {{\n\ttls {tls.chain} {tls.key}\n",
            "127.0.0.1:8765": f"127.0.0.1:{relay_port}",
        },
    )
    file = folder / "Caddyfile"
    file.write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}")
    env = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    process = subprocess.Popen(
        [program, "run", "--config", file, "--adapter", "caddyfile"], env=env, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        assert any("serving initial configuration" in line for line in iter(process.stderr.readline, ""))
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_people_talk_through_a_proxy_that_they_verify_by_name_and_a_relay_that_they_know_by_key(
    proxy: Callable[..., Any], tmp_path: Path, tls: Tls
) -> None:
    world = World(tmp_path, extra={"SSL_CERT_FILE": str(tls.authority)})
    port = free_port()
    behind = {"TACIT_SERVE_BEHIND_PROXY": "true", "TACIT_SERVE_PUBLIC_PORT": str(port)}
    world.extra.update(behind)
    with (
        world.relay("--public-host", NAME, "--registration", "open") as relay,
        proxy(tmp_path, tls, port, relay["port"]),
    ):
        link = relay["link"]
        assert link.startswith(f"tacit://{NAME}:{port}/#")
        for name in ("ann", "bob"):
            world.ok("init", "-P", name, "--name", name, "--relay", link, "--no-passphrase")
        world.ok("send", "-P", "ann", "@bob", "through the proxy")
        world.ok("status", "-P", "bob", "--check")
        (asked,) = world.ok("requests", "-P", "bob", "--json").lines
        assert asked["kind"] == "direct"

        newcomer = ("init", "-P", "eve", "--name", "eve", "--no-passphrase", "--json", "--relay")
        ran = world.tacit(*newcomer, link, SSL_CERT_FILE="/dev/null")
        assert (ran.code, ran.json["error"]["code"]) == (4, "name-not-verified")
        ran = world.tacit(*newcomer, link.rpartition("#")[0] + "#" + "a" * 52)
        assert (ran.code, ran.json["error"]["code"]) == (4, "relay-pin-mismatch")
