"""What the RFC leaves to the application, as one value; the defaults are tacit's.

Source: RFC 9420 §5.3.1, §6, §7.2, §8.4; RFC 9750 §7
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tacit.crypto.suites import CipherSuite
from tacit.limits import KEY_PACKAGE_MAX_RANGE_S
from tacit.mls.checks.leaf_nodes import check_lifetime_range
from tacit.mls.errors import PSKUnavailable
from tacit.mls.key_packages import Authenticate
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.pre_shared_keys import PreSharedKeyID, psk_secret

FindPSK = Callable[[PreSharedKeyID], bytes | None]
"""Looks a pre-shared key up."""


def no_psk(psk_id: PreSharedKeyID) -> bytes | None:
    """The look-up of who has no pre-shared keys."""
    del psk_id
    return None


@dataclass(frozen=True, slots=True)
class Policy:
    """Whether handshakes may come unencrypted, how long a key package may be good for, and which PSKs there are.

    ``external_commits`` lets people in who hold a GroupInfo and pass ``authenticate``; ``outside_proposals`` listens
    to the group's ``external_senders`` and to those who ask to be added. Both are refused unless asked for.
    """

    public_handshakes: bool = False
    external_commits: bool = False
    outside_proposals: bool = False
    max_lifetime_s: int = KEY_PACKAGE_MAX_RANGE_S
    find_psk: FindPSK = no_psk


TACIT = Policy()


@dataclass(frozen=True, slots=True)
class Rules:
    """The application's part in judging a message."""

    authenticate: Authenticate
    policy: Policy = TACIT

    def admit(self, old: LeafNode | None, new: LeafNode) -> None:
        """The one door for leaves: every leaf that enters a tree comes through here, with the one it replaces."""
        check_lifetime_range(new, self.policy.max_lifetime_s)
        self.authenticate(old, new)

    def psk_secret(self, suite: CipherSuite, ids: Sequence[PreSharedKeyID]) -> bytes:
        """What the named keys add to the key schedule; raises ``PSKUnavailable``."""
        return psk_secret(suite, [(psk_id, self._psk(psk_id)) for psk_id in ids])

    def _psk(self, psk_id: PreSharedKeyID) -> bytes:
        psk = self.policy.find_psk(psk_id)
        if psk is None:
            raise PSKUnavailable
        return psk
