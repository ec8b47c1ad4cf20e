"""The list of proposals of one commit: where each comes from, and what the group looks like with all of them applied.

Source: RFC 9420 §12.3
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from tacit.mls.extensions import Extensions
from tacit.mls.key_packages import KeyPackage
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.pre_shared_keys import PreSharedKeyID
from tacit.mls.proposals import Add, GroupContextExtensions, PreSharedKey, Proposal, Remove, Update
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import PATH_REQUIRED
from tacit.mls.senders import ProposalSender
from tacit.mls.tree_math import LeafIndex

P = TypeVar("P", Add, Update, Remove, GroupContextExtensions)


@dataclass(frozen=True, slots=True)
class CommittedProposal:
    """A proposal with whoever made it; ``ref`` is there if it was sent before the commit."""

    proposal: Proposal
    sender: ProposalSender
    ref: bytes | None = None

    @property
    def by_ref(self) -> bool:
        """Whether the commit only refers to it."""
        return self.ref is not None


ProposalList = tuple[CommittedProposal, ...]


@dataclass(frozen=True, slots=True)
class AddedMember:
    """A member that a commit adds, and the key package it was added with."""

    leaf_index: LeafIndex
    key_package: KeyPackage

    @property
    def leaf_node(self) -> LeafNode:
        """The leaf that comes in."""
        return self.key_package.leaf_node


@dataclass(frozen=True, slots=True)
class JoinedMember:
    """A member that adds itself by an external commit."""

    leaf_index: LeafIndex
    leaf_node: LeafNode


@dataclass(frozen=True, slots=True)
class RemovedMember:
    """A member that a commit removes."""

    leaf_index: LeafIndex
    leaf_node: LeafNode


@dataclass(frozen=True, slots=True)
class UpdatedMember:
    """A member whose leaf a commit replaces."""

    leaf_index: LeafIndex
    old: LeafNode
    new: LeafNode


@dataclass(frozen=True, slots=True)
class Applied:
    """A group's tree and extensions with a list of proposals applied, before any update path."""

    tree: RatchetTree
    extensions: Extensions
    added: tuple[AddedMember, ...]
    removed: tuple[RemovedMember, ...]
    updated: tuple[UpdatedMember, ...]


def of_type(proposals: ProposalList, kind: type[P]) -> list[tuple[P, ProposalSender]]:
    """The proposals of one type with their senders, in the order of the list."""
    return [(item.proposal, item.sender) for item in proposals if isinstance(item.proposal, kind)]


def updates(proposals: ProposalList) -> list[tuple[Update, LeafIndex]]:
    """The updates with the leaves that they replace, in the order of the list; none but members send any."""
    return [(update, sender) for update, sender in of_type(proposals, Update) if isinstance(sender, int)]


def adds_member(tree: RatchetTree, proposals: ProposalList) -> bool:
    """Whether somebody is added who is in the group already and whom the same list does not remove."""
    removed = {remove.removed for remove, _ in of_type(proposals, Remove)}
    leaving = [leaf.signature_key for leaf in map(tree.leaf, removed) if leaf is not None]
    present = tree.counts.signature_keys
    added = [add.key_package.leaf_node.signature_key for add, _ in of_type(proposals, Add)]
    return any(present.get(key, 0) > leaving.count(key) for key in added)


def psk_ids(proposals: ProposalList) -> tuple[PreSharedKeyID, ...]:
    """The pre-shared keys that a commit mixes in, in its order."""
    return tuple(item.proposal.psk for item in proposals if isinstance(item.proposal, PreSharedKey))


def requires_path(proposals: ProposalList) -> bool:
    """Whether a commit of these proposals carries an update path. Source: RFC 9420 §12.4"""
    return not proposals or any(item.proposal.proposal_type in PATH_REQUIRED for item in proposals)


def new_extensions(extensions: Extensions, proposals: ProposalList) -> Extensions:
    """The extensions that hold while the rest of the list is judged."""
    for proposal, _ in of_type(proposals, GroupContextExtensions):
        return proposal.extensions
    return extensions


def apply_proposals(tree: RatchetTree, extensions: Extensions, proposals: ProposalList) -> Applied:
    """Apply a list that was checked, in the order that the RFC fixes."""
    edit = tree.edit()
    updated, removed = [], []
    for update, sender in updates(proposals):
        updated.append(UpdatedMember(sender, _member(tree, sender), update.leaf_node))
        edit.update(sender, update.leaf_node)
    for remove, _ in of_type(proposals, Remove):
        removed.append(RemovedMember(remove.removed, _member(tree, remove.removed)))
        edit.remove(remove.removed)
    added = [AddedMember(edit.add(add.key_package.leaf_node), add.key_package) for add, _ in of_type(proposals, Add)]
    return Applied(edit.finish(), new_extensions(extensions, proposals), tuple(added), tuple(removed), tuple(updated))


def _member(tree: RatchetTree, index: LeafIndex) -> LeafNode:
    leaf = tree.leaf(index)
    if leaf is None:
        raise ValueError("proposal list was not checked")
    return leaf
