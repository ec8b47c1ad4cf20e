"""Where a passphrase comes from: a descriptor, a file, the environment, or the person at the terminal.

Never from the command line, where other users of the machine could read it, and never from a configuration file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from tacit.cli.asking import ask_secret, read_line
from tacit.cli.output import talk
from tacit.cli.settings import Settings
from tacit.errors import Locked, UsageError

VARIABLE: Final = "TACIT_PASSPHRASE"

_MAX_BYTES: Final = 4096


class PassphraseNeeded(Locked):
    """A passphrase is needed, and nobody is there to type it."""

    code = "passphrase-needed"
    hint = (
        "Use --passphrase-fd, --passphrase-file or TACIT_PASSPHRASE; for a new identity without one, --no-passphrase."
    )


class PassphraseUnreadable(UsageError):
    """The passphrase cannot be read from where it should be."""

    code = "passphrase-unreadable"


class PassphrasesDiffer(UsageError):
    """The two passphrases are not the same."""

    code = "passphrases-differ"


def given(settings: Settings) -> str | None:
    """Return the passphrase that was provided without asking, or None."""
    try:
        if settings.passphrase_fd is not None:
            return _first_line(read_line(settings.passphrase_fd, _MAX_BYTES))
        if settings.passphrase_file:
            with Path(settings.passphrase_file).expanduser().open("rb") as file:
                return _first_line(file.read(_MAX_BYTES))
    except OSError as error:
        raise PassphraseUnreadable(error.strerror or "") from error
    return os.environ.get(VARIABLE) or None


def can_ask(settings: Settings) -> bool:
    """Whether somebody sits at a terminal and may be asked."""
    if settings.no_input or not (sys.stdin.isatty() or sys.stderr.isatty()):
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def ask(settings: Settings, profile: str, *, wrong: bool = False) -> str:
    """Ask for the passphrase of a profile, again if one was wrong; fails at once where nobody can be asked."""
    if not can_ask(settings):
        raise PassphraseNeeded
    notice = "That is not the passphrase.\n" if wrong else ""
    return ask_secret(f"{notice}Passphrase of {profile}: ")


def ask_new(settings: Settings, *, none: bool) -> str | None:
    """Return the passphrase for a new identity, or None for none at all, which must be wished for."""
    if none:
        return None
    found = given(settings)
    if found is not None:
        return found
    if not can_ask(settings):
        raise PassphraseNeeded
    talk("A passphrase protects your keys and messages on this disk; nobody can recover it for you.")
    talk("Enter alone means none: then whoever gets hold of your files can read and write as you.")
    chosen = ask_twice("Passphrase: ")
    if not chosen:
        talk("No passphrase: your files are protected by nothing but this machine.")
    return chosen or None


def ask_twice(question: str, *, if_empty: str = "") -> str:
    """Ask for a new passphrase and for the same again; Enter alone will do unless ``if_empty`` says what is against it.

    Raises ``PassphrasesDiffer`` after three tries.
    """
    notice = ""
    for _ in range(3):
        first = ask_secret(f"{notice}{question}")
        if not first and if_empty:
            notice = f"{if_empty}\n"
        elif not first or ask_secret("The same again: ") == first:
            return first
        else:
            notice = "They differ; once more.\n"
    raise PassphrasesDiffer


def _first_line(data: bytes) -> str:
    line = data.split(b"\n", 1)[0].rstrip(b"\r")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PassphraseUnreadable("it is not UTF-8") from error
    if not text:
        raise PassphraseUnreadable("it is empty")
    return text
