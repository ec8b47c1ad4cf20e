from __future__ import annotations

import pytest

from tacit.crypto.suites import X25519_SUITE
from tacit.limits import KEY_PACKAGE_CLOCK_SKEW_S, KEY_PACKAGE_LIFETIME_S
from tacit.mls.credentials import BasicCredential
from tacit.mls.leaf_nodes import Lifetime, Support, lifetime_from, own_capabilities
from tacit.mls.registry import GREASE_VALUES


@pytest.mark.parametrize(
    ("now_s", "not_before"),
    [
        (0, 0),
        (0.5, 0),
        (KEY_PACKAGE_CLOCK_SKEW_S - 1, 0),
        (KEY_PACKAGE_CLOCK_SKEW_S + 1, 1),
        (1_800_000_000.9, 1_800_000_000 - KEY_PACKAGE_CLOCK_SKEW_S),
    ],
)
def test_a_lifetime_begins_a_little_earlier_and_never_before_time_does(now_s: float, not_before: int) -> None:
    assert lifetime_from(now_s) == Lifetime(not_before, int(now_s) + KEY_PACKAGE_LIFETIME_S)
    assert lifetime_from(now_s, 60).not_after == int(now_s) + 60


def test_the_grease_of_each_list_is_drawn_for_itself() -> None:
    """One value in all lists would tell a receiver which of them mean nothing."""
    listed = own_capabilities(X25519_SUITE, BasicCredential(b"bob"), Support(), lambda size: bytes(range(size)))
    lists = (listed.cipher_suites, listed.extensions, listed.proposals, listed.credentials)
    assert [values[-1] for values in lists] == list(GREASE_VALUES[:4])
