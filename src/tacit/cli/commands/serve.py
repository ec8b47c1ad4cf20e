"""``tacit serve``: a relay."""

from __future__ import annotations

import resource
from contextlib import suppress
from typing import Final

import click

from tacit.cli.tree import Command

PORT: Final = click.IntRange(0, 65535)


@click.command(cls=Command)
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [default: every one]")
@click.option("--port", metavar="PORT", type=PORT, help="Port for WebSocket; 0 takes any free one.  [default: 8765]")
@click.option("--ws/--no-ws", default=None, help="Serve clients over WebSocket.  [default: yes]")
@click.option("--grpc/--no-grpc", default=None, help="Serve clients over gRPC, too.  [default: no]")
@click.option("--grpc-port", metavar="PORT", type=PORT, help="Port for gRPC; 0 takes any free one.  [default: 50051]")
@click.option("--tcp/--no-tcp", default=None, help="Serve clients over TCP, too.  [default: no]")
@click.option("--tcp-port", metavar="PORT", type=PORT, help="Port for TCP; 0 takes any free one.  [default: 5000]")
@click.option("--public-host", metavar="HOST", help="Name or address for links.  [default: this machine's address]")
@click.option("--data", type=click.Path(file_okay=False), help="Folder of the relay.")
@click.option(
    "--registration",
    type=click.Choice(["auto", "open", "invite", "phone", "invite+phone"]),
    help="Who may register.  [default: whoever has an invitation; on a loopback address everybody]",
)
@click.option("--retention", metavar="SPAN", help="How long messages wait for their readers.  [default: 30d]")
@click.option("--ephemeral", is_flag=True, default=None, help="Keep everything in memory and leave no file behind.")
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input ends.")
@click.pass_context
def serve(ctx: click.Context, /, with_parent: bool, **flags: object) -> None:
    """Run a relay: it passes encrypted messages on and keeps them until they are fetched. Ctrl+C stops it.

    Prints a relay link for each way to connect on standard output, the QR code of the first and the log
    on standard error. To register, people need an invitation (tacit relay invite), unless registration is
    open.
    """
    from tacit.cli.relay_server import run_relay
    from tacit.cli.settings import load

    _prepare_process()
    run_relay(load(ctx, serve=flags), with_parent=with_parent)


def _prepare_process() -> None:
    """Take as many open files as the system allows, one for each connection, and leave no core file with the key."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
