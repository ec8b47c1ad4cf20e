"""The peers' side of the benchmarks, as far as it goes without installing any of them, and the picture."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench.contest import Operation
from bench.measure import Row
from bench.peers import PACKAGES, peers, samples
from bench.peers.aims import AIMS, ratio_rows
from bench.peers.catalogue import Home, Package
from bench.peers.environments import PROGRAMS, Missing, command_of
from bench.peers.processes import Peers, Refused
from bench.picture import LINES, PANELS, svg
from tacit.crypto.suites import X25519_SUITE


def test_a_ratio_is_how_many_times_as_fast_with_its_aim_and_verdict() -> None:
    rows = list(
        ratio_rows([Row("0x0001: seal", 100.0, "µs", peers={"ts-mls": 1600.0, "rfc9420": 150.0, "other": 50.0})])
    )
    assert [(row.value, row.aim) for row in rows] == [(16.0, 15), (1.5, 2), (0.5, None)]
    assert [row.note for row in rows] == ["1600 µs there: reached", "150 µs there: MISSED", "50 µs there"]


def test_an_aim_whose_peer_is_not_there_is_not_left_out() -> None:
    rows = list(ratio_rows([Row("0x0001: seal", 100.0, "µs")]))
    assert {row.what.rpartition(" as fast as ")[2] for row in rows} == set(AIMS["0x0001: seal"])
    assert {row.note for row in rows} == {"not measured"}


def test_every_peer_is_pinned_and_has_its_program() -> None:
    for package in PACKAGES:
        assert (PROGRAMS / package.program).is_file()
        assert all(re.fullmatch(r"\d+\.\d+\.\d+(-rc\.\d+)?", version) for version in package.pins.values())


NOWHERE = Package("nobody", Home.PYTHON, "megolm.py", {"tacit-no-such-package": "0.0.0"})


@pytest.mark.long
@pytest.mark.processes
def test_a_peer_that_cannot_be_installed_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TACIT_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(Missing, match="tacit-no-such-package"):
        command_of(NOWHERE)
    some = Peers()
    assert some.get(NOWHERE) is None
    assert "tacit-no-such-package" in some.missing["nobody"]


def test_without_node_the_peers_of_node_are_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TACIT_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(peers, "_running", {})
    monkeypatch.setattr(peers, "missing", {})
    assert samples(Operation("create-commit", X25519_SUITE, 128)) == {}
    assert peers.missing == {"ts-mls": "Node and npm are not here"}


@pytest.mark.processes
@pytest.mark.parametrize(("runtime", "shared"), [(sys.executable, "lines.py"), ("node", "lines.mjs")])
def test_programs_answer_line_by_line_and_say_what_they_cannot(tmp_path: Path, runtime: str, shared: str) -> None:
    """The part that all programs share, with an operation of our own."""
    if shutil.which(runtime) is None:
        pytest.skip(f"{runtime} is not here")
    shutil.copy(PROGRAMS / shared, tmp_path)
    own = {
        "lines.py": "from lines import median, serve\nserve({'work': lambda r: median(r['calls'], lambda c: 1 + 1)})",
        "lines.mjs": "import { median, serve } from './lines.mjs';serve({ work: (r) => median(r.calls, () => 2) });",
    }[shared]
    program = tmp_path / f"own{Path(shared).suffix}"
    program.write_text(own)
    asked = '{"op": "work", "calls": 5}\n{"op": "rest"}\n{"op": "work", "calls": 4}\n'
    done = subprocess.run([runtime, str(program)], input=asked, capture_output=True, text=True, check=True)
    first, second, third = done.stdout.splitlines()
    assert '"seconds"' in first
    assert '"error"' in second
    assert '"seconds"' in third


def test_a_peer_that_has_ended_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.peers.processes.command_of", lambda package: [sys.executable, "-c", "pass"])
    peer = Peers().get(NOWHERE)
    assert peer is not None
    with pytest.raises(Refused, match="nobody"):
        peer.ask("seal")
    peer.end()


def test_the_picture_shows_every_point_on_a_scale_that_holds_it() -> None:
    curves = {panel: {name: [(2, 1.5 + n), (1000, 40.0)] for n, name in enumerate(LINES)} for panel in PANELS}
    root = ET.fromstring(svg(curves))
    space = "{http://www.w3.org/2000/svg}"
    points = root.iter(f"{space}circle")
    titles = [title.text for point in points for title in point.iter(f"{space}title")]
    assert len(titles) == 2 * len(LINES) * len(PANELS)
    assert "ts-mls, suite 0x0001: 3.5 ms with 2 members" in titles
    said = {text.text for text in root.iter(f"{space}text")}
    assert {"1 ms", "10 ms", "100 ms", "1000", *PANELS.values(), *LINES} <= said
    assert all(0 <= float(point.get("cy", "-1")) <= 250 for point in root.iter(f"{space}circle"))
