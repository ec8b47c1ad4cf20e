from __future__ import annotations

from tacit.mls.key_schedule import (
    schedule_epoch,
)
from tests.mls.suites import supported_cases

un = bytes.fromhex


def test_secrets_do_not_show_in_their_representation() -> None:
    suite, _ = next(supported_cases("key-schedule"))
    keys = schedule_epoch(suite, bytes(suite.hash_size))
    shown = repr(keys)
    assert keys.encryption_secret.hex() not in shown
    assert str(keys.encryption_secret) not in shown
    assert str(keys.kept.init_secret.reveal()) not in shown
