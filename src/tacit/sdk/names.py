"""What can be named in a profile that is not open, for completion in a shell. Loads nothing but what that takes."""

from __future__ import annotations

from tacit.client.glimpse import Glimpse, glimpse
from tacit.client.paths import data_root, profile_names

__all__ = ["Glimpse", "data_root", "glimpse", "profile_names"]
