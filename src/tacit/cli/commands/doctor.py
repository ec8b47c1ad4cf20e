"""``tacit doctor``: what keeps this set-up from working, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tacit.cli.settings import Settings
    from tacit.identity import RelayLink
    from tacit.sdk import Client
    from tacit.sdk.diagnosis import Finding

LOGIN_CHECKS: Final = ("login", "keys", "queue")


@click.command(cls=Command)
@click.argument("link", required=False)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=15.0,
    show_default=True,
    help="Seconds for the login.",
)
@pass_settings
def doctor(settings: Settings, link: str | None, timeout: float) -> int:
    """Check this set-up from end to end and say what to do: Python, folder, profile, network, relay, login.

    One line for each check. With LINK the way to that relay is checked, and nobody logs in there. The code is that of
    the first check that fails, 0 if none does.
    """
    from tacit.cli.running import run

    return run(settings, lambda: _work(settings, link, timeout))


async def _work(settings: Settings, link: str | None, timeout_s: float) -> int:
    from tacit.cli import doctor_words
    from tacit.cli.output import Output
    from tacit.errors import ExitCode
    from tacit.identity import parse_link

    relay = parse_link(link) if link else None
    out = Output(json=settings.json)
    found: list[Finding] = []
    async for finding in _checks(settings, relay, timeout_s):
        found.append(finding)
        if not settings.json:
            out.rows(doctor_words.rows(finding, out.layout))
    failed = [finding for finding in found if finding.state == "failed"]
    if settings.json:
        out.data({"ok": not failed, "checks": [_value(finding) for finding in found]})
    if not failed:
        return ExitCode.OK
    return failed[0].error.exit_code if failed[0].error else ExitCode.GENERAL


async def _checks(settings: Settings, relay: RelayLink | None, timeout_s: float) -> AsyncIterator[Finding]:
    import os

    from tacit.cli.machine import examine_machine

    for finding in examine_machine(settings.root, os.environ, settings.proxy):
        yield finding
    if relay is None:
        async for finding in _profile(settings, timeout_s):
            yield finding
    else:
        async for finding in _way(settings, relay):
            yield finding
    yield await _relay_here(settings)


async def _profile(settings: Settings, timeout_s: float) -> AsyncIterator[Finding]:
    """The profile, the way to its relay, and the login there."""
    from tacit.cli.errors import advise
    from tacit.cli.running import client
    from tacit.errors import TacitError
    from tacit.identity import parse_link
    from tacit.sdk.diagnosis import RELAY_CHECKS, Finding

    try:
        async with client(settings) as me:
            status = await me.status()
            encrypted = {"encrypted_at_rest": status.encrypted_at_rest}
            yield Finding("profile", "ok", {"profile": status.profile, "name": status.me.name, **encrypted})
            failed = False
            async for finding in _way(settings, parse_link(status.relay)):
                yield finding
                failed = failed or finding.state == "failed"
            if failed:
                for check in LOGIN_CHECKS[:-1]:
                    yield Finding(check, "skipped")
                yield _queue(status.queued)
            else:
                async for finding in _login(me, timeout_s):
                    yield finding
    except TacitError as error:
        in_use = error.code == "profile-in-use"
        if in_use:
            advise(error, "/status in that tacit says how it stands; to have everything checked here, end it first.")
        elif error.code == "no-such-profile":
            advise(error, "tacit up makes one with a relay of your own, tacit join LINK one at somebody's.")
        yield Finding("profile", "warning" if in_use else "failed", {"profile": settings.profile}, error)
        for check in (*RELAY_CHECKS, *LOGIN_CHECKS):
            yield Finding(check, "skipped", {"because": "in-use"} if in_use else {})


async def _login(me: Client, timeout_s: float) -> AsyncIterator[Finding]:
    from tacit.errors import TacitError
    from tacit.sdk.diagnosis import Finding

    try:
        await me.wait_caught_up(timeout_s)
    except TacitError as error:
        yield Finding("login", "failed", {}, error)
        yield Finding("keys", "skipped")
    else:
        yield Finding("login", "ok")
        left = (await me.status()).key_packages
        yield Finding("keys", "warning" if left == 0 else "ok", {"left": left})
    yield _queue((await me.status()).queued)


async def _way(settings: Settings, relay: RelayLink) -> AsyncIterator[Finding]:
    """The way to a relay, with the proxy that leads there."""
    import os

    from tacit.errors import TacitError
    from tacit.net.proxies import choose_proxy
    from tacit.sdk.diagnosis import RELAY_CHECKS, Finding, examine_relay
    from tacit.sdk.parts import through

    try:
        proxy = choose_proxy(relay.host, settings.proxy, os.environ)
    except TacitError as error:
        yield Finding("name", "skipped")
        yield Finding("network", "failed", {}, error)
        for check in RELAY_CHECKS[2:]:
            yield Finding(check, "skipped")
        return
    async for finding in examine_relay(relay, through(settings.proxy), proxy=proxy):
        yield finding


async def _relay_here(settings: Settings) -> Finding:
    """The data of the relay of this machine, if there is one: what ``tacit relay doctor`` reads, in a few words."""
    import asyncio

    from tacit.cli.errors import advise
    from tacit.cli.home import load_address
    from tacit.errors import TacitError
    from tacit.relay.backups import examine
    from tacit.sdk.diagnosis import Finding

    if load_address(settings) is None:
        return Finding("relay", "skipped", {"because": "no-relay"})
    try:
        contents = await asyncio.to_thread(examine, settings.relay_dir, progress=lambda what, done: None)
    except TacitError as error:
        if error.code == "no-store":
            return Finding("relay", "skipped", {"because": "no-relay"})
        return Finding("relay", "failed", {}, error)
    facts = {"accounts": contents.accounts, "entries": contents.entries}
    if contents.is_sound:
        return Finding("relay", "ok", facts)
    unsound = TacitError("the data of the relay here is damaged")
    advise(unsound, "tacit relay doctor says what is; docs/operations.md what to do.")
    return Finding("relay", "failed", facts, unsound)


def _queue(queued: int) -> Finding:
    from tacit.sdk.diagnosis import Finding

    return Finding("queue", "warning" if queued else "ok", {"queued": queued})


def _value(finding: Finding) -> dict[str, object]:
    from tacit.cli.doctor_words import what_to_do, words

    return {
        "check": finding.check,
        "state": finding.state,
        "words": words(finding),
        "todo": what_to_do(finding),
        "code": finding.error.code if finding.error else "",
        "facts": finding.facts,
    }
