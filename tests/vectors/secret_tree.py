"""Family secret-tree: message keys of every leaf, and those of the sender data."""

from __future__ import annotations

from typing import Any

from tacit.mls.protection import EpochKeys, _sender_data_key
from tacit.mls.secret_tree import RatchetKind, SecretTree
from tacit.mls.tree_math import LeafIndex
from tests.vectors.expect import Options, expect, suite_of, un


def check(case: Any, options: Options) -> None:
    """Every key and nonce, generation by generation."""
    del options
    suite, v = suite_of(case), case["sender_data"]
    tree = SecretTree.from_encryption_secret(len(case["leaves"]), un(case["encryption_secret"]))
    keys = EpochKeys(suite, b"", LeafIndex(0), un(v["sender_data_secret"]), tree, {})
    expect("sender_data", _sender_data_key(keys, un(v["ciphertext"])), (un(v["key"]), un(v["nonce"])))
    for index, steps in enumerate(case["leaves"]):
        for step in steps:
            for kind in RatchetKind:
                name, generation = kind.name.lower(), step["generation"]
                key, tree = tree.key_at(suite, LeafIndex(index), kind, generation)
                expect(f"{name}_key of leaf {index}, generation {generation}", key.key, un(step[f"{name}_key"]))
                expect(f"{name}_nonce of leaf {index}, generation {generation}", key.nonce, un(step[f"{name}_nonce"]))
