"""TLS 1.3 for both ends of a link.

A client accepts any certificate unless it is told to verify the name: the relay key in the link is what it pins, and
``peer_certificate_hash`` lets the layer above check that the relay key signed the certificate that was shown.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tacit.net.errors import BadCertificate

ALPN = ["http/1.1"]


def server_context(certificate_pem: bytes, private_key_pem: bytes) -> ssl.SSLContext:
    """TLS for a listener: version 1.3 only, no session tickets, so nothing outlives a connection.

    ``certificate_pem`` may be a chain, own certificate first. Raises ``BadCertificate``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.set_alpn_protocols(ALPN)
    try:
        with _as_file(certificate_pem + b"\n" + private_key_pem) as path:
            # A callback, because without one OpenSSL would ask for a passphrase on the terminal.
            context.load_cert_chain(path, password=lambda: b"")
    except (ssl.SSLError, ValueError):
        raise BadCertificate from None
    return context


def client_context(*, verify_name: bool = False) -> ssl.SSLContext:
    """TLS for a client: version 1.3 only; with ``verify_name`` this machine's authorities must vouch for the name."""
    context = ssl.create_default_context() if verify_name else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(ALPN)
    if not verify_name:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def peer_certificate_hash(ssl_object: ssl.SSLObject | ssl.SSLSocket | None) -> bytes:
    """SHA-256 of the DER certificate that the other side showed, 32 bytes; empty if it showed none."""
    der = ssl_object.getpeercert(binary_form=True) if ssl_object is not None else None
    return hashlib.sha256(der).digest() if der else b""


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Give bytes a path for the one call that takes nothing else; on Linux they never touch a disk."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory(prefix="tacit-") as directory:
        path = Path(directory, "tls.pem")
        path.touch(mode=0o600)
        path.write_bytes(content)
        yield str(path)
