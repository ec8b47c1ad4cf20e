"""Device certificates, links, handles, IDs and scanned safety numbers: what strangers hand over."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tacit.errors import CryptoError, DecodeError, UsageError
from tacit.identity import (
    AccountKey,
    DeviceCertificate,
    IdentityError,
    RelayLink,
    format_id,
    format_link,
    parse_handle,
    parse_id,
    parse_link,
)

NOW_S = 1_800_000_000


def seeds() -> Iterator[bytes]:
    """A certificate, links of every kind, a handle, an ID."""
    entropy = random.Random(1).randbytes
    account = AccountKey.generate(entropy)
    from tacit.crypto.eddsa import ED25519

    device = ED25519.key_pair(entropy(32)).public
    yield b"\x00" + DeviceCertificate.issue(account, device, NOW_S).encode()
    for link in (
        RelayLink("chat.example.org", 8765, bytes(32)),
        RelayLink("2001:db8::1", 1, bytes(range(32)), "invite"),
        RelayLink("192.0.2.1", 65535, bytes(32), "", account.id),
    ):
        yield b"\x01" + format_link(link).encode()
    yield b"\x02@bob"
    yield b"\x03" + format_id(account.id).encode()


def check(data: bytes) -> None:
    """A value that is written the same way again, or the documented error."""
    if data:
        CHECKS[data[0] % len(CHECKS)](data[1:])


def _certificate(data: bytes) -> None:
    try:
        certificate = DeviceCertificate.decode(data)
    except DecodeError:
        return
    assert certificate.encode() == data
    try:
        certificate.verify(NOW_S)
    except (IdentityError, CryptoError):
        return


def _link(data: bytes) -> None:
    try:
        link = parse_link(data.decode("utf-8", "replace"))
    except UsageError:
        return
    assert parse_link(format_link(link)) == link


def _handle(data: bytes) -> None:
    try:
        handle = parse_handle(data.decode("utf-8", "replace"))
    except UsageError:
        return
    assert parse_handle(handle) == handle


def _id(data: bytes) -> None:
    try:
        account = parse_id(data.decode("utf-8", "replace"))
    except UsageError:
        return
    assert parse_id(format_id(account)) == account


CHECKS: tuple[Callable[[bytes], None], ...] = (_certificate, _link, _handle, _id)
"""The first byte of an input picks one."""
