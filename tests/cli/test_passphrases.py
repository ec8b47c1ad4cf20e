from __future__ import annotations

import io
import os
import signal
from pathlib import Path

import pytest

from tacit.cli.asking import DescriptorUnreadable, ask_line, read_descriptor
from tacit.cli.passphrases import PassphraseNeeded, PassphraseUnreadable, ask, ask_new, given
from tacit.cli.proofs import CodeReader
from tacit.cli.settings import Settings


def handed(content: bytes) -> int:
    """A descriptor as whoever starts the program opens one for it."""
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    os.set_inheritable(reader, True)
    return reader


def test_a_descriptor_goes_before_a_file_and_a_file_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TACIT_PASSPHRASE", "from the environment")
    assert given(Settings()) == "from the environment"
    file = tmp_path / "secret"
    file.write_text("from the file\r\nsecond line\n")
    assert given(Settings(passphrase_file=str(file))) == "from the file"
    reader = handed("vom Kanal ü\n".encode())
    assert given(Settings(passphrase_file=str(file), passphrase_fd=reader)) == "vom Kanal ü"
    os.close(reader)
    monkeypatch.delenv("TACIT_PASSPHRASE")
    assert given(Settings()) is None


def test_of_a_descriptor_one_line_is_read_and_nobody_waits_for_its_end() -> None:
    reader = handed(b"secret\nfor somebody else")
    assert given(Settings(passphrase_fd=reader)) == "secret"
    assert os.read(reader, 100) == b"for somebody else"
    os.close(reader)


def test_what_this_program_has_opened_itself_is_never_taken_for_what_somebody_typed() -> None:
    """A store or a connection may have the number that was given: a key would be sealed with whatever stands there."""
    own, ends = os.pipe()
    os.write(ends, b"of the store\n")
    with pytest.raises(PassphraseUnreadable):
        given(Settings(passphrase_fd=own))
    with pytest.raises(DescriptorUnreadable):
        read_descriptor(own)
    with pytest.raises(DescriptorUnreadable):
        CodeReader(Settings(), own).check()
    os.close(ends)
    assert os.read(own, 100) == b"of the store\n"
    os.close(own)


@pytest.mark.parametrize(
    ("content", "line"), [(b"horse\nnext", "horse"), (b"", None), (b"\n", ""), (b"k\xe4se\n", "?")]
)
def test_what_is_read_from_a_descriptor_is_its_line_or_an_error(content: bytes, line: str | None) -> None:
    reader = handed(content)
    if line == "?":
        with pytest.raises(DescriptorUnreadable):
            read_descriptor(reader)
    else:
        assert read_descriptor(reader) == line
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


def test_ctrl_c_ends_a_question_however_soon_it_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop's own handler only makes a note, and then nothing would end the waiting for a line."""

    class Seen(io.StringIO):
        def flush(self) -> None:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("sys.stderr", Seen())
    monkeypatch.setattr("sys.stdin", io.StringIO("never read\n"))
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with pytest.raises(KeyboardInterrupt):
            ask_line("Name: ")
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("typed", "shown", "line"), [("", "Name: \n", None), ("b", "Name: \n", "b"), ("b\n", "Name: ", "b")]
)
def test_what_follows_a_question_begins_on_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, shown: str, line: str | None
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert ask_line("Name: ") == line
    assert capsys.readouterr().err == shown
