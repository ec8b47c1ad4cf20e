"""Rules for what comes from outside: external commits and external proposals.

Source: RFC 9420 §6.1, §12.1.8, §12.2, §12.4.3.2
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tacit.crypto.suites import CipherSuite
from tacit.errors import CryptoError, DecodeError, InvalidMessage
from tacit.mls.checks.proposals import check_psk, check_remove
from tacit.mls.checks.trees import check_member_count
from tacit.mls.commits import ProposalReference, UpdatePath
from tacit.mls.errors import OutsiderRefused
from tacit.mls.extensions import Extensions, ExternalSender, external_senders
from tacit.mls.external_init import find_external_pub
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.proposals import Add, ExternalInit, PreSharedKey, Proposal, Remove
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import EXTERNAL_PROPOSAL_TYPES, ResumptionPSKUsage

_IN_EXTERNAL_COMMITS: Final = (ExternalInit, Remove, PreSharedKey)


def check_external_commits_allowed(allowed: bool) -> None:
    """Nobody lets himself in, unless the application asks for that."""
    if not allowed:
        raise OutsiderRefused("12.4.3.2/external-commits")


def check_outside_proposals_allowed(allowed: bool) -> None:
    """Only members have a say, unless the application asks others."""
    if not allowed:
        raise OutsiderRefused("12.1.8/outside-proposals")


def check_external_commit(
    suite: CipherSuite, tree: RatchetTree, proposals: Sequence[Proposal], max_members: int
) -> ExternalInit:
    """The list of an external commit; returns how the joiner comes in."""
    check_external_proposal_types(proposals)
    init = check_one_external_init(proposals)
    remove = check_one_remove(proposals)
    check_member_count(tree.counts.members + (remove is None), max_members)
    if remove is not None:
        check_remove(tree, remove)
    for proposal in proposals:
        if isinstance(proposal, PreSharedKey):
            check_psk(suite, proposal.psk, ResumptionPSKUsage.APPLICATION)
    return init


def check_external_proposal_types(proposals: Sequence[Proposal]) -> None:
    """Who joins brings itself, pre-shared keys and the end of its old leaf, and nothing else."""
    if not all(isinstance(proposal, _IN_EXTERNAL_COMMITS) for proposal in proposals):
        raise InvalidMessage("12.2/external-commit-types")


def check_one_external_init(proposals: Sequence[Proposal]) -> ExternalInit:
    """Exactly one ExternalInit begins the next epoch."""
    inits = [proposal for proposal in proposals if isinstance(proposal, ExternalInit)]
    if len(inits) != 1:
        raise InvalidMessage("12.2/one-external-init")
    return inits[0]


def check_one_remove(proposals: Sequence[Proposal]) -> Remove | None:
    """At most one leaf goes, the joiner's own old one; that it is its own says ``authenticate``."""
    removes = [proposal for proposal in proposals if isinstance(proposal, Remove)]
    if len(removes) > 1:
        raise InvalidMessage("12.2/one-remove")
    return removes[0] if removes else None


def check_by_value(proposals: Sequence[Proposal | ProposalReference]) -> tuple[Proposal, ...]:
    """Nothing is committed by reference by somebody who cannot judge what is said inside the group."""
    values = tuple(item for item in proposals if not isinstance(item, ProposalReference))
    if len(values) != len(proposals):
        raise InvalidMessage("12.4.3.2/by-value")
    return values


def check_external_path(path: UpdatePath | None) -> UpdatePath:
    """An external commit carries a path, which brings the joiner's leaf."""
    if path is None:
        raise InvalidMessage("12.4.3.2/path-required")
    return path


def check_external_pub(suite: CipherSuite, extensions: Extensions) -> bytes:
    """The group info has a key of the suite for those who let themselves in."""
    try:
        public = find_external_pub(extensions)
        if public is None:
            raise InvalidMessage("12.4.3.2/external-pub")
        suite.check_public_key(public)
    except (CryptoError, DecodeError):
        raise InvalidMessage("12.4.3.2/external-pub") from None
    return public


def check_external_sender(extensions: Extensions, index: int) -> ExternalSender:
    """The group names the sender among its external senders."""
    senders = external_senders(extensions)
    if index >= len(senders):
        raise InvalidMessage("12.1.8/external-sender")
    return senders[index]


def check_external_sender_may_propose(proposal: Proposal) -> None:
    """External senders propose the types that the registry marks for them."""
    if proposal.proposal_type not in EXTERNAL_PROPOSAL_TYPES:
        raise InvalidMessage("12.1.8/external-proposal-type")


def check_new_member_adds_itself(proposal: Proposal) -> LeafNode:
    """Who asks to come in proposes to be added, and nothing else; returns the leaf whose key signs."""
    if not isinstance(proposal, Add):
        raise InvalidMessage("6.1/new-member-add")
    return proposal.key_package.leaf_node
