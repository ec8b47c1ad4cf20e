"""``tacit completion``: completion of commands, options and names in a shell."""

from __future__ import annotations

import click

from tacit.cli.tree import Command


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL: commands, options, and the names of people, groups, rooms and profiles.

    \b
    bash:  eval "$(tacit completion bash)"           in ~/.bashrc
    zsh:   eval "$(tacit completion zsh)"            in ~/.zshrc
    fish:  tacit completion fish | source            in ~/.config/fish/config.fish

    Names come from the store on this disk. A profile with a passphrase shows none: pressing Tab never asks for one.
    """  # noqa: D301 - the backspace is click's mark for lines that are not to be filled
    from tacit.cli.shells import script

    click.echo(script(shell), nl=False)
