from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.mls.tree_math import (
    LeafIndex,
    NodeIndex,
    child_towards,
    common_ancestor,
    copath,
    direct_path,
    full_leaf_count,
    is_in_subtree,
    is_leaf,
    leaf_of,
    left,
    level,
    node_count,
    node_of,
    parent,
    right,
    root,
    sibling,
    subtree_leaves,
)


@given(st.integers(0, 11), st.data())
def test_paths_agree_with_single_steps(depth: int, data: st.DataObject) -> None:
    leaves = 1 << depth
    node = NodeIndex(data.draw(st.integers(0, node_count(leaves) - 1)))
    path = direct_path(node, leaves)
    assert len(path) == depth - level(node)
    below = node
    for ancestor, other in zip(path, copath(node, leaves), strict=True):
        assert parent(below, leaves) == ancestor
        assert sibling(below, leaves) == other
        assert child_towards(ancestor, node) == below
        assert is_in_subtree(node, ancestor)
        assert not is_in_subtree(node, other)
        below = ancestor


@given(st.integers(0, 2047), st.integers(0, 2047))
def test_common_ancestor_is_the_first_shared_node(a: int, b: int) -> None:
    if a == b:
        return
    one, other = LeafIndex(a), LeafIndex(b)
    shared = set(direct_path(node_of(one), 2048)) & set(direct_path(node_of(other), 2048))
    assert common_ancestor(one, other) == min(shared, key=level)


@pytest.mark.parametrize(("leaves", "full"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1000, 1024)])
def test_trees_are_padded_to_a_power_of_two(leaves: int, full: int) -> None:
    assert full_leaf_count(leaves) == full


def test_leaves_below_a_node() -> None:
    assert list(subtree_leaves(NodeIndex(5))) == [2, 3]
    assert list(subtree_leaves(NodeIndex(4))) == [2]
    assert list(subtree_leaves(NodeIndex(3))) == [0, 1, 2, 3]


def test_leaves_stand_at_even_places() -> None:
    for leaf in map(LeafIndex, range(9)):
        assert leaf_of(node_of(leaf)) == leaf
        assert is_leaf(node_of(leaf))
        assert not is_leaf(NodeIndex(node_of(leaf) + 1))


@pytest.mark.parametrize("leaves", [1, 2, 4, 1024])
def test_there_is_no_way_up_from_outside_the_tree(leaves: int) -> None:
    last = node_count(leaves) - 1
    assert direct_path(NodeIndex(last), leaves)[-1:] == ([] if leaves == 1 else [root(leaves)])
    for outside in (-1, last + 1, last + 2, 2**32):
        for way in (direct_path, copath):
            with pytest.raises(ValueError, match="no node"):
                way(NodeIndex(outside), leaves)


def test_there_is_nothing_below_a_leaf_or_above_the_root() -> None:
    for below in (left, right):
        with pytest.raises(ValueError, match="leaf"):
            below(NodeIndex(2))
    for beside in (parent, sibling):
        with pytest.raises(ValueError, match="root"):
            beside(NodeIndex(3), 4)
