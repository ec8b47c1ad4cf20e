"""Runs a relay in this process until a signal ends it: configuration in, one line with its link out, logs to the side.

Log lines hold event names and allow-listed fields only (see ``tacit.log``), never addresses, names or content.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from tacit.cli.home import Address, save_address
from tacit.cli.output import Output
from tacit.cli.relay_settings import relay_config
from tacit.cli.settings import Settings
from tacit.clock import SystemClock
from tacit.log import EventLog, LogEvent
from tacit.net.notify import told_to_the_manager

if TYPE_CHECKING:
    from collections.abc import Coroutine, MutableMapping

    from tacit.relay.config import RelayConfig
    from tacit.relay.server import Relay

INVITE_USES: Final = 25
"""Registrations that the link of an ephemeral relay is good for, where registration is by invite."""


def run_relay(settings: Settings, *, with_parent: bool) -> None:
    """Run a relay until SIGTERM, SIGINT, SIGHUP or, with ``with_parent``, the end of standard input.

    Raises ``WriterFailed`` when the relay had to end by itself.
    """
    configure_logging(settings)
    config = relay_config(settings)
    _run(_serve(settings, config, with_parent=with_parent))


async def _serve(settings: Settings, config: RelayConfig, *, with_parent: bool) -> None:
    from tacit.relay import process
    from tacit.relay.errors import WriterFailed
    from tacit.relay.server import Relay

    stop, why = asyncio.Event(), "stdin"
    loop = asyncio.get_running_loop()

    def end(reason: str) -> None:
        nonlocal why
        if not stop.is_set():
            why = reason
            stop.set()

    ends = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants it to outlive its terminal
        ends.append(signal.SIGHUP)
    for number in ends:
        loop.add_signal_handler(number, end, number.name)
    log = EventLog("relay")
    relay = Relay(config, SystemClock(), os.urandom)
    relay.on_drained = partial(end, "drained")
    relay.on_failed = partial(end, WriterFailed.code)
    await relay.start()
    process.settle()
    try:
        invite = await relay.invite(uses=INVITE_USES) if config.ephemeral and config.needs_invite else ""
        links = tuple(relay.links())
        address = Address(link=links[0], port=relay.port, registration=config.registration, links=links)
        if config.data_dir is not None:
            save_address(config.data_dir, address)
        _announce(settings, config, relay, invite)
        if with_parent:
            await _watch_parent(lambda: end("parent"))
        async with told_to_the_manager(os.environ):
            await stop.wait()
        log.info("stopping", signal=why)
        if why == WriterFailed.code:
            raise WriterFailed
    finally:
        await relay.stop()


def _announce(settings: Settings, config: RelayConfig, relay: Relay, invite: str) -> None:
    from tacit.cli.relay_words import TRANSPORTS, listed

    out, links = Output(json=settings.json), relay.links(invite)
    # What reads a log of JSON lines, such as a container's, wants nothing between them.
    if not (settings.json or (settings.serve.log_format == "json" and not settings.log_file)):
        out.code(links[0])
        kept = "nothing on disk" if config.data_dir is None else str(config.data_dir)
        anybody = not config.needs_invite or config.ephemeral
        who = "Whoever has this link" if anybody else "Whoever has an invitation (tacit relay invite makes one)"
        proof = " and proves a phone number" if config.needs_phone else ""
        ports = [f"{port} for {TRANSPORTS[scheme]}" for scheme, port in relay.ports.items()]
        on = f"port {relay.port}" if len(ports) == 1 else f"ports {listed(ports)}"
        out.talk(f"The relay runs on {on} and keeps {kept}. {who}{proof} can register. Ctrl+C stops it.")
        if config.needs_phone and settings.serve.phone_delivery == "console":
            out.talk("Codes are printed here, which is for trying out: whoever reads them can register any number.")
    value = {
        "event": "listening",
        "link": links[0],
        "port": relay.port,
        "links": links,
        "ephemeral": config.data_dir is None,
    }
    out.data(value, [(("", link),) for link in links])


def _run(main: Coroutine[Any, Any, None]) -> None:
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def _watch_parent(gone: Any) -> None:
    """Call ``gone`` when standard input, a pipe from the parent, ends."""

    class _End(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            gone()

    await asyncio.get_running_loop().connect_read_pipe(_End, sys.stdin)


def _take_apart(_logger: Any, _method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Give each field of an event a key of its own."""
    said = event_dict["_record"].msg
    if isinstance(said, LogEvent):
        event_dict.update(said.fields, event=said.name)
    return event_dict


def configure_logging(settings: Settings) -> None:
    """Send what the relay logs where its operator wanted it: to standard error, or to a file."""
    import structlog

    stream: TextIO = sys.stderr
    if settings.log_file:
        descriptor = os.open(Path(settings.log_file).expanduser(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        stream = os.fdopen(descriptor, "a", encoding="utf-8", buffering=1)
    handler = logging.StreamHandler(stream)
    as_json = settings.json if settings.serve.log_format == "auto" else settings.serve.log_format == "json"
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.processors.LogfmtRenderer()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                _take_apart,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logger = logging.getLogger("tacit")
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if settings.verbose else logging.INFO)
