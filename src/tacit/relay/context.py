"""What every service of one relay shares: its configuration, its key, its store, and who is there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tacit import limits
from tacit.clock import Clock
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.net.origins import read_networks
from tacit.relay.addresses import Addresses
from tacit.relay.config import RelayConfig
from tacit.relay.doors import Doors
from tacit.relay.hub import Hub
from tacit.relay.metrics import Metrics
from tacit.relay.phones import Phones
from tacit.relay.rates import Bucket, Buckets, per_hour
from tacit.relay.rendezvous import Meetings
from tacit.relay.resources import Resources, of_machine
from tacit.relay.steady import SteadyTime
from tacit.relay.store import Store
from tacit.relay.store.rows import AccountRow, DeviceRow, Session
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import AccountSuspended, Closed, DeviceRevoked

if TYPE_CHECKING:
    from tacit.relay.connection import Connection

REPLACED_AGAIN_S = 60
"""When a device that was replaced by itself may come back: two copies of one device must not chase each other."""


PUT_OUT_S = 0.5
"""How long somebody who was shut out may take to read what is left; out is out within a second."""


@dataclass(frozen=True, slots=True)
class RelayIdentity:
    """The relay's key pair."""

    private_key: Secret
    public_key: bytes


class Sessions:
    """Who is logged in: at most one connection for each device."""

    def __init__(self) -> None:
        self._connections: dict[DeviceRow, Connection] = {}
        self._revoked: set[DeviceRow] = set()
        self._suspended: set[AccountRow] = set()

    def enter(self, session: Session, connection: Connection) -> None:
        """Note a login, ending an earlier connection of the same device.

        Raises ``DeviceRevoked`` or ``AccountSuspended`` for one that was shut out while it logged in.
        """
        if session.device in self._revoked:
            raise DeviceRevoked
        if session.account in self._suspended:
            raise AccountSuspended
        earlier = self._connections.get(session.device)
        if earlier is not None:
            earlier.end(pb.Closing(code=Closed.REPLACED, reconnect_after_s=REPLACED_AGAIN_S))
        self._connections[session.device] = connection

    def leave(self, device: DeviceRow, connection: Connection) -> None:
        """Note the end of a connection."""
        if self._connections.get(device) is connection:
            del self._connections[device]

    def __len__(self) -> int:
        return len(self._connections)

    def __contains__(self, device: DeviceRow) -> bool:
        return device in self._connections

    def shut_out(self, device: DeviceRow, code: str = Closed.REVOKED) -> None:
        """End the connection of a device that was revoked, or whose account was deleted."""
        self._revoked.add(device)
        connection = self._connections.get(device)
        if connection is not None:
            _put_out(connection, code)

    def shut_out_account(self, account: AccountRow) -> None:
        """End the connections of an account that was suspended."""
        self._suspended.add(account)
        for connection in tuple(self._connections.values()):
            if connection.session is not None and connection.session.account == account:
                _put_out(connection, Closed.SUSPENDED)

    def let_in_account(self, account: AccountRow) -> None:
        """Take an account that was resumed again."""
        self._suspended.discard(account)


def _put_out(connection: Connection, code: str) -> None:
    """Say why, and end; one that does not read what was queued for it before is cut off."""
    connection.end(pb.Closing(code=code))
    asyncio.get_running_loop().call_later(PUT_OUT_S, connection.cut_off)


@dataclass(slots=True)
class Context:
    """One running relay."""

    config: RelayConfig
    clock: Clock
    entropy: Entropy
    identity: RelayIdentity
    store: Store
    hub: Hub = field(default_factory=Hub)
    sessions: Sessions = field(default_factory=Sessions)
    strangers: dict[Connection, None] = field(default_factory=dict)
    """Connections that have not logged in, the oldest first."""
    new_accounts: Bucket = field(init=False)
    addresses: Addresses = field(init=False)
    meetings: Meetings = field(init=False)
    steady: SteadyTime = field(init=False)
    doors: Doors = field(default_factory=Doors)
    accounts: dict[AccountRow, Buckets] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=Metrics)
    resources: Resources = field(init=False)
    phones: Phones = field(init=False)
    stopping: bool = False
    log_to_be_emptied: bool = False
    """The write-ahead log holds somebody who was deleted while a reader was in the way; the next sweep empties it."""
    last_alive_s: float | None = None
    """When its store was last written, before it was opened."""

    def __post_init__(self) -> None:
        self.new_accounts = Bucket(per_hour(self.config.registrations_per_hour), self.clock.monotonic_s())
        self.addresses = Addresses(self.clock, read_networks(self.config.exempt_addresses))
        self.meetings = Meetings(self.clock, self.entropy)
        self.resources = of_machine(self.config.data_dir)
        self.phones = Phones(self.config, self.clock, self.entropy, self.identity.private_key)
        self.steady = SteadyTime(self.clock, self.last_alive_s)

    def admit(self, stranger: Connection) -> None:
        """Note a new connection; where there are too many, the one that has been a stranger longest makes room.

        An honest client is one for a moment only, so a crowd that holds connections open cannot keep it out.
        """
        self.strangers[stranger] = None
        self.metrics.connections_opened += 1
        if len(self.strangers) > limits.MAX_STRANGERS:
            oldest = next(iter(self.strangers))
            del self.strangers[oldest]
            oldest.cut_off("crowded")

    def buckets_of(self, account: AccountRow) -> Buckets:
        """What all connections of one account draw on."""
        buckets = self.accounts.get(account)
        if buckets is None:
            buckets = self.accounts[account] = Buckets()
        return buckets

    def now_s(self) -> int:
        """Unix seconds."""
        return int(self.clock.now_s())

    def steady_now_s(self) -> int:
        """Unix seconds for what expires; see ``SteadyTime``."""
        return self.steady.now_s()
