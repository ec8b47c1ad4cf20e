"""By which way people come to a relay: each transport is one, and a scene is played on mixtures of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

WAYS = {"ws": "tacit", "grpc": "tacit+grpc", "tcp": "tacit+tcp"}
"""The scheme of the links that lead by each."""

EVERYWHERE = ("--grpc", "--grpc-port", "0", "--tcp", "--tcp-port", "0")
"""Makes a relay listen on each transport, at ports that are free."""


def coming_by(*usual: str) -> pytest.MarkDecorator:
    """Play a scene with ``ways``, one for each of its people: the usual ones, and at length every mixture."""
    mixtures = [usual, *(ways for ways in itertools.product(WAYS, repeat=len(usual)) if ways != usual)]
    return pytest.mark.parametrize(
        "ways",
        [pytest.param(ways, id="-".join(ways), marks=() if ways == usual else pytest.mark.long) for ways in mixtures],
    )


def link_by(way: str, links: Iterable[str]) -> str:
    """The one that leads there by that way, of all links of a relay."""
    (link,) = [link for link in links if link.startswith(f"{WAYS[way]}:")]
    return link
