"""Which tests go to the same parallel worker, and which begin first."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

LONG = (
    "tests/interop/",
    "tests/stories/",
    "tests/test_ground.py",
    "tests/canary/",
    "tests/processes/",
    "tests/cli/",
    "tests/ops/",
    "tests/relay/",
    "tests/ui/line/",
    "tests/mls/machine/",
    "tests/vectors/",
    "tests/sdk/",
    "tests/net/",
)
"""Begin first and in this order, so that no worker ends long after the others."""

TOGETHER = ("tests/interop/",)
"""Share what is costly to start, and so a worker."""

APART = ("tests/stories/", "tests/relay/faults/", "tests/test_ground.py", "tests/vectors/test_official.py")
"""Share nothing: whoever is free takes the next test. What is elsewhere goes file by file, with its fixtures."""


class Dealer(LoadScopeScheduling):
    """Deals out tests in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        for folder in TOGETHER:
            if nodeid.startswith(folder):
                return folder
        return nodeid if nodeid.startswith(APART) else nodeid.partition("::")[0]


def dealer(config: pytest.Config, log: object) -> Dealer:
    """The scheduler of a parallel run."""
    config.option.loadscopereorder = False
    return Dealer(config, log)


def rank(item: pytest.Item) -> int:
    """By which tests are sorted."""
    return next((number for number, folder in enumerate(LONG) if item.nodeid.startswith(folder)), len(LONG))
