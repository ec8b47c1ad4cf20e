"""Accounts as people make them: codes typed in pseudo-terminals, keys in files, a relay process between."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.processes.people import becomes, opened
from tests.processes.programs import TIMEOUT_S, Profile, Relay, environment, run
from tests.processes.ways import EVERYWHERE, WAYS, coming_by
from tests.ui.terminal import Terminal

pytestmark = pytest.mark.processes

NUMBER, OTHER = "+4915123456789", "+4915123450000"
BY_PHONE = {
    "TACIT_SERVE_REGISTRATION": "phone",
    "TACIT_SERVE_PHONE_DELIVERY": "console",
    "TACIT_SERVE_PHONE_COUNTRIES": "DE",
    "TACIT_SERVE_FIND_BY_PHONE": "true",
}


@pytest.fixture(scope="module")
def by_phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with Relay(tmp_path_factory.mktemp("relay"), *EVERYWHERE, env=BY_PHONE) as relay:
        yield relay


@contextmanager
def terminal(*arguments: str, columns: int = 100, **env: str) -> Iterator[Terminal]:
    argv = [sys.executable, "-m", "tacit.cli", *arguments]
    with Terminal(argv, columns=columns, rows=50, inherited=environment(), env=env) as screen:
        yield screen


async def code_for(relay: Relay, number: str, after: int = 0) -> str:
    """What the operator's terminal shows for a number, the one after so many."""

    def found() -> list[str]:
        return re.findall(rf"For \{number}, printed here .* (?:is|code is) ([0-9]{{6}})\.", relay.running.said)

    async def arrived() -> bool:
        return len(found()) > after

    await becomes(arrived)
    return found()[after]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


@coming_by("grpc", "tcp")
async def test_a_person_proves_a_number_and_types_the_code_wrong_before(tmp_path: Path, ways: tuple[str, str]) -> None:
    with Relay(tmp_path / "relay", *EVERYWHERE, env=BY_PHONE) as by_phone:
        await prove_it(by_phone, tmp_path, *ways)


async def prove_it(by_phone: Relay, tmp_path: Path, mayas: str, eves: str) -> None:
    here = ("--data-dir", str(tmp_path))
    arguments = ("init", "--relay", by_phone.by(mayas), "--name", "maya", "--no-passphrase", "--phone", NUMBER, *here)
    with terminal(*arguments) as maya:
        maya.sees(f"A code of six digits is on its way to {NUMBER}.")
        maya.sees("Code (Enter alone for another one):")
        code = await code_for(by_phone, NUMBER)
        maya.enter("")
        maya.sees("Give it a little more time")
        for left in ("4 tries are left", "3 tries are left", "2 tries are left"):
            maya.enter(wrong(code))
            maya.sees(f"That is not the code. {left}.")
        maya.enter(f"{code[:3]} {code[3:]}")
        maya.sees("@maya")
        maya.sees("Your link for others:")
        maya.wait(lambda: any(row.startswith("tacit") and "://" in row for row in maya.rows), "the link, at the edge")
        assert maya.ends() == 0
    # A number belongs to one account, and that is told after the code.
    again = (
        "init",
        "-P",
        "eve",
        "--relay",
        by_phone.by(eves),
        "--name",
        "eve",
        "--no-passphrase",
        "--phone",
        NUMBER,
        *here,
    )
    with terminal(*again) as eve:
        eve.sees("A code of six digits")
        eve.enter(await code_for(by_phone, NUMBER, after=1))
        eve.sees("That number belongs to an account at this relay already")
        assert eve.ends() == 2
    assert "Somebody wants to use your number" in by_phone.running.said
    for line in by_phone.running.said.splitlines():
        assert NUMBER[1:] not in line or line.startswith("For +")


@coming_by("ws")
async def test_whoever_joins_is_asked_for_a_number_when_the_relay_wants_one(
    by_phone: Relay, tmp_path: Path, ways: tuple[str]
) -> None:
    (way,) = ways
    number = f"+4915223450{[*WAYS].index(way):03}"
    arguments = ("join", by_phone.by(way), "--name", f"noor-{way}", "--no-passphrase", "--data-dir", str(tmp_path))
    with terminal(*arguments) as noor:
        noor.sees("This relay asks for a phone number")
        noor.enter("hello")
        noor.sees("That is not a phone number")
        noor.enter("+33 6 12345678")
        noor.sees("sends no codes to numbers of that country")
        noor.enter(f"{number[:3]} {number[3:6]} {number[6:]}")
        noor.sees("A code of six digits is on its way")
        noor.enter(await code_for(by_phone, number))
        noor.sees("online")
        noor.type("\x04")
        assert noor.ends() == 0


async def test_a_number_that_is_given_with_the_link_of_a_room_is_not_asked_for(by_phone: Relay, tmp_path: Path) -> None:
    number, other = "+491715550101", "+491715550102"
    new = ("--no-passphrase", "--data-dir", str(tmp_path))
    making = ("room", "create", "den", "-P", "ida", "--name", "ida", "--relay", by_phone.link, "--phone", number, *new)
    with terminal(*making) as ida:
        ida.enter(await code_for(by_phone, number))
        ida.sees("You are ida here, and nobody else yet.")
        link = re.findall(rb"tacit://[^\s\x1b]+/room/[^\s\x1b]+", ida.raw)[0].decode()
        coming = ("join", link, "-P", "jan", "--name", "jan", "--nick", "jan", "--phone", other, *new)
        with terminal(*coming) as jan:
            jan.sees(f"A code of six digits is on its way to {other}.")
            jan.enter(await code_for(by_phone, other))
            jan.sees("You are jan here, with ida.")
            assert "This relay asks for a phone number" not in jan.text
            ida.sees("jan joined.")


def test_where_nobody_can_be_asked_it_is_said_what_to_do_and_nothing_is_sent(by_phone: Relay, tmp_path: Path) -> None:
    maya = Profile("maya", tmp_path)
    begin = ("init", "--relay", by_phone.link, "--name", "mia", "--no-passphrase", "--no-input")
    bare = maya.run(*begin)
    assert (bare.code, bare.error["code"]) == (2, "phone-needed")
    assert "--phone" in bare.error["hint"]
    number = "+491703450002"
    silent = maya.run(*begin, "--phone", number)
    assert (silent.code, silent.error["code"]) == (2, "phone-code-needed")
    assert "--code-fd" in silent.error["hint"]
    assert number not in by_phone.running.said
    assert not maya.folder.exists()


async def test_a_script_gives_the_code_on_a_descriptor_and_people_are_found_by_number(
    by_phone: Relay, tmp_path: Path
) -> None:
    for name, number in (("ivo", "+491713450003"), ("jana", "+491723450004")):
        reading, writing = os.pipe()
        arguments = ("init", "-P", name, "--name", name, "--relay", by_phone.link, "--no-passphrase", "--no-input")
        proof = ("--phone", number, "--findable", "--code-fd", str(reading), "--data-dir", str(tmp_path), "--json")
        with subprocess.Popen(  # noqa: ASYNC220 - it is waited for below, and nothing else goes on here
            [sys.executable, "-m", "tacit.cli", *arguments, *proof],
            pass_fds=[reading],
            stdout=subprocess.PIPE,
            env=environment(),
            text=True,
        ) as process:
            os.close(reading)
            os.write(writing, f"{await code_for(by_phone, number)}\n".encode())
            os.close(writing)
            out, _ = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0
        assert json.loads(out)["me"]["handle"] == name
    ivo = Profile("ivo", tmp_path)
    found = ivo.run("contacts", "add", "+49 172 3450004", "--name", "Jana")
    assert (found.value["handle"], found.value["name"]) == ("jana", "Jana")
    nobody = ivo.run("contacts", "add", "+491733450005")
    assert (nobody.code, nobody.error["code"], "both of you" in nobody.error["hint"]) == (7, "nobody-by-number", True)
    assert ivo.run("account", "findable", "off", "--phone", "+491713450003").value == {"findable": False}
    assert Profile("jana", tmp_path).run("contacts", "add", "+491713450003").code == 7


# ---- keys ----


def begin(link: str, profile: Profile, *more: str, **how: Any) -> Any:
    return profile.run("init", "--relay", link, "--no-passphrase", *more, **how)


def test_an_rsa_account_is_made_shown_and_goes_on_on_another_machine(relay: Relay, tmp_path: Path) -> None:
    first, second = Profile("first", tmp_path / "one"), Profile("second", tmp_path / "two")
    made = begin(relay.link, first, "--name", "rivest", "--key", "rsa").value
    assert made["key"] == "rsa 3072"
    file = tmp_path / "account.pem"
    exported = first.run("account", "export-key", str(file), env={"TACIT_KEY_PASSPHRASE": "a horse"}).value
    assert exported == {"file": str(file), "account": made["me"]["id"], "key": "rsa 3072", "sealed": True}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert isinstance(load_pem_private_key(file.read_bytes(), b"a horse"), rsa.RSAPrivateKey)
    again = first.run("account", "export-key", str(file), "--no-passphrase")
    assert (again.code, again.error["code"]) == (2, "file-exists")
    # Without the passphrase it opens nothing, and a wrong one is named as such.
    for env, code in (({}, "key-passphrase-needed"), ({"TACIT_KEY_PASSPHRASE": "a cow"}, "wrong-passphrase")):
        refused = begin(relay.link, second, "--key-file", str(file), "--no-input", env=env)
        assert refused.error["code"] == code
    moved = begin(relay.link, second, "--key-file", str(file), env={"TACIT_KEY_PASSPHRASE": "a horse"})
    assert (moved.value["me"]["id"], moved.value["me"]["handle"]) == (made["me"]["id"], "rivest")
    assert "does not appear here" in moved.err
    shown = second.run("account").value
    assert (shown["key"], len(shown["devices"])) == ("rsa 3072", 2)
    assert [device["id"] for device in shown["devices"] if device["this"]] == [shown["device"]]
    # The machine that was left behind is shut out from the new one, at once, and says why.
    kept, left = second.run("account", "devices").lines
    assert (kept["this"], left["this"]) == (True, False)
    revoking = ("account", "revoke-device", left["id"][:9])
    with first.start("listen") as listening:
        listening.line(lambda event: event.get("state") == "online")
        asked = second.run(*revoking, "--no-input")
        assert (asked.code, asked.error["code"]) == (2, "not-confirmed")
        assert second.run(*revoking, "--yes").value["id"] == left["id"]
        listening.line(lambda event: event.get("code") == "device-revoked")
        ended = listening.wait()
    assert (ended.code, "device-revoked" in ended.err + ended.out) == (4, True)
    assert "was revoked" in first.run("account").err


def test_a_key_file_is_opened_at_the_terminal_and_an_export_sealed_there(relay: Relay, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    file, copy = tmp_path / "old.pem", tmp_path / "copy.pem"
    sealing = BestAvailableEncryption(b"old horse")
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, sealing))
    here = ("--data-dir", str(tmp_path / "data"))
    arguments = ("init", "--relay", relay.link, "--name", "adi", "--no-passphrase", "--key-file", str(file), *here)
    with terminal(*arguments) as screen:
        screen.sees("Passphrase of the key file:")
        screen.enter("wrong horse")
        screen.sees("That is not its passphrase.")
        screen.wait(lambda: questions(screen) == 2, "the question again")
        screen.enter("old horse")
        screen.sees("(rsa 2048)")
        assert screen.ends() == 0
    with terminal("account", "export-key", str(copy), *here) as screen:
        screen.sees("The file gets a passphrase of its own.")
        for number, answer in enumerate(("", "new horse", "other horse", "new horse", "new horse"), 1):
            screen.wait(lambda number=number: questions(screen) == number, "the next question")
            screen.enter(answer)
        assert screen.ends() == 0
        screen.sees("It cannot be empty")
        screen.sees("They differ")
    opened_again = load_pem_private_key(copy.read_bytes(), b"new horse")
    assert isinstance(opened_again, rsa.RSAPrivateKey)
    assert opened_again.private_numbers() == key.private_numbers()


def questions(screen: Terminal) -> int:
    """How many have been asked; the last may be answered already, as answers do not show."""
    return sum(row.endswith(("file:", "again:")) for row in screen.text.splitlines())


@pytest.mark.parametrize(
    ("pem", "code", "why"),
    [
        (None, "key-unreadable", "No such file"),
        (b"hello", "bad-pem", ""),
        (1024, "unsupported-key", "1024 bits; 2048 to 4096"),
    ],
)
def test_a_file_that_holds_no_key_for_an_account_is_refused_with_the_reason(
    relay: Relay, tmp_path: Path, pem: bytes | int | None, code: str, why: str
) -> None:
    file = tmp_path / "key.pem"
    if isinstance(pem, int):
        key = rsa.generate_private_key(65537, pem)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if pem is not None:
        file.write_bytes(pem)
    refused = begin(relay.link, Profile("x", tmp_path), "--key-file", str(file))
    assert (refused.code, refused.error["code"]) == (2, code)
    assert why in json.dumps(refused.error)
    both = begin(relay.link, Profile("x", tmp_path), "--key-file", str(file), "--key", "rsa")
    assert both.code == 2


def test_an_export_without_a_passphrase_says_what_that_means(relay: Relay, tmp_path: Path) -> None:
    bare = Profile("bare", tmp_path)
    made = begin(relay.link, bare, "--name", "bare", "--phone", NUMBER, "--code-fd", "0")
    assert "asked for no code" in made.err
    file = tmp_path / "bare.pem"
    written = bare.run("account", "export-key", str(file), "--no-passphrase")
    assert written.value["sealed"] is False
    assert "whoever reads it is you" in written.err
    assert file.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    asked = bare.run("account", "export-key", str(tmp_path / "other.pem"), "--no-input")
    assert (asked.code, asked.error["code"]) == (2, "key-passphrase-needed")


async def test_people_with_both_kinds_of_keys_talk_in_one_group(relay: Relay, tmp_path: Path) -> None:
    profiles = [Profile(name, tmp_path) for name in ("len", "edda")]
    begin(relay.link, profiles[0], "--name", "len", "--key", "rsa")
    begin(relay.link, profiles[1], "--name", "edda")
    async with opened(profiles[0]) as len_, opened(profiles[1]) as edda:
        await edda.add_contact("@len")
        await len_.add_contact("@edda")
        group = (await len_.create_group("mixed", ["@edda"])).id

        async def both_in() -> bool:
            return any(chat.id == group and len(chat.members) == 2 for chat in await edda.chats())

        await becomes(both_in)
        message = await edda.send(group, "from Ed25519 to RSA")
        await edda.wait_for(message.id, "delivered", TIMEOUT_S)
        numbers = await edda.safety_number("@len"), await len_.safety_number("@edda")
        assert numbers[0].digits == numbers[1].digits


def test_help_names_what_there_is() -> None:
    assert "export-key" in run("account", "--help").out
