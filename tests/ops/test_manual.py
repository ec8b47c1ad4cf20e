"""docs/operations.md says what the code says: its tables, its events, its commands."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from tacit.relay.store.columns import COLUMNS
from tests.ops.needed import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
SOURCES = [
    *(ROOT / "src" / "tacit" / "relay").rglob("*.py"),
    *(ROOT / "src" / "tacit" / "net").rglob("*.py"),
    ROOT / "src" / "tacit" / "cli" / "relay_server.py",
]
CLIENTS_OWN = {"ws_client.py", "connecting.py"}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("operations_tables", ROOT / "scripts" / "operations_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_code(script: ModuleType) -> None:
    assert script.filled(PAGE) == PAGE, "run ./dev proto"


def test_a_stale_table_is_noticed(script: ModuleType) -> None:
    current = script.filled(PAGE)
    stale = current.replace(f"| {COLUMNS[0].purpose} |", "| something else |")
    assert stale != current
    assert script.filled(stale) == current


def test_a_benchmarks_results_find_their_place(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = list(script.SIZING)[:2]
    rows = [
        {"what": first, "value": 12345.6, "unit": "messages/s", "note": "25 pairs"},
        {"what": f"missing: {second}", "value": 0.0, "unit": "", "note": "no time"},
        {"what": "what nobody asks before a machine is chosen", "value": 1.0, "unit": "s", "note": ""},
    ]
    machine = dict.fromkeys(("processor", "cores", "system", "python", "tacit"), "x")
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"machine": machine, "tables": {"relay": {"rows": rows}}}))
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    monkeypatch.setattr(script, "PAGE", page)
    monkeypatch.setattr("sys.argv", ["", str(results)])
    assert script.main() == 0
    section = page.read_text().partition("<!-- begin capacity -->")[2].partition("<!-- end capacity -->")[0]
    assert re.findall(r"^\| (.+) \|$", section, re.MULTILINE)[2:] == [f"{script.SIZING[first]} | 12,346 messages/s"]


def test_every_question_before_a_machine_is_chosen_has_its_figure(script: ModuleType) -> None:
    section = PAGE.partition("<!-- begin capacity -->")[2].partition("<!-- end capacity -->")[0]
    asked = re.findall(r"^\| (.+?) \| .*\d.* \|$", section, re.MULTILINE)
    assert asked == list(script.SIZING.values())
    assert "Measured on one machine" in section


def test_what_is_asked_is_what_the_benchmark_measures(script: ModuleType) -> None:
    """Its rows have these names in its code, but for the numbers that are put in."""
    code = "".join(path.read_text("utf-8") for path in (ROOT / "bench" / "relay").rglob("*.py"))
    names = [re.split(r"\{.*\}", name) for name in re.findall(r'"([^"\n]+)"', code)]
    patterns = [".*".join(map(re.escape, parts)) for parts in names if len("".join(parts)) > 10]
    for what in script.SIZING:
        assert any(re.match(pattern, what) for pattern in patterns), what
    assert not any(re.match(pattern, "what nobody measures") for pattern in patterns)


def test_every_event_of_the_log_is_explained_and_no_other() -> None:
    written = {
        event
        for path in SOURCES
        if path.name not in CLIENTS_OWN
        for event in re.findall(r"\.(?:warning|info)\(\s*\"([a-z-]+)\"", path.read_text("utf-8"))
    }
    section = PAGE.partition("\n## The log\n")[2].partition("\n## ")[0]
    explained = re.findall(r"`([a-z-]+)`", " ".join(re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)))
    assert len(explained) == len(set(explained))
    assert set(explained) == written


def test_every_part_is_in_the_table_of_contents() -> None:
    parts = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", part.lower()).replace(" ", "-") for part in parts]
    contents = PAGE.partition("\n## ")[0]
    assert re.findall(r"\(#([\w-]+)\)", contents) == anchors
    assert set(re.findall(r"\(#([\w-]+)\)", PAGE)) <= set(anchors)
