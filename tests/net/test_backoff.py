from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit import limits
from tacit.net.backoff import backoff_s, ceiling_s


def lowest(size: int) -> bytes:
    return bytes(size)


def highest(size: int) -> bytes:
    return b"\xff" * size


def test_the_ceiling_doubles_up_to_the_cap() -> None:
    assert [ceiling_s(n) for n in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


@given(st.integers(min_value=0, max_value=10**9), st.integers())
def test_a_wait_lies_below_its_ceiling_for_any_attempt(attempt: int, seed: int) -> None:
    wait = backoff_s(attempt, random.Random(seed).randbytes)
    assert 0 <= wait < ceiling_s(attempt) <= limits.RECONNECT_MAX_S


def test_full_jitter_reaches_both_ends() -> None:
    assert backoff_s(20, lowest) == 0
    assert backoff_s(20, highest) == pytest.approx(limits.RECONNECT_MAX_S)


def test_a_thousand_clients_that_lost_a_relay_together_spread_out() -> None:
    entropy = random.Random(1).randbytes
    waits = [backoff_s(7, entropy) for _ in range(1_000)]
    in_each_tenth = [sum(tenth * 3 <= wait < (tenth + 1) * 3 for wait in waits) for tenth in range(10)]
    assert sum(in_each_tenth) == 1_000
    assert max(in_each_tenth) < 150
    assert min(in_each_tenth) > 50


def test_attempts_count_from_zero() -> None:
    with pytest.raises(ValueError, match="from 0"):
        backoff_s(-1, lowest)
