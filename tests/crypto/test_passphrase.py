from __future__ import annotations

import pytest
from argon2.exceptions import HashingError
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tacit.crypto import passphrase
from tacit.crypto.errors import BadKdfParameters, StretchingFailed
from tacit.crypto.passphrase import PassphraseParams, derive_passphrase_key
from tacit.limits import ARGON2_LANES, ARGON2_MAX_MEMORY_KIB, ARGON2_MEMORY_KIB, ARGON2_TIME_COST

QUICK = PassphraseParams(time_cost=1, memory_kib=8 * 1024, lanes=2)
SALT = bytes(range(16))


def test_the_defaults_are_those_of_the_limits():
    assert PassphraseParams() == PassphraseParams(ARGON2_TIME_COST, ARGON2_MEMORY_KIB, ARGON2_LANES)


def test_a_second_implementation_gives_the_same_key():
    expected = Argon2id(salt=SALT, length=32, iterations=1, lanes=2, memory_cost=8 * 1024).derive(b"correct horse")
    assert derive_passphrase_key(b"correct horse", SALT, QUICK).reveal() == expected


def test_passphrase_salt_and_settings_all_matter():
    others = [
        derive_passphrase_key(b"correct horse", SALT, QUICK),
        derive_passphrase_key(b"correct horsf", SALT, QUICK),
        derive_passphrase_key(b"correct horse", SALT[::-1], QUICK),
        derive_passphrase_key(b"correct horse", SALT, PassphraseParams(2, 8 * 1024, 2)),
        derive_passphrase_key(b"correct horse", SALT, PassphraseParams(1, 16 * 1024, 2)),
        derive_passphrase_key(b"correct horse", SALT, PassphraseParams(1, 8 * 1024, 1)),
    ]
    assert len({key.reveal() for key in others}) == len(others)


@pytest.mark.parametrize(
    ("time_cost", "memory_kib", "lanes"),
    [
        (0, 65536, 4),
        (65, 65536, 4),
        (3, 0, 4),
        (3, 1024, 4),
        (3, ARGON2_MAX_MEMORY_KIB + 1, 4),
        (3, 65536, 0),
        (3, 65536, 17),
    ],
)
def test_settings_that_are_too_weak_or_would_fill_the_machine_are_refused(time_cost: int, memory_kib: int, lanes: int):
    with pytest.raises(BadKdfParameters):
        PassphraseParams(time_cost, memory_kib, lanes)


@pytest.mark.parametrize("size", [0, 8, 15])
def test_short_salts_are_refused(size: int):
    with pytest.raises(BadKdfParameters):
        derive_passphrase_key(b"x", bytes(size), QUICK)


def test_where_memory_is_short_that_is_said(monkeypatch):
    def fails(*_):
        raise HashingError("Memory allocation error")

    monkeypatch.setattr(passphrase, "hash_secret_raw", fails)
    with pytest.raises(StretchingFailed):
        derive_passphrase_key(b"x", SALT, QUICK)
