"""Runs the command line as ``python -m tacit.cli``."""

from __future__ import annotations

from tacit.cli.main import main

if __name__ == "__main__":
    main()
