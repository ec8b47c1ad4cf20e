"""How a command of ``tacit relay`` asks the relay of this machine, whether it runs or not, and the person first."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import click

from tacit.errors import TacitError, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tacit.cli.settings import Settings


class NotConfirmed(UsageError):
    """That cannot be undone, and nobody is there to say yes to it."""

    code = "not-confirmed"
    hint = "Give --yes if you mean it."


class Declined(UsageError):
    """Nothing was changed."""

    code = "declined"


def relay_settings(ctx: click.Context) -> Settings:
    """The settings of this process, with the folder that ``tacit relay --data`` names."""
    from tacit.cli.settings import load

    settings = load(ctx, serve=ctx.find_object(dict) or {})
    if settings.verbose or settings.log_file:
        from tacit.cli.relay_server import configure_logging

        configure_logging(settings)
    return settings


def ask(settings: Settings, operation: str, **args: Any) -> dict[str, Any]:
    """Have the relay do something; raises what it refused with."""
    from tacit.cli.settings import span_s
    from tacit.relay.admin.asking import ask_relay

    with advising(settings):
        return ask_relay(settings.relay_dir, operation, args, retention_s=span_s(settings.serve.retention))


@contextmanager
def advising(settings: Settings) -> Iterator[None]:
    """Have an operator told what to do about an error, and not somebody who runs no relay."""
    from tacit.cli.errors import advise

    try:
        yield
    except TacitError as error:
        if error.code in ADVICE:
            advise(error, ADVICE[error.code].format(folder=settings.relay_dir))
        raise


ADVICE: Final = {
    "no-such-account": "tacit relay users lists them.",
    "no-such-device": "tacit relay devices ACCOUNT lists them.",
    "no-such-invite": "tacit relay invites lists them.",
    "no-such-room": "tacit relay rooms lists the public ones.",
    "no-store": "It was looked for in {folder}. Start the relay once, or name its folder with --data. One with "
    "--ephemeral keeps nothing to ask for.",
}
"""What to do next, where the error is also met by people who run no relay."""


COMPLETION_TIMEOUT_S: Final = 2.0
"""How long a relay may take while somebody waits at Tab."""

PAGE: Final = 1_000
"""Accounts that one answer lists."""


def every_user(settings: Settings) -> Iterator[dict[str, Any]]:
    """All accounts of the relay, fetched in parts."""
    after: int | None = 0
    while after is not None:
        found = ask(settings, "users", after=after, limit=PAGE)
        yield from found["users"]
        after = found["next_after"]


def confirm(settings: Settings, question: str, *, yes: bool) -> None:
    """Go on only after a yes. Raises ``NotConfirmed`` where nobody can be asked, ``Declined`` after a no."""
    from tacit.cli.asking import ask_line

    if yes:
        return
    if settings.no_input or not sys.stdin.isatty():
        raise NotConfirmed
    if (ask_line(f"{question} [y/N] ") or "").lower() not in {"y", "yes"}:
        raise Declined


def complete_account(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Handles, and IDs of those who have none, for completion in a shell."""
    from click.shell_completion import CompletionItem

    from tacit.cli.settings import load

    found: list[CompletionItem] = []
    with suppress(TacitError, OSError):
        given = ctx.parent.params.get("data") if ctx.parent else None
        for user in _users_at_once(load(ctx, serve={"data": given})):
            name = f"@{user['handle']}" if user["handle"] else user["short"]
            if name.startswith(incomplete):
                found.append(CompletionItem(name))
    return found


def _users_at_once(settings: Settings) -> Iterator[dict[str, Any]]:
    """All accounts, of a running relay without what a person at Tab need not wait for: the relay's own program."""
    from tacit.errors import TransportError
    from tacit.relay.control_lines import SOCKETS, ask

    for name in SOCKETS.values():
        after: int | None = 0
        try:
            while after is not None:
                asked = {"after": after, "limit": PAGE}
                found = ask(settings.relay_dir / name, "users", asked, timeout_s=COMPLETION_TIMEOUT_S)
                yield from found["users"]
                after = found["next_after"]
        except TransportError:
            continue
        return
    yield from every_user(settings)
