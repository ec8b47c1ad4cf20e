"""TLS 1.3 for both ends of a link.

A client accepts any certificate unless it is told to verify the name: the relay key in the link is what it pins, and
``peer_certificate_hash`` lets the layer above check that the relay key signed the certificate that was shown.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tacit.log import EventLog
from tacit.net.errors import BadCertificate

ALPN = ["http/1.1"]
H2 = ["h2"]
"""What is agreed on for gRPC."""

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


class ServerContext(ssl.SSLContext):
    """TLS of a listener, which knows what it shows."""

    certificate_hash: bytes = b""
    """SHA-256 of the DER certificate, 32 bytes."""


def server_context(certificate_pem: bytes, private_key_pem: bytes, alpn: Sequence[str] = ALPN) -> ServerContext:
    """TLS for a listener: version 1.3 only, no session tickets, so nothing outlives a connection.

    ``certificate_pem`` may be a chain, own certificate first. Raises ``BadCertificate``.
    """
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.set_alpn_protocols(list(alpn))
    try:
        with _as_file(certificate_pem + b"\n" + private_key_pem) as path:
            # A callback, because without one OpenSSL would ask for a passphrase on the terminal.
            context.load_cert_chain(path, password=lambda: b"")
        first = certificate_pem[certificate_pem.index(_BEGIN) : certificate_pem.index(_END) + len(_END)]
        context.certificate_hash = hashlib.sha256(ssl.PEM_cert_to_DER_cert(first.decode())).digest()
    except (ssl.SSLError, ValueError):
        raise BadCertificate from None
    return context


def file_context(certificate: Path, private_key: Path, alpn: Sequence[str] = ALPN) -> ServerContext:
    """TLS for a listener with a certificate that somebody else renews in these files.

    A connection that comes after they have changed sees the new certificate; while they cannot be used, the last one
    that could. Raises ``BadCertificate`` when they cannot be used now.
    """
    files = _Files(certificate, private_key, alpn)

    def choose(handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        handshake.context = files.newest()

    first = files.newest()
    first.sni_callback = choose
    return first


def client_context(*, verify_name: bool = False, alpn: Sequence[str] = ALPN) -> ssl.SSLContext:
    """TLS for a client: version 1.3 only; with ``verify_name`` this machine's authorities must vouch for the name.

    ``alpn`` are the protocols to offer, if any.
    """
    context = ssl.create_default_context() if verify_name else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if not verify_name:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def peer_certificate_hash(ssl_object: ssl.SSLObject | ssl.SSLSocket | None) -> bytes:
    """SHA-256 of the DER certificate that the other side showed, 32 bytes; empty if it showed none."""
    der = ssl_object.getpeercert(binary_form=True) if ssl_object is not None else None
    return hashlib.sha256(der).digest() if der else b""


def own_certificate_hash(ssl_object: ssl.SSLObject | ssl.SSLSocket | None) -> bytes:
    """SHA-256 of the DER certificate that a listener of ours showed on this connection; empty where there is no TLS."""
    context = ssl_object.context if ssl_object is not None else None
    return context.certificate_hash if isinstance(context, ServerContext) else b""


def has_said_goodbye(ssl_object: ssl.SSLObject) -> bool:
    """Whether the other side has ended TLS on purpose; to be asked when all that came before has been read."""
    try:
        return not ssl_object.read(1)
    except ssl.SSLError:
        return False


class _Files:
    """A certificate and its key on the disk."""

    def __init__(self, certificate: Path, private_key: Path, alpn: Sequence[str]) -> None:
        self._paths = (certificate, private_key)
        self._alpn = alpn
        self._log = EventLog("net")
        self._read: object = None
        self._context: ServerContext | None = None

    def newest(self) -> ServerContext:
        """What the files hold, or held when they last could be used. Raises ``BadCertificate`` if they never could."""
        found = self._state()
        if self._context is None or found != self._read:
            self._read = found
            try:
                self._context = self._load()
            except BadCertificate:
                if self._context is None:
                    raise
                self._log.warning("certificate-not-renewed")
        return self._context

    def _state(self) -> object:
        """Something that differs when a file has been replaced or written."""
        try:
            return [(found.st_ino, found.st_mtime_ns, found.st_size) for found in map(os.stat, self._paths)]
        except OSError:
            return None

    def _load(self) -> ServerContext:
        try:
            certificate, private_key = (path.read_bytes() for path in self._paths)
            return server_context(certificate, private_key, self._alpn)
        except OSError as error:
            raise BadCertificate(f"{error.filename}: {error.strerror}") from error


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
