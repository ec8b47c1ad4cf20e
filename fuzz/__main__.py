"""``./dev fuzz [TARGET ...] [--seconds N]``: runs targets one after the other, and says what each one found."""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fuzz import targets

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
FINDINGS = HERE / "findings"

MAX_INPUT_BYTES = 128 * 1024
"""Above every seed, and above the size from which frames are walked before they are parsed."""

MAX_INPUT_S = 5
MAX_MEMORY_MIB = 1_024


def names() -> list[str]:
    """Every target."""
    return [module.name for module in pkgutil.iter_modules(targets.__path__)]


def main() -> int:
    """Fuzz the chosen targets; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="./dev fuzz", description="Look for bytes that break a decoder.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(names()))
    parser.add_argument("--seconds", type=int, default=60, help="time for each target (default: 60)")
    parser.add_argument("--inputs", type=int, help="instead: so many damaged seeds, and whether the memory grows")
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.targets) - set(names())):
        parser.error(f"nothing is called {unknown[0]}; there are {', '.join(names())}")
    if chosen.inputs is not None:
        return 0 if all(soak(name, chosen.inputs) for name in chosen.targets or names()) else 1
    if importlib.util.find_spec("atheris") is None:
        print("fuzz: atheris is not installed; it exists for Linux on x86_64 with Python 3.11 to 3.13", file=sys.stderr)
        return 1
    broken = [name for name in chosen.targets or names() if not fuzz(name, chosen.seconds)]
    if broken:
        print(f"fuzz: findings in {', '.join(broken)}; the inputs are in {FINDINGS.relative_to(HERE.parent)}/")
    return 1 if broken else 0


def fuzz(name: str, seconds: int) -> bool:
    """Run one target from its seeds and what earlier runs kept; prints one line, and the story of a finding."""
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    FINDINGS.mkdir(exist_ok=True)
    for seed in importlib.import_module(f"fuzz.targets.{name}").seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    command = [sys.executable, "-m", "fuzz.one", name, str(corpus), f"-artifact_prefix={FINDINGS / name}-"]
    command += [f"-max_total_time={seconds}", f"-timeout={MAX_INPUT_S}", f"-rss_limit_mb={MAX_MEMORY_MIB}"]
    command += [f"-max_len={MAX_INPUT_BYTES}", "-print_final_stats=1"]
    with scratch() as env:
        done = subprocess.run(
            command, cwd=HERE.parent, env=env, capture_output=True, text=True, errors="replace", check=False
        )
    said = done.stdout + done.stderr
    tried = re.search(r"number_of_executed_units:\s*(\d+)", said)
    covered = re.findall(r"cov: (\d+)", said)
    count = int(tried[1]) if tried else 0
    sound = done.returncode == 0 and count > 0
    print(
        f"{name:<14} {count:>9} inputs  {covered[-1] if covered else '?':>6} places  {'sound' if sound else 'BROKEN'}"
    )
    if not sound:
        print("\n".join(said.splitlines()[-40:]))
    return sound


def soak(name: str, inputs: int) -> bool:
    """Run one target over many inputs in a process of its own, which prints what memory it takes meanwhile."""
    with scratch() as env:
        command = [sys.executable, "-m", "fuzz.soak", name, str(inputs)]
        return subprocess.run(command, cwd=HERE.parent, env=env, check=False).returncode == 0


@contextmanager
def scratch() -> Iterator[dict[str, str]]:
    """An environment whose temporary files go when this ends, for libFuzzer ends a process without a goodbye."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="tacit-fuzz-", dir=memory if memory.is_dir() else None) as folder:
        yield {**os.environ, "TMPDIR": folder}


if __name__ == "__main__":
    sys.exit(main())
