"""The face for programs: ``Client``, the values it returns and the errors it raises. Everything below is private.

Importing it loads nothing: whoever needs only the values of ``tacit.sdk.types`` does not pay for the client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacit.sdk.client import Client

__all__ = ["Client"]


def __getattr__(name: str) -> object:
    """Load ``Client`` on first use."""
    if name == "Client":
        from tacit.sdk.client import Client

        return Client
    raise AttributeError(f"module 'tacit.sdk' has no attribute {name!r}")
