"""Line mode in a real pseudo-terminal: the line being typed is never torn, and no peer steers the terminal."""

from __future__ import annotations

import re
import sys

import pytest

from tests.ui.terminal import Terminal
from tests.ui.test_text import ATTACKS

pytestmark = [pytest.mark.processes, pytest.mark.timeout(200)]

PLAY = [sys.executable, "-m", "tests.ui.line.play"]


def test_a_line_being_typed_survives_a_flood() -> None:
    with Terminal(PLAY, columns=60) as at:
        at.shows("@bob> ")
        at.enter("drip 100")
        at.type("half a sentence")
        at.shows("│ drop 99")
        at.shows("@bob> half a sentence")
        prompts = [row for row in at.rows if row.startswith("@bob>")]
        assert prompts == ["@bob> half a sentence"]
        at.enter(" and the rest")
        at.shows("you │ half a sentence and the rest")
        drops = re.findall(r"│ drop (\d+)$", at.text, re.MULTILINE)
        assert drops == [str(number) for number in range(100)]
        at.enter("exit")
        at.sees("ended 0")
        assert at.ends() == 0


def test_the_screen_at_60_columns() -> None:
    with Terminal(PLAY, columns=60) as at:
        at.shows("@bob> ")
        at.enter("hello there")
        at.shows("✓✓ delivered")
        assert at.rows[:8] == [
            "──── @bob ─────────────────────────────────────────────────",
            "· Not verified yet: /verify shows what to compare with",
            "· @bob. /help lists the commands.",
            "──── Saturday, 21 November 2026 ───────────────────────────",
            "10:00       @bob │ are you there?",
            "10:00        you │ hello there",
            "@bob>",
            "online · ✓✓ delivered · not verified",
        ]
        # What is quiet is dim, others' names have a colour, and what is own is bold.
        assert "\x1b[0;2m──── @bob".encode() in at.raw
        assert re.search(rb"\x1b\[0;3[3-6]m *@bob", at.raw)
        assert re.search(rb"\x1b\[0;1m *you", at.raw)


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["xterm", "no colour", "dumb"])
def test_no_attack_of_a_peer_reaches_the_terminal(environment: dict[str, str]) -> None:
    with Terminal(PLAY, columns=100, env=environment) as at:
        at.sees("are you there?")
        for number, attack in enumerate(ATTACKS.values()):
            at.enter("say <" + attack.encode("unicode_escape").decode() + f"> {number}")
            at.sees(f"> {number}")
        at.enter("say the end")
        at.sees("│ the end")
        at.enter("exit")
        at.ends()
        heard = at.raw.decode("utf-8", "surrogateescape")
        assert not re.findall("\x1b[]P_^X]", heard)  # OSC, DCS, APC, PM, SOS: never ours
        assert not re.findall("[\x00-\x06\x0b\x0c\x0e-\x1a\x7f-\x9f\u200b-\u200c\u202a-\u202e\u2066-\u2069]", heard)
        assert "PWNED" not in at.screen.title


def test_no_colour_means_no_colour() -> None:
    with Terminal(PLAY, env={"NO_COLOR": "1"}) as at:
        at.shows("@bob> ")
        at.enter("cut")
        at.sees("Nothing answers there.")
        codes = {code for run in re.findall(rb"\x1b\[([0-9;]*)m", at.raw) for code in run.split(b";")}
        assert codes <= {b"", b"0", b"1", b"2", b"4", b"7"}


def test_a_dumb_terminal_gets_no_escape_at_all() -> None:
    with Terminal(PLAY, env={"TERM": "dumb"}) as at:
        at.sees("are you there?")
        at.enter("hello")
        at.sees("· ✓✓ delivered")
        at.type("unfinished")
        at.sees("unfinished")
        at.enter("")
        at.enter("exit")
        at.sees("ended 0")
        assert b"\x1b" not in at.raw


def test_tab_completes_commands_and_names() -> None:
    with Terminal(PLAY) as at:
        at.shows("@bob> ")
        at.type("/inv\t")
        at.shows("@bob> /invite")
        at.type(" Car\t")
        at.shows('@bob> /invite "Carol from work"')


def test_history_of_the_prompt_and_a_line_of_two_rows() -> None:
    with Terminal(PLAY) as at:
        at.shows("@bob> ")
        at.enter("first line")
        at.shows("you │ first line")
        at.type("\x1b[A")
        at.shows("@bob> first line")
        at.type("\x1b\rsecond row")
        at.shows("      second row")
        at.enter("")
        at.shows("│ second row")


@pytest.mark.parametrize("keys", ["\x03", "\x04", "exit\r", "/quit\r"], ids=["Ctrl+C", "Ctrl+D", "exit", "/quit"])
def test_the_ways_to_end(keys: str) -> None:
    with Terminal(PLAY) as at:
        at.shows("@bob> ")
        at.type(keys)
        at.sees("ended 0")
        assert at.ends() == 0


def test_ctrl_c_first_drops_the_line_being_typed() -> None:
    with Terminal(PLAY) as at:
        at.shows("@bob> ")
        at.type("oops")
        at.shows("@bob> oops")
        at.type("\x03")
        at.wait(lambda: "@bob>" in at.rows, "an empty prompt")
        at.type("\x03")
        assert at.ends() == 0


def test_what_is_typed_faster_than_it_is_taken_is_shown_once() -> None:
    with Terminal(PLAY) as at:
        at.shows("@bob> ")
        at.type("".join(f"line {number}\r" for number in range(40)))
        at.shows("you │ line 39")
        assert [row for row in at.text.splitlines() if re.search(r"\bline \d", row) and "you │ line " not in row] == []
        assert "" not in at.text.partition("@bob>")[0].strip().splitlines()


def test_ctrl_z_stops_it_and_it_goes_on_where_it_was() -> None:
    with Terminal(["/bin/bash", "--norc", "-i"], env={"PS1": "$ "}) as at:
        at.shows("$ ")
        at.enter(" ".join(PLAY))
        at.shows("@bob> ")
        at.type("half a \x1a")
        at.shows("Stopped")
        at.enter("fg")
        at.shows("@bob> half a")
        at.enter("sentence")
        at.shows("you │ half a sentence")
        at.enter("exit")
        at.shows("ended 0")


def test_y_answers_a_request_where_no_chat_is_open() -> None:
    with Terminal([*PLAY, "home"]) as at:
        at.shows("@bob> ")
        at.enter("/close")
        at.shows("tacit> ")
        at.enter("/msg bob ask")
        at.sees("wants to talk to you")
        at.enter("y")
        at.shows("Carol from work> ")
