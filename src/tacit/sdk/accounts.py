"""Accounts for programs: where a key comes from, what it is like, and how it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from tacit.client.own_devices import find_device
from tacit.client.proving import AskCode, CodeWanted, written_phone
from tacit.crypto.pem import is_sealed
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.errors import NotFound
from tacit.identity import AccountKey, DeviceCertificate, format_id, key_kind

if TYPE_CHECKING:
    from tacit.client.books import Books
    from tacit.client.directory import FoundDevices
    from tacit.client.model import Profile

__all__ = [
    "AccountFile",
    "AccountInfo",
    "AskCode",
    "CodeWanted",
    "DeviceInfo",
    "NewKey",
    "NobodyByNumber",
    "account_from",
    "written_phone",
]


class NobodyByNumber(NotFound):
    """Nobody is found by that number."""

    code = "nobody-by-number"
    hint = "That takes a relay that allows it and both of you: tacit account findable on --phone NUMBER."


@dataclass(frozen=True, slots=True)
class AccountFile:
    """An account key in a PEM file: PKCS#8 or the traditional form, Ed25519, or RSA of 2,048 to 4,096 bits."""

    pem: bytes = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)
    """Of the file, not of the profile; None where it has none."""

    @property
    def is_sealed(self) -> bool:
        """Whether a passphrase opens it."""
        return is_sealed(self.pem)

    def check(self) -> None:
        """Raise ``UsageError`` (``bad-pem``, ``wrong-passphrase``, ``unsupported-key``) unless it holds a key."""
        _read(self)


NewKey: TypeAlias = Literal["ed25519", "rsa"] | AccountFile
"""A kind of key to make, or a key that is there already."""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """One device of an account, as the relay shows it to others."""

    id: str
    created_at: int
    """When the account signed its certificate, in Unix seconds; as is the end."""
    expires_at: int
    this: bool
    """It is this one."""


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """The account of a profile."""

    id: str
    key: str
    """The kind of its key: ``ed25519``, or ``rsa`` with its bits."""
    handle: str
    device: str
    """ID of the device that this profile is."""
    devices: tuple[DeviceInfo, ...] | None
    """All of them that are not revoked; None where the relay was not asked."""


def account_from(key: NewKey, entropy: Entropy) -> AccountKey:
    """Read or make a key; making one of RSA takes up to some seconds. Raises ``UsageError``."""
    if isinstance(key, AccountFile):
        return _read(key)
    return AccountKey.generate(entropy, key)


def account_info(books: Books, found: FoundDevices | None = None) -> AccountInfo:
    """What a profile knows of its account, with what the relay has told."""
    me = books.me
    devices = None
    if found is not None:
        devices = tuple(_device(certificate, me.device_id) for certificate in found.certificates)
    return AccountInfo(
        format_id(me.account_id), key_kind(me.account_key), books.profile.handle, format_id(me.device_id), devices
    )


def profile_of(books: Books) -> Profile:
    """Who the profile is, with what it takes to say so to a relay."""
    return books.profile


def other_device(books: Books, found: FoundDevices, device: str) -> DeviceInfo:
    """The device of this account that is meant. Raises as ``find_device``."""
    own = books.me.device_id
    return _device(find_device(found.certificates, device, own=own), own)


def own_account(books: Books) -> AccountKey:
    """The key of the profile's account."""
    return AccountKey.load(Secret(books.profile.account_private))


def exported(books: Books, passphrase: str | None) -> bytes:
    """The account key as PEM. Raises ``WrongPassphrase`` for an empty passphrase."""
    return own_account(books).to_pem(None if passphrase is None else passphrase.encode(), books.entropy)


def _read(file: AccountFile) -> AccountKey:
    return AccountKey.from_pem(file.pem, None if file.passphrase is None else file.passphrase.encode())


def _device(certificate: DeviceCertificate, own: bytes) -> DeviceInfo:
    return DeviceInfo(
        format_id(certificate.device_id), certificate.created_at, certificate.expires_at, certificate.device_id == own
    )
