"""``Relay``: one relay process, from start to a clean stop."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from tacit.clock import Clock, SystemClock
from tacit.crypto import certificates
from tacit.crypto.eddsa import ED25519
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy, system_entropy
from tacit.errors import RelayError
from tacit.identity import RelayLink, format_link
from tacit.log import EventLog
from tacit.net.links import CloseCode, FrameLink
from tacit.net.origins import Origins, read_networks
from tacit.net.serving import Listener
from tacit.net.tls import ALPN, H2, ServerContext, file_context, server_context
from tacit.relay import measuring, phones
from tacit.relay.admin.desk import Live, running_desk
from tacit.relay.config import RelayConfig
from tacit.relay.connection import Connection
from tacit.relay.context import Context, RelayIdentity
from tacit.relay.control import Control
from tacit.relay.data_dir import DataDir
from tacit.relay.invites import new_invite
from tacit.relay.metrics import Metrics
from tacit.relay.resources import watch_resources
from tacit.relay.store import Store, Tables, invites
from tacit.relay.watch import keep_going, sweep_store, watch_connections
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import Closed

if TYPE_CHECKING:
    from tacit.relay.monitoring import Monitoring

STOP_TIMEOUT_S: Final = 10
"""How long connections may take to read what is left for them when the relay stops."""

RECONNECT_AFTER_S: Final = 2
"""When clients may come back after a clean stop; a restart takes about as long."""


class Relay:
    """A relay; ``start`` and ``stop`` once each, in one event loop."""

    def __init__(self, config: RelayConfig, clock: Clock | None = None, entropy: Entropy = system_entropy) -> None:
        self.config = config
        self._clock = clock or SystemClock()
        self._entropy = entropy
        self._log = EventLog("relay")
        self._data_dir: DataDir | None = None
        self._context: Context | None = None
        self._listeners: dict[str, Listener] = {}
        self._monitoring: Monitoring | None = None
        self._connections: set[Connection] = set()
        self._all_gone = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._control: Control | None = None
        self._stays_drained = False
        self.on_drained: Callable[[], None] = _nothing
        """Called when everybody has been sent away at the operator's word, and the relay is to end."""
        self.on_failed: Callable[[], None] = _nothing
        """Called when the relay can write nothing any longer; all that is left is to stop it."""

    async def start(self) -> None:
        """Open the store and the port. Raises ``AlreadyRunning``, a ``StorageError``, or ``CannotListen``."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Finish what is under way, tell every client, and close the store; does nothing before ``start``."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._context is not None:
            await self._end_connections(self._context)
        if self._control is not None:
            await self._control.close()
        await asyncio.gather(*(listener.close() for listener in self._listeners.values()))
        if self._monitoring is not None:
            await self._monitoring.close()
        if self._context is not None:
            await self._context.doors.close()
            await self._context.phones.close()
            await self._context.store.close()
            self._log.info("stopped")
        if self._data_dir is not None:
            self._data_dir.close()
        self._tasks, self._context, self._listeners, self._data_dir = [], None, {}, None
        self._control = None
        self._monitoring = None

    def drain(self, back_in_s: int, stay: bool) -> None:
        """Take nobody any more and send everybody away, to come back in so many seconds; then end, or ``stay``."""
        self._stays_drained = stay
        self._tasks.append(asyncio.create_task(self._drain(self._running(), back_in_s)))

    async def handle(self, link: FrameLink) -> None:
        """Serve one connection until it ends."""
        context = self._running()
        if context.stopping:
            await link.close("the relay is stopping", CloseCode.TRY_AGAIN_LATER)
            return
        connection = Connection(context, link)
        self._connections.add(connection)
        context.admit(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            if not self._connections:
                self._all_gone.set()

    @property
    def port(self) -> int:
        """The port of the first of ``ports``, 0 if there is none."""
        return next(iter(self.ports.values()), 0)

    @property
    def ports(self) -> dict[str, int]:
        """The ports that are listened on, by the scheme of their links; WebSocket's first."""
        return {scheme: listener.port for scheme, listener in self._listeners.items()}

    @property
    def metrics_port(self) -> int:
        """The port that monitoring may ask, 0 if there is none."""
        return self._monitoring.port if self._monitoring is not None else 0

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the relay key, which links name."""
        return certificates.relay_fingerprint(self._running().identity.public_key)

    def link(self, invite: str = "", scheme: str = "") -> str:
        """What people paste to reach this relay, with an invitation if one is given; over the first of ``ports``."""
        asked = self.config.ports
        scheme = scheme or next(iter(self.ports or asked), "ws")
        public = self.config.public_port if scheme == "ws" else None
        port = public or self.ports.get(scheme) or asked.get(scheme) or 0
        return format_link(RelayLink(self.config.public_host, port, self.fingerprint, invite, scheme=scheme))

    def links(self, invite: str = "") -> list[str]:
        """One link for each of ``ports``."""
        return [self.link(invite, scheme) for scheme in self.ports]

    async def invite(self, *, uses: int = 1, expires_s: int | None = None, note: str = "") -> str:
        """Make an invitation in the running relay and return its token; the way for relays that leave no file."""
        context = self._running()
        token, token_hash, invite = new_invite(
            uses=uses, expires_s=expires_s, note=note, now_s=context.now_s(), entropy=self._entropy
        )
        await context.store.change(partial(invites.create, token_hash=token_hash, invite=invite))
        return token

    async def _start(self) -> None:
        context = self._open_context()
        self._context = context
        context.store.on_failed = lambda: self.on_failed()
        if context.steady.away_s:
            self._log.warning("away-or-clock-ahead", duration_ms=int(context.steady.away_s * 1000))
        if context.store.waits_until > context.now_s():
            self._log.info("waits-after-restore", delay_s=context.store.waits_until - context.now_s())
        if self.config.needs_phone:
            await phones.recall(context)
        measuring.watch(context, lambda: self._connections)
        await context.resources.look()
        if self.config.metrics_port is not None:
            await self._monitor(context, self.config.metrics_host, self.config.metrics_port)
        for scheme, port in self.config.ports.items():
            tls = self._tls(context.identity.private_key, H2 if scheme == "grpc" else ALPN)
            self._listeners[scheme] = await self._listen(context, scheme, port, tls)
        self._tasks = [
            asyncio.create_task(keep_going(context, kind, work))
            for kind, work in (
                ("connections", partial(watch_connections, context, lambda: self._connections)),
                ("store", partial(sweep_store, context)),
                ("resources", partial(watch_resources, context.resources, context.clock)),
            )
        ]
        if self.config.data_dir is not None:
            live = Live(context, self._clock.monotonic_s(), lambda: len(self._connections), self.drain)
            self._control = await Control.open(running_desk(live, self.config.data_dir))
        self._log.info("started", port=self.port)

    def _open_context(self) -> Context:
        """Open the key and the store: those of the data directory, or fresh ones that leave nothing behind."""
        if self.config.data_dir is None:
            store_path, private_key, last_alive_s = None, Secret(self._entropy(ED25519.key_size)), None
        else:
            self._data_dir = DataDir.open(self.config.data_dir)
            store_path, private_key = self._data_dir.store_path, self._data_dir.relay_key(self._entropy)
            last_alive_s = self._data_dir.last_written_s()
        identity = RelayIdentity(private_key, public_key=ED25519.key_pair(private_key.reveal()).public)
        metrics = Metrics()
        store = Store(store_path, self._entropy, metrics, now_s=int(self._clock.now_s()))
        return Context(
            self.config, self._clock, self._entropy, identity, store, metrics=metrics, last_alive_s=last_alive_s
        )

    async def _monitor(self, context: Context, host: str, port: int) -> None:
        # Loaded here, since a relay that nobody monitors shall not carry what monitoring takes.
        from tacit.relay.monitoring import Monitoring

        self._monitoring = Monitoring(context, lambda: self.ports.keys() == self.config.ports.keys())
        await self._monitoring.open(host, port)

    async def _listen(self, context: Context, scheme: str, port: int, tls: ServerContext) -> Listener:
        """Open the port of one transport, whose library is loaded here: a relay without gRPC shall not carry it."""
        config = self.config
        match scheme:
            case "grpc":
                from tacit.net.grpc_served import serve_grpc

                return await serve_grpc(
                    self.handle,
                    config.host,
                    port,
                    tls,
                    descriptors=pb.DESCRIPTOR.pool,
                    door=context.addresses,
                )
            case "tcp":
                from tacit.net.tcp_served import serve_tcp

                return await serve_tcp(self.handle, config.host, port, tls, door=context.addresses)
            case _:
                from tacit.net.ws_server import serve_ws

                # A proxy, if there is one, is in front of this one only.
                origins = Origins(behind_proxy=config.behind_proxy, trusted=read_networks(config.trusted_proxies))
                return await serve_ws(self.handle, config.host, port, tls, door=context.addresses, origins=origins)

    def _tls(self, private_key: Secret, alpn: Sequence[str]) -> ServerContext:
        """TLS with the operator's own certificate, or with one that the relay key makes."""
        if self.config.certificate is not None and self.config.private_key is not None:
            return file_context(self.config.certificate, self.config.private_key, alpn)
        names = _names(self.config.public_host)
        made = certificates.make_relay_certificate(private_key.reveal(), names, self._clock.now_s())
        return server_context(*made, alpn)

    async def _drain(self, context: Context, back_in_s: int) -> None:
        await self._end_connections(context, back_in_s)
        self._log.info("drained")
        if not self._stays_drained:
            self.on_drained()

    async def _end_connections(self, context: Context, back_in_s: int = RECONNECT_AFTER_S) -> None:
        """Answer what was asked, say goodbye, and cut off whoever does not listen."""
        context.stopping = True
        last = pb.Closing(code=Closed.SHUTTING_DOWN, reconnect_after_s=back_in_s)
        # What is behind the disk still goes to those who listen: nothing is queued after this.
        with suppress(RelayError, TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await context.store.change(_no_change)
        ending = [asyncio.create_task(connection.drain(last)) for connection in self._connections]
        if ending:
            self._all_gone.clear()
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await asyncio.gather(*ending)
                    await self._all_gone.wait()
            except TimeoutError:
                for connection in tuple(self._connections):
                    connection.cut_off()
                await self._all_gone.wait()

    def _running(self) -> Context:
        if self._context is None:
            raise RuntimeError("the relay has not been started")
        return self._context


def _nothing() -> None:
    """Nobody waits for it."""


def _no_change(_: Tables) -> None:
    """Comes behind every change that is on its way."""


def _names(public_host: str) -> list[str]:
    """What stands in the certificate, for software that looks there."""
    try:
        return [str(ipaddress.ip_address(public_host))]
    except ValueError:
        return sorted({public_host, "localhost"})
