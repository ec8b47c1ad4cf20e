"""A whole conversation at DEBUG, and then a look at everything that is left of it: nobody's words, nobody's keys."""

from __future__ import annotations

import json
import os
import re
import socket
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tacit.errors import TacitError
from tests.canary import conversation as scene
from tests.canary.conversation import HANDLES, Conversation
from tests.canary.traces import dump, found_in, found_in_files, found_in_memory
from tests.ports import free_port
from tests.processes.people import becomes, create, opened
from tests.processes.programs import TIMEOUT_S, Relay

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

ADDRESS = re.compile(rb"\b\d{1,3}(\.\d{1,3}){3}\b|::1\b")
STABLE_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{24}")
"""A UUID, or hex that is long enough to be one."""


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conversation]:
    """The conversation, over; its relay is still running."""
    talked = scene.begin(tmp_path_factory.mktemp("canary"))
    try:
        scene.converse(talked)
        talked.crashes = scene.crash(talked)
        scene.remember_keys(talked)
        yield talked
    finally:
        talked.relay.running.process.kill()
        talked.relay.running.wait()


@pytest.fixture(scope="module")
def secrets(talk: Conversation) -> dict[str, bytes]:
    """Every word and every key."""
    assert len(talk.keys) > 20
    return scene.words() | talk.keys


def test_the_relays_files_hold_no_word_and_no_key(talk: Conversation, secrets: dict[str, bytes]) -> None:
    files = sorted(talk.relay.folder.iterdir())
    assert {"relay.db", "relay.db-wal", "relay.db-shm", "relay.key"} <= {path.name for path in files}
    assert found_in_files(files, secrets) == {}
    # What it has to know, it has; so the search would have found the rest.
    known = {handle: handle.encode() for handle in HANDLES} | talk.ids
    assert set().union(*found_in_files(files, known).values()) == set(known)


def test_the_relays_database_row_by_row_holds_no_word_and_no_key(talk: Conversation, secrets: dict[str, bytes]) -> None:
    rows = dump(talk.relay.folder / "relay.db")
    assert HANDLES[0].encode() in rows
    assert found_in(rows, secrets) == set()


def test_the_relays_memory_holds_no_word_and_no_key(talk: Conversation, secrets: dict[str, bytes]) -> None:
    pid = talk.relay.running.pid
    assert found_in_memory(pid, {"handle": HANDLES[0].encode(), "log": next(iter(talk.ids.values()))}) == {
        "handle",
        "log",
    }
    assert found_in_memory(pid, secrets) == set()


def test_the_relays_log_holds_no_word_no_key_no_name_no_id_and_no_address(
    talk: Conversation, secrets: dict[str, bytes]
) -> None:
    log = talk.relay_log.read_bytes() + talk.relay.running.said.encode()
    assert b"started" in log
    handles = {handle: handle.encode() for handle in HANDLES}
    assert found_in(log, secrets | talk.ids | scene.ids_as_text(talk) | handles) == set()
    assert ADDRESS.findall(log) == []
    assert STABLE_ID.findall(log) == []
    assert str(talk.folder).encode() not in log


@pytest.mark.parametrize("page", ["/metrics", "/metrics openmetrics", "/readyz", "/healthz", "/nothing"])
def test_what_monitoring_is_told_holds_no_word_no_key_no_name_no_id_and_no_address(
    talk: Conversation, secrets: dict[str, bytes], page: str
) -> None:
    path, _, form = page.partition(" ")
    told = ask(talk.metrics_port, path, "application/openmetrics-text" if form else "text/plain")
    if path == "/metrics":
        said = re.search(rb"^tacit_appends_total ([\d.]+)$", told, re.MULTILINE)
        assert said is not None
        assert float(said[1]) > 0, "it does tell of this conversation"
    handles = {handle: handle.encode() for handle in HANDLES}
    assert found_in(told, secrets | talk.ids | scene.ids_as_text(talk) | handles) == set()
    assert ADDRESS.findall(told) == []
    assert STABLE_ID.findall(told) == []
    assert str(talk.folder).encode() not in told


def ask(port: int, path: str, accept: str) -> bytes:
    """The whole answer of a page for monitoring, header and all."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as asking:
        asking.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n".encode())
        with asking.makefile("rb") as answer:
            return answer.read()


def test_strangers_who_press_from_everywhere_leave_no_address_behind(tmp_path: Path) -> None:
    """Each does something that a relay might want to complain about, and its log is at its most talkative."""
    junk = [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", os.urandom(200)]
    log, port = tmp_path / "log", free_port()
    env = {"TACIT_SERVE_METRICS_PORT": str(port), "TACIT_SERVE_LOG_FORMAT": "json", "TACIT_SERVE_EXEMPT_ADDRESSES": ""}
    with Relay(tmp_path / "relay", "--log-file", str(log), env=env) as relay:
        for number in range(200):
            come(f"127.0.0.{number + 2}", relay.port, junk[number % len(junk)])
            come(f"127.0.0.{number + 2}", port, junk[number % len(junk)])
        told = ask(port, "/metrics", "text/plain") + ask(port, "/readyz", "text/plain")
        ended = relay.end()
    said = log.read_bytes()
    events = [json.loads(line) for line in said.splitlines()]
    assert {"started", "stopped"} <= {event["event"] for event in events}
    assert all(event.keys() >= {"event", "level", "timestamp"} for event in events)
    assert ADDRESS.findall(said + told + ended.err.encode()) == []


def come(address: str, port: int, words: bytes) -> None:
    """Connect from an address, say something, and go."""
    coming = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S, source_address=(address, 0))
    with coming as stranger, suppress(OSError):
        stranger.sendall(words)


def test_the_clients_logs_hold_no_word_no_key_no_name_no_id_and_no_address(
    talk: Conversation, secrets: dict[str, bytes]
) -> None:
    handles = {handle: handle.encode() for handle in HANDLES}
    for handle in HANDLES:
        log = talk.client_log(handle).read_bytes()
        assert (b"offline" in log) is (handle == HANDLES[1])
        assert found_in(log, secrets | talk.ids | scene.ids_as_text(talk) | handles) == set()
        assert ADDRESS.findall(log) == []
        assert STABLE_ID.findall(log) == []


def test_the_clients_files_hold_no_word_and_no_key(talk: Conversation, secrets: dict[str, bytes]) -> None:
    """Not even what the relay knows."""
    handles = {handle: handle.encode() for handle in HANDLES}
    for profile in talk.people.values():
        files = sorted(profile.folder.iterdir())
        assert {"store.db", "key.json"} <= {path.name for path in files}
        assert found_in_files(files, secrets | talk.ids | handles) == {}


def test_the_clients_files_hold_no_word_and_no_key_while_they_are_in_use(
    talk: Conversation, secrets: dict[str, bytes]
) -> None:
    """The write-ahead log and its index, too."""
    bob, alice = talk.people[HANDLES[1]], HANDLES[0]
    handles = {handle: handle.encode() for handle in HANDLES}
    with bob.start("listen", env={"TACIT_PASSPHRASE": scene.PASSPHRASE}) as listening:
        talk.does(alice, "send", f"@{HANDLES[1]}", scene.WORDS["first text"])
        listening.line(lambda event: event.get("message", {}).get("text") == scene.WORDS["first text"])
        files = sorted(bob.folder.iterdir())
        assert "store.db-wal" in {path.name for path in files}
        assert found_in_files(files, secrets | talk.ids | handles) == {}


def test_what_is_said_on_standard_error_and_in_errors_holds_no_word_of_a_message_and_no_key(
    talk: Conversation, secrets: dict[str, bytes]
) -> None:
    for ended in talk.results:
        assert found_in(ended.err.encode(), secrets) == set()
        if ended.code:
            assert found_in(ended.out.encode(), secrets) == set()


def test_what_a_crash_leaves_holds_no_word_and_no_key(talk: Conversation, secrets: dict[str, bytes]) -> None:
    for said in talk.crashes:
        assert found_in(said.encode(), secrets) == set()
    assert [path for path in talk.folder.rglob("*core*") if path.is_file()] == []


def test_nothing_lies_anywhere_else(talk: Conversation, secrets: dict[str, bytes]) -> None:
    """Everything below the folder of this whole test, known or not."""
    assert found_in_files(talk.folder.rglob("*"), secrets) == {}


FAULTS = {
    "in the store's thread": ("tacit.client.outgoing.check_text", "send"),
    "while something is sealed": ("tacit.client.outgoing.seal_text", "send"),
    "in the command itself": ("tacit.cli.commands.send._wait", "send"),
    "while something is shown": ("tacit.ui.data.event", "listen"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_inside_is_told_without_the_words_that_were_at_hand(
    talk: Conversation, secrets: dict[str, bytes], tmp_path: Path, what: str
) -> None:
    """An exception whose own text quotes everything that was at hand."""
    alice, bob = HANDLES[0], HANDLES[1]
    place, command = FAULTS[what]
    env = at_fault(tmp_path, place) | {"TACIT_PASSPHRASE": scene.PASSPHRASE, "PYTHONFAULTHANDLER": "1"}
    sending = ("send", f"@{bob}", scene.WORDS["text of a crash"])
    arguments = sending if command == "send" else ("listen",)
    ended = talk.people[alice].run(
        *(*arguments, "-vv", "--log-file", str(tmp_path / "log")),
        env=env,
    )
    assert (ended.code, ended.error["code"]) == (1, "internal"), ended
    log = (tmp_path / "log").read_bytes()
    assert b"RuntimeError" in log, "the log does say what happened"
    assert b"sitecustomize.py" in log, "and where"
    assert found_in(ended.out.encode() + ended.err.encode() + log, secrets) == set()


@pytest.mark.parametrize("place", ["tacit.relay.logs._new_entry", "tacit.relay.connection.decode_request"])
async def test_a_fault_inside_the_relay_is_told_without_whom_it_concerned(tmp_path: Path, place: str) -> None:
    """The one is met while a request is served, the other before there is a request."""
    env = at_fault(tmp_path, place)
    with Relay(tmp_path / "relay", env=env) as relay:
        if place.endswith("decode_request"):
            with pytest.raises(TacitError):
                await create(relay.link, tmp_path, *HANDLES[:2])
            ids: dict[str, bytes] = {}
        else:
            alice, bob = await create(relay.link, tmp_path, *HANDLES[:2])
            async with opened(alice) as one, opened(bob) as other:
                ids = {"alice": uuid.UUID(one.me.id).bytes, "bob": uuid.UUID(other.me.id).bytes}
                await one.send(f"@{HANDLES[1]}", "hi")
                await becomes(lambda: has_said(relay, "request-failed"))
        ended = relay.end()
    assert ended.code == 0
    assert "RuntimeError" in ended.err
    handles = {handle: handle.encode() for handle in HANDLES}
    assert found_in(ended.err.encode(), ids | handles) == set()
    assert STABLE_ID.findall(ended.err.encode()) == []
    assert ADDRESS.findall(ended.err.encode()) == []


async def has_said(relay: Relay, word: str) -> bool:
    return word in relay.running.said


def at_fault(folder: Path, place: str) -> dict[str, str]:
    """An environment in which one function of tacit raises an exception that quotes its arguments."""
    (folder / "sitecustomize.py").write_text(FAULT.format(place=place))
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


FAULT = """
import importlib, sys

PLACE, NAME = "{place}".rsplit(".", 1)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != PLACE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            def fault(*arguments, **named):
                raise RuntimeError("fault with " + repr(arguments) + repr(named))
            setattr(module, NAME, fault)
        spec.loader.exec_module = exec_module
        return spec

import importlib.util
sys.meta_path.insert(0, Finder())
"""
