"""Family tree-validation: resolutions, hashes, parent hashes and signatures of whole trees."""

from __future__ import annotations

from typing import Any

from tacit.mls.checks.leaf_nodes import check_leaf_signature
from tacit.mls.checks.trees import check_encryption_keys_unique, check_parent_hashes, check_unmerged_leaves
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree
from tacit.mls.tree_math import NodeIndex
from tests.vectors.expect import Options, expect, suite_of, un


def check(case: Any, options: Options) -> None:
    """What a new member asks of the tree, and every node's resolution and hash."""
    del options
    suite = suite_of(case)
    tree = decode_ratchet_tree(suite, un(case["tree"]))
    expect("the number of resolutions", len(case["resolutions"]), len(tree.nodes))
    expect("the number of tree_hashes", len(case["tree_hashes"]), len(tree.nodes))
    for index, expected in enumerate(case["resolutions"]):
        expect(f"resolutions[{index}]", list(tree.resolution(NodeIndex(index))), expected)
    for index, digest in enumerate(case["tree_hashes"]):
        expect(f"tree_hashes[{index}]", tree.node_hash(NodeIndex(index)), un(digest))
    check_unmerged_leaves(tree)
    check_encryption_keys_unique(tree)
    check_parent_hashes(tree)
    for index, leaf in tree.leaves():
        check_leaf_signature(suite, leaf, un(case["group_id"]), index)
