"""The door for identity, in the form in which ``mls`` asks for it.

A certificate's dates are looked at only where this client decides alone: when it adds a device, and of the device that
invites it. Judging what others have committed must
come out the same at every member, and no two clocks agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tacit.identity import LeafIdentity, authenticate_leaf

CheckLeaf: TypeAlias = Callable[[LeafIdentity | None, LeafIdentity], None]


def check_leaf(old: LeafIdentity | None, new: LeafIdentity) -> None:
    """Let a leaf into a tree that others have made: certificate, account and successor rule, not the dates."""
    authenticate_leaf(old, new, None)


def check_new_leaf(now_s: float) -> CheckLeaf:
    """The check for a device that this client adds now, or that invites it."""

    def check(old: LeafIdentity | None, new: LeafIdentity) -> None:
        authenticate_leaf(old, new, int(now_s))

    return check
