"""What puts files in others' place, on a recorded disk: ``python -m tests.relay.faults.moved FOLDER CONTROL WHAT``.

``migrate`` opens a store of an earlier version; ``restore`` backs a relay up beside it and restores that over it.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from tacit.relay.backups import back_up, restore
from tacit.relay.store.database import FILE_NAME, open_writer
from tests.relay.faults.recorded import say

RESTORED_AT = 1_800_000_000


def quiet(what: str, done: float) -> None:
    """Nobody watches."""


def main(folder: Path, what: str) -> None:
    if what == "migrate":
        with closing(open_writer(folder / FILE_NAME)):
            say(did="migrate")
        return
    backup = folder.with_name("backup")
    back_up(folder, backup, now_s=RESTORED_AT, progress=quiet)
    say(did="back up")
    restore(backup, folder, force=True, now_s=RESTORED_AT, progress=quiet)
    say(did="restore")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[3])
