"""The one configuration value of a process: built once, from flag, then environment, then TOML, then default.

Unknown keys are errors that name the nearest known one. Passphrases are no configuration: see ``passphrases``.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import click
import msgspec

from tacit import limits
from tacit.cli.mistakes import Mistake, sift, unknown
from tacit.cli.tree import flags
from tacit.errors import ConfigError

ENVIRONMENT: Final = {
    "TACIT_PROFILE": ("profile",),
    "TACIT_DATA_DIR": ("data_dir",),
    "TACIT_LOG_FILE": ("log_file",),
    "TACIT_PROXY": ("proxy",),
    "TACIT_NO_INPUT": ("no_input",),
    "TACIT_PASSPHRASE_FILE": ("passphrase_file",),
    "TACIT_SERVE_HOST": ("serve", "host"),
    "TACIT_SERVE_PORT": ("serve", "port"),
    "TACIT_SERVE_WS": ("serve", "ws"),
    "TACIT_SERVE_GRPC": ("serve", "grpc"),
    "TACIT_SERVE_GRPC_PORT": ("serve", "grpc_port"),
    "TACIT_SERVE_TCP": ("serve", "tcp"),
    "TACIT_SERVE_TCP_PORT": ("serve", "tcp_port"),
    "TACIT_SERVE_DATA": ("serve", "data"),
    "TACIT_SERVE_PUBLIC_HOST": ("serve", "public_host"),
    "TACIT_SERVE_PUBLIC_PORT": ("serve", "public_port"),
    "TACIT_SERVE_CERTIFICATE": ("serve", "certificate"),
    "TACIT_SERVE_PRIVATE_KEY": ("serve", "private_key"),
    "TACIT_SERVE_BEHIND_PROXY": ("serve", "behind_proxy"),
    "TACIT_SERVE_REGISTRATION": ("serve", "registration"),
    "TACIT_SERVE_RETENTION": ("serve", "retention"),
    "TACIT_SERVE_LOG_FORMAT": ("serve", "log_format"),
    "TACIT_SERVE_METRICS_PORT": ("serve", "metrics_port"),
    "TACIT_SERVE_METRICS_HOST": ("serve", "metrics_host"),
    "TACIT_SERVE_EPHEMERAL": ("serve", "ephemeral"),
    "TACIT_SERVE_WHEN_FULL": ("serve", "when_full"),
    "TACIT_SERVE_SESSIONS": ("serve", "sessions"),
    "TACIT_SERVE_REGISTRATIONS_PER_HOUR": ("serve", "registrations_per_hour"),
    "TACIT_SERVE_TRUSTED_PROXIES": ("serve", "trusted_proxies"),
    "TACIT_SERVE_EXEMPT_ADDRESSES": ("serve", "exempt_addresses"),
    "TACIT_SERVE_PHONE_DELIVERY": ("serve", "phone_delivery"),
    "TACIT_SERVE_PHONE_COUNTRIES": ("serve", "phone_countries"),
    "TACIT_SERVE_PHONE_REGION": ("serve", "phone_region"),
    "TACIT_SERVE_PHONE_SENDS_PER_DAY": ("serve", "phone_sends_per_day"),
    "TACIT_SERVE_PHONE_WEBHOOK_URL": ("serve", "phone_webhook_url"),
    "TACIT_SERVE_PHONE_WEBHOOK_SECRET_FILE": ("serve", "phone_webhook_secret_file"),
    "TACIT_SERVE_PHONE_SMTP_HOST": ("serve", "phone_smtp_host"),
    "TACIT_SERVE_PHONE_SMTP_PORT": ("serve", "phone_smtp_port"),
    "TACIT_SERVE_PHONE_SMTP_SECURITY": ("serve", "phone_smtp_security"),
    "TACIT_SERVE_PHONE_SMTP_USER": ("serve", "phone_smtp_user"),
    "TACIT_SERVE_PHONE_SMTP_PASSWORD_FILE": ("serve", "phone_smtp_password_file"),
    "TACIT_SERVE_PHONE_SMTP_FROM": ("serve", "phone_smtp_from"),
    "TACIT_SERVE_PHONE_SMTP_TO": ("serve", "phone_smtp_to"),
    "TACIT_SERVE_FIND_BY_PHONE": ("serve", "find_by_phone"),
}
_SERVE: Final = "TACIT_SERVE_"
"""What variables of a relay begin with, and nothing else does: one that is not known is a mistake."""

_RUN_ONLY: Final = ("json", "verbose", "passphrase_fd")
"""Flags that say how this run talks, and so belong into no file."""

_SPAN: Final = re.compile(r"(\d{1,9})\s*([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class BadConfig(ConfigError):
    """The configuration cannot be used."""

    code = "bad-config"
    hint = "Flags go before TACIT_* variables, these before the configuration file."


MEANINGS: Final = {
    "data_dir": "Folder of everything that tacit keeps; empty for the usual place of this user.",
    "log_file": "File that the log goes to; empty for standard error.",
    "proxy": "Proxy on the way to relays, such as socks5h://127.0.0.1:9050 for Tor or http://host:8080; direct for "
    "none; empty to go by ALL_PROXY and NO_PROXY. This machine itself is always reached directly.",
    "no_input": "Never ask anything on the terminal; fail where a question would be.",
    "profile": "Which identity of this machine to use. A relay needs none.",
    "passphrase_file": "File with that identity's passphrase; empty to be asked for it. A relay needs none.",
    "serve.public_host": "Name or address of this machine as others reach it; it goes into links and into the relay's "
    "certificate. Empty for the address that this machine uses towards the internet.",
    "serve.host": "Address to listen on; empty for all of them, IPv4 and IPv6.",
    "serve.port": "Port for WebSocket; 0 for any that is free.",
    "serve.ws": "Serve clients over WebSocket, which tacit uses unless a link says otherwise.",
    "serve.grpc": "Also serve clients over gRPC, on a port of its own, for programs in other languages.",
    "serve.grpc_port": "Port for gRPC; 0 for any that is free.",
    "serve.tcp": "Also serve clients over TCP, on a port of its own, for the simplest clients.",
    "serve.tcp_port": "Port for TCP; 0 for any that is free.",
    "serve.public_port": "Port that links over WebSocket name, where a proxy or a router in front has another one; 0 "
    "for the port that is listened on.",
    "serve.certificate": "File with a TLS certificate of your own and its chain, as PEM; it is read again when it "
    "changes. Empty for one that the relay makes. None is needed: clients trust the relay's key, which signs either.",
    "serve.private_key": "File with the private key of that certificate, as PEM without a passphrase.",
    "serve.behind_proxy": "A proxy such as nginx or Caddy ends TLS before this relay. Clients then verify the proxy's "
    "certificate for public_host the ordinary way, and the relay's key besides.",
    "serve.registration": "Who may register: open for everybody who has the link, invite for people with an "
    "invitation (tacit relay invite), phone for people who prove a phone number, invite+phone for both at once. auto "
    "is open on a loopback address without a proxy, and invite everywhere else.",
    "serve.retention": "How long an entry waits for readers who do not fetch it: a number and s, m, h or d. What all "
    "of them have fetched is deleted at once.",
    "serve.registrations_per_hour": "How many new accounts the relay takes in an hour; as many at once after a pause.",
    "serve.when_full": "What happens when an inbox, or all that waits of one account, is full: refuse the new entry, "
    "or drop-oldest to make room for it. Readers are shown that something is missing.",
    "serve.trusted_proxies": "With behind_proxy: addresses or networks of proxies whose X-Forwarded-For is believed, "
    "so that limits by address work; without any, those limits are off.",
    "serve.exempt_addresses": "Addresses or networks to which no limit by address applies: this machine itself and, "
    "say, a large office behind one address.",
    "serve.phone_delivery": "How codes reach phones, where registration asks for a number: none, webhook, smtp, or "
    "console, which prints them here and is for trying out.",
    "serve.phone_countries": "Countries whose mobile numbers are sent codes, by their two letters, such as DE AT CH. "
    "Each message costs money, and in some countries somebody earns by it.",
    "serve.phone_region": "Country of numbers that are typed without + and country code; empty to insist on those.",
    "serve.phone_sends_per_day": "Codes that are sent in any 24 hours: the most that a day can cost.",
    "serve.phone_webhook_url": "Address to which messages are posted as JSON: https://, or http:// on this machine.",
    "serve.phone_webhook_secret_file": "File with the secret that signs them, 16 bytes or more; or "
    "TACIT_PHONE_WEBHOOK_SECRET.",
    "serve.phone_smtp_host": "Mail server that takes messages for a gateway from mail to phones.",
    "serve.phone_smtp_port": "Its port.",
    "serve.phone_smtp_security": "How that connection is protected: starttls, tls from the first byte, or none, for a "
    "server on this machine only.",
    "serve.phone_smtp_user": "User name to log in with; empty for no login.",
    "serve.phone_smtp_password_file": "File with that user's password; or TACIT_PHONE_SMTP_PASSWORD.",
    "serve.phone_smtp_from": "Sender's address, as the gateway knows you.",
    "serve.phone_smtp_to": "Recipient's address, with {number} for the digits of the number, country code first.",
    "serve.find_by_phone": "Let accounts that want to be found by their number find each other.",
    "serve.log_format": "How the log is written, one line for each event: logfmt (key=value) or json. auto is json "
    "with --json, and logfmt otherwise.",
    "serve.metrics_port": "Port for monitoring, which answers /metrics for Prometheus, /readyz and /healthz over plain "
    "HTTP; 0 for none.",
    "serve.metrics_host": "Address for monitoring to listen on. Its figures are blurred and about nobody, but meant "
    "for the operator: any address but a loopback one needs a firewall around it.",
    "serve.sessions": "Let two people without an account meet here by a code (tacit session). Strangers can then send "
    "each other small messages through this relay, at most 32 KiB a second in each direction.",
    "serve.data": "Folder of the relay's key and its store; empty for relay/ in the data folder.",
    "serve.ephemeral": "Keep everything in memory and leave no file; whatever waits is lost when the relay stops.",
}
"""What each key of a configuration file means, in the order in which a file gives them."""

_Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class ServeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a relay runs; ``MEANINGS`` says what each key is for."""

    public_host: str = ""
    host: str = ""
    port: _Port = 8765
    ws: bool = True
    grpc: bool = False
    grpc_port: _Port = 50051
    tcp: bool = False
    tcp_port: _Port = 5000
    public_port: _Port = 0
    certificate: str = ""
    private_key: str = ""
    behind_proxy: bool = False
    registration: Literal["auto", "open", "invite", "phone", "invite+phone"] = "auto"
    retention: str = "30d"
    registrations_per_hour: Annotated[int, msgspec.Meta(ge=1, le=10**9)] = limits.NEW_ACCOUNTS_PER_HOUR
    when_full: Literal["refuse", "drop-oldest"] = "refuse"
    trusted_proxies: str = ""
    exempt_addresses: str = "127.0.0.0/8 ::1"
    phone_delivery: Literal["none", "webhook", "smtp", "console"] = "none"
    phone_countries: str = ""
    phone_region: str = ""
    phone_sends_per_day: Annotated[int, msgspec.Meta(ge=1, le=10**5)] = limits.PHONE_SENDS_PER_DAY
    phone_webhook_url: str = ""
    phone_webhook_secret_file: str = ""
    phone_smtp_host: str = ""
    phone_smtp_port: _Port = 587
    phone_smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    phone_smtp_user: str = ""
    phone_smtp_password_file: str = ""
    phone_smtp_from: str = ""
    phone_smtp_to: str = ""
    find_by_phone: bool = False
    log_format: Literal["auto", "logfmt", "json"] = "auto"
    metrics_port: _Port = 0
    metrics_host: str = "127.0.0.1"
    sessions: bool = True
    data: str = ""
    ephemeral: bool = False


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this process runs; ``MEANINGS`` says what each key is for."""

    data_dir: str = ""
    log_file: str = ""
    proxy: str = ""
    no_input: bool = False
    profile: str = "default"
    passphrase_file: str = ""
    serve: ServeSettings = ServeSettings()
    json: bool = False
    verbose: int = 0
    passphrase_fd: int | None = None

    @property
    def root(self) -> Path:
        """The folder of everything that tacit keeps."""
        if self.data_dir:
            return Path(self.data_dir).expanduser().absolute()
        import platformdirs

        return platformdirs.user_data_path("tacit", appauthor=False)

    @property
    def relay_dir(self) -> Path:
        """The folder of this machine's relay."""
        return Path(self.serve.data).expanduser().absolute() if self.serve.data else self.root / "relay"


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of configuration."""

    source: str
    values: dict[str, Any]
    """What of it can be used."""
    wrong: tuple[Mistake, ...] = ()


def load(ctx: click.Context, serve: Mapping[str, Any] | None = None) -> Settings:
    """Build the settings of this process; ``serve`` holds the flags of the relay. Raises ``BadConfig``."""
    given = flags(ctx)
    from_flags = {key: value for key, value in given.items() if key != "config"}
    if serve:
        from_flags["serve"] = {key: value for key, value in serve.items() if value is not None}
    found = [*layers(given.get("config"), os.environ), Layer("the command line", *sift(from_flags, Settings))]
    for layer in found:
        if layer.wrong:
            raise BadConfig(f"{layer.source}: {'; '.join(map(str, layer.wrong))}")
    return merged(found)


def layers(named: str | None, environment: Mapping[str, str]) -> list[Layer]:
    """What the files say, then what the environment says, with whatever is wrong in them."""
    return [*(_file_layer(path) for path in config_files(named, environment)), _environment_layer(environment)]


def merged(found: Sequence[Layer]) -> Settings:
    """The settings that layers make together, the weakest first."""
    values: dict[str, Any] = {}
    for layer in found:
        for key, value in layer.values.items():
            both = isinstance(value, dict) and isinstance(values.get(key), dict)
            values[key] = {**values[key], **value} if both else value
    return msgspec.convert(values, Settings, strict=False)


def config_files(named: str | None, environment: Mapping[str, str]) -> list[Path]:
    """The files to read, the weakest first; one that was named must exist."""
    chosen = named or environment.get("TACIT_CONFIG")
    if chosen:
        if not _may_be_there(Path(chosen)):
            raise BadConfig(f"no file {chosen}")
        return [Path(chosen)]
    usual = [Path("/etc/tacit/config.toml")]
    # A user who is nothing but a number, as in a container, may have no home.
    with suppress(RuntimeError):
        home = Path(environment.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
        usual.append(home / "tacit" / "config.toml")
    return [path for path in usual if _may_be_there(path)]


def span_s(text: str) -> int:
    """Read a span of time such as ``7d``, ``12h``, ``30m``, ``90s``; in seconds."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise BadConfig(f"{text!r} is no span of time, such as 7d, 12h, 30m or 90s")
    return int(found[1]) * _SECONDS[found[2]]


def _may_be_there(path: Path) -> bool:
    """Whether a file is there, or hidden from this user; reading it says so then."""
    try:
        return path.is_file()
    except PermissionError:
        return True


def _file_layer(path: Path) -> Layer:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return Layer(str(path), {}, (Mistake("", f"cannot be read: {error.strerror}"),))
    except UnicodeDecodeError:
        return Layer(str(path), {}, (Mistake("", "is no text in UTF-8"),))
    except tomllib.TOMLDecodeError as error:
        return Layer(str(path), {}, (Mistake("", f"is no TOML: {error}"),))
    misplaced = tuple(Mistake(key, "is for the command line, not for a file") for key in _RUN_ONLY if key in found)
    good, wrong = sift({key: value for key, value in found.items() if key not in _RUN_ONLY}, Settings)
    return Layer(str(path), good, misplaced + wrong)


def _environment_layer(environment: Mapping[str, str]) -> Layer:
    """Each mistake under the name of its variable."""
    values: dict[str, Any] = {}
    known = [name.removeprefix(_SERVE) for name in ENVIRONMENT if name.startswith(_SERVE)]
    wrong = [
        Mistake(name, unknown(name.removeprefix(_SERVE), known, _SERVE, "variable"))
        for name in environment
        if name.startswith(_SERVE) and name not in ENVIRONMENT
    ]
    for variable, keys in ENVIRONMENT.items():
        value = environment.get(variable)
        if not value:
            continue
        good, bad = sift({keys[0]: value} if len(keys) == 1 else {keys[0]: {keys[1]: value}}, Settings)
        wrong += [Mistake(variable, mistake.problem) for mistake in bad]
        values |= {
            key: {**values.get(key, {}), **inner} if isinstance(inner, dict) else inner for key, inner in good.items()
        }
    return Layer("the environment", values, tuple(wrong))
