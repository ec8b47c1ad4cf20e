"""``./dev vectors``: what it finds, what it says and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.__main__ import main
from tests.vectors.families import FAMILIES
from tests.vectors.files import PROJECT
from tests.vectors.official import official_cases

DESERIALIZATION = [{"vlbytes_header": "3f", "length": 63}, {"vlbytes_header": "7fff", "length": 16383}]


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def told(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    ended = main([str(path), "--json", *options])
    account: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert account["passed"] is (ended == 0)
    return ended, account


def test_files_are_known_by_what_is_in_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "deep" / "er" / "anything.JSON", DESERIALIZATION)
    put(tmp_path / "tree-math.json", official_cases("psk_secret")[:12])
    put(tmp_path / "one.json", official_cases("tree-math")[3])
    put(tmp_path / ".git" / "hidden.json", [{"cipher_suite": 1}])
    ended, account = told(tmp_path, capsys)
    assert ended == 0
    found = [(row["file"], row["family"], row["suite"], row["passed"], row["cases"]) for row in account["rows"]]
    assert found == [
        ("deep/er/anything.JSON", "deserialization", None, 2, 2),
        ("tree-math.json", "psk_secret", 1, 11, 11),
        ("tree-math.json", "psk_secret", 2, 1, 1),
        ("one.json", "tree-math", None, 1, 1),
    ]


def test_a_single_file_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "a.json", DESERIALIZATION)
    put(tmp_path / "b.json", DESERIALIZATION)
    ended, account = told(tmp_path / "a.json", capsys)
    assert (ended, [row["file"] for row in account["rows"]]) == (0, ["a.json"])


def changed(value: str | int) -> str | int:
    """Another value of the same form."""
    if isinstance(value, str):
        return f"{'0' if value[:1] != '0' else '1'}{value[1:]}"
    return value + 1


def every_leaf(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of each value that is no container."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, item in items for leaf in every_leaf(item, (*path, key))]
    return [path]


def with_changed(value: Any, path: tuple[Any, ...]) -> Any:
    """A copy in which the value at ``path`` is another one."""
    if not path:
        return changed(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_changed(value[path[0]], path[1:])
    return copy


def value_at(value: Any, path: tuple[Any, ...]) -> Any:
    """What stands at ``path``."""
    for key in path:
        value = value[key]
    return value


def small_case(family: str) -> Any:
    """The smallest case of suite 0x0001 or of the default KEM; of tree-operations an update, whose sender matters."""
    cases = [case for case in official_cases(family) if case.get("cipher_suite", 1) == 1]
    wanted = {"hpke-pq": lambda c: c["kem_id"] == 0x647A, "tree-operations": lambda c: c["proposal"].startswith("0002")}
    return min(filter(wanted.get(family, lambda c: True), cases), key=lambda c: len(json.dumps(c)))


@pytest.mark.parametrize("family", [family.name for family in FAMILIES if family.name != "messages"])
def test_a_change_of_any_field_is_seen(family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every value of a case is read, of large cases some dozens: another one in its place never passes."""
    case = small_case(family)
    untold = {"cipher_suite", "external_psks"}
    leaves = [path for path in every_leaf(case) if not untold.intersection(path)]
    leaves = [path for path in leaves[:: max(1, len(leaves) // 40)] if value_at(case, path) is not None]
    assert leaves
    for path in leaves:
        put(tmp_path / f"{'.'.join(map(str, path))}.json", [with_changed(case, path)])
    ended, account = told(tmp_path, capsys)
    assert [row["file"] for row in account["rows"] if row["passed"]] == []
    assert (ended, len(account["rows"])) == (1, len(leaves))


def test_a_message_that_lacks_a_byte_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = small_case("messages")
    for name in case:
        put(tmp_path / f"{name}.json", [{**case, name: case[name][:-2]}])
    ended, account = told(tmp_path, capsys)
    assert [row["file"] for row in account["rows"] if row["passed"]] == []
    assert (ended, len(account["rows"])) == (1, len(case))


def test_what_is_missing_is_a_failure_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "psk.json", [{**official_cases("psk_secret")[0], "cipher_suite": 0x0ABC}])
    ended, account = told(tmp_path, capsys)
    (row,) = account["rows"]
    assert (ended, row["skipped"]) == (1, {"no suite 0x0abc": 1})


def test_vectors_of_unknown_form_are_a_failure_and_other_json_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "good.json", DESERIALIZATION)
    put(tmp_path / "package.json", {"name": "x", "version": "1.0.0"})
    put(tmp_path / "numbers.json", [1, 2])
    ended, account = told(tmp_path, capsys)
    assert (ended, set(account["left"]), account["unknown"]) == (0, {"package.json", "numbers.json"}, {})
    put(tmp_path / "half.json", [{key: official_cases("welcome")[0][key] for key in ("welcome", "init_priv")}])
    put(tmp_path / "hex.json", [{"key": "00" * 16, "digest": "11" * 32}])
    put(tmp_path / "mixed.json", [*DESERIALIZATION, official_cases("tree-math")[0]])
    put(tmp_path / "partly.json", [*DESERIALIZATION, {"name": "x"}])
    (tmp_path / "cut.json").write_text(json.dumps(official_cases("welcome"))[:-1])
    (tmp_path / "comment.json").write_text("{} // not strictly JSON")
    ended, account = told(tmp_path, capsys)
    assert (ended, set(account["unknown"])) == (1, {"half.json", "hex.json", "mixed.json", "partly.json", "cut.json"})
    assert "comment.json" in account["left"]
    assert "init_priv" in account["unknown"]["half.json"]


def test_nothing_to_run_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(tmp_path, capsys)[0] == 1


def test_fields_beyond_the_format_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "more.json", [{**DESERIALIZATION[0], "comment": "of my own"}])
    ended, account = told(tmp_path, capsys)
    assert (ended, account["rows"][0]["unread_fields"]) == (0, ["comment"])


def test_the_table_says_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "bad.json", [{"vlbytes_header": "3f", "length": 62}])
    put(tmp_path / "hex.json", [{"key": "00" * 16}])
    assert main([str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "bad.json: case 0: Mismatch: length is (63, 1), the vector has (62, 1)" in printed
    assert "hex.json: NOT RUN: vectors of no known family, with the fields key" in printed
    assert printed.splitlines()[-1] == "vectors: 0 of 1 cases passed: FAILED"


@pytest.mark.processes
def test_the_command_runs_as_the_verb_runs_it(tmp_path: Path) -> None:
    put(tmp_path / "good.json", DESERIALIZATION)
    command = [sys.executable, "-m", "tests.vectors", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "vectors: 2 of 2 cases passed: all passed")
    done = subprocess.run(
        [*command[:-1], str(tmp_path / "no")], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
