"""Finds files of test vectors below a path by what is in them; names of files and folders mean nothing.

A file of vectors is a JSON array of objects of one family (or one such object). Other JSON is named and left; a file
that has the looks of vectors and is of no known family is told apart, because what it holds goes unchecked.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.vectors.families import FAMILIES, PASSIVE_CLIENT, Family, passive_client_family

PROJECT = Path(__file__).resolve().parents[2]

HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")
"""Eight bytes or more in hexadecimal."""

BROKEN_VECTORS = re.compile(rb'"cipher_suite"|"[0-9a-fA-F]{64,}"')
"""What a file of vectors still shows when it has been cut short."""

SKIPPED_FOLDERS = frozenset({"node_modules"})
"""Beside these, folders whose names begin with a dot are not looked into."""


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A file of a known family."""

    path: Path
    family: Family
    cases: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        """The official family; passive clients have three, told apart by how long they follow the group."""
        return passive_client_family(self.cases) if self.family.name == PASSIVE_CLIENT else self.family.name


@dataclass(frozen=True, slots=True)
class LeftFile:
    """A JSON file that is not run. ``looks_like_vectors`` makes that a failure."""

    path: Path
    why: str
    looks_like_vectors: bool


def official_folder() -> Path:
    """``$TACIT_VECTORS``, or the folder ``shared/mls/vectors`` beside the project."""
    named = os.environ.get("TACIT_VECTORS")
    return Path(named) if named else PROJECT.parent / "shared" / "mls" / "vectors"


def find_files(path: Path) -> Iterator[VectorFile | LeftFile]:
    """Every JSON file at or below ``path``, in the order of names."""
    for file in [path] if path.is_file() else sorted(_json_files(path)):
        yield read_file(file)


def read_file(path: Path) -> VectorFile | LeftFile:
    """What one file is."""
    data = path.read_bytes()
    try:
        content = json.loads(data)
    except ValueError:
        return LeftFile(path, "not JSON", looks_like_vectors=BROKEN_VECTORS.search(data) is not None)
    cases = [content] if isinstance(content, dict) else content
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        return LeftFile(path, "no array of objects", looks_like_vectors=False)
    families = {id(family): family for family in map(family_of, cases)}
    if len(families) == 1 and (family := next(iter(families.values()))) is not None:
        return VectorFile(path, family, tuple(cases))
    if any(family is not None for family in families.values()):
        return LeftFile(path, "cases of several families, or of none, in one file", looks_like_vectors=True)
    if _looks_like_vectors(cases):
        fields = ", ".join(sorted(cases[0]))
        return LeftFile(path, f"vectors of no known family, with the fields {fields}", looks_like_vectors=True)
    return LeftFile(path, "no test vectors", looks_like_vectors=False)


def family_of(case: dict[str, Any]) -> Family | None:
    """The family whose fields the case has."""
    return next((family for family in FAMILIES if family.describes(case)), None)


def _json_files(folder: Path) -> Iterator[Path]:
    for directory, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS]
        yield from (Path(directory, name) for name in files if name.lower().endswith(".json"))


def _looks_like_vectors(cases: list[dict[str, Any]]) -> bool:
    """Whether a case names a cipher suite, has half the fields of a family, or is mostly hexadecimal."""
    case = cases[0]
    if "cipher_suite" in case or any(2 * len(family.fields & set(case)) >= len(family.fields) for family in FAMILIES):
        return True
    texts = [value for value in case.values() if isinstance(value, str)]
    return bool(texts) and 2 * sum(HEX.fullmatch(text) is not None for text in texts) >= len(case)
