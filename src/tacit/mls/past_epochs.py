"""Past epochs: what is kept of them, and for how long, so that messages that come late can be read.

Source: RFC 9420 §9.2, §15.3
"""

from __future__ import annotations

from dataclasses import dataclass

from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite
from tacit.limits import PAST_EPOCH_S
from tacit.mls.epochs import Epoch, PastEpoch
from tacit.mls.protection import EpochKeys
from tacit.mls.secret_tree import SecretTree


@dataclass(frozen=True, slots=True)
class PastKeys:
    """What is secret about an epoch that is over; ``ended_at`` is None if nobody said what time it was."""

    epoch: int
    ended_at: float | None
    sender_data_secret: Secret
    secret_tree: SecretTree

    def reading(self, suite: CipherSuite, past: PastEpoch) -> EpochKeys:
        """What it takes to read the messages of that epoch."""
        return EpochKeys(
            suite,
            past.group_context.encoded,
            past.own_leaf,
            self.sender_data_secret.reveal(),
            self.secret_tree,
            past.leaves,
        )


def past_epoch_of(epoch: Epoch) -> PastEpoch:
    """What everyone knows about an epoch, kept when it is over."""
    return PastEpoch(epoch.context, epoch.own_leaf, epoch.leaves)


def expire(past_keys: tuple[PastKeys, ...], now_s: float) -> tuple[PastKeys, ...]:
    """The keys of the epochs that ended recently enough, from the youngest on."""
    kept = []
    for keys in past_keys:
        if keys.ended_at is not None and now_s - keys.ended_at > PAST_EPOCH_S:
            break
        kept.append(keys)
    return past_keys if len(kept) == len(past_keys) else tuple(kept)
