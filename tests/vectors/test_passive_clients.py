"""Scenarios that another implementation plays, made by scripts/passive_clients.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tacit.mls import PrivateMessage, PublicMessage, decode_message
from tacit.mls.registry import SenderType
from tests.vectors.__main__ import main
from tests.vectors.expect import DEFAULT, Options
from tests.vectors.files import VectorFile, read_file
from tests.vectors.passive_client import follow
from tests.vectors.run import run_file

DATA = Path(__file__).parent / "data"
FOLLOWED, NOT_LISTED = DATA / "ts-mls.json", DATA / "ts-mls-suite-not-listed.json"


def cases_of(path: Path) -> list[Any]:
    cases: list[Any] = json.loads(path.read_bytes())
    return cases


def failures(path: Path, options: Options) -> list[str]:
    found = read_file(path)
    assert isinstance(found, VectorFile)
    rows = run_file(found, options)
    assert not [row.skipped for row in rows if row.skipped]
    return [failure for row in rows for failure in row.failed]


def test_groups_of_others_are_followed_in_every_suite() -> None:
    assert failures(FOLLOWED, DEFAULT) == []


def test_the_scenarios_hold_what_they_are_meant_to() -> None:
    cases = cases_of(FOLLOWED)
    assert {case["cipher_suite"] for case in cases} == set(range(1, 8))
    epochs = [epoch for case in cases for epoch in case["epochs"]]
    messages = [
        decode_message(bytes.fromhex(data)) for epoch in epochs for data in (epoch["commit"], *epoch["proposals"])
    ]
    assert {type(message) for message in messages} == {PrivateMessage, PublicMessage}
    senders = {message.content.sender.sender_type for message in messages if isinstance(message, PublicMessage)}
    assert senders == {SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT}
    assert any(len(epoch["proposals"]) > 1 for epoch in epochs)
    assert {case["ratchet_tree"] is None for case in cases} == {True, False}
    assert any(follow(case, DEFAULT).reinit is not None for case in cases if len(case["epochs"]) == 3)


def test_leaves_that_do_not_list_the_suite_are_refused_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    (refusal,) = failures(NOT_LISTED, DEFAULT)
    assert "7.2/version-and-suite" in refusal
    assert main([str(NOT_LISTED)]) == 1
    assert "--lenient-capabilities accepts that" in capsys.readouterr().out
    assert main([str(NOT_LISTED), "--lenient-capabilities"]) == 0
    assert failures(NOT_LISTED, Options(lenient_capabilities=True)) == []


@pytest.mark.parametrize("field", ["signature_priv", "encryption_priv", "init_priv"])
def test_private_keys_must_belong_to_the_key_package(tmp_path: Path, field: str) -> None:
    case, other = cases_of(FOLLOWED)[:2]
    (tmp_path / "swapped.json").write_text(json.dumps([{**case, field: other[field]}]))
    (failure,) = failures(tmp_path / "swapped.json", DEFAULT)
    assert field in failure


def test_a_bare_key_package_and_absent_fields_are_taken_as_well(tmp_path: Path) -> None:
    case = next(case for case in cases_of(FOLLOWED) if case["ratchet_tree"] is None)
    shortened = {**case, "key_package": case["key_package"][8:], "epochs": case["epochs"][:1]}
    del shortened["ratchet_tree"]
    (tmp_path / "bare.json").write_text(json.dumps([shortened]))
    assert failures(tmp_path / "bare.json", DEFAULT) == []
