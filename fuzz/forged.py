"""A member gone bad, for targets that begin behind the encryption: whatever bytes they put in are signed and sealed.

Only the forger runs without checks; the victims are honest members and newcomers.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from tacit.crypto.suites import X25519_SUITE
from tacit.errors import TacitError
from tacit.mls import Add, Group, KeyPackageBundle, LeafNode, Policy
from tests.mls.crew import Crew
from tests.mls.mirror import ForgedCommit, Mirror

OPEN = Policy(
    public_handshakes=True, external_commits=True, outside_proposals=True, authenticate_sender=lambda sender: None
)
"""Everything that an application can let in."""


@cache
def crew() -> Crew:
    """Four members, with a blank leaf and an unmerged one among them."""
    crew = Crew(4, X25519_SUITE)
    crew.remove("alice", "carol")
    crew.add("bob", "erin", "frank")
    return crew


@cache
def newcomer() -> KeyPackageBundle:
    """Who is about to be added."""
    return crew().bundle("grace")


def victim() -> Group:
    """The honest member who is sent everything."""
    return crew()["bob"]


def mirror() -> Mirror:
    """The forger, who is Alice, with the same randomness each time."""
    return Mirror(crew()["alice"], random.Random(9420).randbytes)


def authenticate(old: LeafNode | None, new: LeafNode) -> None:
    """Everyone knows everyone's key."""
    crew().authenticate(old, new)


def forge(make: Callable[[], bytes]) -> bytes | None:
    """What the forger makes; None for what not even he can make, say a commit whose tree cannot be worked out."""
    try:
        return make()
    except (TacitError, ValueError, LookupError, StopIteration):
        return None


@cache
def forged_commit() -> ForgedCommit:
    """A commit that adds the newcomer, to make Welcomes of."""
    return mirror().commit([Add(newcomer().key_package)])
