from __future__ import annotations

from tacit.mls.checks.leaf_nodes import check_leaf_signature
from tacit.mls.checks.trees import check_encryption_keys_unique, check_parent_hashes, check_unmerged_leaves
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree
from tests.mls.suites import supported_cases

un = bytes.fromhex


def test_official_vectors_of_tree_validation() -> None:
    """The account of these cases is kept in ``test_ratchet_tree``, which looks at the rest of each."""
    ran = 0
    for suite, case in supported_cases("tree-validation"):
        tree = decode_ratchet_tree(suite, un(case["tree"]))
        check_unmerged_leaves(tree)
        check_encryption_keys_unique(tree)
        check_parent_hashes(tree)
        for index, leaf in tree.leaves():
            check_leaf_signature(suite, leaf, un(case["group_id"]), index)
        ran += 1
    assert ran == 70
