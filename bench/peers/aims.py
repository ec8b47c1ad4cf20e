"""What tacit aims at beside its peers: how many times as fast it should be, by the rows of the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.measure import Row

AIMS: dict[str, dict[str, float]] = {
    "default: seal": {"libsignal session": 1.5, "Megolm": 0.5},
    "default: open": {"libsignal session": 0.8, "libsignal sender key": 0.9, "Megolm": 0.4},
    "0x0001: seal": {"ts-mls": 15, "rfc9420": 2},
    "0x0001: open": {"ts-mls": 4.5, "rfc9420": 1.5},
    "0x0001: commit created, 128 members": {"ts-mls": 30},
    "0x0001: commit processed, 128 members": {"ts-mls": 25},
    "0x0001: commit created, 512 members": {"ts-mls": 80},
    "0x0001: commit processed, 512 members": {"ts-mls": 80},
    "0x0001: join, 128 members": {"ts-mls": 3, "rfc9420": 2},
    "0x0001: group of 128 created": {"ts-mls": 4},
    "vectors: passive-client, 200 random epochs": {"rfc9420": 3},
    "vectors: treekem": {"rfc9420": 2},
}


def ratio_rows(rows: Iterable[Row]) -> Iterator[Row]:
    """For each row with peers how many times as fast tacit is; ``aim`` is the least that it should be."""
    for row in rows:
        aims = AIMS.get(row.what, {})
        for name, cost in row.peers.items():
            ratio, aim = cost / row.value, aims.get(name)
            verdict = "" if aim is None else ": reached" if ratio >= aim else ": MISSED"
            yield Row(_said(row, name), ratio, "times", note=f"{cost:.4g} {row.unit} there{verdict}", aim=aim)
        for name in sorted(aims.keys() - row.peers.keys()):
            yield Row(_said(row, name), 0.0, "times", note="not measured", aim=aims[name])


def _said(row: Row, name: str) -> str:
    return f"{row.what}: as fast as {name}"
