"""``tacit demo``: see it work, and see what the relay sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command
from tacit.errors import ExitCode

if TYPE_CHECKING:
    from tacit.cli.settings import Settings


@click.command(cls=Command)
@pass_settings
def demo(settings: Settings) -> int:
    """Watch three people talk through a relay, and what the relay keeps of every message.

    Everything is real and in processes of its own: a relay with its database, three clients. They make a direct chat
    and a group, talk, go offline and come back, add somebody and remove her. Then everything the relay has (files,
    log, database, memory) is searched for what was said. Ends with 0 only if all of it held. Leaves nothing behind.
    """
    from tacit.cli.running import run

    return run(settings, lambda: _demo(settings))


async def _demo(settings: Settings) -> int:
    import dataclasses
    import tempfile
    import time
    from pathlib import Path

    from tacit.cli.demo.evidence import Relay
    from tacit.cli.demo.people import people
    from tacit.cli.demo.story import Story
    from tacit.cli.output import Output, indented
    from tacit.cli.relay_process import relay_process

    out = Output(json=settings.json)

    def tell(text: str) -> None:
        if not settings.json:
            out.rows([(("", line),) for line in indented(text, out.layout.width)])

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tacit-demo-") as name:
        folder, log = Path(name) / "relay", Path(name) / "relay.log"
        tell("A relay and three people, each a process of their own.")
        async with (
            relay_process(folder, host="127.0.0.1", port=0, public_host="127.0.0.1", log=log) as relay,
            people(("alice", "bob", "carol"), Path(name) / "people", relay.link) as everybody,
        ):
            numbers = ", ".join(f"{person.name} {person.pid}" for person in everybody)
            tell(f"Processes: relay {relay.pid}, {numbers}.")
            story = Story(Relay(folder, log, relay.pid), everybody, tell)
            await story.play()
    report, seconds = story.report, round(time.monotonic() - began, 1)
    value = {
        "ok": report.ok,
        "said": [dataclasses.asdict(said) for said in report.said],
        "checks": [dataclasses.asdict(check) for check in report.checks],
        "seconds": seconds,
    }
    failed = sum(not check.ok for check in report.checks)
    verdict = "All of it held" if report.ok else f"{failed} of {len(report.checks)} checks failed"
    out.data(value, [(("good" if report.ok else "alarm", f"{verdict}, in {seconds} seconds."),)])
    return ExitCode.OK if report.ok else ExitCode.GENERAL
