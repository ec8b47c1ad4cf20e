"""The bridge by itself: tacit's clients among each other, and lines that make no sense."""

from __future__ import annotations

import functools
import io
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.crypto.suites import SUPPORTED_SUITES, suite
from tacit.errors import UsageError
from tacit.mls import (
    Add,
    BasicCredential,
    ExternalSender,
    create_key_package,
    external_senders_extension,
    propose_externally,
    propose_joining,
)
from tacit.mls.bridge import __main__ as shell
from tacit.mls.bridge import errors
from tacit.mls.bridge.clients import Client, Surroundings
from tacit.mls.bridge.session import VERBS, Session
from tests.mls.crew import NOW_S

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "mls-bridge.md"
GROUP = "6772"
SUITE = 1


class Line:
    """Somebody at the other end of a bridge with a standing clock and seeded randomness."""

    def __init__(self, seed: int = 0) -> None:
        self.session = Session()
        self.here = Surroundings(NOW_S, random.Random(seed).randbytes)

    def answer(self, line: str | bytes) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            self.session.answer(line.encode() if isinstance(line, str) else line, self.here)
        )
        assert answer.keys() in ({"id", "result"}, {"id", "error"})
        return answer

    def __call__(self, verb: str, **arguments: Any) -> dict[str, Any]:
        answer = self.answer(json.dumps({"verb": verb, **arguments}))
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def refused(self, verb: str, **arguments: Any) -> dict[str, Any]:
        answer = self.answer(json.dumps({"verb": verb, **arguments}))
        assert "error" in answer, answer
        error: dict[str, Any] = answer["error"]
        return error

    def view(self, client: str) -> dict[str, Any]:
        return {**self("state_auth", client=client, group=GROUP), "leaf": None}


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def pair(line: Line) -> Line:
    """Alice and bob in one group."""
    line("create", client="alice", suite=SUITE, group=GROUP, credential_types=[2])
    bring_in(line, "bob")
    return line


def bring_in(line: Line, name: str, **arguments: Any) -> dict[str, Any]:
    package = line("keypackage", client=name, suite=SUITE, **arguments)["key_package"]
    made = line("commit", client="alice", group=GROUP, proposals=[{"type": "add", "key_package": package}])
    line("process", client="alice", group=GROUP, message=made["commit"])
    joined = line("join", client=name, welcome=made["welcome"])
    assert joined["group"] == GROUP
    return made


def agree(line: Line, *names: str) -> None:
    views = [line.view(name) for name in names]
    assert all(view == views[0] for view in views)


def test_it_has_every_suite(line: Line) -> None:
    assert line("suites") == {"suites": sorted(SUPPORTED_SUITES), "default": 0xF062}


def test_two_clients_of_one_process_talk(pair: Line) -> None:
    agree(pair, "alice", "bob")
    message = pair("protect", client="bob", group=GROUP, data="c0ffee", aad="01")["message"]
    opened = pair("unprotect", client="alice", group=GROUP, message=message)
    assert opened == {"data": "c0ffee", "aad": "01", "sender": 1, "epoch": 1, "generation": 0}
    secrets = {
        pair("export", client=name, group=GROUP, label="calls", context="02", length=20)["secret"]
        for name in ("alice", "bob")
    }
    assert [len(secret) for secret in secrets] == [40]


@pytest.mark.parametrize("public", [False, True])
def test_proposals_of_every_kind_are_committed(pair: Line, public: bool) -> None:
    carol = pair("keypackage", client="carol", suite=SUITE)["key_package"]
    for name in ("alice", "bob", "carol"):
        assert pair("psk", client=name, psk_id="01", psk="c0ffee") == {}
    proposals = [
        pair("add", client="bob", group=GROUP, key_package=carol, public=public, aad="07"),
        pair("update", client="bob", group=GROUP, public=public),
        pair("psk", client="bob", group=GROUP, psk_id="01", psk="c0ffee", public=public),
    ]
    taken = [pair("process", client="alice", group=GROUP, message=made["message"]) for made in proposals]
    assert [(each["kind"], each["type"], each["sender"], each["aad"]) for each in taken] == [
        ("proposal", 1, 1, "07"),
        ("proposal", 2, 1, ""),
        ("proposal", 4, 1, ""),
    ]
    assert pair.refused("protect", client="alice", group=GROUP, data="")["code"] == "pending-proposals"
    made = pair("commit", client="alice", group=GROUP, public=public, ratchet_tree=False, aad="08")
    taken_up = pair("process", client="bob", group=GROUP, message=made["commit"])
    assert taken_up == {
        "kind": "commit",
        "own": False,
        "committer": 0,
        "external": False,
        "added": [2],
        "removed": False,
        "aad": "08",
        "group": GROUP,
        "epoch": 2,
        "leaf": 1,
    }
    pair("process", client="alice", group=GROUP, message=made["commit"])
    assert pair.refused("join", client="carol", welcome=made["welcome"])["check"] == "12.4.3.3/no-tree"
    pair("join", client="carol", welcome=made["welcome"], ratchet_tree=made["ratchet_tree"])
    agree(pair, "alice", "bob", "carol")


def test_the_past_of_the_group_itself_is_a_pre_shared_key(pair: Line) -> None:
    proposed = pair("psk", client="bob", group=GROUP, epoch=1)["message"]
    pair("process", client="alice", group=GROUP, message=proposed)
    commit = pair("commit", client="alice", group=GROUP)["commit"]
    for name in ("bob", "alice"):
        pair("process", client=name, group=GROUP, message=commit)
    agree(pair, "alice", "bob")


def test_who_is_put_out_forgets_the_group(pair: Line) -> None:
    bring_in_third(pair)
    for member in ({"leaf": 1}, {"identity": b"carol".hex()}):
        removal = pair("remove", client="alice", group=GROUP, **member)["message"]
        assert pair("process", client="carol", group=GROUP, message=removal)["type"] == 3
    made = pair("commit", client="alice", group=GROUP)
    taken = pair("process", client="carol", group=GROUP, message=made["commit"])
    assert taken["removed"] is True
    assert "epoch" not in taken
    assert pair.refused("state_auth", client="carol", group=GROUP)["code"] == "no-such-group"
    pair("process", client="alice", group=GROUP, message=made["commit"])
    assert [member["leaf"] for member in pair.view("alice")["members"]] == [0]


def bring_in_third(pair: Line) -> None:
    package = pair("keypackage", client="carol", suite=SUITE)["key_package"]
    made = pair("commit", client="alice", group=GROUP, proposals=[{"type": "add", "key_package": package}])
    pair("process", client="bob", group=GROUP, message=made["commit"])
    pair("process", client="alice", group=GROUP, message=made["commit"])
    pair("join", client="carol", welcome=made["welcome"])


def test_the_group_info_lets_somebody_in_and_back_in(pair: Line) -> None:
    for name in ("alice", "bob", "carol"):
        pair("psk", client=name, psk_id="01", psk="c0ffee")
    info = pair("groupinfo", client="bob", group=GROUP)
    made = pair("external_join", client="carol", groupinfo=info["groupinfo"], psk_ids=["01"], identity="ca")
    assert pair.refused("state_auth", client="carol", group=GROUP)["code"] == "no-such-group"
    for name in ("alice", "bob"):
        taken = pair("process", client=name, group=GROUP, message=made["commit"])
        assert (taken["external"], taken["added"]) == (True, [2])
    assert pair("process", client="carol", group=GROUP, message=made["commit"])["own"] is True
    agree(pair, "alice", "bob", "carol")

    info = pair("groupinfo", client="bob", group=GROUP, ratchet_tree=False)
    back = {"client": "carol", "groupinfo": info["groupinfo"], "ratchet_tree": info["ratchet_tree"]}
    assert pair.refused("external_join", **back)["check"] == "12.4.3.1/group-id-unique"
    made = pair("external_join", resync=True, **back)
    for name in ("alice", "bob", "carol"):
        pair("process", client=name, group=GROUP, message=made["commit"])
    agree(pair, "alice", "bob", "carol")


def test_the_other_commit_wins_and_a_new_one_takes_the_place_of_the_old(pair: Line) -> None:
    lost, late = (pair("commit", client="alice", group=GROUP)["commit"] for _ in range(2))
    assert pair.refused("process", client="alice", group=GROUP, message=lost)["code"] == "own-message"
    won = pair("commit", client="bob", group=GROUP, force_path=False, include_pending=False)["commit"]
    for name in ("alice", "bob"):
        pair("process", client=name, group=GROUP, message=won)
    assert pair.refused("process", client="alice", group=GROUP, message=late)["code"] == "wrong-epoch"
    agree(pair, "alice", "bob")


def test_the_extensions_of_the_group_are_replaced(pair: Line) -> None:
    extensions = [{"type": 3, "data": "000000"}]
    made = pair("commit", client="alice", group=GROUP, proposals=[{"type": "extensions", "extensions": extensions}])
    for name in ("bob", "alice"):
        pair("process", client=name, group=GROUP, message=made["commit"])
    agree(pair, "alice", "bob")


def test_everything_comes_back_from_its_stored_form(pair: Line) -> None:
    package = pair("keypackage", client="alice", suite=SUITE, last_resort=True)["key_package"]
    commit = pair("commit", client="alice", group=GROUP)["commit"]
    assert pair("reload", client="alice") == {"groups": 1}
    for name in ("alice", "bob"):
        pair("process", client=name, group=GROUP, message=commit)
    assert pair("reload", client="bob") == {"groups": 1}
    agree(pair, "alice", "bob")
    pair("create", client="dave", suite=SUITE, group="01")
    for _ in range(2):  # a last resort is not used up
        made = pair("commit", client="dave", group="01", proposals=[{"type": "add", "key_package": package}])
        pair("join", client="alice", welcome=made["welcome"])
        pair("forget", client="alice", group="01")


def test_proposals_from_outside_name_their_sender(line: Line) -> None:
    keys = suite(SUITE).generate_signature_key_pair(line.here.entropy)
    senders = external_senders_extension((ExternalSender(keys.public, BasicCredential(b"warden")),))
    given = {"type": senders.extension_type, "data": senders.extension_data.hex()}
    line("create", client="alice", suite=SUITE, group=GROUP, extensions=[given])
    group_id = bytes.fromhex(GROUP)
    bundle = create_key_package(SUITE, b"dave", keys.private, now_s=NOW_S, entropy=line.here.entropy)
    asked = propose_joining(bundle, group_id=group_id, epoch=0)
    warden = create_key_package(SUITE, b"erin", bytes(range(32)), now_s=NOW_S, entropy=line.here.entropy)
    ordered = propose_externally(
        Add(warden.key_package),
        group_id=group_id,
        epoch=0,
        suite_id=SUITE,
        sender_index=0,
        signature_private=keys.private,
    )
    for message, sender in ((asked, "new-member"), (ordered, {"external": 0})):
        taken = line("process", client="alice", group=GROUP, message=message.hex())
        assert (taken["type"], taken["sender"]) == (1, sender)


def test_nobody_changes_his_credential_on_the_way(pair: Line) -> None:
    group = pair.session._clients["bob"].groups[bytes.fromhex(GROUP)].group
    _, update = group.propose_update(credential=b"mallory", entropy=pair.here.entropy)
    assert pair.refused("process", client="alice", group=GROUP, message=update.hex())["code"] == "identity-changed"


def test_each_verb_takes_its_own_kind_of_message(pair: Line) -> None:
    text = pair("protect", client="bob", group=GROUP, data="00")["message"]
    commit = pair("commit", client="bob", group=GROUP)["commit"]
    assert pair.refused("process", client="alice", group=GROUP, message=text)["code"] == "not-a-handshake"
    assert pair.refused("unprotect", client="alice", group=GROUP, message=commit)["code"] == "not-application-data"
    pair("unprotect", client="alice", group=GROUP, message=text)
    pair("process", client="alice", group=GROUP, message=commit)


REFUSED = {
    "no verb": ({}, "bad-argument"),
    "verb of another kind": ({"verb": 7}, "bad-argument"),
    "unknown verb": ({"verb": "fly"}, "unknown-verb"),
    "client of another kind": ({"verb": "suites", "client": ["alice"]}, "bad-argument"),
    "name that cannot be written": ({"verb": "suites", "client": "\ud800"}, "bad-argument"),
    "unknown argument": ({"verb": "suites", "colour": 1}, "bad-argument"),
    "unknown suite": ({"verb": "keypackage", "suite": 99}, "unsupported-suite"),
    "suite as text": ({"verb": "keypackage", "suite": "1"}, "bad-argument"),
    "suite as truth": ({"verb": "keypackage", "suite": True}, "bad-argument"),
    "negative lifetime": ({"verb": "keypackage", "suite": 1, "lifetime_s": -1}, "bad-argument"),
    "flag as number": ({"verb": "keypackage", "suite": 1, "last_resort": 1}, "bad-argument"),
    "type out of range": ({"verb": "keypackage", "suite": 1, "extension_types": [65536]}, "not-encodable"),
    "no list": ({"verb": "keypackage", "suite": 1, "extension_types": 7}, "bad-argument"),
    "default type in capabilities": ({"verb": "keypackage", "suite": 1, "extension_types": [1]}, "invalid-message"),
    "odd hex": ({"verb": "create", "suite": 1, "group": "0"}, "bad-argument"),
    "spaced hex": ({"verb": "create", "suite": 1, "group": "00 01"}, "bad-argument"),
    "no group": ({"verb": "create", "suite": 1}, "bad-argument"),
    "group twice": ({"verb": "create", "suite": 1, "group": GROUP}, "group-exists"),
    "extension no object": ({"verb": "create", "suite": 1, "group": "01", "extensions": ["01"]}, "bad-argument"),
    "extension with more": (
        {"verb": "create", "suite": 1, "group": "01", "extensions": [{"type": 3, "data": "000000", "x": 1}]},
        "bad-argument",
    ),
    "no such group": ({"verb": "update", "group": "01"}, "no-such-group"),
    "nothing to forget": ({"verb": "forget", "group": "01"}, "no-such-group"),
    "no such leaf": ({"verb": "remove", "group": GROUP, "leaf": 7}, "no-such-member"),
    "no such identity": ({"verb": "remove", "group": GROUP, "identity": "00"}, "no-such-member"),
    "no key package": ({"verb": "add", "group": GROUP, "key_package": "00"}, "malformed"),
    "proposal of no kind": ({"verb": "commit", "group": GROUP, "proposals": [{"type": "fly"}]}, "bad-argument"),
    "proposal with more": (
        {"verb": "commit", "group": GROUP, "proposals": [{"type": "remove", "leaf": 1, "x": 1}]},
        "bad-argument",
    ),
    "PSK that nobody has": (
        {"verb": "commit", "group": GROUP, "proposals": [{"type": "psk", "psk_id": "0a"}]},
        "psk-unavailable",
    ),
    "PSK of another kind": ({"verb": "psk", "psk_id": "01", "psk": 7}, "bad-argument"),
    "PSK of no group": ({"verb": "psk", "psk_id": "01"}, "bad-argument"),
    "not for us": ({"verb": "join", "welcome": "00"}, "malformed"),
    "label of another kind": ({"verb": "export", "group": GROUP, "label": 7, "length": 1}, "bad-argument"),
    "export too long": ({"verb": "export", "group": GROUP, "label": "x", "length": 9000}, "bad-argument"),
    "message of no kind": ({"verb": "process", "group": GROUP, "message": ""}, "malformed"),
    "back in a strange group": ({"verb": "external_join", "groupinfo": "00", "resync": True}, "malformed"),
    "last argument too many": ({"verb": "commit", "group": GROUP, "colour": 1}, "bad-argument"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_request_gets_an_error_and_changes_nothing(pair: Line, name: str) -> None:
    request, code = REFUSED[name]
    before = dict(pair.session._clients)
    answer = pair.answer(json.dumps({"id": "x", "client": "alice", **request}))
    assert answer["id"] == "x"
    assert answer["error"]["code"] == code
    assert answer["error"]["message"]
    assert pair.session._clients == before
    agree(pair, "alice", "bob")


LINES = [
    b"",
    b"x",
    b"[]",
    b"7",
    b'{"verb": "suites"',
    b'{"verb": "suites", "verb": "suites"}',
    b'{"verb": "suites", "x": NaN}',
    b'{"verb": "suites", "id": true}',
    b'{"verb": "suites", "id": 1.5}',
    b'{"verb": "suites", "id": ' + b"9" * 5000 + b"}",
    b'{"verb": "suites", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b"\xff\xfe{\x00}\x00",
]


@pytest.mark.parametrize("request_line", LINES, ids=range(len(LINES)))
def test_a_line_that_is_no_request_gets_an_error(line: Line, request_line: bytes) -> None:
    answer = line.answer(request_line)
    assert answer["id"] is None
    assert answer["error"]["code"] == "bad-line"
    assert line.session._clients == {}


def test_a_line_that_is_too_long_gets_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("session", "__main__"):
        monkeypatch.setattr(f"tacit.mls.bridge.{module}.MAX_LINE_BYTES", 64)
    long = b'{"verb": "suites", "id": "' + b"x" * 300 + b'"}\n'
    answers = io.StringIO()
    shell.serve(io.BytesIO(long + b'{"verb": "suites"}\n\n' + b"x" * 65), answers)
    too_long, result, unfinished = [json.loads(answer) for answer in answers.getvalue().splitlines()]
    assert [each["error"]["code"] for each in (too_long, unfinished)] == ["bad-line", "bad-line"]
    assert "result" in result


_simple = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
_json = _simple | st.lists(_simple, max_size=2) | st.dictionaries(st.text(max_size=5), _simple, max_size=2)
_names = st.sampled_from(
    [
        "group",
        "suite",
        "message",
        "welcome",
        "groupinfo",
        "key_package",
        "psk_id",
        "psk",
        "proposals",
        "label",
        "length",
    ]
)


@functools.cache
def _founded() -> dict[str, Client]:
    """A client with a group; clients are values, so any number of sessions can begin with this one."""
    line = Line()
    line("create", suite=SUITE, group=GROUP)
    return line.session._clients


@given(st.sampled_from(sorted(VERBS)), st.dictionaries(_names, _json | st.just(GROUP) | st.just(SUITE), max_size=4))
def test_whatever_a_request_says_it_is_answered(verb: str, arguments: dict[str, Any]) -> None:
    line = Line()
    line.session._clients = dict(_founded())
    line.answer(json.dumps({**arguments, "verb": verb}))


def test_the_program_answers_line_by_line_and_ends_with_its_input() -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tacit.mls.bridge"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        for number in range(3):
            bridge.stdin.write(b'{"id": %d, "verb": "create", "suite": 1, "group": "0%d"}\n' % (number, number))
            bridge.stdin.flush()
            assert json.loads(bridge.stdout.readline())["id"] == number
        bridge.stdin.close()
        assert bridge.wait(timeout=30) == 0


def follow(line: Line, begun: dict[str, Any], name: str, group: str) -> None:
    joined = line("join", client=name, welcome=begun["welcome"])
    assert (joined["group"], joined["epoch"]) == (group, 1)
    views = [line("state_auth", client=each, group=group) for each in ("alice", name)]
    assert views[0]["epoch_authenticator"] == views[1]["epoch_authenticator"]


def test_a_group_moves_on(pair: Line) -> None:
    reinit = {"type": "reinit", "new_group": "6773", "suite": 2}
    made = pair("commit", client="bob", group=GROUP, proposals=[reinit])
    for name in ("alice", "bob"):
        pair("process", client=name, group=GROUP, message=made["commit"])
        assert pair.refused("protect", client=name, group=GROUP, data="00")["code"] == "reinitialized"
    package = pair("keypackage", client="bob", suite=2, credential_types=[2])["key_package"]
    begun = pair("reinitialize", client="alice", group=GROUP, key_packages=[package])
    follow(pair, begun, "bob", "6773")
    again = pair.refused("reinitialize", client="alice", group=GROUP, key_packages=[package])
    assert again["code"] == "group-exists"


def test_an_open_group_does_not_move(pair: Line) -> None:
    refused = pair.refused("reinitialize", client="alice", group=GROUP, key_packages=[])
    assert refused["code"] == "not-reinitialized"


def test_some_go_aside(pair: Line) -> None:
    package = pair("keypackage", client="bob", suite=SUITE)["key_package"]
    begun = pair("branch", client="alice", group=GROUP, new_group="6774", key_packages=[package])
    follow(pair, begun, "bob", "6774")
    alone = pair("branch", client="bob", group=GROUP, new_group="6775", key_packages=[])
    assert (alone["welcome"], alone["leaf"]) == (None, 0)
    agree(pair, "alice", "bob")


def test_the_document_names_every_verb_and_every_error_of_the_bridge() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert [verb for verb in VERBS if f"| `{verb}` |" not in text] == []
    verbs = text.partition("## Verbs")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", verbs, re.MULTILINE)) == set(VERBS)
    codes = [error.code for error in vars(errors).values() if isinstance(error, type) and error is not UsageError]
    assert [code for code in codes if f"`{code}`" not in text] == []


def test_the_conversation_in_the_document_goes_like_that(line: Line) -> None:
    requests = re.findall(r"^> (.*)$\n^< (.*)$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert len(requests) >= 5
    for request, answer in requests:
        said = line.session.answer(request.encode(), line.here)
        assert re.fullmatch(re.escape(answer).replace("…", ".*"), said), said
