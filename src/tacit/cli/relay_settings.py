"""From the settings of this process to the configuration of a relay, and what stands between the two."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import structs

from tacit.cli.home import public_host
from tacit.cli.mistakes import Mistake
from tacit.cli.phone_settings import RouteMistake, phone_route
from tacit.cli.settings import BadConfig, Layer, ServeSettings, Settings, layers, merged, span_s
from tacit.net.addresses import is_loopback

if TYPE_CHECKING:
    from tacit.relay.config import Registration, RelayConfig

_EVERYWHERE: Final = ("", "0.0.0.0", "::")  # noqa: S104 - a relay is there for others

_KEYS: Final = {"retention_s": "retention", "data_dir": "data", "phone_route": "phone_delivery"}
"""Fields of ``RelayConfig`` whose key in a file has another name."""


def relay_config(settings: Settings, environment: Mapping[str, str] = os.environ) -> RelayConfig:
    """The configuration of the relay that these settings describe; secrets may stand in the environment.

    Raises a ``ConfigError``, which names keys as they are written in a file.
    """
    from tacit.relay.config import BadRelayConfig

    try:
        return _relay_config(settings, environment)
    except BadRelayConfig as error:
        raise BadRelayConfig(tuple((_KEYS.get(field, field), wrong) for field, wrong in error.mistakes)) from None


def _relay_config(settings: Settings, environment: Mapping[str, str]) -> RelayConfig:
    from tacit.relay.config import BadRelayConfig, RelayConfig

    serve = settings.serve
    try:
        route = phone_route(serve, environment)
    except RouteMistake as error:
        raise BadConfig(f"serve.{error.key} {error.problem}") from None
    if not (serve.ws or serve.grpc or serve.tcp):
        raise BadRelayConfig((("ws", "is off, and so are serve.grpc and serve.tcp; nobody could come in"),))
    return RelayConfig(
        data_dir=None if serve.ephemeral else settings.relay_dir,
        host=serve.host,
        port=serve.port if serve.ws else None,
        grpc_port=serve.grpc_port if serve.grpc else None,
        tcp_port=serve.tcp_port if serve.tcp else None,
        public_host=serve.public_host or (public_host(settings) if serve.host in _EVERYWHERE else serve.host),
        public_port=serve.public_port or None,
        certificate=_path(serve.certificate),
        private_key=_path(serve.private_key),
        behind_proxy=serve.behind_proxy,
        registration=_registration(serve),
        retention_s=span_s(serve.retention),
        metrics_port=serve.metrics_port or None,
        metrics_host=serve.metrics_host,
        when_full=serve.when_full,
        registrations_per_hour=serve.registrations_per_hour,
        trusted_proxies=serve.trusted_proxies,
        exempt_addresses=serve.exempt_addresses,
        phone_route=route,
        phone_countries=serve.phone_countries,
        phone_region=serve.phone_region,
        phone_sends_per_day=serve.phone_sends_per_day,
        find_by_phone=serve.find_by_phone,
        sessions=serve.sessions,
    )


def _registration(serve: ServeSettings) -> Registration:
    """Open to all only where nobody but this machine can come, unless the operator says otherwise."""
    if serve.registration != "auto":
        return serve.registration
    return "open" if is_loopback(serve.host) and not serve.behind_proxy else "invite"


def examine(named: str | None, environment: Mapping[str, str]) -> list[Layer]:
    """Every source of a relay's configuration, with all that is wrong in it.

    What no single source is to blame for stands in a last layer, whose source is empty.
    """
    found = layers(named, environment)
    together = tuple(_contradictions(merged(found), environment))
    return [*found, Layer("", {}, together)] if together else found


def _contradictions(settings: Settings, environment: Mapping[str, str]) -> list[Mistake]:
    """What is wrong with values that each are of the right kind."""
    from tacit.net.errors import BadCertificate
    from tacit.net.tls import file_context
    from tacit.relay.config import BadRelayConfig

    wrong: list[Mistake] = []
    serve = settings.serve
    if serve.ephemeral and serve.data:
        wrong.append(Mistake("serve.ephemeral", "keeps nothing, but serve.data names a folder; leave one of them out"))
    if serve.behind_proxy and not serve.public_host:
        wrong.append(Mistake("serve.behind_proxy", "needs serve.public_host, the name in the proxy's certificate"))
    try:
        span_s(serve.retention)
    except BadConfig as error:
        wrong.append(Mistake("serve.retention", error.detail))
        # A span that works, so that what else is wrong is found too.
        settings = structs.replace(settings, serve=structs.replace(serve, retention="1d"))
    if not (serve.ws or serve.grpc or serve.tcp):
        wrong.append(Mistake("serve.ws", "is off, and so are serve.grpc and serve.tcp; nobody could come in"))
        # One way in, as above.
        settings = structs.replace(settings, serve=structs.replace(settings.serve, ws=True))
    try:
        phone_route(serve, environment)
    except RouteMistake as error:
        wrong.append(Mistake(f"serve.{error.key}", error.problem))
        # A way that works, as above.
        settings = structs.replace(settings, serve=structs.replace(settings.serve, phone_delivery="console"))
    try:
        relay_config(settings, environment)
    except BadRelayConfig as error:
        wrong += [Mistake(f"serve.{key}", problem) for key, problem in error.mistakes]
    certificate, private_key = _path(serve.certificate), _path(serve.private_key)
    try:
        if certificate is not None and private_key is not None and not serve.behind_proxy:
            file_context(certificate, private_key)
    except BadCertificate as error:
        wrong.append(Mistake("serve.certificate", f"{error.sentence} {error.hint}"))
    return wrong


def _path(text: str) -> Path | None:
    return Path(text).expanduser().absolute() if text else None
