from __future__ import annotations

import os
from pathlib import Path

import pytest

from tacit.cli.passphrases import PassphraseNeeded, PassphraseUnreadable, ask, ask_new, given
from tacit.cli.settings import Settings


def test_a_descriptor_goes_before_a_file_and_a_file_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TACIT_PASSPHRASE", "from the environment")
    assert given(Settings()) == "from the environment"
    file = tmp_path / "secret"
    file.write_text("from the file\r\nsecond line\n")
    assert given(Settings(passphrase_file=str(file))) == "from the file"
    reader, writer = os.pipe()
    os.write(writer, "vom Kanal ü\n".encode())
    os.close(writer)
    assert given(Settings(passphrase_file=str(file), passphrase_fd=reader)) == "vom Kanal ü"
    os.close(reader)
    monkeypatch.delenv("TACIT_PASSPHRASE")
    assert given(Settings()) is None


def test_of_a_descriptor_one_line_is_read_and_nobody_waits_for_its_end() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"secret\nfor somebody else")
    assert given(Settings(passphrase_fd=reader)) == "secret"
    assert os.read(reader, 100) == b"for somebody else"
    os.close(writer)
    os.close(reader)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\n"])
def test_a_file_that_holds_no_passphrase_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(PassphraseUnreadable):
        given(Settings(passphrase_file=str(file)))


def test_a_file_or_descriptor_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PassphraseUnreadable):
        given(Settings(passphrase_file=str(tmp_path / "none")))
    with pytest.raises(PassphraseUnreadable):
        given(Settings(passphrase_fd=987))


def test_without_anybody_to_ask_it_fails_at_once() -> None:
    with pytest.raises(PassphraseNeeded):
        ask(Settings(no_input=True), "default")
    with pytest.raises(PassphraseNeeded):
        ask_new(Settings(no_input=True), none=False)
    assert ask_new(Settings(no_input=True), none=True) is None
