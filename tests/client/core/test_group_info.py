from __future__ import annotations

import pytest

from tacit import mls
from tacit.client.core.group_info import (
    GROUP_INFO_EXTENSION,
    GroupInfo,
    GroupKind,
    encode_group_info,
    read_group_info,
)
from tacit.errors import DecodeError
from tacit.limits import MAX_GROUP_NAME_BYTES

ALICE, BOB = b"a" * 16, b"b" * 16
INFO = GroupInfo(GroupKind.GROUP, "friends ☕", (ALICE, BOB))


def extension(data: bytes) -> mls.Extension:
    return mls.Extension(GROUP_INFO_EXTENSION, data)


def test_a_description_comes_back_as_it_was() -> None:
    others = (mls.Extension(3, b""), extension(encode_group_info(INFO)), mls.Extension(0x0A0A, b"x"))
    assert read_group_info(others) == INFO


def test_a_group_has_exactly_one_description() -> None:
    one = extension(encode_group_info(INFO))
    for extensions in ((), (one, one), (mls.Extension(3, b""),)):
        with pytest.raises(DecodeError):
            read_group_info(extensions)


@pytest.mark.parametrize(
    "broken",
    [
        GroupInfo(GroupKind.GROUP, "x" * (MAX_GROUP_NAME_BYTES + 1), (ALICE,)),
        GroupInfo(GroupKind.GROUP, "x", ()),
        GroupInfo(GroupKind.GROUP, "x", (BOB, ALICE)),
        GroupInfo(GroupKind.GROUP, "x", (ALICE, ALICE)),
        GroupInfo(GroupKind.GROUP, "x", (ALICE,), version=2),
    ],
)
def test_a_description_out_of_bounds_is_not_read(broken: GroupInfo) -> None:
    with pytest.raises(DecodeError):
        read_group_info((extension(encode_group_info(broken)),))


def test_kinds_and_texts_must_be_known() -> None:
    data = bytearray(encode_group_info(GroupInfo(GroupKind.DIRECT, "x", (ALICE,))))
    with pytest.raises(DecodeError):
        read_group_info((extension(bytes([*data[:2], 9, *data[3:]])),))
    with pytest.raises(DecodeError):
        read_group_info((extension(bytes(data).replace(b"\x01x", b"\x01\xff")),))
    with pytest.raises(DecodeError):
        read_group_info((extension(bytes(data) + b"\x00"),))
