"""Questions to the person at the terminal, asked between two steps of an event loop without losing Ctrl+C.

While somebody types, the loop stands still. Its own handling of signals would wait for the answer, so for that time
signals raise at once.
"""

from __future__ import annotations

import errno
import getpass
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from tacit.errors import UsageError

MAX_LINE_BYTES: Final = 4096


class DescriptorUnreadable(UsageError):
    """Nothing can be read from that descriptor."""

    code = "descriptor-unreadable"
    hint = "Open it for this program, such as: 3<FILE behind the command, for descriptor 3."


def ask_line(question: str) -> str | None:
    """Ask on standard error and return the line typed on standard input; None at its end."""
    with _signals_at_once():  # from before the question is seen: somebody may answer it with Ctrl+C
        sys.stderr.write(question)
        sys.stderr.flush()
        line = sys.stdin.readline()
    if not line.endswith("\n"):  # Ctrl+D leaves the cursor behind the question
        sys.stderr.write("\n")
        sys.stderr.flush()
    return line.strip() if line else None


def ask_secret(question: str) -> str:
    """Ask at the terminal without showing what is typed. Ctrl+D counts as nothing.

    What a person answers at once, such as that the last try was wrong, belongs into the question: between two of them
    the terminal shows what is typed, and forgets it.
    """
    with _signals_at_once():
        try:
            return getpass.getpass(question)
        except EOFError:
            return ""


def read_descriptor(descriptor: int) -> str | None:
    """Wait for one line of a descriptor and not a byte more; None at its end. Raises ``DescriptorUnreadable``."""
    try:
        with _signals_at_once():
            line = read_line(descriptor, MAX_LINE_BYTES)
        return line.decode().strip() if line else None
    except UnicodeDecodeError:
        raise DescriptorUnreadable("it is not UTF-8") from None
    except OSError as error:
        raise DescriptorUnreadable(error.strerror or "") from None


def read_line(descriptor: int, most_bytes: int) -> bytes:
    """Read one line and not a byte more: what follows may be meant for somebody else, and its end may never come.

    Raises ``OSError``, as ``check_inherited`` does.
    """
    check_inherited(descriptor)
    line = b""
    while len(line) < most_bytes and not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            break
        line += byte
    return line


def check_descriptor(descriptor: int) -> None:
    """Raise ``DescriptorUnreadable`` unless whoever started this program has opened a descriptor for it."""
    try:
        check_inherited(descriptor)
    except OSError as error:
        raise DescriptorUnreadable(error.strerror or "") from None


def check_inherited(descriptor: int) -> None:
    """Raise ``OSError`` unless a descriptor came from outside.

    What this program opens is inherited by nobody. To read there would take bytes of the store or of a connection for
    what a person has typed: a key could be sealed with them, and nobody would ever open it.
    """
    if not os.get_inheritable(descriptor):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


@contextmanager
def _signals_at_once() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, _raise) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
