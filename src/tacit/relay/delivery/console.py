"""The operator's own terminal, for trying out: whoever reads it can register any number."""

from __future__ import annotations

import shutil
import sys
import textwrap


class ConsoleDelivery:
    """Prints messages on standard error."""

    async def deliver(self, number: str, text: str) -> None:
        """Print a message, broken at blanks on a terminal."""
        told = f"For {number}, printed here because phone_delivery is console, for trying out: {text}"
        if sys.stderr.isatty():
            told = textwrap.fill(told, max(shutil.get_terminal_size().columns - 1, 40), break_long_words=False)
        sys.stderr.write(f"{told}\n")
        sys.stderr.flush()
