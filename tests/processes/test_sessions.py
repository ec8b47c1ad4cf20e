"""Sessions as people see them: two terminals, a relay process between, and nothing left behind by any of them."""

from __future__ import annotations

import json
import re
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes.people import create
from tests.processes.programs import Profile, Program, Relay, environment, run
from tests.processes.ways import coming_by
from tests.ui.terminal import Terminal

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

CODE = re.compile(r"\b[0-9A-F]{6}(?:-[a-z]{4,8}){3}\b")
PHRASE = re.compile(r"Check phrase: ([a-z]{4,8} [a-z]{4,8} [a-z]{4,8})\b")
LARGEST_MAPPING = 512 * 1024 * 1024


def home(folder: Path) -> dict[str, str]:
    """An environment in which everything that a program writes by itself lands in one folder."""
    folder.mkdir(exist_ok=True)
    places = {"HOME": "", "XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache"}
    return environment(**{name: str(folder / place) for name, place in places.items()}, TMPDIR=str(folder))


@contextmanager
def terminal(folder: Path, *args: str) -> Iterator[Terminal]:
    argv = [sys.executable, "-m", "tacit.cli", "session", *args]
    env = home(folder)
    with Terminal(argv, columns=90, rows=40, inherited=env, env=env) as opened:
        yield opened


def code_on(screen: Terminal) -> str:
    screen.wait(lambda: CODE.search(screen.flat) is not None, "the code")
    found = CODE.search(screen.flat)
    assert found is not None
    return found[0]


def phrase_on(screen: Terminal) -> str:
    screen.wait(lambda: PHRASE.search(screen.flat) is not None, "the check phrase")
    found = PHRASE.search(screen.flat)
    assert found is not None
    return found[1]


@coming_by("grpc", "tcp")
def test_two_people_meet_by_a_code_talk_and_leave_nothing_behind(
    relay: Relay, tmp_path: Path, ways: tuple[str, str]
) -> None:
    ana, bob = tmp_path / "ana", tmp_path / "bob"
    said = [f"said-{secrets.token_hex(12)}" for _ in range(2)]
    with terminal(ana, "create", "--relay", relay.by(ways[0])) as one:
        code = code_on(one)
        with terminal(bob, "join", *code.upper().split("-"), "--relay", relay.by(ways[1])) as other:
            phrase = phrase_on(one)
            assert phrase_on(other) == phrase
            one.enter(said[0])
            other.sees(f"them │ {said[0]}")
            other.enter(said[1])
            one.sees(f"them │ {said[1]}")
            one.sees(f"you │ {said[0]}")
            markers = [*said, code, code.partition("-")[2], phrase, phrase.replace(" ", "-")]
            pids = [screen.process.pid for screen in (one, other)]
            relays = relay.running.pid
            looked = may_look_into(pids[0]) and may_look_into(relays)
            if looked:
                assert find_in_memory(pids[0], said[:1]) == said[:1], "the search finds what is there"
                assert find_in_memory(relays, markers) == []
            for pid in (*pids, relays):
                assert files_mapped_for_writing(pid) == []
            for pid in pids:
                assert core_limit(pid) == "0"
            one.type("\x03")
            one.sees("The session is over.")
            other.sees("The other one has ended the session.")
            assert (one.ends(), other.ends()) == (0, 0)
    for pid in pids:
        assert not Path(f"/proc/{pid}/maps").exists() or not Path(f"/proc/{pid}/maps").read_text()
    if looked:
        assert find_in_memory(relays, markers) == []
    assert files_under(ana) == files_under(bob) == []
    assert find_in_files(relay.folder, [*markers, code.partition("-")[0]]) == []
    assert not any(marker in relay.running.said for marker in markers)
    shared = Path("/dev/shm")
    assert not [path for path in shared.iterdir() if path.is_file() and contains(path, markers)]
    if not looked:
        pytest.skip("all else holds, but this machine lets nobody look into the memory of another process")


def test_who_types_the_code_is_helped_and_who_guesses_is_sent_away(relay: Relay, tmp_path: Path) -> None:
    with terminal(tmp_path / "ana", "--relay", relay.link) as one:
        one.sees("Create a session or join one? [c/j]")
        one.enter("create")
        code = code_on(one)
        name, first, second, third = code.split("-")
        for guess, wanted in (
            (f"{name}-{first}-{second}-{third[1:]}x", (2, "mistyped-word")),
            (f"{name}-{third}-{first}-{second}", (4, "wrong-words")),  # others, unless all three are one
        ):
            ended = run("session", "join", guess, "--relay", relay.link, "--json", env=home(tmp_path / "eve"))
            assert (ended.code, ended.error["code"]) == wanted
        one.sees("Somebody came with other words, and was sent away. The code is good for two more.")
        with terminal(tmp_path / "bob", "--relay", relay.link) as bob:
            bob.sees("Create a session or join one? [c/j]")
            bob.enter("j")
            bob.sees("Code (Tab completes its words):")
            bob.type(f"{name.lower()}-{first}-{second}-{third[:-1]}\t")
            bob.sees(f"{second}-{third}")
            bob.enter("")
            assert phrase_on(bob) == phrase_on(one)
            bob.enter("/check")
            bob.enter("/nonsense")
            bob.sees("There is no command /nonsense.")
            bob.enter("/quit")
            assert bob.ends() == 0
        one.sees("The other one has ended the session.")
        assert one.ends() == 0


def test_programs_talk_by_a_code_too(relay: Relay, tmp_path: Path) -> None:
    with Program("session", "create", "--relay", relay.link, "--json", env=home(tmp_path / "a"), talks=True) as one:
        code = one.line(lambda value: value["event"] == "waiting")["code"]
        arguments = ("session", "join", code, "--relay", relay.link, "--json")
        with Program(*arguments, env=home(tmp_path / "b"), talks=True) as other:
            paired = [side.line(lambda value: value["event"] == "paired") for side in (one, other)]
            assert paired[0] == paired[1]
            one.say("a line\x1b]0;title\x07")
            heard = other.line(lambda value: value["event"] == "text")
            assert (heard["text"], heard["number"]) == ("a line\x1b]0;title\x07", 1)
            assert b"\x1b" not in "".join(other.printed).encode()
            other.process.send_signal(signal.SIGINT)
            assert other.wait().code == 130
            ended = one.line(lambda value: value["event"] == "ended")
            assert ended["code"] == "goodbye"
            assert one.wait().code == 0
    assert json.dumps(paired)


def test_a_session_needs_a_relay_and_says_so(tmp_path: Path) -> None:
    for arguments in (("create",), ("join", "A3F2B1-maple-orbit-lantern")):
        with Program("session", *arguments, "--json", env=home(tmp_path / "nobody")) as program:
            ended = program.wait()
            assert (ended.code, ended.error["code"]) == (2, "relay-needed")


async def test_the_relay_is_that_of_the_profile_if_there_is_one_that_can_be_read(relay: Relay, tmp_path: Path) -> None:
    """Nobody waits there under that name, so it was asked."""
    await create(relay.link, tmp_path, "ana")
    await create(relay.link, tmp_path, "bob", passphrase="open sesame")
    joining = ("session", "join", "000000-maple-orbit-lantern", "--no-input")
    refused = Profile("bob", tmp_path).run(*joining, env=home(tmp_path / "home"))
    assert (refused.code, refused.error["code"]) == (2, "relay-needed")
    assert "passphrase" in refused.error["hint"]
    # A chat that is open in another terminal is in nobody's way.
    ana = Profile("ana", tmp_path)
    with ana.start("listen") as listening:
        listening.line(lambda event: event.get("state") == "online")
        ended = ana.run(*joining, env=home(tmp_path / "home"))
    assert (ended.code, ended.error["code"]) == (7, "no-such-rendezvous")


def test_who_waits_and_gives_up_ends_it(relay: Relay, tmp_path: Path) -> None:
    with Program("session", "create", "--relay", relay.link, "--json", env=home(tmp_path / "a"), talks=True) as one:
        code = one.line()["code"]
        one.process.send_signal(signal.SIGINT)
        assert one.wait().code == 130
    with Program("session", "join", code, "--relay", relay.link, "--json", env=home(tmp_path / "b")) as late:
        ended = late.wait()
        assert (ended.code, ended.error["code"]) == (7, "no-such-rendezvous")


# ---- looking ----


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def find_in_files(folder: Path, markers: list[str]) -> list[str]:
    return [marker for path in files_under(folder) for marker in markers if contains(path, [marker])]


def contains(path: Path, markers: list[str]) -> bool:
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return any(marker.encode() in data for marker in markers)


def may_look_into(pid: int) -> bool:
    try:
        Path(f"/proc/{pid}/mem").open("rb").close()
    except PermissionError:
        return False
    return True


def find_in_memory(pid: int, markers: list[str]) -> list[str]:
    """Those that stand anywhere in what a process may write to; an interpreter keeps ASCII as it is."""
    found: set[str] = set()
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for start, end, permissions, _ in mappings(pid):
            if "w" not in permissions or end - start > LARGEST_MAPPING:
                continue
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except (OSError, ValueError):
                continue
            found |= {marker for marker in markers if marker.encode() in data}
    return [marker for marker in markers if marker in found]


def files_mapped_for_writing(pid: int) -> list[str]:
    """Files into which a write to memory would go: nothing secret may stand there."""
    return [
        name
        for _, _, permissions, name in mappings(pid)
        if "w" in permissions and "s" in permissions and name.startswith("/") and not name.startswith("/dev/zero")
        and not name.endswith("-shm") and " (deleted)" not in name
    ]  # fmt: skip


def mappings(pid: int) -> list[tuple[int, int, str, str]]:
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, permissions, _, _, _, *name = line.split(None, 5)
        start, end = (int(part, 16) for part in place.split("-"))
        found.append((start, end, permissions, name[0] if name else ""))
    return found


def core_limit(pid: int) -> str:
    (line,) = [
        line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max core file size")
    ]
    return line.split()[4]
