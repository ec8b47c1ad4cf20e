"""Finds the tests that name a rule or a hazard.

A rule is named by its ID in a string, or as ``Rule ID`` in a docstring; a hazard as ``Hazard ID`` in a docstring or
at the beginning of a test's name.
A test names also what stands in the tables and helpers of its module that it uses.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

_Names = Callable[[ast.AST], set[str]]

ROOT: Final = Path(__file__).resolve().parent.parent
TESTS: Final = ROOT / "tests"

RULE_ID: Final = re.compile(r"(?:\d+(?:\.\d+)*|limits)/[a-z][a-z0-9-]*")
_HAZARD_ID: Final = re.compile(r"[A-I]\d{1,2}\b")
_HAZARD_IN_NAME: Final = re.compile(r"test_([a-i]\d{1,2})_")
_RULES_IN_PROSE: Final = re.compile(rf"\bRules? (?:{RULE_ID.pattern}(?:, | and )?)+")
_HAZARDS_IN_PROSE: Final = re.compile(rf"\bHazards? (?:{_HAZARD_ID.pattern}(?:, | and )?)+")
_MAY_NAME_ONE: Final = re.compile("|".join((RULE_ID.pattern, r"\bHazards? ", _HAZARD_IN_NAME.pattern)))
_TEST: Final = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


@cache
def tests_by_rule() -> dict[str, list[str]]:
    """For every rule ID that a test names, the tests, as ``tests/…/test_x.py::test_y``."""
    return _by_name(_rules_in)


@cache
def tests_by_expected_rule() -> dict[str, list[str]]:
    """The same, of tests that have the ID in a string of its own and so compare something with it."""
    return _by_name(rule_ids)


@cache
def tests_by_hazard() -> dict[str, list[str]]:
    """For every hazard that a test names in its docstring, the tests."""
    return _by_name(_hazards_in)


@cache
def all_tests() -> frozenset[str]:
    """Every test there is."""
    return frozenset(f"{path}::{name}" for path, source in _sources() for name in _TEST.findall(source))


def rule_ids(node: ast.AST) -> set[str]:
    """The rule IDs that stand alone in string literals below a node."""
    return {value for value in _strings(node) if RULE_ID.fullmatch(value)}


def _by_name(names_in: _Names) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, module in _modules():
        shared = _shared(module, names_in)
        for test in _tests_in(module):
            names = names_in(test).union(*(shared.get(used, set()) for used in _used_names(test)))
            for name in names:
                found.setdefault(name, []).append(f"{path}::{test.name}")
    return found


def _shared(module: ast.Module, names_in: _Names) -> dict[str, set[str]]:
    """What the tables and helpers of a module name, each with what those name that it uses."""
    parts = {name: part for part in module.body for name in _defined(part)}
    direct = {name: names_in(part) for name, part in parts.items()}
    return {
        name: direct[name].union(*(direct.get(used, set()) for used in _used_names(part)))
        for name, part in parts.items()
    }


def _defined(part: ast.stmt) -> Iterator[str]:
    match part:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not name.startswith("test_"):
            yield name
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _used_names(node: ast.AST) -> frozenset[str]:
    return _names_and_strings(node)[0]


def _tests_in(module: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    functions = (part for part in module.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))
    return [function for function in functions if function.name.startswith("test_")]


def _rules_in(node: ast.AST) -> set[str]:
    prose = (match for value in _strings(node) for match in _RULES_IN_PROSE.findall(value))
    return rule_ids(node) | {name for match in prose for name in RULE_ID.findall(match)}


def _hazards_in(node: ast.AST) -> set[str]:
    named = _HAZARD_IN_NAME.match(getattr(node, "name", ""))
    prose = (match for value in _strings(node) for match in _HAZARDS_IN_PROSE.findall(value))
    found = {name for match in prose for name in _HAZARD_ID.findall(match)}
    return found | {named[1].upper()} if named else found


def _strings(node: ast.AST) -> frozenset[str]:
    return _names_and_strings(node)[1]


@cache
def _names_and_strings(node: ast.AST) -> tuple[frozenset[str], frozenset[str]]:
    """All that is wanted of a part of a module, from one walk over it, which is what takes time here."""
    names: set[str] = set()
    strings: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            names.add(part.id)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            strings.add(part.value)
    return frozenset(names), frozenset(strings)


@cache
def _modules() -> tuple[tuple[str, ast.Module], ...]:
    """The modules in whose text an ID stands; the others need no parsing, which takes time too."""
    return tuple((path, ast.parse(source)) for path, source in _sources() if _MAY_NAME_ONE.search(source))


@cache
def _sources() -> tuple[tuple[str, str], ...]:
    paths = sorted(TESTS.rglob("test_*.py"))
    return tuple((path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths)
