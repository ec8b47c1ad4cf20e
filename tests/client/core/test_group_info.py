from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tacit import mls
from tacit.client.core.group_info import (
    GROUP_INFO_EXTENSION,
    GroupInfo,
    GroupKind,
    encode_group_info,
    read_group_info,
    room_info,
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


def test_what_groups_say_of_themselves_has_not_changed_since_there_are_rooms() -> None:
    assert encode_group_info(GroupInfo(GroupKind.GROUP, "x", (ALICE,))).hex() == "000102" + "0178" + "10" + (
        ALICE.hex() + "023036"
    )


def test_a_room_says_how_one_comes_in() -> None:
    room = replace(room_info("lobby", ALICE, public=True), locked=True, link_epoch=2**40)
    assert read_group_info((extension(encode_group_info(room)),)) == room
    begun = room_info("lobby", ALICE)
    assert (begun.locked, begun.public, begun.link_epoch) == (False, False, 0)
    data = encode_group_info(begun)
    assert data[:3].hex() == "000203"
    assert data[-9:] == bytes(9)
    for flags in (4, 0x80, 0xFF):
        with pytest.raises(DecodeError):
            read_group_info((extension(data[:-9] + bytes([flags]) + data[-8:]),))
    for cut in (1, 8, 9):
        with pytest.raises(DecodeError):
            read_group_info((extension(data[:-cut]),))


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
        GroupInfo(GroupKind.ROOM, "x", (ALICE,), version=1),
        GroupInfo(GroupKind.DIRECT, "", (ALICE,), version=2),
        GroupInfo(GroupKind.ROOM, "x", (ALICE,), version=3),
        replace(room_info("lobby", ALICE), admins=()),
    ],
)
def test_a_description_out_of_bounds_is_not_read(broken: GroupInfo) -> None:
    with pytest.raises(DecodeError):
        read_group_info((extension(encode_group_info(broken)),))


@pytest.mark.parametrize("changed", [{"locked": True}, {"public": True}, {"link_epoch": 1}])
def test_what_only_rooms_have_is_refused_in_a_group(changed: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        replace(INFO, **changed).check()


def test_kinds_and_texts_must_be_known() -> None:
    data = bytearray(encode_group_info(GroupInfo(GroupKind.DIRECT, "x", (ALICE,))))
    with pytest.raises(DecodeError):
        read_group_info((extension(bytes([*data[:2], 9, *data[3:]])),))
    with pytest.raises(DecodeError):
        read_group_info((extension(bytes(data).replace(b"\x01x", b"\x01\xff")),))
    with pytest.raises(DecodeError):
        read_group_info((extension(bytes(data) + b"\x00"),))
