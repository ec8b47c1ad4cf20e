"""Who proposed a change: a member, or somebody outside the group.

Source: RFC 9420 §6, §12.1.8
"""

from __future__ import annotations

from dataclasses import dataclass

from tacit.mls.tree_math import LeafIndex


@dataclass(frozen=True, slots=True)
class ExternalSenderIndex:
    """A sender from outside whom the group's ``external_senders`` extension names at this place, from 0."""

    index: int


@dataclass(frozen=True, slots=True)
class NewMember:
    """Somebody who asks to come in; who that is says the leaf in the Add or in the path of the external commit."""


ProposalSender = LeafIndex | ExternalSenderIndex | NewMember
"""Members are known by their leaf."""
