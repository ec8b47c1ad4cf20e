"""What a person gets wrong: each ends at once, with a stable code, a sentence and an exit code, and changes nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.people import befriend, create, fresh, opened, said
from tests.processes.programs import Ended, Profile, Relay, run

pytestmark = pytest.mark.processes


def is_refused(ended: Ended, code: str, exit_code: int, *words: str) -> None:
    """One JSON object, nothing else, that says what is wrong and what to do."""
    assert (ended.code, ended.error["code"]) == (exit_code, code), ended
    assert ended.err == ""
    assert len(ended.lines) == 1
    for word in words:
        assert word in f"{ended.error['sentence']} {ended.error['hint']}"


@pytest.fixture
def nothing_new(tmp_path: Path) -> Iterator[None]:
    """A refused command leaves no profile behind, not even half of one."""
    yield
    assert list((tmp_path / "profiles").glob("*")) == []
    assert list((tmp_path / "profiles").glob(".*")) == []


# ---- passphrases ----


@pytest.fixture
async def carol(relay: Relay, tmp_path: Path) -> Profile:
    """Somebody with a passphrase."""
    return (await create(relay.link, tmp_path, fresh("carol"), passphrase="the right one"))[0]


async def test_a_wrong_passphrase_opens_nothing_and_the_right_one_does(carol: Profile) -> None:
    before = (carol.folder / "store.db").read_bytes()
    is_refused(carol.run("status", env={"TACIT_PASSPHRASE": "the wrong one"}), "wrong-passphrase", 6)
    assert (carol.folder / "store.db").read_bytes() == before
    file = carol.data_dir / "passphrase"
    file.write_text("the right one\nand a second line\n")
    right = carol.run("status", "--passphrase-file", str(file))
    assert (right.code, right.value["me"]["handle"]) == (0, carol.name)


async def test_a_missing_passphrase_fails_at_once_where_nobody_can_type_it(carol: Profile) -> None:
    is_refused(carol.run("send", "@bob", "hi"), "passphrase-needed", 6, "--passphrase-fd", "TACIT_PASSPHRASE")


async def test_a_passphrase_on_descriptor_zero_is_read(carol: Profile) -> None:
    with carol.start("status", "--passphrase-fd", "0", talks=True) as program:
        program.say("the right one")
        assert program.wait().code == 0


def test_a_new_identity_without_a_word_on_its_passphrase_is_not_made(
    relay: Relay, tmp_path: Path, nothing_new: None
) -> None:
    ended = Profile("dave", tmp_path).run("init", "--name", "dave", "--relay", relay.link)
    is_refused(ended, "passphrase-needed", 6, "--no-passphrase")


def test_a_person_reads_a_sentence_and_a_hint_on_standard_error(tmp_path: Path) -> None:
    ended = run("status", "-P", "nobody", "--data-dir", str(tmp_path))
    assert (ended.code, ended.out) == (7, "")
    assert ended.err.splitlines() == [
        "tacit: There is no profile of that name on this machine: nobody",
        "       tacit up makes one with a relay of your own, tacit join LINK one at somebody's; -P names another.",
    ]


# ---- one process for each profile ----


async def test_a_second_process_on_a_profile_is_refused_and_the_first_goes_on(relay: Relay, tmp_path: Path) -> None:
    alice, bob = await befriend(relay.link, tmp_path, fresh("alice"), fresh("bob"))
    with alice.start("listen") as listening:
        listening.line(lambda event: event.get("state") == "online")
        is_refused(alice.run("send", f"@{bob.name}", "from a second process"), "profile-in-use", 6, "-P")
        async with opened(bob) as other:
            await other.send(f"@{alice.name}", "still there?")
            await listening.line_async(lambda event: event.get("message", {}).get("text") == "still there?")
        listening.process.kill()
        listening.wait()
    assert alice.run("send", f"@{bob.name}", "a killed process holds no lock").code == 0
    assert "me: from a second process" not in await said(alice, f"@{bob.name}")


# ---- links and names ----


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda link: link.replace("tacit://", "https://"), "not a tacit link"),
        (lambda link: link.partition("#")[0], "#"),
        (lambda link: link[:-3], "fingerprint"),
        (lambda link: link.replace("127.0.0.1:", "127.0.0.1:9"), "port"),
    ],
    ids=["another scheme", "without the fingerprint", "cut short", "a port that cannot be"],
)
def test_a_bad_link_is_refused(relay: Relay, tmp_path: Path, nothing_new: None, spoil, word: str) -> None:
    command = ("init", "--name", "dave", "--no-passphrase", "--relay", spoil(relay.link))
    is_refused(Profile("dave", tmp_path).run(*command), "bad-link", 2, word, "tacit://")


def test_a_link_that_is_joined_is_checked_before_anything_is_asked(tmp_path: Path, nothing_new: None) -> None:
    is_refused(Profile("dave", tmp_path).run("join", "tacit://127.0.0.1/#nonsense"), "bad-link", 2)


async def test_unknown_names_are_refused_with_the_nearest(relay: Relay, tmp_path: Path) -> None:
    alice, bob = await befriend(relay.link, tmp_path, fresh("alice"), fresh("bob"))
    is_refused(alice.run("send", f"@{bob.name}x", "hi"), "not-found", 7, f"@{bob.name}x", f"near: @{bob.name})")
    is_refused(alice.run("group", "invite", "nonsuch", f"@{bob.name}"), "not-found", 7, "nonsuch")
    assert alice.run("status").value["queued"] == 0


@pytest.mark.parametrize(
    ("name", "code"), [("Not A Handle", "bad-handle"), ("taken", "handle-taken")], ids=["no handle", "taken"]
)
async def test_a_name_that_cannot_be_had_leaves_nothing_behind(
    relay: Relay, tmp_path: Path, nothing_new: None, name: str, code: str
) -> None:
    if name == "taken":
        await create(relay.link, tmp_path / "elsewhere", "taken")
    ended = Profile("dave", tmp_path).run("init", "--name", name, "--no-passphrase", "--relay", relay.link)
    is_refused(ended, code, 2)


# ---- relays that are not there, or not themselves ----


def test_an_unreachable_relay_is_said_to_be_that(tmp_path: Path, relay: Relay, nothing_new: None) -> None:
    nobody = relay.link.replace(f":{relay.port}/", ":1/")
    ended = Profile("dave", tmp_path).run("init", "--name", "dave", "--no-passphrase", "--relay", nobody)
    is_refused(ended, "connection-refused", 3, "127.0.0.1:1")


async def test_another_relay_on_the_same_port_is_refused_loudly_and_gets_nothing(tmp_path: Path) -> None:
    """Hazard D1's plain case: the client checks the relay's key before it says who it is."""
    with Relay(tmp_path / "relay") as relay:
        alice, bob = await befriend(relay.link, tmp_path, "alice", "bob")
        relay.end()
        impostor = Relay(tmp_path / "impostor")
        impostor.port = relay.port
        with impostor:
            ended = alice.run("send", "@bob", "for the right relay only")
            is_refused(ended, "relay-pin-mismatch", 4, "key is another", "in the middle", "compare")
            assert ended.lines[0]["message"]["state"] == "queued"
            person = run("status", "--check", "-P", "alice", "--data-dir", str(tmp_path))
            assert (person.code, person.out) == (4, "")
            assert "not the one that the link names" in person.err
            impostor.end()
        assert held(tmp_path / "impostor") == (0, 0, 0)
        relay.start()
        assert alice.run("status", "--check").code == 0
        async with opened(bob):
            pass
    assert (await said(bob, "@alice")).count("@alice: for the right relay only") == 1


def held(folder: Path) -> tuple[int, ...]:
    """How many accounts, logs and entries a relay holds."""
    database = sqlite3.connect(folder / "relay.db")
    try:
        return tuple(
            database.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("accounts", "logs", "entries")
        )
    finally:
        database.close()


# ---- relays ----


def test_a_port_that_is_taken_and_a_folder_that_is_in_use_are_said_to_be(relay: Relay, tmp_path: Path) -> None:
    here = ("serve", "--json", "--host", "127.0.0.1", "--public-host", "127.0.0.1")
    taken = run(*here, "--port", str(relay.port), "--data", str(tmp_path / "new"))
    assert (taken.code, taken.error["code"]) == (3, "cannot-listen")
    in_use = run(*here, "--port", "0", "--data", str(relay.folder))
    assert (in_use.code, in_use.error["code"]) == (2, "already-running")


def test_a_damaged_relay_key_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    with relay:
        relay.end()
    (tmp_path / "relay.key").write_bytes(b"not a key")
    ended = run("serve", "--json", "--host", "127.0.0.1", "--port", "0", "--data", str(tmp_path))
    assert (ended.code, ended.error["code"]) == (2, "relay-key-damaged")
    assert (tmp_path / "relay.key").read_bytes() == b"not a key"


@pytest.mark.parametrize("damage", ["overwritten", "cut short", "empty"])
async def test_a_damaged_store_is_refused_and_left_as_it_is(relay: Relay, tmp_path: Path, damage: str) -> None:
    (alice,) = await create(relay.link, tmp_path, fresh("alice"))
    store = alice.folder / "store.db"
    match damage:
        case "overwritten":
            store.write_bytes(os.urandom(store.stat().st_size))
        case "cut short":
            os.truncate(store, 5_000)
        case "empty":
            os.truncate(store, 0)
    before = store.read_bytes()
    ended = alice.run("status")
    assert ended.code in (1, 6), ended
    assert ended.error["code"] in ("store-damaged", "wrong-passphrase")
    assert store.read_bytes() == before
