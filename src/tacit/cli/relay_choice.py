"""Which relay a command uses that needs one and names none: the link that was given, else the relay of this machine."""

from __future__ import annotations

from tacit.cli.home import load_address
from tacit.cli.settings import Settings
from tacit.cli.standing_invite import with_invite
from tacit.errors import UsageError


class RelayNeeded(UsageError):
    """A relay is needed, and none is known here."""

    code = "relay-needed"
    hint = "Name one with --relay LINK; tacit up starts one on this machine."


def chosen_relay(settings: Settings, link: str | None) -> str:
    """The link of the relay to use, with an invitation where this machine's relay wants one. Raises ``RelayNeeded``."""
    if link:
        return link
    address = load_address(settings)
    if address is None:
        raise RelayNeeded
    return with_invite(settings, address.link)
