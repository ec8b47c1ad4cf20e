"""JSON for scripts: one line, printable ASCII, whatever a peer wrote (E6)."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tacit.errors import NotFound
from tacit.sdk.types import Connection, MessageEvent
from tacit.ui import data
from tests.ui.people import text


@given(st.text())
def test_any_text_is_printable_ascii_and_comes_back(body: str) -> None:
    line = data.line(data.event(MessageEvent(text(1, body))))
    assert all(" " <= c <= "~" for c in line)
    assert json.loads(line)["message"]["text"] == body


def test_an_event_names_itself() -> None:
    assert json.loads(data.line(data.event(Connection("online"))))["event"] == "connection"


def test_an_error_has_a_code_a_sentence_and_a_hint() -> None:
    assert data.error(NotFound("@bob", retry_after_s=3)) == {
        "error": {
            "code": "not-found",
            "sentence": "There is nothing by that name: @bob",
            "hint": "",
            "retry_after_s": 3,
        }
    }
