from __future__ import annotations

from pathlib import Path

import pytest

from tests import vectors


@pytest.fixture(autouse=True)
def own_tallies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "TALLIES", {})


def test_a_family_whose_cases_are_all_accounted_for_is_counted():
    vectors.count("family", ran=3, of=5, not_run={"suite 4": 1, "suite 6": 1})
    line = " ".join(vectors.TALLIES["family"].line.split())
    assert line == "family 3 of 5 not run: suite 4 (1), suite 6 (1)"


@pytest.mark.parametrize(("ran", "not_run"), [(2, {"suite 4": 2}), (5, {"suite 4": 1}), (0, {"suite 4": 5})])
def test_a_case_passed_over_in_silence_fails(ran: int, not_run: dict[str, int]):
    with pytest.raises(pytest.fail.Exception):
        vectors.count("family", ran=ran, of=5, not_run=not_run)
    assert not vectors.TALLIES


def test_absent_files_skip_with_the_way_to_find_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("TACIT_VECTORS", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="TACIT_VECTORS"):
        vectors.load_vectors("tree-math")


def test_absent_files_fail_where_they_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("TACIT_VECTORS", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        vectors.load_vectors("tree-math")


@pytest.mark.parametrize("content", ["[]", "{}", "7"])
def test_a_file_without_cases_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str):
    (tmp_path / "tree-math.json").write_text(content)
    monkeypatch.setenv("TACIT_VECTORS", str(tmp_path))
    with pytest.raises(pytest.fail.Exception):
        vectors.load_vectors("tree-math")
