"""Makes tests/vectors/data: passive-client vectors in which every member but the one that is tested is ts-mls.

Run as ``.venv/bin/python scripts/passive_clients.py``; needs what ``tests/interop`` needs. Each run draws other keys.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from judges import NoJudges, install

ROOT: Final = Path(__file__).resolve().parent.parent
DATA: Final = ROOT / "tests" / "vectors" / "data"
SCRIPT: Final = ROOT / "tests" / "vectors" / "passive_clients.mjs"

SCENARIOS: Final[list[dict[str, Any]]] = [
    {"suite": 1, "members": 32, "epochs": 7, "seed": 1},
    {"suite": 1, "members": 2, "epochs": 6, "seed": 2, "pskInWelcome": True},
    {"suite": 1, "members": 5, "epochs": 3, "seed": 3, "reinit": True},
    {"suite": 2, "members": 9, "epochs": 6, "seed": 4},
    {"suite": 3, "members": 17, "epochs": 6, "seed": 5, "treeInside": False},
    {"suite": 4, "members": 6, "epochs": 6, "seed": 6},
    {"suite": 5, "members": 4, "epochs": 5, "seed": 7, "pskInWelcome": True},
    {"suite": 6, "members": 7, "epochs": 6, "seed": 8, "treeInside": False},
    {"suite": 7, "members": 8, "epochs": 4, "seed": 9},
]
NOT_LISTED: Final[list[dict[str, Any]]] = [{"suite": 3, "members": 4, "epochs": 4, "seed": 10, "listed": [1]}]
"""Nobody lists the group's own suite among those that they have."""


def main() -> int:
    """Play every scenario anew."""
    try:
        folder = install()
    except NoJudges as reason:
        print(f"passive_clients: {reason}", file=sys.stderr)  # noqa: T201
        return 1
    shutil.copy(SCRIPT, folder)
    DATA.mkdir(exist_ok=True)
    files = [
        {"path": str(DATA / "ts-mls.json"), "scenarios": SCENARIOS},
        {"path": str(DATA / "ts-mls-suite-not-listed.json"), "scenarios": NOT_LISTED},
    ]
    return subprocess.run(["node", SCRIPT.name, json.dumps(files)], cwd=folder, check=False).returncode  # noqa: S603, S607


if __name__ == "__main__":
    sys.exit(main())
