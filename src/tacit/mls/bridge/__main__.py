"""The shell of the bridge: lines in, lines out, with the machine's clock and randomness."""

from __future__ import annotations

import sys
from typing import BinaryIO, TextIO

from tacit.clock import SystemClock
from tacit.entropy import system_entropy
from tacit.mls.bridge.clients import Surroundings
from tacit.mls.bridge.session import MAX_LINE_BYTES, Session


def serve(requests: BinaryIO, answers: TextIO) -> None:
    """Answer every line until there are no more."""
    session, clock = Session(), SystemClock()
    while line := requests.readline(MAX_LINE_BYTES + 1):
        if not line.endswith(b"\n"):
            _skip_line(requests)
        if line.strip():
            answers.write(session.answer(line, Surroundings(clock.now_s(), system_entropy)) + "\n")
            answers.flush()


def _skip_line(requests: BinaryIO) -> None:
    """The rest of a line that is too long is not another request."""
    while (rest := requests.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout)
