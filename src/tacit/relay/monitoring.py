"""What monitoring asks a relay, on a port of its own: is it alive, is it ready, and its figures.

Loaded only where a relay has such a port. The pages hold codes and blurred numbers, and nothing about anybody.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from tacit import __version__
from tacit.net.pages import Page, PageListener, serve_pages
from tacit.relay.context import Context
from tacit.relay.figures import FIGURES, Figure
from tacit.relay.measuring import measure
from tacit.relay.metrics import Histogram
from tacit.relay.readiness import Readiness
from tacit.wire.errors import REFUSALS, Closed

PREFIX: Final = "tacit_"

_KNOWN: Final = {
    "refusals_total": tuple(REFUSALS),
    "cut_off_total": (*(code for name, code in vars(Closed).items() if name.isupper()), "slow-reader", "crowded"),
}
"""Values that are told from the beginning, as 0, so that the first one is seen to rise."""


class Monitoring:
    """The port and its pages, from ``open`` to ``close``."""

    def __init__(self, context: Context, is_listening: Callable[[], bool]) -> None:
        self._context = context
        self._readiness = Readiness(context, is_listening)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Figures(context))
        self._listener: PageListener | None = None

    async def open(self, host: str, port: int) -> None:
        """Listen. Raises ``CannotListen``."""
        pages = {"/healthz": self._healthz, "/readyz": self._readyz, "/metrics": self._metrics}
        self._listener = await serve_pages(pages, host, port, (self._context.config.public_host,))
        self._context.metrics.sources.states["ready"] = lambda: not self._readiness.reasons

    async def close(self) -> None:
        """Stop listening."""
        self._readiness.close()
        if self._listener is not None:
            await self._listener.close()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._listener.port if self._listener is not None else 0

    async def _healthz(self, _accept: str) -> Page:
        """Alive: the event loop turns."""
        return Page(b"ok\n")

    async def _readyz(self, _accept: str) -> Page:
        reasons = await self._readiness.check()
        said = {"ready": not reasons, "reasons": list(reasons), "low": sorted(self._context.resources.low)}
        return Page(json.dumps(said).encode() + b"\n", "application/json", 503 if reasons else 200)

    async def _metrics(self, accept: str) -> Page:
        await asyncio.gather(measure(self._context), self._readiness.check())
        encode, content_type = choose_encoder(accept)
        return Page(encode(self._registry), content_type)


class _Figures(Collector):
    """Reads the figures when Prometheus asks."""

    def __init__(self, context: Context) -> None:
        self._metrics = context.metrics

    def collect(self) -> Iterator[Metric]:
        """Every figure that there is."""
        shown, histograms = self._metrics.snapshot(), self._metrics.histograms()
        yield InfoMetricFamily("tacit", "the relay's program", {"version": __version__})
        for figure in FIGURES:
            if figure.name in histograms:
                yield _histogram(figure, histograms[figure.name])
            elif figure.name in shown:
                yield _numbers(figure, shown[figure.name])


def _numbers(figure: Figure, shown: Any) -> Metric:
    """A counter or a gauge; with a label, one for each of its values."""
    name = PREFIX + figure.name.removesuffix("_total")
    family = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
    if not figure.label:
        return family(name, figure.meaning, value=shown)
    made = family(name, figure.meaning, labels=[figure.label])
    for value, count in (dict.fromkeys(_KNOWN.get(figure.name, ()), 0) | shown).items():
        made.add_metric([value], count)
    return made


def _histogram(figure: Figure, histogram: Histogram) -> Metric:
    shown = histogram.show()
    bounds = [*(str(bound) for bound in histogram.bounds), "+Inf"]
    buckets = list(zip(bounds, shown.upto, strict=True))
    return HistogramMetricFamily(PREFIX + figure.name, figure.meaning, buckets=buckets, sum_value=shown.total)
