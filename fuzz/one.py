"""Runs one target under libFuzzer; ``python -m fuzz`` starts it in a process of its own."""

from __future__ import annotations

import importlib
import sys
import warnings

import atheris


def main() -> None:
    """Instrument tacit, load the target, and hand over to libFuzzer, which ends the process."""
    warnings.simplefilter("ignore")
    name = sys.argv[1]
    with atheris.instrument_imports(include=["tacit", "fuzz"]):
        target = importlib.import_module(f"fuzz.targets.{name}")
    for seed in target.seeds():
        target.check(seed)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
