"""The ways to a phone that an operator can choose, as values; what is needed for one is loaded when it is opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self, TypeAlias, assert_never

from tacit.clock import Clock
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy

if TYPE_CHECKING:
    from tacit.net.mailing import MailServer, Security
    from tacit.relay.delivery.sending import Delivery

MIN_SECRET_BYTES: Final = 16
"""Of what a webhook is signed with."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A service's endpoint; ``secret`` signs what is posted there."""

    url: str
    secret: Secret = field(repr=False)

    @classmethod
    def signed_with(cls, secret: bytes, *, url: str) -> Self:
        """The endpoint at ``url``, with the bytes of its secret."""
        return cls(url, Secret(secret))


@dataclass(frozen=True, slots=True)
class Mail:
    """A gateway for mail; ``recipient`` is an address with ``{number}`` in it."""

    server: MailServer
    sender: str
    recipient: str

    @classmethod
    def through(
        cls, host: str, port: int, security: Security, *, login: tuple[str, bytes], sender: str, recipient: str
    ) -> Self:
        """The gateway behind a mail server; ``login`` is user and password, both empty for none."""
        from tacit.net.mailing import MailServer

        user, password = login
        return cls(MailServer(host, port, security, user, Secret(password)), sender, recipient)


@dataclass(frozen=True, slots=True)
class Console:
    """The operator's terminal."""


Route: TypeAlias = Webhook | Mail | Console


def open_route(route: Route, clock: Clock, entropy: Entropy) -> Delivery:
    """The delivery over a route."""
    match route:
        case Webhook(url, secret):
            from tacit.relay.delivery.webhook import WebhookDelivery

            return WebhookDelivery(url, secret, clock, entropy)
        case Mail(server, sender, recipient):
            from tacit.relay.delivery.mail import MailDelivery

            return MailDelivery(server, sender, recipient, clock, entropy)
        case Console():
            from tacit.relay.delivery.console import ConsoleDelivery

            return ConsoleDelivery()
    assert_never(route)
