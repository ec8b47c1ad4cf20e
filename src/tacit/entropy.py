"""Randomness as an argument: the only place that asks the operating system for random bytes.

Each call goes to the kernel, so a fork or a restored machine snapshot never repeats a state held in this process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

Entropy: TypeAlias = Callable[[int], bytes]
"""Returns as many random bytes as asked for; tests pass a seeded one."""

system_entropy: Entropy = os.urandom
