"""tacit: private chat that people host themselves, end-to-end encrypted with MLS (RFC 9420).

Holds the version and the two public names, ``Client`` and ``Session``. Importing the package loads nothing else, so the
relay never meets the client's rooms and the command line starts quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacit.sdk import Client, Session

__version__ = "0.1.0"
__all__ = ["Client", "Session", "__version__"]


def __getattr__(name: str) -> object:
    """Load ``tacit.Client`` and ``tacit.Session`` on first use."""
    if name in ("Client", "Session"):
        from tacit import sdk

        return getattr(sdk, name)
    raise AttributeError(f"module 'tacit' has no attribute {name!r}")
