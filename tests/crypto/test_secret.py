from __future__ import annotations

import copy
import pickle

import pytest

from tacit.crypto.secret import Secret

CANARY = b"\x13canary\x37"


def test_no_way_of_printing_shows_the_value():
    secret = Secret(CANARY)
    shown = f"{secret} {secret!r} {secret!s} {[secret]} {(secret,)!r}" + "%s" % secret  # noqa: UP031
    assert "canary" not in shown
    assert repr(secret) == "<Secret>"


def test_an_exception_that_carries_a_secret_does_not_show_it():
    assert "canary" not in str(ValueError(Secret(CANARY)))


def test_secrets_are_equal_by_value_and_only_to_secrets():
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret(CANARY[:-1])
    assert Secret(CANARY) != Secret(b"\x13canary\x38")
    assert Secret(CANARY) != CANARY
    assert Secret(CANARY) != CANARY


def test_a_secret_has_a_length_and_gives_its_bytes_when_asked():
    assert len(Secret(CANARY)) == len(CANARY)
    assert Secret(CANARY).reveal() == CANARY
    assert Secret(bytearray(b"ab")).reveal() == b"ab"


def test_a_secret_cannot_be_hashed_pickled_or_changed():
    secret = Secret(CANARY)
    with pytest.raises(TypeError):
        hash(secret)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(secret, protocol)
    with pytest.raises(AttributeError):
        secret._value = b""
    with pytest.raises(AttributeError):
        del secret._value
    with pytest.raises(AttributeError):
        secret.note = "x"
    assert secret.reveal() == CANARY


def test_copies_share_the_one_value():
    secret = Secret(CANARY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
