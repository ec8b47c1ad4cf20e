"""What the relay says about accounts, believed only as far as it proves itself.

An account ID is the hash of its key, a device certificate is signed by that key, and a KeyPackage must belong to such a
device. A relay can so refuse an answer or withhold devices, but it cannot put a key of its own in anybody's place. The
one thing taken on its word is which account a handle names, and that only at first sight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tacit import mls
from tacit.client.connection import Connection
from tacit.client.core.authority import check_new_leaf
from tacit.client.errors import FalseAnswer
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.errors import CryptoError, DecodeError, PeerError
from tacit.identity import DeviceCertificate, account_id, parse_handle
from tacit.identity.errors import BadHandle
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import NoKeyPackages

SUITE: Final = DEFAULT_SUITE
"""The suite of every group made here; what a relay offers of others is not looked at, so it cannot talk us down."""


@dataclass(frozen=True, slots=True)
class Found:
    """An account as the relay knows it, checked."""

    account_id: bytes
    account_key: bytes
    handle: str
    """The relay's label for it; empty if it has none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to ask for: an account ID, a handle, or a phone number."""

    account_id: bytes = b""
    handle: str = ""
    phone: str = ""

    @property
    def who(self) -> pb.Who:
        """The request's form."""
        if self.phone:
            return pb.Who(phone=self.phone)
        return pb.Who(account_id=self.account_id) if self.account_id else pb.Who(handle=self.handle)


@dataclass(frozen=True, slots=True)
class FoundDevices:
    """An account with the devices that the relay names, checked; it may have left some out."""

    account: Found
    certificates: tuple[DeviceCertificate, ...]


async def look_up(connection: Connection, asked: Asked) -> Found:
    """Find an account; raises ``NoSuchAccount``, ``FalseAnswer`` or ``TransportError``."""
    return (await look_up_devices(connection, asked)).account


async def look_up_devices(connection: Connection, asked: Asked) -> FoundDevices:
    """Find an account and its devices; raises as ``look_up``."""
    answer = await connection.request(pb.SenderKeysRequest(who=asked.who), pb.SenderKeys)
    found = check_account(asked, answer.account_id, answer.account_key, answer.handle)
    certificates = tuple(check_certificate(found, certificate) for certificate in answer.device_certificates)
    return FoundDevices(found, certificates)


async def claim(connection: Connection, account: bytes, now_s: float) -> tuple[bytes, ...]:
    """Take one KeyPackage for each device of an account; raises as ``look_up``, and ``NoKeyPackages``."""
    asked = Asked(account_id=account)
    answer = await connection.request(pb.RecipientKeysRequest(who=asked.who, suite=SUITE), pb.RecipientKeys)
    found = check_account(asked, answer.account_id, answer.account_key, answer.handle)
    packages = tuple(
        check_key_package(found, device, now_s)
        for device in answer.devices
        if device.HasField("key_package") and device.key_package.suite == SUITE
    )
    if not packages:
        raise NoKeyPackages
    return packages


def check_account(asked: Asked, answered_id: bytes, account_key: bytes, handle: str) -> Found:
    """The account in an answer; raises ``FalseAnswer`` unless the key proves the ID and it is the one asked for."""
    if account_id(account_key) != answered_id:
        raise FalseAnswer("the account's key does not prove its ID")
    if asked.account_id and asked.account_id != answered_id:
        raise FalseAnswer("it is about another account")
    try:
        label = parse_handle(handle) if handle else ""
    except BadHandle:
        raise FalseAnswer("the handle is malformed") from None
    if asked.handle and asked.handle != label:
        raise FalseAnswer("it is about another handle")
    return Found(answered_id, account_key, label)


def check_certificate(found: Found, data: bytes) -> DeviceCertificate:
    """A device of that account; raises ``FalseAnswer`` unless the account has signed it."""
    try:
        certificate = DeviceCertificate.decode(data)
        certificate.verify(None)
    except (DecodeError, CryptoError, PeerError):
        raise FalseAnswer("a device certificate is not valid") from None
    if certificate.account_key != found.account_key:
        raise FalseAnswer("a device belongs to another account")
    return certificate


def check_key_package(found: Found, device: pb.DeviceKeys, now_s: float) -> bytes:
    """The KeyPackage of a device; raises ``FalseAnswer`` unless it is valid and that very device's."""
    certificate = check_certificate(found, device.device_certificate)
    data = device.key_package.key_package
    try:
        key_package = mls.read_key_package(data, now_s=now_s, authenticate=check_new_leaf(now_s))
        of_leaf = DeviceCertificate.decode(key_package.leaf_node.credential_identity)
    except PeerError:
        raise FalseAnswer("a KeyPackage is not valid") from None
    same = (of_leaf.account_key, of_leaf.device_id) == (certificate.account_key, certificate.device_id)
    if not same or key_package.cipher_suite != SUITE:
        raise FalseAnswer("a KeyPackage is not that device's")
    return data
