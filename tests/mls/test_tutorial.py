"""The tutorial is a program, and it runs."""

from __future__ import annotations

import re
from pathlib import Path

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "mls-tutorial.md"


def test_the_tutorial_runs_from_top_to_bottom() -> None:
    text = TUTORIAL.read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == len(re.findall(r"^```\w+$", text, re.MULTILINE)) > 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(TUTORIAL), "exec"), names)
    assert names["rows"]
