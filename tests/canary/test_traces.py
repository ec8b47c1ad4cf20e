"""The search itself: whoever finds nothing must be able to find something."""

from __future__ import annotations

import base64
import os

import pytest

from tests.canary.traces import found_in, found_in_memory

SECRET = {"it": b"canary-\xc3\xbcber-" + b"a" * 20}


@pytest.mark.parametrize("shift", range(3))
@pytest.mark.parametrize(
    "spell",
    [
        lambda secret: secret,
        lambda secret: secret.hex().encode(),
        base64.b64encode,
        base64.urlsafe_b64encode,
        lambda secret: repr(secret).encode(),
        lambda secret: secret.decode().encode("utf-16-le"),
        lambda secret: secret.decode().encode("utf-32-le"),
        lambda secret: secret.decode().encode("unicode_escape"),
    ],
)
def test_a_secret_is_found_in_every_spelling_and_at_every_place(spell, shift: int) -> None:
    before = "é".encode() if spell in (base64.b64encode, base64.urlsafe_b64encode) else b""
    assert found_in(b"<" + spell(SECRET["it"]) + b">", SECRET) == {"it"}
    if not before:
        assert found_in(os.urandom(shift) + spell(SECRET["it"]) + b"?", SECRET) == {"it"}
    else:
        assert found_in(spell(b"x" * shift + SECRET["it"] + b"yy"), SECRET) == {"it"}


def test_what_is_not_there_is_not_found() -> None:
    assert found_in(os.urandom(100_000), SECRET) == set()
    assert found_in(SECRET["it"][:-1], SECRET) == set()


def test_a_secret_is_found_in_the_memory_of_a_process() -> None:
    kept = b"canary-in-memory-" + os.urandom(16)
    assert found_in_memory(os.getpid(), {"kept": kept, "not": os.urandom(32)[::-1]}) >= {"kept"}
