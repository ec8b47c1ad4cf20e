from __future__ import annotations

from tacit.codec import Reader
from tacit.crypto.suites import suite
from tacit.mls.proposal_lists import CommittedProposal, apply_proposals
from tacit.mls.proposals import read_proposal
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree, encode_ratchet_tree
from tacit.mls.tree_math import LeafIndex, NodeIndex
from tests.mls.suites import count_suites, supported_cases
from tests.vectors import count, load_vectors

un = bytes.fromhex


def test_official_vectors_of_operations() -> None:
    cases = load_vectors("tree-operations")
    for case in cases:
        cipher_suite = suite(case["cipher_suite"])
        tree = decode_ratchet_tree(cipher_suite, un(case["tree_before"]))
        assert tree.tree_hash == un(case["tree_hash_before"])
        r = Reader(un(case["proposal"]))
        proposal = read_proposal(r)
        r.finish()
        item = CommittedProposal(proposal, LeafIndex(case["proposal_sender"]))
        after = apply_proposals(tree, (), (item,)).tree
        assert encode_ratchet_tree(after) == un(case["tree_after"])
        assert after.tree_hash == un(case["tree_hash_after"])
        assert RatchetTree(cipher_suite, after.nodes).tree_hash == after.tree_hash
        assert encode_ratchet_tree(tree) == un(case["tree_before"])
    count("tree-operations", len(cases), len(cases))


def test_official_vectors_of_resolutions_and_hashes() -> None:
    ran = 0
    for cipher_suite, case in supported_cases("tree-validation"):
        tree = decode_ratchet_tree(cipher_suite, un(case["tree"]))
        for index, expected in enumerate(case["resolutions"]):
            assert tree.resolution(NodeIndex(index)) == expected
        for index, digest in enumerate(case["tree_hashes"]):
            assert tree.node_hash(NodeIndex(index)) == un(digest)
        ran += 1
    count_suites("tree-validation", ran)
