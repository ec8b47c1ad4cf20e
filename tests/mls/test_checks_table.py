"""Traceability: every rule that the code can raise is registered, broken by a test and on the page that says so."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tacit.mls.checks.rules import Kind, Rule
from tacit.mls.checks.table import RULES

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "tacit"
SOURCE = PACKAGE / "mls"
TABLE = SOURCE / "checks" / "table"
ID = re.compile(r"(\d+(\.\d+)*|limits)/[a-z0-9-]+")


def rule_ids(node: ast.AST) -> set[str]:
    literals = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {value for value in literals if isinstance(value, str) and ID.fullmatch(value)}


@cache
def raised() -> dict[str, set[str]]:
    """The rule IDs that stand in the code, with the functions and classes that they stand in, below ``tacit``."""
    found: dict[str, set[str]] = {}
    for path in sorted(set(SOURCE.rglob("*.py")) - set(TABLE.iterdir())):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for part in ast.parse(path.read_text("utf-8")).body:
            for rule in rule_ids(part):
                found.setdefault(rule, set()).add(f"{module}.{getattr(part, 'name', '?')}")
    return found


def test_every_rule_that_the_code_raises_is_registered() -> None:
    refused = {rule.id for rule in RULES if rule.kind is Kind.REFUSED}
    assert len(refused) > 100
    assert sorted(set(raised()) - refused) == [], "add rows to tacit/mls/checks/table"
    assert sorted(refused - set(raised())) == []


def test_a_rule_has_one_id_and_an_id_is_a_section_and_a_name() -> None:
    assert [rule for rule, times in Counter(rule.id for rule in RULES).items() if times > 1] == []
    assert [rule.id for rule in RULES if not ID.fullmatch(rule.id)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_enforced_where_the_table_says(rule: Rule) -> None:
    assert callable(pkgutil.resolve_name(f"tacit.{rule.where}"))
    if rule.kind is Kind.REFUSED:
        assert rule.where in raised()[rule.id] or rule.where.rpartition(".")[0] in raised()[rule.id], raised()[rule.id]


@pytest.mark.parametrize("room", ["codec", "crypto", "mls"])
def test_nothing_is_checked_by_an_assertion(room: str) -> None:
    """``python -O`` leaves assertions out."""
    trees = ((path, ast.parse(path.read_text("utf-8"))) for path in (PACKAGE / room).rglob("*.py"))
    assert [path.name for path, tree in trees if any(isinstance(part, ast.Assert) for part in ast.walk(tree))] == []


@pytest.fixture(scope="module")
def conformance() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PACKAGE.parents[1] / "scripts"))
        yield importlib.import_module("conformance")


@pytest.mark.no_cover
def test_every_rule_hazard_and_duty_has_a_test_that_exists(conformance: Any) -> None:
    assert conformance.gaps() == []


def test_what_lacks_a_test_is_named(conformance: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    unbroken = Rule("/".join(("1", "no-test")), "mls.group.Group", "", "", "")
    monkeypatch.setattr(conformance, "RULES", (*RULES[1:], unbroken))
    monkeypatch.setitem(conformance.HAZARDS, "B99", "nobody tried it")
    duty = conformance.DUTIES["Policies"][0]._replace(tests=("tests/mls/test_group.py::test_that_is_not_there",))
    monkeypatch.setitem(conformance.DUTIES, "Policies", (duty,))
    assert set(conformance.gaps()) == {
        "rule 1/no-test has no test",
        f"rule {RULES[0].id} is tested and not registered",
        "hazard B99 has no test",
        "no such test: tests/mls/test_group.py::test_that_is_not_there",
        f"code {RULES[0].codes} of the checklist is answered nowhere",
    }


def test_the_page_is_what_the_code_and_the_tests_say(conformance: Any) -> None:
    assert conformance.problems() == []
    page = conformance.PAGE.read_text("utf-8")
    stale = page.replace("| `6.1/signature` |", "| `6.1/signed` |")
    assert stale != page
    assert conformance.filled(stale) == page
    with pytest.raises(ValueError, match="rules has 0 places"):
        conformance.filled(page.replace("<!-- begin rules -->", ""))
