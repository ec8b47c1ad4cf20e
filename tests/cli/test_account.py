"""The file that an account's key leaves in."""

from __future__ import annotations

import resource
import stat
from pathlib import Path

import pytest

from tacit.cli.commands.account import KeyFileExists, KeyFileUnwritable, _write


def test_a_key_file_is_whole_or_not_there(tmp_path: Path) -> None:
    place, most = tmp_path / "account.pem", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, most[1]))
    try:
        with pytest.raises(KeyFileUnwritable):
            _write(place, b"k" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert not place.exists()
    _write(place, b"k" * 100)
    assert (place.read_bytes(), stat.S_IMODE(place.stat().st_mode)) == (b"k" * 100, 0o600)
    with pytest.raises(KeyFileExists):
        _write(place, b"another")
    assert place.read_bytes() == b"k" * 100
