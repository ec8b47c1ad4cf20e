"""Every bound says why it is what it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tacit import limits

UNITS = {"MINUTE_S", "HOUR_S", "DAY_S"}


def without_a_reason(source: str) -> list[str]:
    """Names that no sentence stands below; names that follow each other line by line share theirs."""
    found: list[str] = []
    waiting: list[tuple[str, int]] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if waiting and node.lineno > waiting[-1][1] + 1:
                found += [name for name, _ in waiting]
                waiting.clear()
            waiting.append((node.target.id, node.end_lineno or node.lineno))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            waiting.clear()
    return [name for name in (*found, *(name for name, _ in waiting)) if name not in UNITS]


def test_every_bound_has_its_reason() -> None:
    assert limits.__file__ is not None
    assert without_a_reason(Path(limits.__file__).read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ('A: Final = 1\n"""Why."""\n', []),
        ('A: Final = 1\nB: Final = 2\n"""Why both."""\n', []),
        ('A: Final = 1\n\nB: Final = 2\n"""Why B."""\n', ["A"]),
        ('A: Final = 1\n"""Why."""\nB: Final = 2\n', ["B"]),
    ],
)
def test_one_without_is_found(source: str, missing: list[str]) -> None:
    assert without_a_reason(source) == missing
