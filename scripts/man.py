"""Writes the manual into docs/man; run as ``python scripts/man.py``. A test fails on one that is old."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tacit.cli.man import pages

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "man"


def main() -> int:
    """Write every page, and take away those of commands that are gone."""
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for gone in {page.name for page in FOLDER.glob("*.1")} - set(written):
        (FOLDER / gone).unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, "utf-8")
        print(name)  # noqa: T201 - a script for people
    return 0


if __name__ == "__main__":
    sys.exit(main())
