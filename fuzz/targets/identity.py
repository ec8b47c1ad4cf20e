"""Device certificates, links, handles, IDs, codes and messages of pairing: what strangers hand over."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tacit.crypto.secret import Secret
from tacit.errors import CryptoError, DecodeError, UsageError
from tacit.identity import (
    AccountKey,
    DeviceCertificate,
    IdentityError,
    RelayLink,
    format_id,
    format_link,
    pairing,
    parse_handle,
    parse_id,
    parse_link,
)
from tacit.identity.pairing_codes import format_code, parse_code
from tacit.identity.pairing_messages import (
    Acceptance,
    Confirmation,
    Greeting,
    Offer,
    decode_message,
    encode_message,
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
    yield b"\x04A3F2B1-maple-orbit-lantern"
    for message in (
        Greeting(1, bytes(32)),
        Offer(bytes(32), bytes(32), bytes(100), bytes(48)),
        Acceptance(bytes(100), bytes(200), bytes(48)),
        Confirmation(bytes(32), bytes(48)),
    ):
        yield b"\x05" + encode_message(message)


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


def _code(data: bytes) -> None:
    try:
        code = parse_code(data.decode("utf-8", "replace"))
    except UsageError:
        return
    assert parse_code(format_code(code)) == code


def _pairing(data: bytes) -> None:
    """Whatever comes, in whatever state, makes nobody trust a key."""
    code, entropy = parse_code("A3F2B1-maple-orbit-lantern"), random.Random(2).randbytes
    waiting = pairing.greet(code, bytes(32), now_s=0.0, entropy=entropy).pairing
    coming = pairing.approach(code, bytes(32), bytes(100), now_s=0.0, entropy=entropy).pairing
    for side in (waiting, coming):
        after = pairing.receive(side, data, now_s=1.0)
        for step in (after, pairing.stretched(after.pairing, Secret(bytes(32)), now_s=2.0)):
            assert not any(isinstance(effect, pairing.Trust | pairing.MakeGroup) for effect in step.effects)
        assert pairing.receive(after.pairing, data, now_s=3.0).pairing.state is pairing.State.FAILED
    try:
        message = decode_message(data)
    except DecodeError:
        return
    assert encode_message(message) == data


CHECKS: tuple[Callable[[bytes], None], ...] = (_certificate, _link, _handle, _id, _code, _pairing)
"""The first byte of an input picks one."""
