from __future__ import annotations

import pytest

from tacit.errors import ExitCode, RelayError
from tacit.wire.errors import REFUSALS, CommitConflict, UnknownRefusal, refusal


@pytest.mark.parametrize("code", REFUSALS)
def test_a_code_becomes_its_class_again(code):
    error = refusal(code, retry_after_s=7)
    assert type(error) is REFUSALS[code]
    assert isinstance(error, RelayError)
    assert error.retry_after_s == 7


def test_a_conflict_says_where_the_winner_is():
    error = refusal("commit-conflict", last_commit_seq=12)
    assert isinstance(error, CommitConflict)
    assert error.last_commit_seq == 12


def test_no_retry_after_is_not_zero_seconds():
    assert refusal("quota").retry_after_s is None


def test_an_unknown_code_is_kept_but_cannot_write_on_the_screen():
    error = refusal("shiny-new\x1b]0;owned\x07 thing" * 9)
    assert isinstance(error, UnknownRefusal)
    assert error.sentence.startswith("The relay refused for a reason that this program does not know: shiny-new")
    assert error.sentence.isprintable()


def test_exit_codes_tell_scripts_what_to_do():
    assert REFUSALS["rate-limited"].exit_code is ExitCode.RATE_LIMITED
    assert REFUSALS["no-such-account"].exit_code is ExitCode.NOT_FOUND
    assert REFUSALS["bad-signature"].exit_code is ExitCode.UNTRUSTED
