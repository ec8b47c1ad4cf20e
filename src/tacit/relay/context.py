"""What every service of one relay shares: its configuration, its key, its store, and who is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tacit import limits
from tacit.clock import Clock
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.relay.config import RelayConfig
from tacit.relay.hub import Hub
from tacit.relay.metrics import Metrics
from tacit.relay.rates import NEW_ACCOUNTS, Bucket, Buckets
from tacit.relay.store import Store
from tacit.relay.store.rows import AccountRow, DeviceRow
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import Closed

if TYPE_CHECKING:
    from tacit.relay.connection import Connection

REPLACED_AGAIN_S = 60
"""When a device that was replaced by itself may come back: two copies of one device must not chase each other."""


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

    def enter(self, device: DeviceRow, connection: Connection) -> bool:
        """Note a login, ending an earlier connection of the same device; False when it was revoked meanwhile."""
        if device in self._revoked:
            return False
        earlier = self._connections.get(device)
        if earlier is not None:
            earlier.end(pb.Closing(code=Closed.REPLACED, reconnect_after_s=REPLACED_AGAIN_S))
        self._connections[device] = connection
        return True

    def leave(self, device: DeviceRow, connection: Connection) -> None:
        """Note the end of a connection."""
        if self._connections.get(device) is connection:
            del self._connections[device]

    def __len__(self) -> int:
        return len(self._connections)

    def shut_out(self, device: DeviceRow) -> None:
        """End the connection of a device that was revoked."""
        self._revoked.add(device)
        connection = self._connections.get(device)
        if connection is not None:
            connection.end(pb.Closing(code=Closed.REVOKED))


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
    started_s: float = field(init=False)
    accounts: dict[AccountRow, Buckets] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=Metrics)
    stopping: bool = False

    def __post_init__(self) -> None:
        self.new_accounts = Bucket(NEW_ACCOUNTS, self.clock.monotonic_s())
        self.started_s = self.clock.now_s() - self.clock.monotonic_s()

    def admit(self, stranger: Connection) -> None:
        """Note a new connection; where there are too many, the one that has been a stranger longest makes room.

        An honest client is one for a moment only, so a crowd that holds connections open cannot keep it out.
        """
        self.strangers[stranger] = None
        if len(self.strangers) > limits.MAX_STRANGERS:
            oldest = next(iter(self.strangers))
            del self.strangers[oldest]
            oldest.cut_off()

    def buckets_of(self, account: AccountRow) -> Buckets:
        """What all connections of one account draw on."""
        return self.accounts.setdefault(account, Buckets())

    def now_s(self) -> int:
        """Unix seconds."""
        return int(self.clock.now_s())

    def steady_now_s(self) -> int:
        """Unix seconds as they would be had nobody set the clock since the start, if that is less than ``now_s``.

        What expires by this keeps its time when a clock jumps years ahead.
        """
        return int(min(self.clock.now_s(), self.started_s + self.clock.monotonic_s()))
