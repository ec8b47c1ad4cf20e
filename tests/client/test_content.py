"""Content: what one side builds the other reads, and nothing out of bounds comes through."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit import limits
from tacit.client.content import (
    Content,
    EmptyText,
    Receipt,
    Text,
    TextNotUnicode,
    TextTooLong,
    build_content,
    check_text,
    parse_content,
)
from tacit.client.content import content_pb2 as pb
from tacit.errors import DecodeError
from tacit.limits import MAX_COUNTER, MAX_TIME_MS

HELLO = Content(
    message_id=b"m" * 16, sent_at_ms=1_700_000_000_000, counter=7, head_seq=41, head=b"h" * 32, body=Text("hello")
)

numbers = st.integers(0, MAX_COUNTER)
texts = st.text(min_size=1, max_size=200)
bodies = st.builds(Text, texts) | st.builds(Receipt, numbers, numbers)
contents = st.builds(
    Content,
    message_id=st.binary(min_size=16, max_size=16),
    sent_at_ms=st.integers(0, MAX_TIME_MS),
    counter=st.integers(1, MAX_COUNTER),
    head_seq=numbers,
    head=st.just(b"") | st.binary(min_size=32, max_size=32),
    body=bodies,
)


@pytest.mark.no_cover
@given(contents)
def test_what_is_built_is_read_back(content: Content) -> None:
    assert parse_content(build_content(content)) == content


def test_a_receipt_of_zeros_is_still_a_receipt() -> None:
    content = dataclasses.replace(HELLO, body=Receipt())
    assert parse_content(build_content(content)).body == Receipt(0, 0)


def test_a_kind_of_message_from_a_newer_client_has_no_body_but_keeps_its_numbers() -> None:
    newer = pb.Content(message_id=b"m" * 16, counter=3, sent_at_ms=5).SerializeToString()
    unknown_body = bytes([0x7A | 0, 0x02]) + b"ab"  # field 15, two bytes
    read = parse_content(newer + unknown_body)
    assert read.body is None
    assert (read.counter, read.sent_at_ms) == (3, 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"message_id": b""},
        {"message_id": b"m" * 15},
        {"message_id": b"m" * 17},
        {"sent_at_ms": MAX_TIME_MS + 1},
        {"sent_at_ms": 2**64 - 1},
        {"counter": 0},
        {"counter": MAX_COUNTER + 1},
        {"head_seq": MAX_COUNTER + 1},
        {"head": b"h"},
        {"head": b"h" * 33},
        {"text": pb.Text(text="")},
        {"text": pb.Text(text="x" * (limits.MAX_TEXT_BYTES + 1))},
        {"text": pb.Text(text="é" * (limits.MAX_TEXT_BYTES // 2 + 1))},
        {"receipt": pb.Receipt(delivered_seq=MAX_COUNTER + 1)},
        {"receipt": pb.Receipt(read_seq=2**64 - 1)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_peer_cannot_leave_the_bounds(changes: dict[str, object]) -> None:
    message = pb.Content(message_id=b"m" * 16, counter=1)
    message.text.text = "hello"
    for name, value in changes.items():
        if isinstance(value, pb.Text | pb.Receipt):
            getattr(message, name).CopyFrom(value)
        else:
            setattr(message, name, value)
    with pytest.raises(DecodeError):
        parse_content(message.SerializeToString())


@pytest.mark.parametrize("broken", [b"\xff\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80"])
def test_text_that_is_not_utf8_is_refused(broken: bytes) -> None:
    valid = build_content(dataclasses.replace(HELLO, body=Text("#" * len(broken))))
    with pytest.raises(DecodeError):
        parse_content(valid.replace(b"#" * len(broken), broken))


@given(st.binary(max_size=300))
def test_any_bytes_are_content_or_a_decode_error(data: bytes) -> None:
    try:
        content = parse_content(data)
    except DecodeError:
        return
    assert len(content.message_id) == 16


@given(st.data())
def test_any_changed_byte_is_content_or_a_decode_error(data: st.DataObject) -> None:
    valid = bytearray(build_content(HELLO))
    valid[data.draw(st.integers(0, len(valid) - 1))] = data.draw(st.integers(0, 255))
    try:
        content = parse_content(bytes(valid))
    except DecodeError:
        return
    assert content.counter >= 1


def test_longer_than_any_message_is_refused_before_it_is_read() -> None:
    with pytest.raises(DecodeError):
        parse_content(bytes(limits.MAX_MESSAGE_BYTES + 1))


def test_the_longest_text_goes_through() -> None:
    longest = dataclasses.replace(HELLO, body=Text("x" * limits.MAX_TEXT_BYTES))
    assert parse_content(build_content(longest)) == longest


@pytest.mark.parametrize(
    ("text", "error"),
    [("", EmptyText), ("x" * (limits.MAX_TEXT_BYTES + 1), TextTooLong), ("\ud800", TextNotUnicode)],
    ids=["empty", "too long", "lone surrogate"],
)
def test_a_text_that_cannot_be_sent_is_refused_with_its_reason(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_text(text)
    with pytest.raises(error):
        build_content(dataclasses.replace(HELLO, body=Text(text)))


def test_what_could_not_be_read_is_not_built() -> None:
    for wrong in ({"message_id": b"short"}, {"counter": 0}, {"head": b"x"}, {"sent_at_ms": -1}, {"body": None}):
        with pytest.raises(ValueError):
            build_content(dataclasses.replace(HELLO, **wrong))


def test_text_stays_out_of_the_representation() -> None:
    assert "hello" not in repr(HELLO)
