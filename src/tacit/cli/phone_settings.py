"""From settings to the way by which codes reach phones. Secrets come from files or the environment.

A configuration file is for everybody on the machine to read; what opens a gateway is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tacit.cli.settings import ServeSettings

if TYPE_CHECKING:
    from tacit.relay.delivery import Route

WEBHOOK_SECRET: Final = "TACIT_PHONE_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
SMTP_PASSWORD: Final = "TACIT_PHONE_SMTP_PASSWORD"  # noqa: S105 - the name of a variable

_ADDRESS: Final = re.compile(r"[^\s@<>]+@[^\s@<>]+")


class RouteMistake(Exception):
    """What is wrong with the way to phones: the key, and why."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(key, problem)
        self.key = key
        self.problem = problem


def phone_route(serve: ServeSettings, environment: Mapping[str, str]) -> Route | None:
    """The way that the settings describe, None for none. Raises ``RouteMistake``."""
    match serve.phone_delivery:
        case "webhook":
            return _webhook(serve, environment)
        case "smtp":
            return _mail(serve, environment)
        case "console":
            from tacit.relay.delivery import Console

            return Console()
    return None


def _webhook(serve: ServeSettings, environment: Mapping[str, str]) -> Route:
    from tacit.net.posting import is_endpoint
    from tacit.relay.delivery import Webhook
    from tacit.relay.delivery.routes import MIN_SECRET_BYTES

    if not is_endpoint(serve.phone_webhook_url):
        raise RouteMistake("phone_webhook_url", "is an address that begins with https://, or http:// on this machine")
    secret = _secret("phone_webhook_secret_file", serve.phone_webhook_secret_file, WEBHOOK_SECRET, environment)
    if len(secret) < MIN_SECRET_BYTES:
        raise RouteMistake("phone_webhook_secret_file", f"is needed, with {MIN_SECRET_BYTES} bytes or more of secret")
    return Webhook.signed_with(secret, url=serve.phone_webhook_url)


def _mail(serve: ServeSettings, environment: Mapping[str, str]) -> Route:
    from tacit.net.addresses import is_loopback
    from tacit.relay.delivery import Mail
    from tacit.relay.delivery.mail import NUMBER

    if not serve.phone_smtp_host:
        raise RouteMistake("phone_smtp_host", "is needed: the server that takes mail for the gateway")
    if serve.phone_smtp_security == "none" and not is_loopback(serve.phone_smtp_host):
        raise RouteMistake("phone_smtp_security", '"none" is for a server on this machine only')
    if not _ADDRESS.fullmatch(serve.phone_smtp_from):
        raise RouteMistake("phone_smtp_from", "is the address that the gateway knows you by")
    if not _ADDRESS.fullmatch(serve.phone_smtp_to) or serve.phone_smtp_to.partition("@")[0].count(NUMBER) != 1:
        raise RouteMistake("phone_smtp_to", f"is an address with {NUMBER} in it, such as {NUMBER}@sms.example")
    password = _secret("phone_smtp_password_file", serve.phone_smtp_password_file, SMTP_PASSWORD, environment)
    if serve.phone_smtp_user and not password:
        raise RouteMistake("phone_smtp_password_file", "is needed, since phone_smtp_user logs in")
    return Mail.through(
        serve.phone_smtp_host,
        serve.phone_smtp_port,
        serve.phone_smtp_security,
        login=(serve.phone_smtp_user, password),
        sender=serve.phone_smtp_from,
        recipient=serve.phone_smtp_to,
    )


def _secret(key: str, path: str, variable: str, environment: Mapping[str, str]) -> bytes:
    """The first line of a file, or what a variable holds; empty where there is neither."""
    if not path:
        return environment.get(variable, "").encode()
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise RouteMistake(key, f"cannot be read: {error.strerror}") from None
    return content.split(b"\n", 1)[0].rstrip(b"\r")
