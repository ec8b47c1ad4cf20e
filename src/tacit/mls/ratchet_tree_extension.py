"""The ratchet tree as it travels to new members: its nodes from left to right, blanks at the end left out.

Source: RFC 9420 §12.4.3.3
"""

from __future__ import annotations

from tacit.codec import Reader, Writer
from tacit.crypto.suites import CipherSuite
from tacit.mls.checks.trees import check_node_kinds, check_sent_tree_ends_in_leaf, check_tree_size
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.members import Node
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import NodeType, read_enum
from tacit.mls.tree_math import full_leaf_count, node_count


def encode_ratchet_tree(tree: RatchetTree) -> bytes:
    """``optional<Node> ratchet_tree<V>``, ending in the rightmost member."""
    end = len(tree.nodes)
    while end and tree.nodes[end - 1] is None:
        end -= 1
    w = Writer()
    w.vector(tree.nodes[:end], _write_optional_node)
    return w.finish()


def decode_ratchet_tree(suite: CipherSuite, data: bytes) -> RatchetTree:
    """The tree with its blanks restored, sound in shape and no more; raises ``DecodeError`` and ``InvalidMessage``."""
    r = Reader(data)
    sent = r.vector(_read_optional_node)
    r.finish()
    check_tree_size(sent)
    check_sent_tree_ends_in_leaf(sent)
    check_node_kinds(sent)
    size = node_count(full_leaf_count((len(sent) + 1) // 2))
    return RatchetTree(suite, sent + (None,) * (size - len(sent)))


def _write_optional_node(w: Writer, node: Node | None) -> None:
    if node is None:
        w.u8(0)
        return
    w.u8(1)
    w.u8(NodeType.LEAF if isinstance(node, LeafNode) else NodeType.PARENT)
    node.write(w)


def _read_optional_node(r: Reader) -> Node | None:
    return r.optional(_read_node)


def _read_node(r: Reader) -> Node:
    return LeafNode.read(r) if read_enum(NodeType, r.u8()) is NodeType.LEAF else ParentNode.read(r)
