"""The names of metrics in an expression of Prometheus, for expressions as ours are."""

from __future__ import annotations

import re

_NO_NAMES = {"by", "without", "on", "ignoring", "and", "or", "unless", "bool", "offset", "group_left", "group_right"}
_CUT = (
    r"\{[^}]*\}",  # labels
    r"\[[^\]]*\]",  # spans of time
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)",  # lists of labels
    r"\b\d[\w.]*",  # numbers
)


def metrics(expression: str) -> set[str]:
    """Every metric that an expression reads. Raises ``ValueError`` for one that is not whole."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', " ", expression)
    whole = '"' not in text
    for cut in _CUT:
        text = re.sub(cut, " ", text)
    if not whole or re.search(r"[{}\[\]$]", text) or text.count("(") != text.count(")"):
        raise ValueError(expression)
    names = re.findall(r"[A-Za-z_:][\w:]*(?!\w|\s*\()", text)
    return set(names) - _NO_NAMES
