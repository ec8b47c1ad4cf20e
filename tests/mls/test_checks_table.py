"""Traceability: every rule that the code can raise is broken by a hostile test that names it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tacit.mls.checks.table import RULES

SOURCE = Path(__file__).resolve().parents[2] / "src" / "tacit" / "mls"
TESTS = Path(__file__).resolve().parent
ID = re.compile(r"(\d+(\.\d+)*|limits)/[a-z0-9-]+")


def rules_in(directory: Path) -> dict[str, list[str]]:
    """The rule IDs in string literals below a directory, with the files that name them."""
    found: dict[str, list[str]] = {}
    for path in sorted(set(directory.rglob("*.py")) - set((SOURCE / "checks" / "table").iterdir())):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and ID.fullmatch(node.value):
                found.setdefault(node.value, []).append(path.name)
    return found


def test_every_rule_is_broken_by_a_test() -> None:
    rules, broken = rules_in(SOURCE), rules_in(TESTS)
    assert len(rules) > 70
    assert sorted(set(rules) - set(broken)) == []
    assert sorted(set(broken) - {rule.id for rule in RULES} - set(rules)) == []


def test_a_rule_belongs_to_one_module() -> None:
    assert {rule: files for rule, files in rules_in(SOURCE).items() if len(set(files)) > 1} == {}
