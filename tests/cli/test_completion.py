"""Completion as a person has it: real bash, zsh and fish, a Tab, and what then stands on the command line."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.cli.shells import quoted_for_bash, split_line, unquoted
from tacit.client.model import Chat, ChatId, ChatKind, ChatStatus, Contact, ContactStatus
from tacit.client.paths import profile_paths
from tacit.client.store import begin_profile, open_profile
from tests.ops.needed import needed
from tests.ui.terminal import Spawned

pytestmark = pytest.mark.processes

PASSPHRASE = "correct horse battery"
HOSTILE = 'it\'s $(touch pwned) `touch pwned` "q"!'
"""The title of a group that somebody else chose."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tacit to be called in it, a profile anybody can open and one with a passphrase."""
    desk = tmp_path_factory.mktemp("desk # 100%?")
    (desk / "bin").mkdir()
    tacit = desk / "bin" / "tacit"
    tacit.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m tacit.cli "$@"\n')
    tacit.chmod(tacit.stat().st_mode | stat.S_IXUSR)
    make_profile(desk / "data", "default", None)
    make_profile(desk / "data", "work", PASSPHRASE)
    return desk


def make_profile(data_dir: Path, name: str, passphrase: str | None) -> None:
    made = begin_profile(profile_paths(name, data_dir), passphrase, os.urandom)
    people = [("Robert", "bob", "accepted"), ("", "carol", "known"), ("Ann Marie", "", "accepted")]
    people.append(("", "stranger", "requested"))
    for number, (called, handle, status) in enumerate(people):
        known = Contact(bytes([number]) * 16, b"key", handle, called, ContactStatus(status), None, number)
        made.store.put_contact(known)
    for number, title in enumerate(("book club", HOSTILE, "evil\x1b[2J", "--json")):
        chat_id = ChatId(f"group:{number}")
        made.store.put_chat(Chat(chat_id, ChatKind.GROUP, ChatStatus.ACTIVE, title, None, number, None, 0))
    made.publish()


def environment(desk: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TACIT_", "XDG_", "COVERAGE_"))}
    path = f"{desk / 'bin'}:{kept.get('PATH', '')}"
    home = {"HOME": str(desk / "home"), "TACIT_DATA_DIR": str(desk / "data")}
    return {**kept, **home, "PATH": path, "TERM": "dumb", "LC_ALL": "C.UTF-8"}


class Shell:
    """A shell with a key that shows the line being typed."""

    def __init__(self, desk: Path, argv: list[str], setup: list[str]) -> None:
        self.process = Spawned(
            argv[0], argv[1:], env=environment(desk), cwd=str(desk), encoding="utf-8", timeout=60, dimensions=(40, 200)
        )
        self.process.delaybeforesend = None
        for line in [*setup, "print -r ready-$((1+1))" if "zsh" in argv[0] else "echo ready-$((1+1))"]:
            self.process.sendline(line)
        self.process.expect("ready-2")

    def after(self, typed: str) -> str:
        """The command line after what was typed; nothing of it is left."""
        self.process.send(f"{typed}\x07")
        self.process.expect(r"<<(.*?)>>")
        assert self.process.match is not None
        line: str = self.process.match[1]
        return line

    def close(self) -> None:
        self.process.close()


@pytest.fixture(scope="module")
def bash(desk: Path) -> Iterator[Shell]:
    setup = [
        "bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; set +o histexpand",
        r"""bind -x '"\C-g": printf "<<%s>>\n" "$READLINE_LINE"; READLINE_LINE='""",
        r"""bind '"\C-t": insert-completions'""",
        'eval "$(tacit completion bash)"',
    ]
    shell = Shell(desk, [needed("bash", "Debian's bash"), "--norc", "--noprofile", "-i"], setup)
    yield shell
    shell.close()


@pytest.fixture(scope="module")
def zsh(desk: Path) -> Iterator[Shell]:
    setup = [
        "unsetopt beep; PS1='$ '; bindkey -e",
        "show() { zle -I; print -r -- \"<<$BUFFER>>\"; BUFFER= }; zle -N show; bindkey '^G' show",
        'eval "$(tacit completion zsh)"',
    ]
    shell = Shell(desk, [needed("zsh", "Debian's zsh"), "-f", "-i"], setup)
    yield shell
    shell.close()


CASES = [
    ("tacit comple\t", "tacit completion "),
    ("tacit group mem\t", "tacit group members "),
    ("tacit send @b\t", "tacit send @bob "),
    ("tacit send car\t", "tacit send @carol "),
    ("tacit accept \t", "tacit accept @stranger "),
    ("tacit send boo\t", r"tacit send book\ club "),
    ('tacit send "boo\t', 'tacit send "book club" '),
    ("tacit history -P default Ro\t", "tacit history -P default Robert "),
    ("tacit send @bob hi --wai\t", "tacit send @bob hi --wait "),
    ("tacit send @bob hi --wait rel\t", "tacit send @bob hi --wait relayed "),
    ("tacit chats -P wo\t", "tacit chats -P work "),
    ("tacit chats --profile=wo\t", "tacit chats --profile=work "),
    ("tacit send -P work @\t", "tacit send -P work @"),
    ("tacit nonsense \t", "tacit nonsense "),
    ("tacit send @nobody\t", "tacit send @nobody"),
    ("tacit --data-dir bi\t", "tacit --data-dir bin/"),
    ("tacit session join A3F2B1-maple-orbi\t", "tacit session join A3F2B1-maple-orbit "),
    ("tacit session join A3F2B1 maple lant\t", "tacit session join A3F2B1 maple lantern "),
]


@pytest.mark.parametrize(("typed", "line"), CASES)
def test_bash_completes(bash: Shell, typed: str, line: str) -> None:
    assert bash.after(typed) == line


@pytest.mark.parametrize(("typed", "line"), CASES[::2])
def test_zsh_completes(zsh: Shell, typed: str, line: str) -> None:
    assert zsh.after(typed) == line


def test_bash_lists_everybody_and_nothing_that_steers_a_terminal_or_passes_for_an_option(bash: Shell) -> None:
    line = bash.after("tacit send \x14")
    shown = [word for word in line.replace("\\ ", "_").split() if word.startswith(("@", "R", "A", "b", "e", "-"))]
    assert shown == ["Robert", "@bob", "@carol", "Ann_Marie", "@stranger", "book_club"]


def test_a_title_with_a_command_in_it_is_never_run(bash: Shell, zsh: Shell, desk: Path) -> None:
    for shell in (bash, zsh):
        line = shell.after("tacit send it\t").removeprefix("tacit send ").strip()
        said = subprocess.run(["bash", "-c", f"printf %s {line}"], capture_output=True, text=True, cwd=desk, check=True)
        assert said.stdout == HOSTILE
    assert not (desk / "pwned").exists()
    assert bash.after("tacit send 'it\t") == "tacit send 'it"
    assert bash.after('tacit send "it\t') == 'tacit send "it'


def test_fish_completes(desk: Path) -> None:
    def after(line: str) -> list[str]:
        script = f"tacit completion fish | source; complete -C '{line}'"
        done = subprocess.run([fish, "-c", script], capture_output=True, text=True, env=environment(desk), check=True)
        assert done.stderr == ""
        return [candidate.partition("\t")[0] for candidate in done.stdout.splitlines()]

    fish = needed("fish", "Debian's fish")
    assert after("tacit comple") == ["completion"]
    assert after("tacit send @") == ["@bob", "@carol", "@stranger"]
    assert after("tacit send boo") == ["book club"]
    assert after("tacit chats --profile=wo") == ["--profile=work"]
    assert after("tacit send @bob hi --wait rel") == ["relayed"]
    assert after("tacit send -P work @") == []
    assert after("tacit nonsense ") == []


def test_completion_disturbs_nobody_who_uses_the_profile_and_leaves_no_file(desk: Path, tmp_path: Path) -> None:
    shutil.copytree(desk / "data", tmp_path / "data")
    folder = tmp_path / "data" / "profiles" / "default"

    def ask() -> str:
        more = {"TACIT_DATA_DIR": str(tmp_path / "data"), "_TACIT_COMPLETE": "bash_complete"}
        env = {**environment(desk), **more, "_TACIT_LINE": "tacit send @", "_TACIT_WORD": "@"}
        done = subprocess.run(["tacit"], capture_output=True, text=True, env=env, check=True)
        assert done.stderr == ""
        return done.stdout

    before = sorted(file.name for file in folder.iterdir())
    assert "plain,@bob\n" in ask()
    assert sorted(file.name for file in folder.iterdir()) == before
    opened = open_profile(profile_paths("default", tmp_path / "data"), None)
    with opened.store.transaction():
        opened.store.put_contact(Contact(b"\xff" * 16, b"key", "fresh", "", ContactStatus.ACCEPTED, None, 99))
        assert "fresh" not in ask()
    assert "plain,@fresh\n" in ask()
    opened.close()
    (folder / "store.db").write_bytes(b"\x00" * 4096)
    assert ask() == "\n"


@pytest.mark.parametrize(
    ("line", "words", "last"),
    [
        ("tacit send ", ["tacit", "send"], ""),
        ("tacit send @b", ["tacit", "send"], "@b"),
        ('tacit  "a b" c\\ d e', ["tacit", "a b", "c d"], "e"),
        ("tacit 'it''s' \"x\\\"y\" \"open w", ["tacit", "its", 'x"y'], '"open w'),
        ("tacit a\\", ["tacit"], "a\\"),
        ("", [], ""),
    ],
)
def test_a_line_is_taken_apart_as_a_shell_does(line: str, words: list[str], last: str) -> None:
    assert split_line(line) == (words, last)


@pytest.mark.parametrize("text", ["plain", "a b", HOSTILE, "$HOME", "a\\b", "*?[x]{y}~;&|<>#", "é ü"])
def test_what_is_quoted_for_bash_is_read_back_by_it(text: str) -> None:
    for mark in ("", '"', "'"):
        quoted = quoted_for_bash(text, mark)
        if quoted is None:
            assert mark
            assert mark in text or "!" in text
            continue
        done = subprocess.run(["bash", "-c", f"printf %s {mark}{quoted}{mark}"], capture_output=True, check=True)
        assert done.stdout.decode() == text
        assert unquoted(f"{mark}{quoted}{mark}") == (text, "")
