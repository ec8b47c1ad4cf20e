"""What every message makes and throws away again: values whose making costs next to nothing.

A frozen dataclass takes some 0.15 µs for each field, a struct of msgspec hardly more than its allocation. Both compare,
hash and refuse changes alike.
"""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True):
    """A frozen value; a subclass with secrets shows less of itself."""
