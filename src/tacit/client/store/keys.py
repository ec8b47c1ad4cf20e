"""How a profile's store key is made: from a passphrase, or kept in a file where the owner chose to have none.

``key.json`` lies beside the store and says which. With a passphrase it holds only the salt and the cost of Argon2id;
whoever makes the cost lower gets another key, not a cheaper guess. Without one it holds the key, and the protection
is that of the folder.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Final

import msgspec

from tacit import limits
from tacit.client.paths import write_private
from tacit.client.store.database import KEY_SIZE
from tacit.client.store.errors import KeyFileInvalid, PassphraseNeeded, StoreFailed, StoreNewer
from tacit.crypto.errors import BadKdfParameters
from tacit.crypto.passphrase import PassphraseParams, derive_passphrase_key
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.errors import UsageError

VERSION: Final = 1
_SALT_SIZE: Final = 16
_MAX_FILE_BYTES: Final = 4096


class EmptyPassphrase(UsageError):
    """An empty passphrase protects nothing."""

    code = "empty-passphrase"
    hint = "Give a passphrase, or say that there shall be none."


class _Derived(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="argon2id", tag_field="kdf"):
    version: int
    time: int
    memory: int
    lanes: int
    salt: str


class _Plain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="none", tag_field="kdf"):
    version: int
    key: str


class _AnyVersion(msgspec.Struct, frozen=True):
    version: int


def make_key(key_file: Path, passphrase: str | None, entropy: Entropy) -> Secret:
    """Make a store key and write how to make it again; None is a profile without a passphrase.

    Takes about a third of a second with a passphrase. Raises ``EmptyPassphrase``.
    """
    if passphrase is None:
        key = Secret(entropy(KEY_SIZE))
        _write(key_file, _Plain(version=VERSION, key=key.reveal().hex()))
        return key
    if not passphrase:
        raise EmptyPassphrase
    how = _Derived(
        version=VERSION,
        time=limits.ARGON2_TIME_COST,
        memory=limits.ARGON2_MEMORY_KIB,
        lanes=limits.ARGON2_LANES,
        salt=entropy(_SALT_SIZE).hex(),
    )
    key = _derive(passphrase, how)
    _write(key_file, how)
    return key


def unlock(key_file: Path, passphrase: str | None) -> Secret:
    """The store key, which only ``Store.open`` can tell from a wrong one.

    Raises ``PassphraseNeeded`` when there is none and must be, ``KeyFileInvalid`` when the file is missing, broken or
    out of the bounds that ``limits`` sets. A passphrase that is not needed is passed over.
    """
    how = _read(key_file)
    if isinstance(how, _Plain):
        return Secret(_bytes(how.key, KEY_SIZE))
    if passphrase is None:
        raise PassphraseNeeded
    return _derive(passphrase, how)


def is_protected(key_file: Path) -> bool:
    """Whether opening the profile takes a passphrase."""
    return isinstance(_read(key_file), _Derived)


def _derive(passphrase: str, how: _Derived) -> Secret:
    # One form for what keyboards of different machines compose differently; bytes that are no text stay themselves.
    text = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
    return derive_passphrase_key(text, _bytes(how.salt, _SALT_SIZE), _params(how))


def _write(key_file: Path, how: _Derived | _Plain) -> None:
    write_private(key_file, msgspec.json.encode(how) + b"\n")


def _read(key_file: Path) -> _Derived | _Plain:
    try:
        with key_file.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise KeyFileInvalid("missing") from None
    except OSError as error:
        raise StoreFailed(error.strerror or "") from error
    if len(data) > _MAX_FILE_BYTES:
        raise KeyFileInvalid("too long")
    try:
        if msgspec.json.decode(data, type=_AnyVersion).version > VERSION:
            raise StoreNewer
        how = msgspec.json.decode(data, type=_Derived | _Plain)
    except msgspec.DecodeError:
        raise KeyFileInvalid("not readable") from None
    if how.version != VERSION:
        raise KeyFileInvalid("unknown version")
    return how


def _params(how: _Derived) -> PassphraseParams:
    try:
        return PassphraseParams(time_cost=how.time, memory_kib=how.memory, lanes=how.lanes)
    except BadKdfParameters:
        raise KeyFileInvalid("cost out of bounds") from None


def _bytes(text: str, size: int) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise KeyFileInvalid("not hexadecimal") from None
    if len(data) != size:
        raise KeyFileInvalid("wrong length")
    return data
