"""What every service of one relay shares: its configuration, its key, its store, and who is there."""

from __future__ import annotations

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
from tacit.relay.hub import Hub, Sessions
from tacit.relay.metrics import Metrics
from tacit.relay.phones import Phones
from tacit.relay.rates import Bucket, Buckets, per_hour
from tacit.relay.rendezvous import Meetings
from tacit.relay.resources import Resources, of_machine
from tacit.relay.steady import SteadyTime
from tacit.relay.store import Store
from tacit.relay.store.rows import AccountRow

if TYPE_CHECKING:
    from tacit.relay.connection import Connection


@dataclass(frozen=True, slots=True)
class RelayIdentity:
    """The relay's key pair."""

    private_key: Secret
    public_key: bytes


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
