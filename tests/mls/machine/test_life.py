"""The machine for a while, the same steps on every run."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tacit.crypto.suites import X25519_SUITE
from tests.mls.machine.life import Life
from tests.mls.machine.nonces import watching
from tests.mls.machine.world import World

pytestmark = pytest.mark.no_cover

EXAMPLES = 60
STEPS = 50


@pytest.mark.timeout(600)
def test_a_random_life_keeps_every_promise() -> None:
    run_state_machine_as_test(Life, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS))


def test_a_pair_that_serves_twice_is_seen() -> None:
    """The machine's eye for keys and nonces is not blind."""
    suite = World(X25519_SUITE, 0).suite
    with watching() as sealed:
        suite.aead_seal(bytes(16), bytes(12), b"", b"once")
        assert len(sealed.pairs) == 1
        with pytest.raises(AssertionError, match="served twice"):
            suite.aead_seal(bytes(16), bytes(12), b"", b"twice")
    suite.aead_seal(bytes(16), bytes(12), b"", b"nobody watches")
