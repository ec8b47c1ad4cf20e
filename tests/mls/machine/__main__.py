"""``python -m tests.mls.machine [--steps N] [--seed S]``: the machine for as long as one likes."""

from __future__ import annotations

import argparse
import sys
import time

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.mls.machine.life import Life

STEPS_IN_A_LIFE = 100


def main() -> int:
    """Run lives of a hundred steps each; a failure ends the run with the shortest life that shows it."""
    parser = argparse.ArgumentParser(prog="./dev machine", description="Let a group live a random life.")
    parser.add_argument("--steps", type=int, default=100_000, help="steps in all at least (default: 100000)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other lives (default: 1)")
    chosen = parser.parse_args()
    started = time.monotonic()
    taken = 0

    class Counted(Life):
        """Counts its steps."""

        @invariant()
        def count(self) -> None:
            """One more."""
            nonlocal taken
            taken += 1

    lives = runs = 0
    while taken < chosen.steps:  # some lives end before their last step
        more = max(1, (chosen.steps - taken) // STEPS_IN_A_LIFE)
        run_state_machine_as_test(
            seed(chosen.seed + runs)(Counted),
            settings=settings(
                max_examples=more,
                stateful_step_count=STEPS_IN_A_LIFE,
                deadline=None,
                database=None,
                derandomize=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
        lives, runs = lives + more, runs + 1
    sys.stdout.write(f"{taken} steps in {lives} lives, {time.monotonic() - started:.0f} s, nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
