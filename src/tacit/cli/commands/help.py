"""``tacit help``: the same as --help, for those who type it the other way round."""

from __future__ import annotations

import click

from tacit.cli.tree import TREE, Command


@click.command(cls=Command)
@click.argument("command", nargs=-1)
@click.pass_context
def help(ctx: click.Context, command: tuple[str, ...]) -> None:  # noqa: A001 - the name of the command
    """Explain COMMAND, such as tacit help group invite; without one, list them all."""
    context, found = ctx.find_root(), TREE
    explained: click.Command = found
    for name in command:
        _, inner, _ = explained.resolve_command(context, [name]) if isinstance(explained, click.Group) else (0, None, 0)
        if inner is None:
            ctx.fail(f"{context.command_path} has no commands.")
        context, explained = click.Context(inner, info_name=name, parent=context), inner
    click.echo(explained.get_help(context))
