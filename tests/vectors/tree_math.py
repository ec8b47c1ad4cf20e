"""Family tree-math: the arithmetic of node indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tacit.mls.tree_math import left, node_count, parent, right, root, sibling
from tests.vectors.expect import Options, expect


def check(case: Any, options: Options) -> None:
    """Every relation of every node; a relation that a node has not is ``null`` in the vector and an error here."""
    del options
    leaves = case["n_leaves"]
    expect("n_nodes", node_count(leaves), case["n_nodes"])
    expect("root", root(leaves), case["root"])
    for name in ("left", "right", "parent", "sibling"):
        expect(f"the length of {name}", len(case[name]), case["n_nodes"])
    for index in range(case["n_nodes"]):
        expect(f"left[{index}]", _or_none(left, index), case["left"][index])
        expect(f"right[{index}]", _or_none(right, index), case["right"][index])
        expect(f"parent[{index}]", _or_none(parent, index, leaves), case["parent"][index])
        expect(f"sibling[{index}]", _or_none(sibling, index, leaves), case["sibling"][index])


def _or_none(function: Callable[..., int], *arguments: int) -> int | None:
    try:
        return function(*arguments)
    except ValueError:
        return None
