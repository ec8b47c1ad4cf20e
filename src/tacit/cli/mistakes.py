"""Finds what is wrong with a layer of configuration, all of it at once, in the words of a person.

Knows shapes and nothing else: neither which keys there are nor where a layer comes from.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Union, get_args, get_origin

import msgspec

_NEAR: Final = 0.4
"""How alike an unknown key must be to a known one to be taken for it: ``retain`` is still ``retention``."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong."""

    key: str
    """The key as it stands in a file, such as ``serve.port``; empty where no single key is at fault."""
    problem: str

    def __str__(self) -> str:
        return f"{self.key}: {self.problem}" if self.key else self.problem


def sift(
    layer: Mapping[str, Any], shape: type[msgspec.Struct], path: str = ""
) -> tuple[dict[str, Any], tuple[Mistake, ...]]:
    """What of a layer can be used, and what cannot: unknown keys, with the nearest known one, and wrong kinds."""
    known = {field.name: field.type for field in msgspec.structs.fields(shape)}
    good: dict[str, Any] = {}
    wrong: list[Mistake] = []
    for key, value in layer.items():
        name = f"{path}{key}"
        if key not in known:
            wrong.append(Mistake(name, unknown(key, list(known), path)))
        elif _is_struct(known[key]) and isinstance(value, dict):
            good[key], inner = sift(value, known[key], f"{name}.")
            wrong += inner
        elif _is_struct(known[key]):
            wrong.append(Mistake(name, f"is a table, written [{name}]"))
        elif _fits(value, known[key]):
            good[key] = value
        else:
            wrong.append(Mistake(name, f"takes {wanted(known[key])}, not {_shown(value)}"))
    return good, tuple(wrong)


def wanted(kind: Any) -> str:
    """What a key takes, in words."""
    if get_origin(kind) is Literal:
        return " or ".join(f'"{choice}"' for choice in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(wanted(choice) for choice in get_args(kind) if choice is not types.NoneType)
    if hasattr(kind, "__metadata__"):
        bounds = next((meta for meta in kind.__metadata__ if isinstance(meta, msgspec.Meta)), msgspec.Meta())
        between = f" from {bounds.ge} to {bounds.le}" if bounds.le is not None else ""
        return wanted(kind.__origin__) + between
    return {str: "text in quotes", int: "a whole number", bool: "true or false"}[kind]


def unknown(key: str, known: list[str], path: str, kind: str = "key") -> str:
    """What to say of a key that nobody knows; all of them are named with ``path`` before them."""
    close = difflib.get_close_matches(key, known, n=1, cutoff=_NEAR)
    if close:
        return f"unknown {kind}; did you mean {path}{close[0]}?"
    return f"unknown {kind}; known are {', '.join(path + name for name in sorted(known))}"


def _fits(value: Any, kind: Any) -> bool:
    try:
        # Not strict: what stands in an environment variable is always text.
        msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _shown(value: Any) -> str:
    """A wrong value as it may be repeated: short, and of a table only that it is one."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
