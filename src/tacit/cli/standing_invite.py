"""The invitation that the links of ``tacit up`` carry, where the relay of this machine takes nobody without one.

It is kept beside the relay's key, so that the link stays the same from day to day; when it nears its end, the next
link carries a new one.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import msgspec

from tacit.cli.home import load_address, load_home, save_home, shareable
from tacit.cli.settings import Settings
from tacit.clock import SystemClock
from tacit.limits import DAY_S

USES: Final = 25
"""People whom one link lets in: a circle of friends, and not the internet when the link gets there."""

LIFETIME_S: Final = 7 * DAY_S
LEAST_LEFT_S: Final = DAY_S
"""A link that somebody copies today still works tomorrow."""

NOTE: Final = "tacit up"


def link_for_others(settings: Settings, link: str) -> str:
    """A link of this profile as others can use it: an address that they reach, an invitation if they need one."""
    home = load_home(settings)
    shared = shareable(settings, link)
    return with_invite(settings, shared) if settings.profile in home.profiles else shared


def with_invite(settings: Settings, link: str) -> str:
    """A link to the relay of this machine with its standing invitation, if newcomers need one there."""
    from tacit.identity.links import format_link, parse_link

    address = load_address(settings)
    if address is None or "invite" not in address.registration:
        return link
    return format_link(dataclasses.replace(parse_link(link), invite=_token(settings)))


def _token(settings: Settings) -> str:
    """The standing invitation, or a new one in its place."""
    from tacit.relay.invites import create_invite, is_usable

    home, now_s = load_home(settings), int(SystemClock().now_s())
    if home.invite and is_usable(settings.relay_dir, home.invite, now_s=now_s + LEAST_LEFT_S):
        return home.invite
    token, _ = create_invite(settings.relay_dir, uses=USES, expires_s=LIFETIME_S, note=NOTE, now_s=now_s)
    save_home(settings, msgspec.structs.replace(home, invite=token))
    return token
