"""How a command gets its settings: a decorator, so that each command is a plain function of what it needs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import click


class Span(click.ParamType[int | None]):
    """How long something lasts, in seconds; where there may be no end to it, ``never`` is None."""

    name = "span"

    def __init__(self, *, endless: bool = False) -> None:
        self._endless = endless

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Read a span such as ``7d``."""
        from tacit.cli.settings import BadConfig, span_s

        if isinstance(value, int) or (self._endless and value == NEVER):
            return value if isinstance(value, int) else None
        try:
            return span_s(value)
        except BadConfig as error:
            self.fail(f"{error.detail}{f', or {NEVER}' if self._endless else ''}", param, ctx)


NEVER: Final = "never"


def pass_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Call a command with the settings of this process as first argument."""

    @click.pass_context
    @functools.wraps(function)
    def call(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        from tacit.cli.settings import load

        return function(load(ctx), *args, **kwargs)

    return call
