"""Tables that are printed from the code into places that a page keeps for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping


def markdown_table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A table of Markdown."""
    columns = [str(cell) for cell in head]
    lines = [columns, ["---"] * len(columns), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fill(page: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """The page with every table as it is now. Raises ``ValueError`` when a table has no place in it, or several."""
    for name, table in tables.items():
        place = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        found = place.findall(page)
        if len(found) != 1:
            raise ValueError(f"{name} has {len(found)} places in the page")
        begin, end = found[0]
        page = page[: page.index(begin)] + f"{begin}\n{table()}\n\n" + page[page.index(end) :]
    return page
