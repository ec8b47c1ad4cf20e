from __future__ import annotations

from tacit.client.model import GroupId
from tacit.client.restraint import FORGOTTEN_AFTER_S, LONGEST_PAUSE_S, SHORTEST_PAUSE_S, Deed, Restraint

NOW_S = 1_700_000_000.5
MEND: Deed = ("mend", GroupId(b"r" * 16))


def test_each_time_it_waits_twice_as_long_up_to_a_bound() -> None:
    restraint, now_s = Restraint(), NOW_S
    waited = []
    for _ in range(7):
        assert restraint.wait_s(MEND, now_s) == 0
        restraint = restraint.after(MEND, now_s)
        waited.append(restraint.wait_s(MEND, int(now_s)))
        now_s += waited[-1]
    assert waited == [SHORTEST_PAUSE_S * 2**n for n in range(5)] + [LONGEST_PAUSE_S] * 2
    assert waited[4] == LONGEST_PAUSE_S


def test_deeds_and_rooms_wait_for_themselves_alone_and_are_forgotten() -> None:
    restraint = Restraint()
    for _ in range(3):
        restraint = restraint.after(MEND, NOW_S)
    assert restraint.wait_s(("return", MEND[1]), NOW_S) == 0
    assert restraint.wait_s(("mend", GroupId(b"s" * 16)), NOW_S) == 0
    later_s = NOW_S + FORGOTTEN_AFTER_S
    other = restraint.after(("look", MEND[1]), later_s)
    assert other.done.keys() == {("look", MEND[1])}
    assert restraint.after(MEND, later_s).wait_s(MEND, int(later_s)) == SHORTEST_PAUSE_S


def test_a_clock_that_was_wrong_keeps_nobody_waiting() -> None:
    restraint = Restraint().after(MEND, NOW_S + 1_000_000)
    assert restraint.wait_s(MEND, NOW_S) == 0
    assert restraint.after(MEND, NOW_S).wait_s(MEND, int(NOW_S)) == SHORTEST_PAUSE_S


def test_it_is_the_same_when_it_was_written_down() -> None:
    restraint = Restraint().after(MEND, NOW_S).after(("return", MEND[1]), NOW_S + 9).after(MEND, NOW_S + 60)
    assert Restraint.decode(restraint.encode()) == restraint
    assert Restraint.decode(b"") == Restraint()
