from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.identity import BadLink, RelayLink, account_id, format_fingerprint, format_id, format_link, parse_link
from tacit.identity.links import DEFAULT_PORT, MAX_LINK_CHARS, parse_fingerprint
from tests.identity.people import ALICE

FINGERPRINT = bytes(range(32))
TEXT = format_fingerprint(FINGERPRINT)
LINK = RelayLink("relay.example", 8765, FINGERPRINT)
ROOM = replace(LINK, room_id=bytes(range(16)), room_secret=bytes(range(32)))
ROOM_TEXT, SECRET_TEXT = "AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@pytest.mark.parametrize(
    ("link", "text"),
    [
        (LINK, f"tacit://relay.example:8765/#{TEXT}"),
        (replace(LINK, invite="K3y_-z"), f"tacit://relay.example:8765/#{TEXT}.K3y_-z"),
        (replace(LINK, account_id=ALICE.id), f"tacit://relay.example:8765/{format_id(ALICE.id)}#{TEXT}"),
        (
            replace(LINK, account_id=ALICE.id, invite="K3y"),
            f"tacit://relay.example:8765/{format_id(ALICE.id)}#{TEXT}.K3y",
        ),
        (RelayLink("192.0.2.7", 1, FINGERPRINT), f"tacit://192.0.2.7:1/#{TEXT}"),
        (RelayLink("2001:db8::7", 65535, FINGERPRINT), f"tacit://[2001:db8::7]:65535/#{TEXT}"),
        (replace(LINK, scheme="grpc", port=50051), f"tacit+grpc://relay.example:50051/#{TEXT}"),
        (replace(LINK, scheme="tcp", port=5000, invite="K3y"), f"tacit+tcp://relay.example:5000/#{TEXT}.K3y"),
        (ROOM, f"tacit://relay.example:8765/room/{ROOM_TEXT}#{TEXT}..{SECRET_TEXT}"),
        (replace(ROOM, invite="K3y"), f"tacit://relay.example:8765/room/{ROOM_TEXT}#{TEXT}.K3y.{SECRET_TEXT}"),
        (RelayLink("localhost", 80, FINGERPRINT), f"tacit://localhost:80/#{TEXT}"),
        (RelayLink("raspberry-pi", 80, FINGERPRINT), f"tacit://raspberry-pi:80/#{TEXT}"),
    ],
)
def test_links_and_their_text_are_two_forms_of_one_thing(link: RelayLink, text: str):
    assert format_link(link) == text
    assert parse_link(text) == link


@pytest.mark.parametrize(
    ("text", "link"),
    [
        (f"  tacit://relay.example:8765/#{TEXT}\n", LINK),
        (f"TACIT://RELAY.Example:8765/#{TEXT.upper()}", LINK),
        (f"tacit://relay.example:8765#{TEXT}", LINK),
        (f"tacit://relay.example/#{TEXT}", replace(LINK, port=DEFAULT_PORT)),
        (f"tacit+grpc://relay.example/#{TEXT}", replace(LINK, port=50051, scheme="grpc")),
        (f"TACIT+TCP://relay.example/#{TEXT}", replace(LINK, port=5000, scheme="tcp")),
        (f"tacit://[2001:DB8:0::7]#{TEXT}", RelayLink("2001:db8::7", DEFAULT_PORT, FINGERPRINT)),
    ],
)
def test_what_people_and_scanners_make_of_a_link_is_understood(text: str, link: RelayLink):
    assert parse_link(text) == link


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bob",
        f"https://relay.example:8765/#{TEXT}",
        f"tacit:relay.example:8765/#{TEXT}",
        f"tacit+udp://relay.example/#{TEXT}",
        f"tacit://relay.example/room/{ROOM_TEXT}#{TEXT}",
        f"tacit://relay.example/room/{ROOM_TEXT}#{TEXT}.K3y",
        f"tacit://relay.example/room/{ROOM_TEXT}#{TEXT}..",
        f"tacit://relay.example/room/#{TEXT}..{SECRET_TEXT}",
        f"tacit://relay.example/room/{ROOM_TEXT[:-1]}#{TEXT}..{SECRET_TEXT}",
        f"tacit://relay.example/room/{ROOM_TEXT[:-1]}x#{TEXT}..{SECRET_TEXT}",
        f"tacit://relay.example/room/{ROOM_TEXT}#{TEXT}..{SECRET_TEXT}A",
        f"tacit://relay.example/room/{ROOM_TEXT}#{TEXT}..{SECRET_TEXT[:-1]}!",
        "tacit://relay.example:8765/",
        "tacit://relay.example:8765/#",
        f"tacit://relay.example:8765/#{TEXT[:-1]}",
        f"tacit://relay.example:8765/#{TEXT}a",
        f"tacit://relay.example:8765/#{TEXT[:-1]}1",
        f"tacit://relay.example:8765/#{TEXT[:-1]}r",
        f"tacit://relay.example:8765/#{TEXT}.",
        f"tacit://relay.example:8765/#{TEXT}.a.b",
        f"tacit://relay.example:8765/#{TEXT}.{'a' * 129}",
        f"tacit://relay.example:8765/#{TEXT}.a b",
        f"tacit://relay.example:8765/#{TEXT}#{TEXT}",
        f"tacit://relay.example:0/#{TEXT}",
        f"tacit://relay.example:65536/#{TEXT}",
        f"tacit://relay.example:999999/#{TEXT}",
        f"tacit://relay.example:-1/#{TEXT}",
        f"tacit://relay.example:/#{TEXT}",
        f"tacit://relay.example:87x5/#{TEXT}",
        f"tacit://relay.example:８７６５/#{TEXT}",
        f"tacit://:8765/#{TEXT}",
        f"tacit:///#{TEXT}",
        f"tacit://user@relay.example:8765/#{TEXT}",
        f"tacit://relay.example:8765/?x=1#{TEXT}",
        f"tacit://relay.example:8765/some/path#{TEXT}",
        f"tacit://relay.example:8765/{format_id(ALICE.id)[:-1]}#{TEXT}",
        f"tacit://relay.example:8765/{format_id(ALICE.id)}/#{TEXT}",
        f"tacit://relay..example:8765/#{TEXT}",
        f"tacit://-relay.example:8765/#{TEXT}",
        f"tacit://relay exa:8765/#{TEXT}",
        f"tacit://rel\nay:8765/#{TEXT}",
        f"tacit://bücher.example:8765/#{TEXT}",
        f"tacit://{'a' * 64}.example:8765/#{TEXT}",
        f"tacit://{'a.' * 127}ab:8765/#{TEXT}",
        f"tacit://192.0.2.256:8765/#{TEXT}",
        f"tacit://192.0.2:8765/#{TEXT}",
        f"tacit://[192.0.2.7]:8765/#{TEXT}",
        f"tacit://[2001:db8::7:8765/#{TEXT}",
        f"tacit://[2001:db8::7]x:8765/#{TEXT}",
        f"tacit://[fe80::1%eth0]:8765/#{TEXT}",
        f"tacit://2001:db8::7/#{TEXT}",
        "tacit://" + "a" * MAX_LINK_CHARS + f"/#{TEXT}",
    ],
)
def test_what_is_no_link_is_refused(text: str):
    with pytest.raises(BadLink):
        parse_link(text)


@pytest.mark.parametrize(
    "change",
    [
        {"host": ""},
        {"host": "Relay.example"},
        {"host": "[::1]"},
        {"host": "relay.example/"},
        {"port": 0},
        {"port": 65536},
        {"fingerprint": FINGERPRINT[:-1]},
        {"invite": "a.b"},
        {"invite": "a b"},
        {"scheme": "http"},
        {"room_id": b"r" * 16},
        {"room_secret": b"s" * 32},
        {"room_id": b"r" * 15, "room_secret": b"s" * 32},
        {"room_id": b"r" * 16, "room_secret": b"s" * 32, "account_id": ALICE.id},
    ],
    ids=str,
)
def test_a_link_that_could_not_be_written_down_is_not_made(change: dict):
    with pytest.raises(BadLink):
        replace(LINK, **change)


def test_neither_invite_nor_the_secret_of_a_room_is_shown_when_a_link_is_printed():
    assert "K3y" not in repr(replace(LINK, invite="K3y"))
    secret = b"s3cret" * 5 + b"!!"
    assert "s3cret" not in repr(replace(ROOM, room_secret=secret))


def test_a_refusal_names_the_part_that_is_wrong():
    for text, word in (
        (f"tacit://relay.example:8765/#{TEXT[:-1]}", "fingerprint"),
        (f"tacit://relay.example:70000/#{TEXT}", "port"),
        (f"tacit://relay.example:8765/bob#{TEXT}", "account"),
        (f"tacit://re lay:8765/#{TEXT}", "host"),
    ):
        with pytest.raises(BadLink, match=word):
            parse_link(text)


@given(st.binary(min_size=32, max_size=32))
def test_every_fingerprint_has_one_text(fingerprint: bytes):
    assert parse_fingerprint(format_fingerprint(fingerprint)) == fingerprint


HOSTS = st.sampled_from(["relay.example", "10.0.0.1", "::1", "2001:db8::1", "a", "xn--bcher-kva.example"])
INVITES = st.text(alphabet="abcXYZ019_-", max_size=128)
ACCOUNTS = st.none() | st.binary(max_size=8).map(account_id)


@given(st.builds(RelayLink, HOSTS, st.integers(1, 65535), st.binary(min_size=32, max_size=32), INVITES, ACCOUNTS))
def test_every_link_survives_the_way_there_and_back(link: RelayLink):
    assert parse_link(format_link(link)) == link


@given(st.text(max_size=60) | st.text(max_size=60).map(lambda text: f"tacit://{text}#{TEXT}"))
def test_any_text_is_a_link_or_refused(text: str):
    try:
        link = parse_link(text)
    except BadLink:
        return
    assert parse_link(format_link(link)) == link
