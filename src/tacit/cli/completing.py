"""Names for completion in a shell: profiles by their folders, people and chats from a store without a passphrase.

Nothing is asked, nobody is told that there is more, and nothing goes over the network. Titles of groups were chosen by
others: one that holds anything but visible characters is never offered.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from tacit.cli.tree import flags

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tacit.sdk.names import Glimpse

Name: TypeAlias = tuple[str, str]
"""What may be typed, and what it is."""


def complete_profile(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The identities of this machine; their names are no secret, being folders."""
    from tacit.sdk.names import profile_names

    return _matching([(name, "") for name in profile_names(_place(ctx)[1])], incomplete)


def complete_person(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The people whom the profile knows."""
    return _matching(_people(_glimpse(ctx)), incomplete)


def complete_anyone(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """People, groups and rooms."""
    seen = _glimpse(ctx)
    return _matching([*_people(seen), *_chats(seen, "group"), *_chats(seen, "room")], incomplete)


def complete_group(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The groups."""
    return _matching(_chats(_glimpse(ctx), "group"), incomplete)


def complete_room(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The rooms."""
    return _matching(_chats(_glimpse(ctx), "room"), incomplete)


def complete_request(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Who asks to talk."""
    return _matching(_people(_glimpse(ctx), status="requested"), incomplete)


def complete_code(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The word of a code that is being typed, behind a hyphen or as a word of its own."""
    from click.shell_completion import CompletionItem

    from tacit.sdk.names import complete_code, complete_word

    begun = ctx.params.get(parameter.name or "")
    words = complete_word(incomplete) if begun and "-" not in incomplete else complete_code(incomplete)
    return [CompletionItem(word) for word in words]


def _glimpse(ctx: click.Context) -> Glimpse:
    from tacit.sdk.names import glimpse

    return glimpse(*_place(ctx))


def _place(ctx: click.Context) -> tuple[str, Path]:
    """The profile, and the folder of everything.

    Reading the settings takes as long as all the rest, so it is done only where a file says something; without one they
    are the flag, then the variable, then the default.
    """
    given = flags(ctx)
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    files = (given.get("config"), os.environ.get("TACIT_CONFIG"), "/etc/tacit/config.toml", f"{home}/tacit/config.toml")
    if any(file and Path(file).expanduser().exists() for file in files):
        from tacit.cli.settings import load

        settings = load(ctx)
        return settings.profile, settings.root
    from tacit.sdk.names import data_root

    chosen = given.get("data_dir")
    root = Path(chosen).expanduser().absolute() if chosen else data_root()
    return given.get("profile") or os.environ.get("TACIT_PROFILE") or "default", root


def _people(seen: Glimpse, status: str = "") -> list[Name]:
    names: list[Name] = []
    for name, handle, standing in seen.people:
        if standing == (status or standing):
            names += [(name, "")] * bool(name) + [(f"@{handle}", name)] * bool(handle)
    return names


def _chats(seen: Glimpse, kind: str) -> list[Name]:
    return [(title, kind) for of, status, title in seen.chats if of == kind and status in ("active", "leaving")]


def _matching(names: Iterable[Name], incomplete: str) -> list[CompletionItem[str]]:
    """The names that begin so; ``bo`` finds ``@bob`` too, where nothing else begins so."""
    from click.shell_completion import CompletionItem

    shown = {name: about for name, about in names if _is_plain(name) and _is_plain(about or name)}
    start = incomplete.casefold()
    found = [name for name in shown if name.casefold().startswith(start)]
    if not found:
        found = [name for name in shown if name.casefold().startswith(f"@{start}")]
    return [CompletionItem(name, help=shown[name] or None) for name in found]


def _is_plain(name: str) -> bool:
    """Whether a name is safe to put on a command line, and cannot pass for an option."""
    from tacit.ui.text import clean_line

    return bool(name) and clean_line(name) == name and not name.startswith("-")
