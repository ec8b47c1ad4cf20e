"""The face for programs: ``Client``, the values it returns and the errors it raises. Everything below is private."""

from __future__ import annotations

from tacit.sdk.client import Client

__all__ = ["Client"]
