"""Asks for the code of a session at a terminal; Tab completes its words."""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from tacit.sdk.session import complete_code
from tacit.ui.line.pair_words import CODE_QUESTION


class CodeCompleter(Completer):
    """Completes the last word of a code."""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield what the code being typed may become."""
        typed = "-".join(document.text_before_cursor.split(" "))
        for whole in complete_code(typed):
            yield Completion(whole, start_position=-len(document.text_before_cursor))


async def ask_code() -> str | None:
    """The line that was typed; None for Ctrl+C and Ctrl+D."""
    session: PromptSession[str] = PromptSession(completer=CodeCompleter(), complete_while_typing=False)
    try:
        return (await session.prompt_async(CODE_QUESTION)).strip() or None
    except (EOFError, KeyboardInterrupt):
        return None
