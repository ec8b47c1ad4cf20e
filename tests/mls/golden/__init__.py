"""Stored states as this release writes them, for later releases to load: ``python -m tests.mls.golden.make``."""
