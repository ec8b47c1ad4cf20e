"""How a command gets its settings: a decorator, so that each command is a plain function of what it needs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click


def pass_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Call a command with the settings of this process as first argument."""

    @click.pass_context
    @functools.wraps(function)
    def call(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        from tacit.cli.settings import load

        return function(load(ctx), *args, **kwargs)

    return call
