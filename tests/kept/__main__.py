"""``./dev keep``: write down what the stores of this version hold, for the tests of later ones."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.kept.worlds import PRESENT, WRITTEN, keep

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        keep(Path(folder), WRITTEN / PRESENT)
    sys.stdout.write(f"written: tests/kept/written/{PRESENT}\n")
