from __future__ import annotations

from tacit.mls.protection import EpochKeys, _sender_data_key
from tacit.mls.secret_tree import RatchetKind, SecretTree
from tacit.mls.tree_math import LeafIndex
from tests.mls.suites import count_suites, supported_cases

un = bytes.fromhex


def test_official_vectors() -> None:
    ran = 0
    for suite, case in supported_cases("secret-tree"):
        v = case["sender_data"]
        tree = SecretTree.from_encryption_secret(len(case["leaves"]), un(case["encryption_secret"]))
        keys = EpochKeys(suite, b"", 0, b"", LeafIndex(0), un(v["sender_data_secret"]), tree, {})
        assert _sender_data_key(keys, un(v["ciphertext"])) == (un(v["key"]), un(v["nonce"]))
        for index, steps in enumerate(case["leaves"]):
            for step in steps:
                for kind in RatchetKind:
                    name = kind.name.lower()
                    key, tree = tree.key_at(suite, LeafIndex(index), kind, step["generation"])
                    assert key.key == un(step[f"{name}_key"])
                    assert key.nonce == un(step[f"{name}_nonce"])
        ran += 1
    count_suites("secret-tree", ran)
