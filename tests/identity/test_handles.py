from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.identity import BadHandle, format_handle, parse_handle
from tacit.limits import MAX_HANDLE_CHARS


@pytest.mark.parametrize(
    ("text", "handle"),
    [
        ("bob", "bob"),
        ("@bob", "bob"),
        (" @Bob\n", "bob"),
        ("b2", "b2"),
        ("42", "42"),
        ("anna.lena_k-2", "anna.lena_k-2"),
        ("x" * MAX_HANDLE_CHARS, "x" * MAX_HANDLE_CHARS),
    ],
)
def test_handles_are_read_with_or_without_the_sign(text: str, handle: str):
    assert parse_handle(text) == handle
    assert parse_handle(format_handle(handle)) == handle


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "b", "@b", "@@bob", "x" * (MAX_HANDLE_CHARS + 1), "bob smith", "bob@relay", ".bob", "bob.", "-bob",
        "_bob", "bob-", "böb", "b\u043eb", "bo\u212a", "bob\x1b[2J", "bob\n@eve", "bob/", "bo\u200bb", "..", "--",
    ],
)  # fmt: skip
def test_what_is_no_handle_is_refused(text: str):
    with pytest.raises(BadHandle):
        parse_handle(text)


@given(st.text(max_size=40))
def test_any_text_is_a_handle_in_its_one_form_or_refused(text: str):
    try:
        handle = parse_handle(text)
    except BadHandle:
        return
    assert parse_handle(handle) == handle
    assert set(handle) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
