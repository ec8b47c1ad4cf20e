"""External initialization: an init secret that somebody outside sends to a group's external public key.

Source: RFC 9420 §8, §8.3, §12.4.3.2
"""

from __future__ import annotations

from tacit.codec import Reader, Writer
from tacit.crypto.suites import CipherSuite
from tacit.errors import CryptoError, InvalidMessage
from tacit.mls.extensions import Extension, Extensions, find_extension
from tacit.mls.labels import EXTERNAL_INIT_EXPORT
from tacit.mls.registry import ExtensionType


def external_pub(suite: CipherSuite, external_secret: bytes) -> bytes:
    """The HPKE key of an epoch for those who join it by an external commit."""
    return suite.derive_key_pair(external_secret).public


def external_pub_extension(public: bytes) -> Extension:
    """The extension of a group info that holds it."""
    w = Writer()
    w.opaque(public)
    return Extension(ExtensionType.EXTERNAL_PUB, w.finish())


def find_external_pub(extensions: Extensions) -> bytes | None:
    """The key in a group info, if there is one; raises ``DecodeError``."""
    data = find_extension(extensions, ExtensionType.EXTERNAL_PUB)
    if data is None:
        return None
    r = Reader(data)
    public = r.opaque()
    r.finish()
    return public


def send_init_secret(suite: CipherSuite, public: bytes) -> tuple[bytes, bytes]:
    """The ``kem_output`` of an ExternalInit, and the init secret that it brings: Nh bytes."""
    return suite.hpke_export_sender(public, b"", EXTERNAL_INIT_EXPORT, suite.hash_size)


def receive_init_secret(suite: CipherSuite, external_secret: bytes, kem_output: bytes) -> bytes:
    """The init secret that an ExternalInit brings: Nh bytes; raises ``InvalidMessage``."""
    private = suite.derive_key_pair(external_secret).private
    try:
        return suite.hpke_export_receiver(private, kem_output, b"", EXTERNAL_INIT_EXPORT, suite.hash_size)
    except CryptoError:
        raise InvalidMessage("8.3/kem-output") from None
