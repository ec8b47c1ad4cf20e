"""Official vectors as tacit runs them beside rfc9420's own code, on the same files and the same suites."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from bench.contest import Sample, best_of
from bench.measure import Row
from bench.peers.catalogue import RFC9420
from bench.peers.processes import Peers, Refused
from tests.vectors.expect import DEFAULT
from tests.vectors.files import VectorFile, find_files, official_folder
from tests.vectors.passive_client import check as follow
from tests.vectors.treekem import check_received_paths

ROUNDS = 3
SUITES = (1, 2, 3, 4, 5, 6, 7)
EPOCHS_IN_RANDOM = 100
"""The one long scenario of the official files has more epochs than this, the others a few."""


def vector_rows(peers: Peers) -> Iterator[Row]:
    """Following 200 random epochs, and reading every update path as every member."""
    folder = official_folder()
    files = [file for file in find_files(folder) if isinstance(file, VectorFile)] if folder.is_dir() else []
    long = [f for f in files if any(len(case.get("epochs") or ()) > EPOCHS_IN_RANDOM for case in f.cases)]
    what = "passive-client, 200 random epochs"
    yield from _rows(peers, what, "passive-client", long, lambda case: follow(case, DEFAULT))
    trees = [file for file in files if file.family.name == "treekem"]
    yield from _rows(peers, "treekem", "treekem", trees, check_received_paths)


def _rows(
    peers: Peers, what: str, operation: str, files: Sequence[VectorFile], run: Callable[[object], None]
) -> Iterator[Row]:
    if not files:
        peers.missing[f"vectors: {what}"] = "the official files are not here; TACIT_VECTORS names their folder"
    for file in files[:1]:
        columns: dict[str, Sample] = {"tacit": lambda file=file: _seconds(file, run)}  # type: ignore[misc]
        peer = peers.get(RFC9420)
        if peer is not None:
            columns["rfc9420"] = peer.sample(operation, path=str(file.path), suites=SUITES)
        try:
            best = best_of(columns, ROUNDS)
        except Refused as error:
            peers.missing[f"vectors: {what}"] = str(error)
            best = best_of({"tacit": columns["tacit"]}, ROUNDS)
        value = best.pop("tacit") * 1e3
        yield Row(f"vectors: {what}", value, "ms", peers={name: s * 1e3 for name, s in best.items()})


def _seconds(file: VectorFile, run: Callable[[object], None]) -> float:
    began = time.perf_counter()
    for case in file.cases:
        if case["cipher_suite"] in SUITES:
            run(case)
    return time.perf_counter() - began
