from __future__ import annotations

import segno

from tacit.ui.qr import qr_rows


def test_a_code_has_the_modules_of_the_qr_code_with_light_drawn() -> None:
    link = "tacit://127.0.0.1:8765/#" + "a" * 52
    rows = qr_rows(link, 80)
    wanted = [
        list(map(bool, row))
        for row in segno.make(link, error="l", micro=False, boost_error=False).matrix_iter(border=2)
    ]
    halves = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    drawn: list[list[bool]] = []
    for row in rows:
        drawn.append([bool(halves[c][0]) for c in row])
        drawn.append([bool(halves[c][1]) for c in row])
    assert drawn[: len(wanted)] == wanted


def test_a_code_that_does_not_fit_is_left_out() -> None:
    assert qr_rows("x" * 300, 40) == []
