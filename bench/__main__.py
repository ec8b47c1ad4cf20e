"""``./dev bench [NAME ...] [--quick] [--json] [--picture]``: runs tables and prints them, and the machine's facts."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import json
import pkgutil
import signal
import sys
from collections.abc import Callable
from functools import partial

from rich.console import Console
from rich.status import Status
from rich.table import Table as Grid

import bench
from bench.machine import machine
from bench.measure import CannotMeasure, Table

NOT_TABLES = {"__main__", "contest", "echo", "machine", "measure", "peers", "picture"}

MIN_COLUMNS = 130
"""A table that wraps is not one; who has a narrower screen scrolls."""


def names() -> list[str]:
    """Every table."""
    return [module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in NOT_TABLES]


def main() -> int:
    """Run the chosen tables."""
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="Print the figures, medians with the machine named."
    )
    parser.add_argument("tables", nargs="*", metavar="NAME", help=", ".join(names()))
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller groups, where a table has them")
    parser.add_argument(
        "--picture", action="store_true", help="draw the curves: of mls instead of the table, of relay besides it"
    )
    relay = parser.add_argument_group("relay")
    relay.add_argument(
        "--pin",
        action=argparse.BooleanOptionalAction,
        help="the relay on one core and the load generator on another, peers likewise [default: where there are two]",
    )
    relay.add_argument("--only", action="append", default=[], metavar="PART", help="a part of the table; repeatable")
    relay.add_argument("--seconds", type=float, metavar="S", help="how long each loop is measured")
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.tables) - set(names())):
        parser.error(f"nothing is called {unknown[0]}; there are {', '.join(names())}")
    if chosen.picture:
        if chosen.tables not in (["mls"], ["relay"]):
            parser.error("mls has a picture, and relay has one")
        if chosen.tables == ["mls"]:
            print(importlib.import_module("bench.picture").draw(chosen.quick))
            return 0
    facts = machine()
    screen, progress = Console(stderr=chosen.json), Console(stderr=True)
    screen.width = max(screen.width, MIN_COLUMNS)
    screen.print("  ".join(f"[dim]{name}[/dim] {value}" for name, value in facts.items()), highlight=False)
    done: dict[str, Table] = {}
    for name in chosen.tables or names():
        with progress.status(f"measuring {name}") as status:
            try:
                done[name] = _table(name, chosen, partial(_say, status, name))
            except CannotMeasure as error:
                parser.error(f"{name}: {error}")
        if not chosen.json:
            screen.print(_grid(done[name]))
    if chosen.json:
        found = {key: value for table in done.values() for key, value in table.figures.items()}
        tables = {
            name: {"title": table.title, "rows": [*map(dataclasses.asdict, table.rows)]} for name, table in done.items()
        }
        print(json.dumps({**found, "machine": facts, "tables": tables}))
    return 1 if any(table.failed for table in done.values()) else 0


def _say(status: Status, name: str, what: str) -> None:
    status.update(f"measuring {name}: {what}")


def _table(name: str, chosen: argparse.Namespace, say: Callable[[str], None]) -> Table:
    """The table of one module, which gets those of the options that it takes."""
    make = importlib.import_module(f"bench.{name}").table
    options = {**vars(chosen), "say": say}
    table: Table = make(**{key: options[key] for key in inspect.signature(make).parameters})
    return table


def _grid(table: Table) -> Grid:
    """What peers need stands in the rows that compare them; the JSON has it as figures."""
    grid = Grid(title=table.title, title_justify="left", title_style="bold")
    for heading, justify in (("", "left"), ("median", "right"), ("unit", "left"), ("floor", "right"), ("", "right")):
        grid.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    grid.add_column("aim", justify="right")
    grid.add_column("note", style="dim")
    for row in table.rows:
        floor, aim = _number(row.floor) if row.floor else "", _number(row.aim) if row.aim else ""
        grid.add_row(row.what, _number(row.value), row.unit, floor, row.against_floor, aim, row.note)
    return grid


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


if __name__ == "__main__":
    # An ordinary exit, so that what was started is ended and folders go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
