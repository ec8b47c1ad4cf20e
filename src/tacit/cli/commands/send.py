"""``tacit send``: one message from the command line or standard input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.errors import advise, put_beside
from tacit.cli.tree import Command, names_of
from tacit.errors import ExitCode, TacitError, UsageError

if TYPE_CHECKING:
    from tacit.cli.settings import Settings
    from tacit.sdk import Client
    from tacit.sdk.types import MessageInfo, WaitFor


class NotText(UsageError):
    """What came on standard input is not text in UTF-8."""

    code = "not-text"
    hint = "Only text can be sent."


class NothingToSend(UsageError):
    """There is no text to send."""

    code = "empty"


@click.command(cls=Command)
@click.argument("who", shell_complete=names_of("anyone"))
@click.argument("text")
@click.option(
    "--wait",
    type=click.Choice(["sent", "relayed", "delivered", "read"]),
    default="relayed",
    show_default=True,
    help="How far the message has to come before the command ends.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Seconds to wait for that.",
)
@pass_settings
def send(settings: Settings, who: str, text: str, wait: WaitFor, timeout: float) -> None:
    """Send TEXT to WHO: @name, account ID, contact link, contact or group. TEXT - reads standard input.

    When the relay cannot be reached the message is kept, goes out the next time tacit runs for this profile, and the
    command fails with code 3.
    """
    from tacit.cli.output import Output
    from tacit.cli.running import client, run
    from tacit.ui import words
    from tacit.ui.rows import glyphs_for

    body = _read_input() if text == "-" else text
    if not body.strip():
        raise NothingToSend

    async def work() -> None:
        async with client(settings) as me:
            message = await _send(me, who, body, timeout)
            message = await _wait(me, message, wait, timeout)
        out = Output(json=settings.json)
        value = {"id": message.id, "chat": message.chat, "state": message.state}
        out.data(value, [(("", words.state(message.state, glyphs_for(sys.stdout.encoding))),)])

    run(settings, work)


async def _send(me: Client, who: str, text: str, timeout_s: float) -> MessageInfo:
    from tacit.cli.running import say
    from tacit.ui.patience import patiently

    try:
        return await me.send(who, text)
    except TacitError as error:
        if error.code != "offline":
            raise
    # Somebody unknown has to be looked up first, so the relay is needed.
    await patiently(me.wait_online(timeout_s), "Waiting for the relay.", say)
    return await me.send(who, text)


async def _wait(me: Client, message: MessageInfo, state: WaitFor, timeout_s: float) -> MessageInfo:
    from tacit.cli.running import say
    from tacit.ui.patience import patiently

    try:
        await patiently(me.wait_online(timeout_s), "Waiting for the relay.", say)
        return await patiently(me.wait_for(message.id, state, timeout_s), f"Waiting until the message is {state}.", say)
    except TacitError as error:
        put_beside(error, message={"id": message.id, "chat": message.chat, "state": message.state})
        if message.state in ("queued", "sent") and error.exit_code in (ExitCode.NETWORK, ExitCode.TIMEOUT):
            advise(error, "The message is kept, and goes out the next time that tacit runs for this profile.")
        raise


def _read_input() -> str:
    if sys.stdin.isatty():
        sys.stderr.write("Type the message; Ctrl+D on an empty line ends it.\n")
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise NotText from None
    return text.removesuffix("\n").removesuffix("\r")
