"""The operator's own terminal, for trying out: whoever reads it can register any number."""

from __future__ import annotations

import sys


class ConsoleDelivery:
    """Prints messages on standard error."""

    async def deliver(self, number: str, text: str) -> None:
        """Print a message."""
        sys.stderr.write(f"For {number}, printed here because phone_delivery is console, for trying out: {text}\n")
        sys.stderr.flush()
