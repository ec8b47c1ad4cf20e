"""The connection that the client keeps: made, lost and made again, with what is known of it for whoever waits.

Tries for ever with growing, jittered pauses, except where trying again cannot help or would be dangerous: a relay that
is not the one of the link, or a device that is no longer welcome. Then it stops and says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal

from tacit.client.connection import Connection, Pushed, Replaced
from tacit.client.errors import Closed, Mishap, Offline
from tacit.client.events import ClientEvent, ConnectionChanged, ConnectionState
from tacit.client.handshake import Connect, Login, PhoneProof, Welcomed, open_connection, register_again
from tacit.client.model import Profile
from tacit.clock import Clock
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.errors import ExitCode, RelayError, TacitError, TransportError
from tacit.identity import AccountKey, RelayLink, parse_link
from tacit.log import EventLog
from tacit.net import backoff_s
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import HandleFixed, InviteInvalid, InviteNeeded, ProtocolVersion

log = EventLog("client.uplink")

Change = Literal["", "connected", "disconnected"]

FINAL: Final = (Replaced, ProtocolVersion, InviteNeeded, InviteInvalid, HandleFixed)
"""Errors after which trying again by itself is of no use; so are all of the exit code UNTRUSTED."""

MIN_PAUSE_AFTER_REFUSAL_S: Final = 5.0
"""Pause after a relay that answers but refuses, or after a fault of our own disk."""


class Uplink:
    """The client's side of its relay. Lives on the event loop."""

    def __init__(
        self,
        connect: Connect,
        clock: Clock,
        entropy: Entropy,
        *,
        wake: Callable[[], None],
        show: Callable[[ClientEvent], None],
        on_login: Callable[[Connection, Welcomed], Coroutine[Any, Any, None]],
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._entropy = entropy
        self._wake = wake
        self._show = show
        self._on_login = on_login
        self._task: asyncio.Task[None] | None = None
        self._change: Change = ""
        self._online = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._stopped = asyncio.Event()
        self._hurried = asyncio.Event()
        self._error: TacitError | None = None
        self._dropped: TacitError | None = None
        self.connection: Connection | None = None
        self.state = ConnectionState.OFFLINE
        self.key_packages = -1
        """One-time KeyPackages at the relay, -1 when not known."""
        self.logged_in = pb.LoggedIn()
        """What the relay said when it let this device in last."""

    # ---- for the runtime ----

    def start(self, profile: Profile) -> None:
        """Begin to connect, and keep at it."""
        relay, login = parse_link(profile.relay_link), login_of(profile)
        self._task = asyncio.create_task(self._keep(relay, login), name="tacit-uplink")

    async def close(self) -> None:
        """Hang up for good."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self.stop(Closed())

    async def register_again(self, profile: Profile, proof: PhoneProof) -> None:
        """Tell the relay what it is told on registering, over a connection that is made for that."""
        await register_again(parse_link(profile.relay_link), login_of(profile), self._connect, proof)

    def stop(self, error: TacitError) -> None:
        """Nobody needs to wait any more: ``error`` says why."""
        if not self._stopped.is_set():
            self._error = error
            self._stopped.set()
        if self._task is not None:
            self._task.cancel()

    def drop(self, error: TacitError) -> None:
        """Give the present connection up because of a fault on this side; it is made anew after a pause."""
        self._dropped = error
        if self.connection is not None:
            self.connection.abort()

    def hurry(self) -> None:
        """There is something to send: if there is no connection, try now."""
        self._hurried.set()

    def take_change(self) -> Change:
        """Whether the connection came or went since the last call."""
        change, self._change = self._change, ""
        return change

    def take_pushes(self, most: int) -> list[Pushed]:
        """What the relay has pushed over the present connection, oldest first."""
        return [] if self.connection is None else self.connection.take_pushes(most)

    def note_caught_up(self) -> None:
        """Everything that waited at the relay has been processed."""
        self._caught_up.set()

    def require(self) -> Connection:
        """The present connection; raises ``Offline`` or the reason for having stopped."""
        if self.connection is None:
            raise self._error or Offline()
        return self.connection

    # ---- for programs ----

    async def wait_online(self, timeout_s: float) -> None:
        """Wait until logged in; raises why not."""
        await self._wait(self._online, timeout_s)

    async def wait_caught_up(self, timeout_s: float) -> None:
        """Wait until everything that waited has been processed; raises why not."""
        await self._wait(self._caught_up, timeout_s)

    async def _wait(self, event: asyncio.Event, timeout_s: float) -> None:
        if event.is_set():
            return
        if self._task is None and not self._stopped.is_set():
            raise Offline
        waits = [asyncio.create_task(event.wait()), asyncio.create_task(self._stopped.wait())]
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if not event.is_set():
            raise self._error or Offline()

    # ---- the connection's life ----

    async def _keep(self, relay: RelayLink, login: Login) -> None:
        attempt = 0
        while True:
            self._become(ConnectionState.CONNECTING)
            try:
                connection, welcomed = await open_connection(relay, login, self._connect, self._clock)
                caught_up, error = await self._serve(connection, welcomed)
                attempt = 0 if caught_up else attempt
            except (TacitError, OSError) as failure:
                error = failure if isinstance(failure, TacitError) else Offline(failure.strerror or "")
            except Exception as fault:  # noqa: BLE001 - it must not look connected for ever; the next may do better
                log.fault(fault)
                error = Mishap()
            if is_final(error):
                self._error = error
                self._become(ConnectionState.OFFLINE, error)
                self._stopped.set()
                return
            pause_s = self._pause_s(attempt, error)
            attempt += 1
            self._error = error
            self._become(ConnectionState.OFFLINE, error, pause_s)
            log.info("offline", code=error.code, attempt=attempt, delay_s=round(pause_s, 1))
            await self._rest(pause_s, may_hurry=isinstance(error, TransportError) and not error.retry_after_s)

    async def _serve(self, connection: Connection, welcomed: Welcomed) -> tuple[bool, TacitError]:
        """Use a connection until it ends; returns whether it served its purpose, and why it ended."""
        connection.on_push = self._wake
        self.connection, self._error, self._dropped = connection, None, None
        self.key_packages = -1
        self.logged_in = welcomed.logged_in
        self._become(ConnectionState.ONLINE)
        self._online.set()
        self._change = "connected"
        self._wake()
        login = asyncio.create_task(self._on_login(connection, welcomed), name="tacit-login")
        try:
            await connection.run()
        except (TransportError, RelayError) as error:
            return self._caught_up.is_set() and self._dropped is None, self._dropped or error
        finally:
            self.connection = None
            self._online.clear()
            self._caught_up.clear()
            self._change = "disconnected"
            self._wake()
            login.cancel()
            await asyncio.gather(login, return_exceptions=True)
            await connection.close()

    def _pause_s(self, attempt: int, error: TacitError) -> float:
        pause_s = backoff_s(attempt, self._entropy)
        if not isinstance(error, TransportError):
            pause_s = max(pause_s, MIN_PAUSE_AFTER_REFUSAL_S)
        return max(pause_s, error.retry_after_s or 0.0)

    async def _rest(self, pause_s: float, *, may_hurry: bool) -> None:
        """Wait before the next try; somebody who has something to say does not wait, unless the relay asked for it."""
        self._hurried.clear()
        rest = asyncio.create_task(self._clock.sleep(pause_s))
        waits = [rest, asyncio.create_task(self._hurried.wait())] if may_hurry else [rest]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _become(self, state: ConnectionState, error: TacitError | None = None, retry_in_s: float = 0.0) -> None:
        self.state = state
        self._show(ConnectionChanged(state, error, retry_in_s))


def is_final(error: TacitError) -> bool:
    """Whether trying again by itself cannot help or would be dangerous."""
    return isinstance(error, FINAL) or error.exit_code is ExitCode.UNTRUSTED


def login_of(profile: Profile) -> Login:
    """What a profile shows its relay."""
    return Login(
        account=AccountKey.load(Secret(profile.account_private)),
        account_id=profile.account_id,
        device_id=profile.device_id,
        device_private=profile.device_private,
        device_certificate=profile.device_certificate,
        handle=profile.handle,
    )
