"""Resolves the dependencies of ``pyproject.toml`` into ``requirements/``, for every platform, with hashes.

What ``dev.txt`` shares with ``runtime.txt`` has the same version there. With ``--upgrade`` everything moves to the
newest version allowed; without it, what is locked stays unless ``pyproject.toml`` forbids it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = ("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes")
PLAIN = ("--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate")


def main(arguments: list[str]) -> int:
    """Write both lock files."""
    uv = Path(sys.executable).with_name("uv")
    for output, extra in (
        ("requirements/runtime.txt", ()),
        ("requirements/dev.txt", ("--group", "dev", "--constraint", "requirements/runtime.txt")),
    ):
        command = [str(uv), *COMPILE, *PLAIN, "pyproject.toml", *extra, *arguments, "--output-file", output]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            return done.returncode
        print(
            f"{output}: {sum(line[:1].isalnum() for line in (ROOT / output).read_text('utf-8').splitlines())} packages"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
