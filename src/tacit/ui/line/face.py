"""What a line-mode session needs of the place where it happens: somewhere to read lines and somewhere to show rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tacit.sdk.types import Event
from tacit.ui.layout import Layout
from tacit.ui.rows import Row


class Face(Protocol):
    """A terminal, or a pair of pipes."""

    interactive: bool
    """Somebody sits there: talk is welcome and nothing has to be finished before the end."""

    echoes: bool
    """What is typed stays in sight, so own lines are not shown again."""

    @property
    def layout(self) -> Layout:
        """The frame for rows, as wide as the place is now."""
        ...

    async def read(self) -> str | None:
        """Wait for the next line; None when there will be no more."""
        ...

    def show(self, rows: Sequence[Row]) -> None:
        """Show lines of a chat."""
        ...

    def say(self, rows: Sequence[Row]) -> None:
        """Show what tacit itself has to say."""
        ...

    def event(self, event: Event) -> None:
        """Hand on an event as it is, for programs that read along."""
        ...

    def refresh(self, prompt: str, status: str) -> None:
        """Change the prompt and the status line."""
        ...

    def clear(self) -> None:
        """Clear the screen."""
        ...

    async def close(self) -> None:
        """Show what is still waiting to be shown, and give the terminal back."""
        ...
