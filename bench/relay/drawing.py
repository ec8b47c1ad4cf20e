"""Draws docs/img/relay.svg: throughput over connections, latency over the rate, appends over the length of a log.

Every axis is logarithmic. The picture is written here and from nothing but the figures of one run.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.machine import machine
from bench.picture import FAINT, INK, PANEL_H, PANEL_W, PAPER

PICTURE: Final = Path(__file__).resolve().parents[2] / "docs" / "img" / "relay.svg"

COLOURS: Final = ("#1f6feb", "#bc4c00", "#1a7f37", "#8250df", "#57606a")
LEFT, TOP, BOTTOM, GAP = 66, 40, 112, 74

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One pair of axes; a line of one point is drawn as a point."""

    title: str
    across: str
    unit: str
    lines: Mapping[str, Points]

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        """Where a point lies, from the upper left corner."""
        (x_low, x_high), (y_low, y_high) = self.ranges()
        x, y = (math.log10(value) for value in point)
        return (x - x_low) / (x_high - x_low) * PANEL_W, PANEL_H - (y - y_low) / (y_high - y_low) * PANEL_H

    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Powers of ten that hold every point, at least one apart."""
        points = [point for line in self.lines.values() for point in line]
        found = []
        for values in zip(*points, strict=True):
            low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
            found.append((float(low), float(max(high, low + 1))))
        return found[0], found[1]


def panels(curves: Mapping[str, Points], peers: Mapping[str, object], connections: int) -> list[Panel]:
    """What a run's curves give, with those peers that were measured as points."""
    throughput = {"tacit": curves["throughput"]} if curves.get("throughput") else {}
    if throughput:
        throughput |= {name: [(connections, rate)] for name, rate in peers.items() if isinstance(rate, float) and rate}
    latencies = {name: sorted(curves.get(f"latency {name}", ())) for name in ("p50", "p95", "p99")}
    latency = {name: points for name, points in latencies.items() if points}
    append = {"window of 16": curves["append"]} if curves.get("append") else {}
    made = (
        Panel("delivered and durable", "connections", "/s", throughput),
        Panel("from send to delivery", "messages a second", " ms", latency),
        Panel("one append", "entries in the log before", " ms", append),
    )
    return [panel for panel in made if panel.lines]


def svg(drawn: Sequence[Panel], note: str) -> str:
    """The picture: panels side by side, with a note on how the figures were come by."""
    width = LEFT + len(drawn) * PANEL_W + (len(drawn) - 1) * GAP + 30
    height = TOP + PANEL_H + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="12" fill="{INK}" '
        'font-family="system-ui, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
    ]
    for number, panel in enumerate(drawn):
        parts.append(f'<g transform="translate({LEFT + number * (PANEL_W + GAP)} {TOP})">')
        parts += [*_frame(panel), *_lines(panel), "</g>"]
    facts = machine()
    said = f"{note}; {facts['processor']}, {facts['python']}; over TLS, synced to the disk before it is acknowledged"
    parts += [f'<text x="{LEFT}" y="{height - 10}" font-size="10">{html.escape(said)}</text>', "</svg>", ""]
    return "\n".join(parts)


def _frame(panel: Panel) -> Iterator[str]:
    (x_low, x_high), (y_low, y_high) = panel.ranges()
    yield f'<text x="0" y="-14" font-weight="bold">{html.escape(panel.title)}</text>'
    for power in range(int(y_low), int(y_high) + 1):
        _, y = panel.place((10.0**x_low, 10.0**power))
        yield f'<path d="M0 {y:.1f}H{PANEL_W}" stroke="{FAINT}"/>'
        yield f'<text x="-6" y="{y + 4:.1f}" text-anchor="end" font-size="10">{10.0**power:,g}{panel.unit}</text>'
    for power in range(int(x_low), int(x_high) + 1):
        x, _ = panel.place((10.0**power, 10.0**y_low))
        yield f'<path d="M{x:.1f} {PANEL_H}v4" stroke="{INK}"/>'
        yield f'<text x="{x:.1f}" y="{PANEL_H + 17}" text-anchor="middle" font-size="10">{10**power:,}</text>'
    yield f'<path d="M0 0V{PANEL_H}H{PANEL_W}" fill="none" stroke="{INK}"/>'
    yield f'<text x="{PANEL_W / 2:.0f}" y="{PANEL_H + 34}" text-anchor="middle">{html.escape(panel.across)}</text>'


def _lines(panel: Panel) -> Iterator[str]:
    for number, (name, points) in enumerate(panel.lines.items()):
        colour, places = COLOURS[number % len(COLOURS)], [panel.place(point) for point in points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for (x, y), (across, up) in zip(places, points, strict=True):
            told = html.escape(f"{name}: {up:,.3g}{panel.unit} at {across:,.0f}")
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"><title>{told}</title></circle>'
        column, row = number % 2, number // 2
        yield f'<rect x="{column * 135}" y="{PANEL_H + 46 + 14 * row}" width="10" height="4" fill="{colour}"/>'
        yield f'<text x="{column * 135 + 14}" y="{PANEL_H + 52 + 14 * row}" font-size="10">{html.escape(name)}</text>'
