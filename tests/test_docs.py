"""What the documents name exists: files, tests, commands, options, verbs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from tacit.cli.tree import TREE
from tacit.limits import RATE_PASSED

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*/*.md")])
WHERE = (ROOT, ROOT / "src" / "tacit", ROOT / "src")
"""Documents name files from the project's folder or, for rooms, from the package's."""

PATH = re.compile(r"\.?[\w*.-]+(/[\w*.-]+)*/?(::\w+)?")
SOURCES = (".py", ".sh", ".sql", ".proto")
SUFFIXES = (*SOURCES, ".md", ".toml", ".txt", "/")
VERBS = {*re.findall(r"^    ([a-z]+)\)", (ROOT / "dev").read_text("utf-8"), re.MULTILINE), "help"}


def code(document: Path) -> Iterator[str]:
    """Everything in backticks, one line at a time."""
    text = document.read_text("utf-8")
    for block in re.findall(r"^```.*?\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def named_paths(document: Path) -> list[str]:
    """Sources by their bare name too; of other files, only those with a folder, for users have files of their own."""
    return [
        token
        for token in code(document)
        if PATH.fullmatch(token)
        and ((path := token.partition("::")[0]).endswith(SOURCES) or ("/" in path and path.endswith(SUFFIXES)))
    ]


@cache
def known_tests() -> frozenset[str]:
    return frozenset(
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8"))
    inside = [link.partition("#")[0] for link in links if not re.match(r"\w+:|#", link)]
    assert [link for link in inside if not (document.parent / link).exists()] == []


@cache
def headings(document: Path) -> frozenset[str]:
    """What a link may name behind ``#``."""
    text = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in found)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_into_a_document_leads_to_a_heading(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s:]*)#([^)\s]+)\)", document.read_text("utf-8"))
    named = [(document.parent / where if where else document, heading) for where, heading in links]
    assert [heading for where, heading in named if where.suffix == ".md" and heading not in headings(where)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_exists(document: Path) -> None:
    paths = {token.partition("::")[0] for token in named_paths(document)}
    missing = [path for path in paths if not any(any(base.glob(path)) for base in WHERE)]
    assert [path for path in missing if not any((ROOT / "src" / "tacit").rglob(path))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_exists(document: Path) -> None:
    named = set(re.findall(r"\btest_\w+", " ".join(code(document)))) - {Path(p).stem for p in named_paths(document)}
    assert sorted(named - known_tests()) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_is_where_it_is_said_to_be(document: Path) -> None:
    pairs = [token.split("::") for token in named_paths(document) if token.startswith("tests/") and "::" in token]
    assert [f"{path}::{name}" for path, name in pairs if f"def {name}(" not in (ROOT / path).read_text("utf-8")] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_and_verb_exists(document: Path) -> None:
    for line in code(document):
        for program, *words in commands(line):
            if program == "./dev" and words:
                assert words[0] in VERBS, line
            elif program in ("./tacit", "tacit"):
                check_command(words)


def commands(line: str) -> list[list[str]]:
    """The commands of a line of shell, as words; nothing for what is no shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    try:
        for word in lexer:
            if set(word) <= set("|;&<>()"):
                found.append([])
            else:
                found[-1].append(word)
    except ValueError:
        return []
    return [words for words in found if words]


def check_command(words: list[str]) -> None:
    """Follow the words down the tree of commands, and parse the options that are left."""
    command: click.Command = TREE
    context = click.Context(TREE, info_name="tacit")
    while isinstance(command, click.Group):
        names = [word for word in words if word in command.list_commands(context)]
        if not names:
            break
        words.remove(names[0])
        found = command.get_command(context, names[0])
        assert found is not None, names[0]
        command, context = found, click.Context(found, context, info_name=names[0])
    command.make_parser(context).parse_args(words)


def test_the_architecture_names_every_room() -> None:
    package = ROOT / "src" / "tacit"
    rooms = {f"`{path.parent.relative_to(package)}/`" for path in package.glob("*/**/__init__.py")}
    rooms |= {f"`{path.stem}`" for path in package.glob("[a-z]*.py")}
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert sorted(room for room in rooms if room not in page) == []


@pytest.mark.parametrize("name", ["limitations", "operations", "running-a-relay"])
def test_the_pace_of_a_session_is_the_one_that_is_kept(name: str) -> None:
    """A message counts one, and one more for each KiB: the largest ones come nearest to this."""
    page = " ".join((ROOT / "docs" / f"{name}.md").read_text("utf-8").split())
    assert f"at most {RATE_PASSED[0]:.0f} KiB a second in each direction" in page


def test_every_decision_is_listed_by_its_title() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    titles = [page.read_text("utf-8").splitlines()[0].removeprefix("# ").split(". ", 1) for page in pages]
    lines = [f"{number}. [{title}]({page.name})" for (number, title), page in zip(titles, pages, strict=True)]
    assert (ROOT / "docs" / "adr" / "README.md").read_text("utf-8").splitlines()[-len(lines) :] == lines


def test_the_verbs_checked_here_are_those_of_dev() -> None:
    (case,) = re.findall(r"^    (setup \|.*)\) ;;$", (ROOT / "dev").read_text("utf-8"), re.MULTILINE)
    assert set(case.split(" | ")) | {"help"} == VERBS
