"""What every test shares: repeatable property tests, and the account of official vectors, printed at the end.

The account is gathered from parallel workers too. Property tests draw the same examples on every run; a longer, random
search is what the fuzzers are for. How long examples take to draw is no finding: it tells how busy the machine is, and
the first draw of a process reads all our modules for constants.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import dealing
from tests.vectors.official import TALLIES, Tally

settings.register_profile(
    "tacit", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tacit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long tests first."""
    items.sort(key=dealing.rank)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Trace no test that is not to be measured: where pytest-cov pauses, a worker's other measures would go on."""
    if item.get_closest_marker("no_cover") is None:
        return (yield)
    here, in_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]  # None ends it
    try:
        return (yield)
    finally:
        sys.settrace(here)
        threading.settrace(in_threads)  # type: ignore[arg-type]  # None where there was none


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> dealing.Dealer:
    """Deal tests out as ``tests.dealing`` says."""
    return dealing.dealer(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A parallel worker hands its account to the process that prints."""
    worker_output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if worker_output is not None:
        worker_output["vectors"] = [dataclasses.asdict(tally) for tally in TALLIES.values()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take over a finished worker's account."""
    for tally in getattr(node, "workeroutput", {}).get("vectors", ()):
        TALLIES[tally["family"]] = Tally(**tally)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many cases of each family of official vectors ran."""
    if not TALLIES:
        return
    terminalreporter.section("official vectors")
    for family in sorted(TALLIES):
        terminalreporter.write_line(TALLIES[family].line)
