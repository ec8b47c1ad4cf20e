"""The relay's benchmark: what the load generator counts is true, and every part runs against real processes."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.__main__ import main
from bench.measure import Row
from bench.peers.environments import Missing
from bench.relay import clients, crowds, groups, pairs, parts, peers, sizes, wire
from bench.relay.conversations import Conversation
from bench.relay.drawing import Panel, panels, svg
from bench.relay.frames import BINARY, PING, Appends, Splitter, masked_message, upgrade_request
from bench.relay.population import Shape, Talk, populate
from bench.relay.processes import Cores, Failed
from bench.relay.stage import Plan, Stage
from bench.relay.xmpp.packages import unpacked
from bench.relay.xmpp.servers import EJABBERD, PROSODY, Server
from bench.relay.xmpp.stream import Stream
from tacit.wire import relay_pb2 as pb

ROOT = Path(__file__).resolve().parents[2]
LOG_ID = bytes(range(100, 116))

TINY = Plan(
    seconds=0.5,
    warm_s=0.1,
    rounds=1,
    variants=True,
    rates=(20.0,),
    groups=((3, 2),),
    connections=(10,),
    idle=40,
    held_s=0.1,
    stormers=20,
    log_sizes=(100,),
    many_logs=20,
    stored=200,
    peers=(PROSODY, EJABBERD),
)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    figures: dict[str, Any] = {"peers": {}, "times_as_fast_as": {}, "missing": {}}
    return Stage(tmp_path, TINY, Cores(), lambda _: None, figures=figures)


def unmasked(data: bytes) -> list[bytes]:
    """The payloads of a client's messages, read as RFC 6455 §5.2 has them."""
    found = []
    while data:
        size, at = data[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
        mask, payload = data[at : at + 4], data[at + 4 : at + 4 + size]
        assert data[0] == 0x82
        assert data[1] & 0x80
        found.append(bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)))
        data = data[at + 4 + size :]
    return found


# ---- frames ----


@pytest.mark.parametrize("size", [0, 90, 256, 4096])
def test_appends_are_frames_of_the_protocol_each_with_numbers_of_its_own(size: int) -> None:
    payload = os.urandom(size)
    appends = Appends(LOG_ID, payload)
    frames = [pb.ClientFrame.FromString(frame) for frame in unmasked(appends.take(3) + appends.take(200))]
    assert [frame.request_id for frame in frames] == list(range(1 << 21, (1 << 21) + 203))
    assert {(frame.append.log_id, frame.append.payload, frame.append.kind) for frame in frames} == {
        (LOG_ID, payload, pb.ENTRY_KIND_MESSAGE)
    }
    assert {len(frame.append.message_id) for frame in frames} == {16}
    assert len({frame.append.message_id for frame in frames}) == 203


def test_a_message_of_a_client_is_masked_and_whole() -> None:
    assert unmasked(masked_message(b"x" * 60_000) + masked_message(b"")) == [b"x" * 60_000, b""]
    assert upgrade_request("127.0.0.1", 1).endswith(b"\r\n\r\n")


@pytest.mark.parametrize("step", [1, 2, 3, 7, 131, 70_000])
def test_messages_are_found_however_the_bytes_come(step: int) -> None:
    sent = [(BINARY, b""), (PING, b"p"), (BINARY, b"x" * 125), (BINARY, b"y" * 300), (BINARY, b"z" * 66_000)]
    data = b"".join(
        bytes((0x80 | opcode,))
        + (
            bytes((len(payload),))
            if len(payload) < 126
            else b"\x7e" + len(payload).to_bytes(2, "big")
            if len(payload) < 1 << 16
            else b"\x7f" + len(payload).to_bytes(8, "big")
        )
        + payload
        for opcode, payload in sent
    )
    splitter = Splitter()
    got = [message for at in range(0, len(data), step) for message in splitter.feed(data[at : at + step])]
    assert got == sent


# ---- counting ----


class Pen:
    """Notes how many messages a conversation wants written."""

    def __init__(self) -> None:
        self.wrote: list[int] = []

    def write(self, count: int) -> None:
        self.wrote.append(count)


def test_a_message_makes_room_when_it_is_both_acknowledged_and_delivered() -> None:
    pen = Pen()
    pair = Conversation(pen, 1)
    pair.window = 4
    pair.go_on()
    pair.on_acknowledged(3)
    assert (pen.wrote, pair.on_the_way) == ([4], 4)
    pair.on_delivered(0, 2)
    assert (pen.wrote, pair.on_the_way) == ([4, 2], 4)


def test_a_message_to_a_group_is_delivered_when_its_last_reader_has_it() -> None:
    group = Conversation(Pen(), 3)
    group.send(2, time.perf_counter())
    group.on_acknowledged(2)
    for first, count in ((0, 2), (0, 1)):
        group.on_delivered(first, count)
    assert (group.delivered, group.on_the_way) == (0, 2)
    group.on_delivered(0, 1)
    assert (group.delivered, group.on_the_way) == (1, 1)


@pytest.mark.parametrize("step", [1, 5, 64, 100_000])
def test_stanzas_are_counted_however_the_bytes_come(step: int) -> None:
    stream = Stream("u", "localhost")
    stream.reads, stream.writes = Conversation(Pen(), 1), Conversation(Pen(), 1)
    archived = "<stanza-id xmlns='urn:xmpp:sid:0' id='a7' by='u@localhost'/>"
    data = "".join(
        f"<message id='load-{number}' from='w@localhost/load'><body>{'b' * 50}</body>{archived}</message>"
        + (f"<a h='{number}' xmlns='urn:xmpp:sm:3'/>" if number % 3 == 0 else "")
        for number in range(1, 8)
    ).encode()
    for at in range(0, len(data), step):
        stream.data_received(data[at : at + step])
    assert (stream.reads.delivered, stream.writes.acknowledged, stream.refused) == (7, 6, {})
    stream.data_received(b"<message id='load-12'><body/></message><message type='error'></message>")
    assert set(stream.refused) == {"messages came out of order", "a stanza was refused"}


# ---- the picture ----


def test_the_picture_holds_every_figure_and_only_peers_that_were_measured() -> None:
    curves: dict[str, list[tuple[float, float]]] = {
        "throughput": [(10, 900.0), (10_000, 12_000.0)],
        "latency p50": [(500.0, 0.4)],
        "append": [(1000, 0.1)],
    }
    drawn = panels(curves, {"prosody": 600.0, "ejabberd": parts.NOT_ASKED}, 50)
    assert [list(panel.lines) for panel in drawn] == [["tacit", "prosody"], ["p50"], ["window of 16"]]
    root = ET.fromstring(svg(drawn, "each on one core"))
    space = "{http://www.w3.org/2000/svg}"
    told = [title.text for title in root.iter(f"{space}title")]
    assert "tacit: 1.2e+04/s at 10,000" in told
    assert len(told) == 5
    for circle in root.iter(f"{space}circle"):
        assert 0 <= float(circle.get("cx", "-1")) <= 270
        assert 0 <= float(circle.get("cy", "-1")) <= 250


def test_a_panel_of_equal_values_still_has_a_scale() -> None:
    panel = Panel("", "", "", {"one": [(10, 10.0)]})
    assert panel.ranges() == ((1.0, 2.0), (1.0, 2.0))


# ---- against real processes ----


def stored(folder: Path, talks: Iterable[Talk]) -> int:
    """How many entries lie in these conversations."""
    logs = [talk.log_id for talk in talks]
    counted = (
        f"SELECT count(*) FROM entries JOIN logs ON log = position >> 32 WHERE log_id IN ({','.join('?' * len(logs))})"
    )
    with closing(sqlite3.connect(folder / "relay.db")) as db:
        return int(db.execute(counted, logs).fetchone()[0])


@pytest.mark.processes
def test_what_the_generator_counts_is_what_the_relay_has_stored(stage: Stage) -> None:
    folder = stage.folder / "world"
    people = populate(folder, 11, [Shape("pairs", 3, 1), Shape("group", 1, 4, first=6)])
    with stage.serve(folder, people) as world:
        world.load.ask("talk", name="pairs", payload=64)
        closed, paced = world.closed("pairs", 4), world.paced("pairs", 100)
        total = world.load.ask("total")
        world.load.ask("talk", name="group", payload=64, own=True, acknowledge_every=1)
        group = world.closed("group", 4)
        group_sent = world.load.ask("total")["sent"] - total["sent"]
    assert stored(folder, people.talks["pairs"]) == total["sent"] > closed["messages"] + paced["messages"] > 0
    assert (closed["lost"], paced["lost"], closed["refused"], paced["refused"]) == (0, 0, {}, {})
    assert 0 < paced["latency_ms"]["p50"] <= paced["latency_ms"]["p99"]
    assert paced["sent_per_s"] == pytest.approx(100, rel=0.1)
    assert 0 < closed["cpu_s_per_1000"] < 60
    assert total["connected"] == 6
    # Four readers have it all and say so, and the writer too, so the relay keeps what was on the way at most.
    assert (group["lost"], group["refused"]) == (0, {})
    assert group["deliveries_per_s"] > 3 * group["per_s"]
    assert stored(folder, people.talks["group"]) < group_sent


@pytest.mark.processes
def test_a_relay_that_does_not_start_is_reported_with_its_last_words(stage: Stage) -> None:
    folder = stage.folder / "spoilt"
    population = populate(folder, 2, [])
    (folder / "relay.key").write_text("no key")
    with pytest.raises(Failed, match="did not start"), stage.serve(folder, population):
        pass


@pytest.mark.processes
def test_when_time_is_up_every_part_says_so_and_nothing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    since = time.time() - psutil.Process().create_time()
    monkeypatch.setattr(parts, "QUICK_S", since + 2.5)
    began = time.monotonic()
    table = parts.run(quick=True, pin=False, only=(), seconds=20, picture=False, say=lambda _: None)
    assert time.monotonic() - began < 15
    assert set(table.figures["missing"]) == {"pairs", "idle", "peers"}
    assert table.figures["delivered_per_s"] is None
    assert not table.failed
    assert table.figures["peers"] == dict.fromkeys(("prosody", "ejabberd"), table.figures["missing"]["peers"])
    assert [child for child in psutil.Process().children() if "--data" in child.cmdline()] == []


def test_a_part_that_fails_is_a_row_with_the_reason_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(stage: Stage) -> Iterator[Row]:
        yield Row("before", 1.0, "s")
        raise Failed("the relay did not start: no room")

    def works(stage: Stage) -> Iterator[Row]:
        yield Row("after", 2.0, "s")

    monkeypatch.setattr(parts, "PARTS", {"one": breaks, "two": works})
    table = parts.run(quick=False, pin=False, only=(), seconds=None, picture=False, say=lambda _: None)
    assert [row.what for row in table.rows] == ["before", "missing: one", "after"]
    assert table.figures["missing"] == {"one": "the relay did not start: no room"}
    assert table.failed


PARTS: dict[str, Any] = {
    "variants": pairs.variant_rows,
    "groups": groups.group_rows,
    "connections": groups.connection_rows,
    "idle": crowds.idle_rows,
    "storms": crowds.storm_rows,
    "logs": sizes.log_rows,
    "store": sizes.store_rows,
    "wire": wire.rows,
    "clients": clients.rows,
}


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PARTS)
def test_every_part_measures_something_and_says_how(stage: Stage, name: str) -> None:
    rows: list[Row] = list(PARTS[name](stage))
    assert rows
    assert all(row.value > 0 and row.note for row in rows if row.unit != "KiB")
    assert not any("LOST" in row.note or "times:" in row.note for row in rows)


@pytest.mark.processes
def test_figures_for_programs_stand_at_the_top_of_one_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["bench", "relay", "--quick", "--json", "--only", "pairs", "--seconds", "1"]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr(parts, "QUICK_S", 1e9)  # this process began long ago
    assert main() == 0
    told = json.loads(capsys.readouterr().out)
    assert told["delivered_per_s"] > 0
    assert told["p99_ms_at_half_rate"] > 0
    assert told["rss_kb_per_idle_connection"] is None
    assert set(told["peers"]) == {"prosody", "ejabberd"}
    rows = told["tables"]["relay"]["rows"]
    assert all(row["note"] for row in rows)


def test_an_unknown_part_is_named_with_those_that_there_are() -> None:
    with pytest.raises(Failed, match="magic; there are pairs, idle"):
        parts.run(quick=True, pin=False, only=["magic"], seconds=None, picture=False, say=lambda _: None)


# ---- peers ----


def test_without_apt_a_peer_is_missing_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stage: Stage
) -> None:
    monkeypatch.setenv("TACIT_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    rows = list(peers.rows(stage))
    assert len(rows) == 2
    assert all("apt-get or dpkg is not here" in str(reason) for reason in stage.figures["peers"].values())
    with pytest.raises(Missing, match="Debian package"):
        unpacked("nobody", ("nobody",), 1)


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.parametrize("server", [PROSODY, EJABBERD], ids=lambda server: server.name)
def test_a_peer_does_the_same_work_or_says_why_not(stage: Stage, server: Server) -> None:
    stage.figures["delivered_per_s"] = 1000.0
    plan = dataclasses.replace(TINY, seconds=1.0, warm_s=1.0, peers=(server,))
    for row in peers.rows(Stage(stage.folder, plan, Cores(), stage.say, figures=stage.figures)):
        assert row.note
    found = stage.figures["peers"][server.name]
    if isinstance(found, str):
        assert found
    else:
        assert found > 0
        assert stage.figures["times_as_fast_as"][server.name] == pytest.approx(1000 / found, rel=0.01)


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.timeout(90)
def test_a_quick_run_ends_within_fifty_seconds_with_one_object() -> None:
    began = time.monotonic()
    command = [str(ROOT / "dev"), "bench", "relay", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert time.monotonic() - began < 50
    told = json.loads(done.stdout)
    assert told.keys() >= {"delivered_per_s", "p99_ms_at_half_rate", "rss_kb_per_idle_connection", "peers", "missing"}
