"""Draws docs/img/mls.svg: what a commit and a join cost as the group grows, tacit's and a peer's in turns on one core.

Both axes are logarithmic. The picture is written here and from nothing but the figures.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contest import Operation, Sample, best_of, one_core
from bench.machine import machine
from bench.mls.groups import WarmGroup, steady_group
from bench.mls.rows import Plan, commit_samples, join_sample
from bench.peers import samples
from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "img" / "mls.svg"

FULL = Plan(rounds=7, messages=0, commits=3, sizes=(2, 4, 8, 16, 32, 64, 128, 256, 512, 1000), joins=())
QUICK = Plan(rounds=2, messages=0, commits=3, sizes=(2, 8, 32, 128), joins=())

PANELS = {
    "create-commit": "create an update commit",
    "process-commit": "process an update commit",
    "join": "join by Welcome",
}
LINES = {
    "tacit, default suite (post-quantum)": "#1f6feb",
    "tacit, suite 0x0001": "#1a7f37",
    "ts-mls, suite 0x0001": "#bc4c00",
}
DEFAULT, CLASSICAL, TS_MLS = LINES

PANEL_W, PANEL_H, GAP, LEFT, TOP, BOTTOM = 270, 250, 58, 62, 66, 74
INK, FAINT, PAPER = "#24292f", "#d0d7de", "#ffffff"

Curve = Sequence[tuple[int, float]]
"""Members and milliseconds."""


@dataclass(frozen=True)
class Scale:
    """From members and milliseconds to the place in a panel."""

    members: tuple[int, int]
    ms: tuple[float, float]

    def x(self, members: float) -> float:
        """To the right with the size of the group."""
        low, high = map(math.log, self.members)
        return (math.log(members) - low) / (high - low) * PANEL_W

    def y(self, ms: float) -> float:
        """Upwards with the cost."""
        low, high = map(math.log, self.ms)
        return PANEL_H - (math.log(ms) - low) / (high - low) * PANEL_H


def draw(quick: bool = False) -> str:
    """Measure, draw, and say where the picture is."""
    with one_core():
        curves = measure(QUICK if quick else FULL)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg(curves), encoding="utf-8")
    return f"drawn: {PICTURE}"


def measure(plan: Plan) -> dict[str, dict[str, Curve]]:
    """For each panel the curve of each line, as far as there is one."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = {panel: {} for panel in PANELS}
    for size in plan.sizes:
        groups = {DEFAULT: steady_group(DEFAULT_SUITE, size), CLASSICAL: steady_group(X25519_SUITE, size)}
        for panel in PANELS:
            columns = {name: _sample(plan, panel, name, group) for name, group in groups.items()}
            theirs = samples(Operation(panel, X25519_SUITE, size)) if size > 2 else {}
            if "ts-mls" in theirs:
                columns[TS_MLS] = theirs["ts-mls"]
            for name, seconds in best_of(columns, plan.rounds).items():
                found[panel].setdefault(name, []).append((size, seconds * 1e3))
    return {panel: dict(curves) for panel, curves in found.items()}


def _sample(plan: Plan, panel: str, name: str, group: WarmGroup) -> Sample:
    if panel == "join":
        return join_sample(DEFAULT_SUITE if name == DEFAULT else X25519_SUITE, group)
    create, process = commit_samples(plan, group)
    return create if panel == "create-commit" else process


def svg(curves: Mapping[str, Mapping[str, Curve]]) -> str:
    """The picture of three panels with one scale."""
    points = [point for lines in curves.values() for curve in lines.values() for point in curve]
    sizes = sorted({members for members, _ in points})
    low, high = min(ms for _, ms in points), max(ms for _, ms in points)
    scale = Scale((sizes[0], sizes[-1]), (10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))))
    width = LEFT + len(curves) * PANEL_W + (len(curves) - 1) * GAP + 24
    height = TOP + PANEL_H + BOTTOM
    facts = machine()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="12" fill="{INK}" '
        'font-family="system-ui, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        *_legend(),
    ]
    for place, (panel, lines) in enumerate(curves.items()):
        parts.append(f'<g transform="translate({LEFT + place * (PANEL_W + GAP)} {TOP})">')
        parts += _frame(panel, scale, sizes)
        parts += [part for name, curve in lines.items() for part in _line(name, curve, scale)]
        parts.append("</g>")
    said = f"best medians, in turns on one core of {facts['processor']}, {facts['python']}; tacit stores its state"
    parts += [f'<text x="{LEFT}" y="{height - 12}" font-size="10">{html.escape(said)}</text>', "</svg>", ""]
    return "\n".join(parts)


def _legend() -> Iterator[str]:
    x = LEFT
    for name, colour in LINES.items():
        yield f'<rect x="{x}" y="14" width="14" height="4" fill="{colour}"/>'
        yield f'<text x="{x + 20}" y="20">{html.escape(name)}</text>'
        x += 40 + 7 * len(name)


def _frame(panel: str, scale: Scale, sizes: Sequence[int]) -> Iterator[str]:
    yield f'<text x="0" y="-12" font-weight="bold">{html.escape(PANELS[panel])}</text>'
    for power in range(round(math.log10(scale.ms[0])), round(math.log10(scale.ms[1])) + 1):
        y, ms = scale.y(10.0**power), 10.0**power
        yield f'<path d="M0 {y:.1f}H{PANEL_W}" stroke="{FAINT}"/>'
        told = f"{ms / 1e3:g} s" if ms >= 1e3 else f"{ms:g} ms"
        yield f'<text x="-6" y="{y + 4:.1f}" text-anchor="end" font-size="10">{told}</text>'
    for size in sizes:
        x = scale.x(size)
        yield f'<path d="M{x:.1f} {PANEL_H}v4" stroke="{INK}"/>'
        yield f'<text x="{x:.1f}" y="{PANEL_H + 17}" text-anchor="middle" font-size="10">{size}</text>'
    yield f'<path d="M0 0V{PANEL_H}H{PANEL_W}" fill="none" stroke="{INK}"/>'
    yield f'<text x="{PANEL_W / 2:.0f}" y="{PANEL_H + 34}" text-anchor="middle">members</text>'


def _line(name: str, curve: Curve, scale: Scale) -> Iterator[str]:
    places = [(scale.x(members), scale.y(ms)) for members, ms in curve]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    yield f'<path d="M{path}" fill="none" stroke="{LINES[name]}" stroke-width="2"/>'
    for (x, y), (members, ms) in zip(places, curve, strict=True):
        told = html.escape(f"{name}: {ms:.3g} ms with {members} members")
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{LINES[name]}"><title>{told}</title></circle>'
