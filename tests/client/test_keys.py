"""Store keys: from a passphrase or from a file, never cheaper than the limits say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tacit import limits
from tacit.client.store import EmptyPassphrase, KeyFileInvalid, PassphraseNeeded, StoreNewer
from tacit.client.store.keys import is_protected, make_key, unlock


def counting_entropy(size: int) -> bytes:
    return bytes(range(size))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "key.json"


@pytest.fixture
def protected(key_file: Path) -> dict[str, object]:
    """What a key file with a passphrase says."""
    key_file.write_text(
        json.dumps({"kdf": "argon2id", "version": 1, "time": 3, "memory": 65536, "lanes": 4, "salt": "00" * 16})
    )
    loaded: dict[str, object] = json.loads(key_file.read_text())
    return loaded


def test_a_passphrase_makes_the_same_key_again_and_another_one_does_not(key_file: Path) -> None:
    key = make_key(key_file, "correct horse", counting_entropy)
    assert len(key) == 32
    assert is_protected(key_file)
    assert unlock(key_file, "correct horse") == key
    assert unlock(key_file, "correct horsf") != key
    written = json.loads(key_file.read_text())
    assert written == {
        "kdf": "argon2id",
        "version": 1,
        "time": limits.ARGON2_TIME_COST,
        "memory": limits.ARGON2_MEMORY_KIB,
        "lanes": limits.ARGON2_LANES,
        "salt": counting_entropy(16).hex(),
    }


def test_letters_composed_differently_are_the_same_passphrase(key_file: Path) -> None:
    assert make_key(key_file, "Zo\u00eb", counting_entropy) == unlock(key_file, "Zoe\u0308")


def test_a_passphrase_that_is_not_unicode_still_works(key_file: Path) -> None:
    from_environment = b"\xff\xfe".decode("utf-8", "surrogateescape")
    assert make_key(key_file, from_environment, counting_entropy) == unlock(key_file, from_environment)


def test_without_a_passphrase_the_key_is_in_the_file_and_any_passphrase_is_passed_over(key_file: Path) -> None:
    key = make_key(key_file, None, counting_entropy)
    assert not is_protected(key_file)
    assert unlock(key_file, None) == key == unlock(key_file, "not needed")


def test_the_file_is_for_its_owner_only(key_file: Path) -> None:
    make_key(key_file, None, counting_entropy)
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_an_empty_passphrase_is_refused_and_writes_nothing(key_file: Path) -> None:
    with pytest.raises(EmptyPassphrase):
        make_key(key_file, "", counting_entropy)
    assert not key_file.exists()


def test_a_needed_passphrase_is_asked_for(key_file: Path, protected: dict[str, object]) -> None:
    with pytest.raises(PassphraseNeeded):
        unlock(key_file, None)


@pytest.mark.parametrize(
    "change",
    [
        {"time": 0},
        {"memory": limits.ARGON2_MIN_MEMORY_KIB - 1},
        {"lanes": 0},
        {"time": -1},
        {"time": limits.ARGON2_MAX_TIME_COST + 1},
        {"memory": limits.ARGON2_MAX_MEMORY_KIB + 1},
        {"lanes": 10**9},
        {"time": 2**70},
        {"time": "3"},
        {"time": True},
        {"time": 3.0},
        {"salt": "00" * 15},
        {"salt": "zz" * 16},
        {"salt": None},
        {"kdf": "pbkdf2"},
        {"kdf": "none"},
        {"version": 0},
        {"extra": 1},
    ],
    ids=str,
)
def test_a_weakened_or_broken_key_file_is_refused(
    key_file: Path, protected: dict[str, object], change: dict[str, object]
) -> None:
    key_file.write_text(json.dumps({**protected, **change}))
    with pytest.raises(KeyFileInvalid):
        unlock(key_file, "passphrase")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 4000, b" " * 5000], ids=repr)
def test_a_key_file_that_is_none_is_refused(key_file: Path, data: bytes) -> None:
    key_file.write_bytes(data)
    with pytest.raises(KeyFileInvalid):
        is_protected(key_file)


def test_a_missing_key_file_is_refused(key_file: Path) -> None:
    with pytest.raises(KeyFileInvalid):
        unlock(key_file, "passphrase")


def test_a_key_in_the_file_must_be_a_key(key_file: Path) -> None:
    key_file.write_text(json.dumps({"kdf": "none", "version": 1, "key": "00" * 31}))
    with pytest.raises(KeyFileInvalid):
        unlock(key_file, None)


def test_a_key_file_of_a_newer_version_says_so(key_file: Path, protected: dict[str, object]) -> None:
    key_file.write_text(json.dumps({"version": 2, "kdf": "argon3"}))
    with pytest.raises(StoreNewer):
        unlock(key_file, "passphrase")
