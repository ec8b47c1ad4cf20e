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
    parser.add_argument("--steps", type=int, default=100_000, help="steps in all (default: 100000)")
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

    run = seed(chosen.seed)(Counted)
    lives = max(1, chosen.steps // STEPS_IN_A_LIFE)
    run_state_machine_as_test(
        run,
        settings=settings(
            max_examples=lives,
            stateful_step_count=STEPS_IN_A_LIFE,
            deadline=None,
            database=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    sys.stdout.write(f"{taken} steps in {lives} lives, {time.monotonic() - started:.0f} s, nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
