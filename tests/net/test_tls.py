from __future__ import annotations

import hashlib
import os
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tacit.crypto.certificates import certificate_hash
from tacit.errors import ConfigError
from tacit.net.errors import BadCertificate
from tacit.net.tls import client_context, file_context, own_certificate_hash, peer_certificate_hash, server_context
from tests.net.conftest import Pem, make_pem


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends of a connection through memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends


def test_both_ends_agree_on_1_3_and_the_client_sees_the_certificate(pem: Pem) -> None:
    server, client = handshake(server_context(pem.certificate, pem.key), client_context())
    assert client.version() == server.version() == "TLSv1.3"
    assert client.selected_alpn_protocol() == "http/1.1"
    assert peer_certificate_hash(client) == hashlib.sha256(pem.der).digest() == certificate_hash(pem.certificate)
    assert peer_certificate_hash(server) == b""
    assert peer_certificate_hash(None) == b""


def test_no_session_outlives_its_connection(pem: Pem) -> None:
    server, client = handshake(server_context(pem.certificate, pem.key), client_context())
    server.write(b"x")
    client.read(1)
    assert client.session is None or not client.session.has_ticket


def test_a_key_that_belongs_to_another_certificate_is_refused(pem: Pem) -> None:
    other = make_pem(ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(BadCertificate) as refused:
        server_context(pem.certificate, other.key)
    assert isinstance(refused.value, ConfigError)


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(pem: Pem) -> None:
    key = serialization.load_pem_private_key(pem.key, None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    with pytest.raises(BadCertificate):
        server_context(pem.certificate, locked)


@pytest.mark.parametrize("junk", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"])
def test_junk_is_refused(pem: Pem, junk: bytes) -> None:
    with pytest.raises(BadCertificate):
        server_context(junk, pem.key)


@pytest.mark.parametrize("has_memfd", [True, False])
def test_the_private_key_leaves_no_file_and_no_descriptor(
    pem: Pem, has_memfd: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if not has_memfd:
        monkeypatch.delattr(os, "memfd_create")
    before = _descriptors()
    server_context(pem.certificate, pem.key)
    with pytest.raises(BadCertificate):
        server_context(pem.certificate, b"")
    assert _descriptors() == before
    assert list(tmp_path.iterdir()) == []


def _descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208  # Path would open the directory for longer


def test_a_certificate_that_was_renewed_is_shown_to_whoever_comes_next(pem: Pem, tmp_path: Path) -> None:
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"

    def put(made: Pem) -> None:
        certificate.write_bytes(made.certificate + pem.certificate)
        key.write_bytes(made.key)

    def shown() -> bytes:
        server, client = handshake(context, client_context())
        assert peer_certificate_hash(client) == own_certificate_hash(server)
        assert client.selected_alpn_protocol() == "http/1.1"
        server.write(b"x")
        client.read(1)
        assert client.session is None or not client.session.has_ticket
        return peer_certificate_hash(client)

    first, second = (make_pem(ed25519.Ed25519PrivateKey.generate()) for _ in range(2))
    put(first)
    context = file_context(certificate, key)
    assert shown() == hashlib.sha256(first.der).digest()
    certificate.write_bytes(second.certificate)  # the key is still the old one, as half-way through a renewal
    assert shown() == hashlib.sha256(first.der).digest()
    put(second)
    assert shown() == hashlib.sha256(second.der).digest()
    certificate.unlink()
    assert shown() == hashlib.sha256(second.der).digest()


def test_files_that_cannot_be_used_at_the_start_are_named(pem: Pem, tmp_path: Path) -> None:
    certificate = tmp_path / "chain.pem"
    certificate.write_bytes(pem.certificate)
    with pytest.raises(BadCertificate, match=r"key\.pem: No such file"):
        file_context(certificate, tmp_path / "key.pem")


def test_what_no_listener_of_ours_showed_has_no_hash() -> None:
    assert own_certificate_hash(None) == b""
