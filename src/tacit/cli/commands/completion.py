"""``tacit completion``: completion of commands and options in a shell."""

from __future__ import annotations

import click

from tacit.cli.tree import Command


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL. For bash: eval "$(tacit completion bash)"."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        ctx.fail(f"no completion for {shell}")
    click.echo(found(ctx.find_root().command, {}, "tacit", "_TACIT_COMPLETE").source())
