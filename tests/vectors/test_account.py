"""Nothing is passed over in silence: absent files, cases that did not run, files that are no vectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vectors import official


@pytest.fixture(autouse=True)
def own_tallies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(official, "TALLIES", {})


def test_a_family_whose_cases_are_all_accounted_for_is_counted():
    official.count("family", ran=3, of=5, not_run={"suite 4": 1, "suite 6": 1})
    line = " ".join(official.TALLIES["family"].line.split())
    assert line == "family 3 of 5 not run: suite 4 (1), suite 6 (1)"


@pytest.mark.parametrize(("ran", "not_run"), [(2, {"suite 4": 2}), (5, {"suite 4": 1}), (0, {"suite 4": 5})])
def test_a_case_passed_over_in_silence_fails(ran: int, not_run: dict[str, int]):
    with pytest.raises(pytest.fail.Exception):
        official.count("family", ran=ran, of=5, not_run=not_run)
    assert not official.TALLIES


@pytest.mark.parametrize("folder", ["", "not-there"])
def test_absent_files_skip_with_the_way_to_find_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str):
    monkeypatch.setenv("TACIT_VECTORS", str(tmp_path / folder))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="TACIT_VECTORS"):
        official.official_files("tree-math")


def test_absent_files_fail_where_they_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("TACIT_VECTORS", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        official.official_files("tree-math")


@pytest.mark.parametrize("content", ["[]", "{}", "7", "[7]", "no JSON"])
def test_a_file_without_cases_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str):
    (tmp_path / "tree-math.json").write_text(content)
    monkeypatch.setenv("TACIT_VECTORS", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        official.official_files("tree-math")
