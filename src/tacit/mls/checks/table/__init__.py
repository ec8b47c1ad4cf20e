"""The register of all rules, in the order of the wire: bytes, frames, leaves, proposals, commits, joining, outsiders.

Nothing that enforces a rule reads this. Tests hold it against the code and ask for a test that breaks each rule;
``docs/conformance.md`` is printed from it.
"""

from __future__ import annotations

from typing import Final

from tacit.mls.checks.rules import Rule
from tacit.mls.checks.table import commits, encoding, framing, joining, leaves, lineage, outside, proposals

RULES: Final[tuple[Rule, ...]] = (
    *encoding.RULES,
    *framing.RULES,
    *leaves.RULES,
    *proposals.RULES,
    *commits.RULES,
    *joining.RULES,
    *outside.RULES,
    *lineage.RULES,
)
"""Every rule, each once."""
