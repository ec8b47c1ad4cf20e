"""What an operator decides about a relay; built once, in the command line."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from tacit.errors import ConfigError
from tacit.identity.links import DEFAULT_PORT, can_be_linked
from tacit.limits import NEW_ACCOUNTS_PER_HOUR, PHONE_SENDS_PER_DAY, RETENTION_S
from tacit.net.origins import read_networks
from tacit.relay.delivery.routes import Route
from tacit.relay.phone_numbers import read_countries

Registration = Literal["open", "invite", "phone", "invite+phone"]
WhenFull = Literal["refuse", "drop-oldest"]


LOOPBACK: Final = "127.0.0.0/8 ::1"
"""Whoever is on the machine can do worse than connect often, and a proxy there stands for everybody behind it."""


class BadRelayConfig(ConfigError):
    """A relay cannot run with this configuration.

    ``mistakes`` are all of them, each the field of ``RelayConfig`` and what is wrong with it.
    """

    code = "bad-relay-config"
    hint = "tacit relay check-config explains a configuration file."

    def __init__(self, mistakes: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{field} {problem}" for field, problem in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """One relay's configuration. Raises ``BadRelayConfig`` for values that cannot work."""

    data_dir: Path | None
    """Where the store and the relay key lie; None keeps everything in memory and leaves no file."""
    host: str = ""
    """Address to listen on; empty for every one."""
    port: int | None = DEFAULT_PORT
    """For WebSocket; 0 takes any free port, None opens none. With no port at all, links are handed over in memory."""
    grpc_port: int | None = None
    """For gRPC, likewise."""
    tcp_port: int | None = None
    """For TCP, likewise."""
    public_host: str = "localhost"
    """Host in links and in the certificate."""
    public_port: int | None = None
    """Port in links over WebSocket, where a proxy has another one; None for the port that is listened on."""
    certificate: Path | None = None
    """PEM chain that the operator renews; None for one that the relay makes itself. Needs ``private_key``."""
    private_key: Path | None = None
    behind_proxy: bool = False
    """Clients see the certificate of a proxy that ends TLS before the relay, and verify the name in it."""
    registration: Registration = "invite"
    metrics_port: int | None = None
    """Port for monitoring; 0 takes any free one, None opens none."""
    metrics_host: str = "127.0.0.1"
    """Address to listen on for monitoring."""
    retention_s: int = RETENTION_S
    """How long an entry waits for a reader who does not collect it."""
    when_full: WhenFull = "refuse"
    """What happens to an entry for which its inbox or its author's account has no room."""
    registrations_per_hour: int = NEW_ACCOUNTS_PER_HOUR
    """New accounts in an hour, and at once after a pause."""
    trusted_proxies: str = ""
    """Addresses and networks of proxies that are believed where their clients come from; needs ``behind_proxy``."""
    exempt_addresses: str = LOOPBACK
    """Addresses and networks that no limit by address holds for."""
    sessions: bool = True
    """Whether two without an account may meet here by a code."""
    phone_route: Route | None = None
    """How codes reach phones; needed where registration asks for a number."""
    phone_countries: str = ""
    """Countries to whose numbers codes are sent, by their two letters."""
    phone_region: str = ""
    """Country of numbers that are written without one."""
    phone_sends_per_day: int = PHONE_SENDS_PER_DAY
    """Codes that are sent in any 24 hours."""
    find_by_phone: bool = False
    """Whether accounts that want it find each other by number."""

    def __post_init__(self) -> None:
        wrong = tuple(_mistakes(self))
        if wrong:
            raise BadRelayConfig(wrong)

    @property
    def ports(self) -> dict[str, int]:
        """The port of each transport that is served, by the scheme of its links."""
        asked = {"ws": self.port, "grpc": self.grpc_port, "tcp": self.tcp_port}
        return {scheme: port for scheme, port in asked.items() if port is not None}

    @property
    def ephemeral(self) -> bool:
        """Whether nothing is kept on disk."""
        return self.data_dir is None

    @property
    def needs_invite(self) -> bool:
        """Whether a new account needs an invitation."""
        return self.registration in {"invite", "invite+phone"}

    @property
    def needs_phone(self) -> bool:
        """Whether a new account needs a phone number."""
        return self.registration in {"phone", "invite+phone"}


def _mistakes(config: RelayConfig) -> Iterator[tuple[str, str]]:
    """Each field that cannot work, with the reason."""
    if config.registration not in get_args(Registration):
        yield "registration", f"is {', '.join(map(repr, get_args(Registration)))}"
    yield from _phone_mistakes(config)
    if config.retention_s < 1:
        yield "retention_s", "must be at least one second"
    if config.when_full not in {"refuse", "drop-oldest"}:
        yield "when_full", 'is "refuse" or "drop-oldest"'
    if config.registrations_per_hour < 1:
        yield "registrations_per_hour", "must be at least one; with registration by invitation nobody comes uninvited"
    for field in ("trusted_proxies", "exempt_addresses"):
        try:
            read_networks(getattr(config, field))
        except ValueError as error:
            yield field, f"holds something that is no address or network: {error}"
    if config.trusted_proxies and not config.behind_proxy:
        yield "trusted_proxies", "is of no use without behind_proxy: nobody else is asked where clients come from"
    yield from _wrong_ports(config)
    if (config.certificate is None) != (config.private_key is None):
        missing, other = ("certificate", "private_key")[:: 1 if config.certificate is None else -1]
        yield missing, f"is missing, and {other} is of no use without it"
    if config.behind_proxy and config.certificate is not None:
        yield "certificate", "is of no use with behind_proxy: clients see the proxy's"
    misplaced = [field for field in ("host", "metrics_host") if not _can_be_listened_on(getattr(config, field))]
    for field in misplaced:
        yield field, "is neither an address nor a name, so nothing could listen there"
    # Where links name the address that is listened on, that one is to blame, and told already.
    if not can_be_linked(config.public_host) and not ("host" in misplaced and config.public_host == config.host):
        yield "public_host", "is neither a name nor an address, so no link could name it"


def _can_be_listened_on(host: str) -> bool:
    """Whether this could be an address of this machine, of one of its networks (``fe80::1%eth0``), or a name of it."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return not host or can_be_linked(host.lower())
    return True


def _phone_mistakes(config: RelayConfig) -> Iterator[tuple[str, str]]:
    """What is wrong with numbers; nothing is sent anywhere unless the operator has said how and where to."""
    try:
        countries = read_countries(config.phone_countries)
    except ValueError as error:
        yield (
            "phone_countries",
            f"holds {error}, which is no country; they are written as two letters, such as DE AT CH",
        )
        countries = frozenset({str(error)})
    if config.phone_sends_per_day < 1:
        yield "phone_sends_per_day", "must be at least one"
    if not config.needs_phone:
        if config.find_by_phone:
            yield "find_by_phone", "is of no use unless registration asks for a number"
        return
    if config.phone_route is None:
        yield "phone_route", "is missing: registration by phone sends codes, so it has to know how"
    if not countries:
        yield "phone_countries", "is empty, so codes would be sent nowhere; name the countries of your people"
    if config.phone_region and config.phone_region.upper() not in countries:
        yield "phone_region", "has to be one of phone_countries"


def _wrong_ports(config: RelayConfig) -> Iterator[tuple[str, str]]:
    taken: dict[int, str] = {}
    for field in ("port", "grpc_port", "tcp_port", "public_port", "metrics_port"):
        port = getattr(config, field)
        if port is not None and not 0 <= port <= 65535:
            yield field, "is a number up to 65535"
        elif port and field == "metrics_port" and port in taken:
            yield field, "is the port for clients; monitoring needs one of its own"
        elif port and field != "public_port" and taken.setdefault(port, field) != field:
            yield field, f"is the same as {taken[port]}; each transport needs a port of its own"
