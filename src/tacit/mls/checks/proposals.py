"""Rules for single proposals and for the list of a regular commit. Source: RFC 9420 §8.4, §12.1, §12.2"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tacit.crypto.suites import CipherSuite
from tacit.errors import InvalidMessage
from tacit.limits import (
    MAX_OUTSIDE_PROPOSAL_BYTES,
    MAX_OUTSIDE_PROPOSALS,
    MAX_PENDING_PROPOSAL_BYTES,
    MAX_PENDING_PROPOSALS,
)
from tacit.mls.checks.extensions import check_group_context_extensions
from tacit.mls.checks.key_packages import check_key_package
from tacit.mls.checks.leaf_nodes import check_encryption_key_changed, check_leaf, check_leaf_source
from tacit.mls.checks.trees import check_member_count
from tacit.mls.framing import encode_body
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.pre_shared_keys import PreSharedKeyID, lineage_usage
from tacit.mls.proposal_lists import ProposalList, adds_member, of_type, updates
from tacit.mls.proposals import (
    Add,
    CustomProposal,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    Update,
)
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import GREASE_VALUES, MLS10, LeafNodeSource, ResumptionPSKUsage
from tacit.mls.senders import ProposalSender
from tacit.mls.tree_math import LeafIndex


def check_proposal(
    suite: CipherSuite,
    tree: RatchetTree,
    group_id: bytes,
    proposal: Proposal,
    sender: ProposalSender,
    usage: ResumptionPSKUsage,
) -> None:
    """A proposal is valid by itself, whatever stands beside it; ``usage`` is what resumption PSKs are good for now.

    One of a type that is not of the RFC is opaque to us; whether all support the type is asked of the whole list.
    """
    match proposal:
        case Add():
            check_key_package(suite, proposal.key_package)
        case Update():
            leaf, old = check_update_sender(tree, sender)
            check_update(suite, proposal.leaf_node, old, group_id, leaf)
        case Remove():
            check_remove(tree, proposal)
        case GroupContextExtensions():
            check_group_context_extensions(proposal.extensions)
        case PreSharedKey():
            check_psk(suite, proposal.psk, usage)
        case ReInit():
            check_reinit(proposal, group_id)
        case ExternalInit():
            check_no_external_init()


def check_room_for_proposal(waiting: Sequence[Proposal], proposal: Proposal) -> None:
    """No more proposals wait than anybody has use for, and they can be stored."""
    if len(waiting) >= MAX_PENDING_PROPOSALS:
        raise InvalidMessage("limits/pending-proposals")
    if _encoded_bytes(waiting, proposal) > MAX_PENDING_PROPOSAL_BYTES:
        raise InvalidMessage("limits/pending-proposal-bytes")


def check_room_for_outsider(waiting: Sequence[Proposal], proposal: Proposal) -> None:
    """Of what waits, those who are no members have a small part; ``waiting`` is what is theirs already."""
    if len(waiting) >= MAX_OUTSIDE_PROPOSALS:
        raise InvalidMessage("limits/outside-proposals")
    if _encoded_bytes(waiting, proposal) > MAX_OUTSIDE_PROPOSAL_BYTES:
        raise InvalidMessage("limits/outside-proposal-bytes")


def _encoded_bytes(waiting: Sequence[Proposal], proposal: Proposal) -> int:
    return sum(len(encode_body(other)) for other in (*waiting, proposal))


def check_update_sender(tree: RatchetTree, sender: ProposalSender) -> tuple[LeafIndex, LeafNode]:
    """An update comes from a member, whose leaf it replaces."""
    leaf = tree.leaf(sender) if isinstance(sender, int) else None
    if leaf is None or not isinstance(sender, int):
        raise InvalidMessage("12.1.2/sender")
    return sender, leaf


def check_update(suite: CipherSuite, new: LeafNode, old: LeafNode, group_id: bytes, sender: LeafIndex) -> None:
    """An update's leaf was made for an update of this place, with a new encryption key."""
    check_leaf_source(new, LeafNodeSource.UPDATE)
    check_encryption_key_changed(old, new)
    check_leaf(suite, new, group_id, sender)


def check_remove(tree: RatchetTree, proposal: Remove) -> None:
    """Who is to be removed is a member."""
    if tree.leaf(proposal.removed) is None:
        raise InvalidMessage("12.1.3/removed-leaf")


def check_psk(suite: CipherSuite, psk: PreSharedKeyID, usage: ResumptionPSKUsage) -> None:
    """A pre-shared key comes with a nonce of its own and is good for what is being done."""
    check_psk_nonce(suite, psk)
    check_psk_usage(psk, usage)


def check_psk_nonce(suite: CipherSuite, psk: PreSharedKeyID) -> None:
    """The nonce has Nh bytes."""
    if len(psk.psk_nonce) != suite.hash_size:
        raise InvalidMessage("12.1.4/psk-nonce")


def check_psk_usage(psk: PreSharedKeyID, usage: ResumptionPSKUsage) -> None:
    """Resumption PSKs for reinitialization and branching stay there."""
    if lineage_usage(psk) not in (None, usage):
        raise InvalidMessage("12.1.4/psk-usage")


def check_reinit(proposal: ReInit, group_id: bytes) -> None:
    """A group is not closed for an older version, nor for one that nobody could join."""
    if proposal.version < MLS10:
        raise InvalidMessage("12.1.5/version")
    if proposal.group_id == group_id:
        raise InvalidMessage("11.2/new-group-id")
    check_group_context_extensions(proposal.extensions)


def check_no_external_init() -> None:
    """A regular commit has no ExternalInit."""
    raise InvalidMessage("12.2/external-init")


def check_proposal_types(leaves: Mapping[LeafIndex, LeafNode], proposals: ProposalList, own_leaf: LeafIndex) -> None:
    """Everyone who goes on supports every type beyond those of the RFC; the GREASE that we list is no promise."""
    types = {item.proposal.proposal_type for item in proposals if isinstance(item.proposal, CustomProposal)}
    if not types:
        return
    removed = {remove.removed for remove, _ in of_type(proposals, Remove)}
    for index, leaf in leaves.items():
        ours = GREASE_VALUES if index == own_leaf else ()
        if index not in removed and not types <= set(leaf.capabilities.proposals).difference(ours):
            raise InvalidMessage("12.2/proposal-type")


def check_proposal_list(
    suite: CipherSuite,
    tree: RatchetTree,
    group_id: bytes,
    proposals: ProposalList,
    committer: LeafIndex,
    usage: ResumptionPSKUsage,
) -> None:
    """The list of a regular commit by the member at ``committer``."""
    check_no_update_by_committer(proposals, committer)
    check_committer_stays(proposals, committer)
    check_one_change_per_leaf(proposals)
    check_adds_distinct(proposals)
    check_added_not_members(tree, proposals)
    check_psks_distinct(proposals)
    check_one_group_context_extensions(proposals)
    check_reinit_alone(proposals)
    for item in proposals:
        check_proposal(suite, tree, group_id, item.proposal, item.sender, usage)


def check_new_member_count(tree: RatchetTree, proposals: ProposalList, max_members: int) -> None:
    """Those who come in have room; asked first, for to judge each of them costs two signatures."""
    leaving = {remove.removed for remove, _ in of_type(proposals, Remove) if tree.leaf(remove.removed) is not None}
    check_member_count(tree.counts.members + len(of_type(proposals, Add)) - len(leaving), max_members)


def check_no_update_by_committer(proposals: ProposalList, committer: LeafIndex) -> None:
    """The committer updates its leaf by the path, not by a proposal."""
    if any(sender == committer for _, sender in of_type(proposals, Update)):
        raise InvalidMessage("12.2/update-by-committer")


def check_committer_stays(proposals: ProposalList, committer: LeafIndex) -> None:
    """Nobody commits his own removal, by value or by reference."""
    if any(remove.removed == committer for remove, _ in of_type(proposals, Remove)):
        raise InvalidMessage("12.2/remove-committer")


def check_one_change_per_leaf(proposals: ProposalList) -> None:
    """No leaf is updated or removed more than once."""
    leaves = [sender for _, sender in updates(proposals)]
    leaves += [remove.removed for remove, _ in of_type(proposals, Remove)]
    if len(set(leaves)) != len(leaves):
        raise InvalidMessage("12.2/change-per-leaf")


def check_adds_distinct(proposals: ProposalList) -> None:
    """No client is added twice, and no two init keys are the same."""
    packages = [add.key_package for add, _ in of_type(proposals, Add)]
    clients = {package.leaf_node.signature_key for package in packages}
    if len(clients) != len(packages) or len({package.init_key for package in packages}) != len(packages):
        raise InvalidMessage("12.2/add-twice")


def check_psks_distinct(proposals: ProposalList) -> None:
    """No pre-shared key is named twice."""
    psks = [item.proposal.psk for item in proposals if isinstance(item.proposal, PreSharedKey)]
    if len(set(psks)) != len(psks):
        raise InvalidMessage("12.2/psk-twice")


def check_one_group_context_extensions(proposals: ProposalList) -> None:
    """The extensions of the group are replaced at most once."""
    if len(of_type(proposals, GroupContextExtensions)) > 1:
        raise InvalidMessage("12.2/group-context-extensions-twice")


def check_reinit_alone(proposals: ProposalList) -> None:
    """A ReInit stands alone."""
    if len(proposals) > 1 and any(isinstance(item.proposal, ReInit) for item in proposals):
        raise InvalidMessage("12.2/reinit-alone")


def check_added_not_members(tree: RatchetTree, proposals: ProposalList) -> None:
    """Nobody is added who is in the group already and is not removed by the same list."""
    if adds_member(tree, proposals):
        raise InvalidMessage("12.2/add-member")
