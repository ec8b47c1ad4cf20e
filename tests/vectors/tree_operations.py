"""Family tree-operations: one proposal applied to a tree."""

from __future__ import annotations

from typing import Any

from tacit.codec import Reader
from tacit.mls.proposal_lists import CommittedProposal, apply_proposals
from tacit.mls.proposals import read_proposal
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree, encode_ratchet_tree
from tacit.mls.tree_math import LeafIndex
from tests.vectors.expect import Options, expect, suite_of, un


def check(case: Any, options: Options) -> None:
    """The tree after, with hashes that were carried along and ones computed anew; the tree before is left as it was."""
    del options
    suite = suite_of(case)
    tree = decode_ratchet_tree(suite, un(case["tree_before"]))
    expect("tree_hash_before", tree.tree_hash, un(case["tree_hash_before"]))
    r = Reader(un(case["proposal"]))
    proposal = read_proposal(r)
    r.finish()
    item = CommittedProposal(proposal, LeafIndex(case["proposal_sender"]))
    after = apply_proposals(tree, (), (item,)).tree
    expect("tree_after", encode_ratchet_tree(after), un(case["tree_after"]))
    expect("tree_hash_after", after.tree_hash, un(case["tree_hash_after"]))
    expect("tree_hash_after, computed anew", RatchetTree(suite, after.nodes).tree_hash, un(case["tree_hash_after"]))
    expect("tree_before, afterwards", encode_ratchet_tree(tree), un(case["tree_before"]))
