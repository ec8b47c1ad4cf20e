from __future__ import annotations

from tacit.client.restraint import FORGOTTEN_AFTER_S, LONGEST_PAUSE_S, SHORTEST_PAUSE_S, Restraint


class HandClock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.at_s = 1_000.0

    def now_s(self) -> float:
        """The same as the other."""
        return self.at_s

    def monotonic_s(self) -> float:
        """Since whenever."""
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        """Goes by at once."""
        self.at_s += seconds


def test_each_time_it_waits_twice_as_long_up_to_a_bound() -> None:
    clock = HandClock()
    restraint = Restraint(clock)
    waited = []
    for _ in range(7):
        assert restraint.wait_s("mend") == 0
        restraint.note("mend")
        waited.append(restraint.wait_s("mend"))
        clock.at_s += waited[-1]
    assert waited == [SHORTEST_PAUSE_S * 2**n for n in range(5)] + [LONGEST_PAUSE_S] * 2
    assert waited[4] == LONGEST_PAUSE_S


def test_deeds_wait_for_themselves_alone_and_are_forgotten() -> None:
    clock = HandClock()
    restraint = Restraint(clock)
    for _ in range(3):
        restraint.note("mend")
    assert restraint.wait_s("return") == 0
    clock.at_s += FORGOTTEN_AFTER_S
    restraint.note("mend")
    assert restraint.wait_s("mend") == SHORTEST_PAUSE_S
