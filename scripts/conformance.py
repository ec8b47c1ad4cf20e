"""Prints the tables of docs/conformance.md from the register of rules and from the tests; run as a script.

What stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` is written here and nowhere else. A rule, a hazard
or a duty without a test that exists stops it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Final

from conformance_duties import DUTIES, ELSEWHERE, HAZARDS, NOT_OURS
from named_tests import ROOT, all_tests, tests_by_expected_rule, tests_by_hazard, tests_by_rule
from printed_tables import fill, markdown_table

from tacit.mls.checks.rules import Kind
from tacit.mls.checks.table import RULES

PAGE: Final = ROOT / "docs" / "conformance.md"

CHECKLIST: Final = {
    "C": 15, "F": 17, "L": 14, "K": 5, "P": 10, "Q": 13, "M": 17, "X": 8, "T": 8, "W": 13, "S": 7, "A": 5,
    "E": 8, "Z": 28,
}  # fmt: skip
"""How many codes the checklist has under each letter."""


def rules() -> str:
    """Every rule, with what breaks it."""
    return markdown_table(
        ("rule", "what it asks", "broken", "enforced in", "checklist", "OpenMLS", "tests"),
        (
            (f"`{rule.id}`", rule.gist, rule.kind.value, f"`{rule.where}`", rule.codes, rule.openmls,
             _tests(tests_by_rule()[rule.id]))
            for rule in RULES
        ),
    )  # fmt: skip


def counts() -> str:
    """How many rules there are."""
    kinds = {kind: sum(rule.kind is kind for rule in RULES) for kind in Kind}
    tests = {test for rule in RULES for test in tests_by_rule()[rule.id]}
    return (
        f"{len(RULES)} rules: {kinds[Kind.REFUSED]} refused by their ID, {kinds[Kind.MALFORMED]} malformed, "
        f"{kinds[Kind.KEPT]} kept by ourselves; {len(tests)} tests."
    )


def hazards() -> str:
    """Attacks of members and on decoders, with the tests that make them."""
    return markdown_table(
        ("hazard", "what is tried", "tests"),
        ((name, what, _tests(tests_by_hazard()[name])) for name, what in HAZARDS.items()),
    )


def duties() -> str:
    """What is asked of an application and of a delivery service."""
    return "\n\n".join(
        f"### {subject}\n\n"
        + markdown_table(("duty", "kept by", "tests"), ((d.duty, d.kept_by, _tests(d.tests)) for d in kept))
        for subject, kept in DUTIES.items()
    )


def elsewhere() -> str:
    """Codes of the checklist that are no rule of a message."""
    return markdown_table(("code", "where"), ELSEWHERE.items())


def not_ours() -> str:
    """MUSTs that this room can neither keep nor break."""
    return markdown_table(("section", "demand", "why"), NOT_OURS)


def gaps() -> list[str]:
    """What is missing: tests of rules, hazards and duties, and codes of the checklist that nothing answers."""
    registered = {rule.id for rule in RULES}
    refused = {rule.id for rule in RULES if rule.kind is Kind.REFUSED} & set(tests_by_rule())
    answered = {code for rule in RULES for code in rule.codes.split()} | set(ELSEWHERE)
    asked = {f"{letter}{n:02d}" if letter not in "EZ" else f"{letter}{n}"
             for letter, count in CHECKLIST.items() for n in range(1, count + 1)}  # fmt: skip
    named = {test for kept in DUTIES.values() for duty in kept for test in duty.tests}
    return [
        *(f"rule {name} has no test" for name in sorted(registered - set(tests_by_rule()))),
        *(f"rule {name} is expected by no test" for name in sorted(refused - set(tests_by_expected_rule()))),
        *(f"rule {name} is tested and not registered" for name in sorted(set(tests_by_rule()) - registered)),
        *(f"hazard {name} has no test" for name in sorted(set(HAZARDS) - set(tests_by_hazard()))),
        *(f"duty without a test: {duty.duty}" for kept in DUTIES.values() for duty in kept if not duty.tests),
        *(f"no such test: {name}" for name in sorted(named - all_tests())),
        *(f"code {code} of the checklist is answered nowhere" for code in sorted(asked - answered)),
        *(f"code {code} is not in the checklist" for code in sorted(answered - asked)),
    ]


TABLES: Final[dict[str, Callable[[], str]]] = {
    "counts": counts,
    "rules": rules,
    "elsewhere": elsewhere,
    "hazards": hazards,
    "duties": duties,
    "not ours": not_ours,
}


def filled(page: str) -> str:
    """The page with every table as it is now. Raises ``ValueError`` when something is missing."""
    missing = gaps()
    if missing:
        raise ValueError("\n".join(missing))
    return fill(page, TABLES)


def problems() -> list[str]:
    """Why the page is not what the code and the tests say; empty if it is."""
    page = PAGE.read_text("utf-8")
    try:
        return [] if filled(page) == page else [f"docs/{PAGE.name} is out of date: run python scripts/conformance.py"]
    except ValueError as error:
        return str(error).splitlines()


def _tests(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> int:
    """Write the tables in place."""
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
    print(PAGE.name)  # noqa: T201 - a script for people
    return 0


if __name__ == "__main__":
    sys.exit(main())
