"""``tacit relay init`` and ``tacit relay check-config``: the file that says how a relay runs."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tacit.cli.tree import Command, flags
from tacit.errors import ExitCode


@click.command("init", cls=Command)
@click.argument("path", required=False, type=click.Path(dir_okay=False))
@click.option("--public-host", metavar="HOST", help="Name or address for links.  [default: this machine's]")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.pass_context
def init(ctx: click.Context, path: str | None, public_host: str | None, force: bool) -> None:
    """Write a configuration file for a relay: every key with its default and its meaning, the host's name filled in.

    PATH is the usual place when left out: /etc/tacit/config.toml for root, else below ~/.config.
    """
    from tacit.cli.config_file import config_text, default_file, write_config
    from tacit.cli.output import Output
    from tacit.identity.links import can_be_linked
    from tacit.net.addresses import own_name

    place = Path(path) if path else default_file(os.environ)
    host = public_host or own_name()
    if not can_be_linked(host):
        raise click.BadParameter(
            f"{host!r} is neither a name nor an address, so no link could name it.", ctx, param_hint="--public-host"
        )
    data = (ctx.find_object(dict) or {}).get("data")
    filled_in = {"serve.public_host": host, **({"serve.data": str(Path(data).absolute())} if data else {})}
    write_config(place, config_text(filled_in), force=force)
    out = Output(json=bool(flags(ctx).get("json")))
    out.talk(f"Links will name {host}. If others know this machine by another name, change public_host in the file.")
    out.data({"file": str(place), "public_host": host}, [(("", str(place)),)])


@click.command("check-config", cls=Command)
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.pass_context
def check_config(ctx: click.Context, file: str | None) -> int:
    """Say whether a relay could run with FILE, or with the usual files, and explain every mistake.

    The TACIT_* variables count too, as they would for tacit serve. Ends with 2 if anything is wrong.
    """
    from tacit.cli.output import Output
    from tacit.cli.relay_settings import examine
    from tacit.ui.rows import Row

    given = flags(ctx)
    layers = examine(file or given.get("config"), os.environ)
    wrong = [(layer.source, mistake) for layer in layers for mistake in layer.wrong]
    read = [layer.source for layer in layers if layer.source and (layer.values or layer.wrong)]
    out = Output(json=bool(given.get("json")))
    value = {
        "ok": not wrong,
        "sources": read,
        "mistakes": [{"source": source, "key": m.key, "problem": m.problem} for source, m in wrong],
    }
    rows: list[Row] = [(("alarm", f"{source}: {m}" if source else str(m)),) for source, m in wrong]
    out.data(value, rows or [(("good", f"{', '.join(read) or 'defaults alone'}: in order"),)])
    return ExitCode.USAGE if wrong else ExitCode.OK
