"""tacit: private chat that people host themselves, end-to-end encrypted with MLS (RFC 9420).

Holds the version and the one public name, ``Client``. Importing the package loads nothing else, so the relay never
meets the client's rooms and the command line starts quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacit.sdk import Client

__version__ = "0.1.0"
__all__ = ["Client", "__version__"]


def __getattr__(name: str) -> object:
    """Load ``tacit.Client`` on first use."""
    if name == "Client":
        from tacit.sdk import Client

        return Client
    raise AttributeError(f"module 'tacit' has no attribute {name!r}")
