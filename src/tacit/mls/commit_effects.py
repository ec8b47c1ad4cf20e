"""What a list of proposals makes of a group, judged the same way by who commits it and by everyone else.

Source: RFC 9420 §12.2, §12.3
"""

from __future__ import annotations

from tacit.mls.checks.commits import check_path_leaf
from tacit.mls.checks.external import check_external_commit
from tacit.mls.checks.leaf_nodes import check_we_support_group_extensions
from tacit.mls.checks.proposals import (
    check_new_member_count,
    check_proposal,
    check_proposal_list,
    check_proposal_types,
)
from tacit.mls.checks.trees import check_encryption_keys_unique, check_members
from tacit.mls.commits import UpdatePath
from tacit.mls.epochs import Epoch, PublicState
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.policy import Rules
from tacit.mls.proposal_lists import Applied, CommittedProposal, ProposalList, adds_member, apply_proposals
from tacit.mls.proposals import ExternalInit
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import ResumptionPSKUsage
from tacit.mls.tree_math import LeafIndex


def check_and_apply(epoch: Epoch, proposals: ProposalList, committer: LeafIndex, rules: Rules) -> Applied:
    """Judge a list of proposals and every leaf it brings in, and apply it; the same for maker and receivers."""
    context = epoch.context
    check_new_member_count(epoch.tree, proposals, rules.policy.max_members)
    check_proposal_list(epoch.suite, epoch.tree, context.group_id, proposals, committer, rules.usage_allowed)
    check_proposal_types(epoch.leaves, proposals, epoch.own_leaf)
    applied = apply_proposals(epoch.tree, epoch.context.extensions, proposals)
    if applied.added or applied.updated:
        check_encryption_keys_unique(applied.tree)
    _admit(epoch, applied, rules)
    return applied


def check_and_apply_external(epoch: PublicState, proposals: ProposalList, rules: Rules) -> tuple[ExternalInit, Applied]:
    """Judge the list of an external commit and apply it, all but the joiner's own leaf; the same for both sides."""
    values = [item.proposal for item in proposals]
    init = check_external_commit(epoch.suite, epoch.tree, values, rules.policy.max_members)
    return init, apply_proposals(epoch.tree, epoch.context.extensions, proposals)


def place_joiner(applied: Applied, leaf: LeafNode) -> tuple[RatchetTree, LeafIndex]:
    """The tree with the joiner at the leftmost blank leaf, and where that is. Source: RFC 9420 §12.4.3.2"""
    edit = applied.tree.edit()
    index = edit.add(leaf)
    return edit.finish(), index


def admit_joiner(epoch: PublicState, applied: Applied, joiner: LeafIndex, path: UpdatePath, rules: Rules) -> None:
    """Judge the leaf of an external commit, as an update of the joiner's old one if that goes; for both sides."""
    old = applied.removed[0].leaf_node if applied.removed else None
    check_path_leaf(epoch.suite, path, old, epoch.context.group_id, joiner)
    rules.admit(epoch.suite, old, path.leaf_node)


def check_alone(epoch: Epoch, item: CommittedProposal, rules: Rules) -> None:
    """A proposal that came by itself can be committed by itself, or together with the removal of who it adds again."""
    usage = ResumptionPSKUsage.APPLICATION
    check_proposal(epoch.suite, epoch.tree, epoch.context.group_id, item.proposal, item.sender, usage)
    check_proposal_types(epoch.leaves, (item,), epoch.own_leaf)
    applied = apply_proposals(epoch.tree, epoch.context.extensions, (item,))
    if not adds_member(epoch.tree, (item,)):
        check_encryption_keys_unique(applied.tree)
        check_result(epoch, applied.tree, applied, rules)
    _admit(epoch, applied, rules)


def admit_committer(epoch: Epoch, committer: LeafIndex, path: UpdatePath, rules: Rules) -> None:
    """Judge the leaf that a committer brings for itself; the same for maker and receivers."""
    old = epoch.leaves[committer]
    check_path_leaf(epoch.suite, path, old, epoch.context.group_id, committer)
    rules.admit(epoch.suite, old, path.leaf_node)


def check_result(epoch: Epoch, tree: RatchetTree, applied: Applied, rules: Rules) -> None:
    """The group that a commit leads to is one that its members, and we, can be in. Source: RFC 9420 §12.2, last rule"""
    check_members(tree, applied.extensions, rules.policy.max_members)
    own = tree.leaf(epoch.own_leaf)
    if own is not None and all(removed.leaf_index != epoch.own_leaf for removed in applied.removed):
        check_we_support_group_extensions(own, applied.extensions)


def _admit(epoch: Epoch, applied: Applied, rules: Rules) -> None:
    rules.admit_senders(epoch.context.extensions, applied.extensions)
    for updated in applied.updated:
        rules.admit(epoch.suite, updated.old, updated.new)
    for added in applied.added:
        rules.admit(epoch.suite, None, added.key_package.leaf_node)
