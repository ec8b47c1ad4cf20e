"""Generates the Python modules of every ``.proto`` file; run as ``python scripts/proto.py``.

The generated files are checked in, so neither users nor the relay need a compiler; a test regenerates them elsewhere
and compares. To add a schema, add its path to ``SCHEMAS``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
SCHEMAS = ("tacit/wire/relay.proto", "tacit/client/content/content.proto")


class GenerationFailed(Exception):
    """The protocol compiler refused a schema."""


def generate(target: Path, schemas: tuple[str, ...] = SCHEMAS) -> list[Path]:
    """Write ``*_pb2.py`` and ``*_pb2.pyi`` of each schema that exists below ``target``; returns what was written."""
    present = [schema for schema in schemas if (SOURCE / schema).is_file()]
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--plugin=protoc-gen-mypy={_mypy_plugin()}",
        f"--proto_path={SOURCE}",
        f"--python_out={target}",
        f"--mypy_out=quiet:{target}",
        *present,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode != 0:
        raise GenerationFailed(done.stderr.strip())
    return [target / f"{schema.removesuffix('.proto')}_pb2{suffix}" for schema in present for suffix in (".py", ".pyi")]


def _mypy_plugin() -> str:
    beside = Path(sys.executable).with_name("protoc-gen-mypy")
    found = str(beside) if beside.exists() else shutil.which("protoc-gen-mypy")
    if found is None:
        raise GenerationFailed("protoc-gen-mypy is not installed")
    return found


def main() -> int:
    """Regenerate in place."""
    try:
        written = generate(SOURCE)
    except GenerationFailed as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - a script for people
        return 1
    for path in written:
        print(path.relative_to(ROOT))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
