"""``python -m fuzz.soak TARGET INPUTS``: damaged seeds, one after the other, and whether memory stays as it is.

What libFuzzer keeps for itself would hide a small leak; this keeps nothing.
"""

from __future__ import annotations

import gc
import importlib
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LOOKS: Final = 20
"""How often memory is looked at."""

WARM: Final = 5
"""Looks before caches and pools are as large as they get."""

GROWTH_MIB: Final = 24
"""What may come on top of that by the end: fragments, and a store that is swept only now and then."""


def damaged(seed: bytes, chance: random.Random) -> bytes:
    """A seed with a few bytes changed, and perhaps cut, repeated or grown."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0 if at < len(data):
                data[at] = chance.choice((0, 1, 0x3F, 0x40, 0x7F, 0x80, 0xBF, 0xC0, 0xFF, chance.randrange(256)))
            case 1:
                del data[at:]
            case 2:
                data[at:at] = chance.randbytes(chance.randint(1, 5))
            case _:
                data[at:at] = data[: chance.randrange(len(data) + 1)]
    return bytes(data)


def is_steady(looks_mib: Sequence[int]) -> bool:
    """Whether memory stayed about what it was once everything was warm."""
    warm = looks_mib[: max(1, len(looks_mib) * WARM // LOOKS)]
    return max(looks_mib) <= max(warm) + GROWTH_MIB


def memory_mib() -> int:
    """What this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 >> 20


def main(name: str, inputs: int) -> int:
    """Run a target over so many inputs; 1 when it takes more and more memory. What it finds wrong, it raises."""
    target = importlib.import_module(f"fuzz.targets.{name}")
    damage = getattr(target, "damage", damaged)
    chance, seeds = random.Random(name), list(target.seeds())
    looks: list[int] = []
    for number in range(inputs):
        target.check(damage(chance.choice(seeds), chance))
        if (number + 1) * LOOKS // inputs > number * LOOKS // inputs:
            gc.collect()
            looks.append(memory_mib())
            sys.stderr.write(f"{name}: {number + 1} inputs, {looks[-1]} MiB\n")
    steady = is_steady(looks)
    shown = ", ".join(map(str, looks))
    sys.stdout.write(f"{name:<14} {inputs:>9} inputs  {looks[-1]} MiB ({shown})  {'sound' if steady else 'GROWS'}\n")
    return 0 if steady else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
