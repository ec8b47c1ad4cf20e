"""Runs the work of a command: logging, signals, the open client, and waits that explain themselves."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

from tacit.cli import passphrases
from tacit.cli.output import talk
from tacit.cli.settings import Settings
from tacit.errors import ExitCode, TacitError
from tacit.ui.patience import patiently

if TYPE_CHECKING:
    from tacit.sdk import Client

T = TypeVar("T")

STILL_S: Final = 1.0

TRIES: Final = 3
"""How often a person may mistype a passphrase before the command gives up."""


def run(settings: Settings, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run the work of a command in an event loop; SIGTERM and SIGHUP end it as Ctrl+C does, closing everything."""
    configure_logging(settings)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # keys must not end up in a core file
    ended_by: list[int] = []

    async def main() -> T:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def end(number: int) -> None:
            ended_by.append(number)
            if task is not None:
                task.cancel()

        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, end, number)
        return await work()

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise (SystemExit(128 + ended_by[0]) if ended_by else KeyboardInterrupt()) from None


@asynccontextmanager
async def client(settings: Settings, *, connect: bool = True, passphrase: str | None = None) -> AsyncIterator[Client]:
    """Open the profile of this command, asking for its passphrase if it has one that is not known yet."""
    from tacit.sdk import Client
    from tacit.sdk.parts import through

    root = settings.root
    passphrase = passphrase or passphrases.given(settings)
    asked = 0
    async with AsyncExitStack() as stack:
        while True:
            opening = Client.open(
                settings.profile, passphrase=passphrase, data_dir=root, connect=connect, parts=through(settings.proxy)
            )
            try:
                me = await stack.enter_async_context(opening)
                break
            except TacitError as error:
                # A given passphrase that is wrong is an error; a typed one may be typed again.
                wanted = error.code == "passphrase-needed" or (error.code == "wrong-passphrase" and asked)
                if not wanted or asked >= TRIES:
                    raise
            passphrase = passphrases.ask(settings, settings.profile, wrong=asked > 0)
            asked += 1
        yield me


@asynccontextmanager
async def online(settings: Settings, timeout_s: float = 15.0) -> AsyncIterator[Client]:
    """Open the profile and wait until all that waited at the relay is here."""
    async with client(settings) as me:
        await patiently(me.wait_caught_up(timeout_s), "Waiting for the relay.", say)
        yield me


def say(text: str) -> None:
    """Tell a person what is being waited for; scripts are not told."""
    if sys.stderr.isatty():
        talk(text)


async def settle(me: Client, work: Coroutine[Any, Any, T], timeout_s: float, *, left_over: int = 0) -> T:
    """Do something that changes a chat, and wait until the relay has all of it, but for ``left_over`` wishes.

    A wish to leave stays open until another member has fulfilled it; what else there is has gone out when nothing has
    moved for ``STILL_S``. Raises ``NotSettled`` when it does not in time (what was asked for is kept and done later),
    and ``ChangeFailed``.
    """
    news = asyncio.create_task(_next_failure(me))
    try:
        result = await work
        try:
            async with asyncio.timeout(timeout_s):
                await patiently(_nothing_queued(me, news, left_over), "Waiting for the relay to take the change.", say)
        except TimeoutError:
            raise NotSettled from None
        if news.done():
            raise ChangeFailed(news.result())
        return result
    finally:
        news.cancel()


class NotSettled(TacitError):
    """It was written down here but has not reached the relay yet; it goes out by itself when a command is next run."""

    code = "not-settled"
    exit_code = ExitCode.TIMEOUT


class ChangeFailed(TacitError):
    """The change did not go through."""

    code = "change-failed"


async def _nothing_queued(me: Client, news: asyncio.Task[str], left_over: int) -> None:
    loop = asyncio.get_running_loop()
    since = loop.time()
    while not news.done():
        queued = (await me.status()).queued
        if not queued or (queued <= left_over and loop.time() - since > STILL_S):
            return
        if queued > left_over:
            since = loop.time()
        await asyncio.sleep(0.05)


async def _next_failure(me: Client) -> str:
    from tacit.sdk.types import MessageEvent

    async for event in me.events():
        if isinstance(event, MessageEvent) and event.message.notice and event.message.notice.code == "change-failed":
            return event.message.notice.reason
    return ""


def configure_logging(settings: Settings) -> None:
    """Send what the rooms log where the person wanted it: nowhere, to standard error, or to a file."""
    logger = logging.getLogger("tacit")
    logger.handlers.clear()
    logger.propagate = False
    if not settings.verbose and not settings.log_file:
        logger.addHandler(logging.NullHandler())
        return
    handler = _file_handler(Path(settings.log_file).expanduser()) if settings.log_file else _ErrorStream()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if settings.verbose > 1 else logging.INFO)


def _file_handler(path: Path) -> logging.Handler:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return logging.StreamHandler(os.fdopen(descriptor, "a", encoding="utf-8"))


class _ErrorStream(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is now, so a prompt can keep log lines from tearing it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # an attribute there, looked up anew here
        """Standard error."""
        return sys.stderr
