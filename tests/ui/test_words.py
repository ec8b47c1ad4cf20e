"""Every notice has a sentence, and the reader is called you."""

from __future__ import annotations

import dataclasses

import pytest

from tacit.sdk.types import Connection, NoticeInfo
from tacit.ui import words
from tacit.ui.rows import UNICODE_GLYPHS
from tests.ui.people import ALICE, BOB, CAROL, DIRECT, TEAM


@pytest.mark.parametrize("code", [*words.NOTICES, "something-new"])
def test_every_notice_is_one_clean_sentence(code: str) -> None:
    code, _, reason = code.partition("/")
    sentence = words.notice(NoticeInfo(code, by=BOB, who=(CAROL,), name="n\x1bn", count=2, reason=reason))
    assert sentence.endswith(".")
    assert "{" not in sentence
    assert "\x1b" not in sentence
    assert len(sentence) > 10


@pytest.mark.parametrize(
    ("info", "sentence"),
    [
        (NoticeInfo("added", by=ALICE, who=(BOB, CAROL)), "You added @bob and Carol from work."),
        (NoticeInfo("removed", by=BOB, who=(ALICE,)), "@bob removed you."),
        (NoticeInfo("joined", by=BOB), "@bob added you."),
        (NoticeInfo("joined", who=(BOB,)), "@bob joined."),
        (NoticeInfo("left", by=BOB), "@bob left."),
        (NoticeInfo("created", by=ALICE, name="team"), "You made the group “team”."),
        (NoticeInfo("gap", by=BOB, count=1, reason="counter"), "1 message of @bob is missing: they never arrived."),
        (
            NoticeInfo("gap", count=3, reason="relay-hole"),
            "3 messages are missing: the relay has lost or withheld them.",
        ),
        (NoticeInfo("change-failed", reason="too-many-tries"), "The change did not go through: too many tries."),
        (NoticeInfo("change-failed", who=(BOB,), name="invite"), "The invitation of @bob did not go through."),
        (NoticeInfo("not-sent", count=1, reason="altered"), "1 message was not sent: the relay changed it on the way."),
        (NoticeInfo("not-sent"), "A message was not sent."),
        (
            NoticeInfo("account-gone", who=(BOB,)),
            "The relay says that @bob has no account there any more. What is written here does not reach them; they "
            "are a member until somebody removes them.",
        ),
    ],
)
def test_the_words_of_a_notice(info: NoticeInfo, sentence: str) -> None:
    assert words.notice(info) == sentence


def test_who_is_gone_is_no_member_of_a_chat_of_two() -> None:
    assert words.notice(NoticeInfo("account-gone", who=(BOB,)), "direct") == (
        "The relay says that @bob has no account there any more. What you write here does not reach them."
    )


def test_a_template_in_a_name_stays_text() -> None:
    assert words.notice(NoticeInfo("renamed", by=BOB, name="{by}{0}")) == "@bob renamed the group to “{by}{0}”."


def test_a_request_says_who_asks_and_where() -> None:
    stranger = dataclasses.replace(BOB, name="ann", handle="ann")
    assert words.request(stranger).startswith("ann (22222222) wants to talk to you.")
    assert "in the group “team”" in words.request(stranger, TEAM)
    assert "wants to talk to you in a group." in words.request(stranger, dataclasses.replace(TEAM, title=""))


def test_entering_a_group_tells_who_is_there() -> None:
    assert words.about(TEAM).startswith("You, ")
    assert words.about(dataclasses.replace(TEAM, members=(ALICE,))).startswith("Nobody else is here yet: /invite")


def test_titles_and_lists() -> None:
    assert words.title(DIRECT) == "@bob"
    assert words.chat_line(dataclasses.replace(TEAM, unread=2)) == "team  (3 members, 2 unread)"
    assert "verified" in words.person_line(CAROL)


def test_the_connection_says_why_and_when() -> None:
    gone = Connection("offline", "connection-refused", "Nothing answers at that address and port.", 8.2)
    assert words.connection(gone) == (
        "Nothing answers at that address and port. Next try in 8 s. What you write is kept and goes out later."
    )


def test_states_have_words() -> None:
    states = ("queued", "sent", "relayed", "delivered", "read", "failed")
    assert [words.state(s, UNICODE_GLYPHS) for s in states] == [
        "waiting here",
        "on its way",
        "✓ on the relay",
        "✓✓ delivered",
        "✓✓ read",
        "not sent",
    ]


def test_a_connection_that_is_given_up_says_so() -> None:
    false = Connection("offline", "relay-pin-mismatch", "The relay is not the one that was pinned.")
    assert words.connection(false).endswith(
        "There will be no other try, and nothing goes out: see tacit status --check."
    )
