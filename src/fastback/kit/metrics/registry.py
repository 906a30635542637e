"""The counters, histograms and gauges of a process, on prometheus-client, which is imported only here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

#: The values of the labels of a sample, in the order of their names.
Labels = tuple[str, ...]
#: Read the samples of a gauge.
ReadGauge = Callable[[], Iterable[tuple[Labels, float]]]

#: Upper bounds of durations in seconds, from a cached response to a long answer.
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0)


class _Gauge:
    """A gauge whose samples are read when the metrics are."""

    def __init__(self, name: str, text: str, labels: Sequence[str], read: ReadGauge) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self.read = read


class Metrics:
    """Create instruments, which the rest of the program counts with, and render all of them.

    Counting takes about a microsecond. Gauges are read on the event loop when the metrics are rendered; the text itself
    is built in a thread.
    """

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, disable_created_metrics
        from prometheus_client.process_collector import ProcessCollector

        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._gauges: list[_Gauge] = []
        self._samples: list[tuple[_Gauge, list[tuple[Labels, float]]]] = []
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    def add_counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """Add a counter; its samples are called `name` with the suffix `_total`."""
        from prometheus_client import Counter

        return Counter(name, text, labels, registry=self._registry)

    def add_histogram(
        self, name: str, text: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = DURATION_BUCKETS
    ) -> Histogram:
        """Add a histogram."""
        from prometheus_client import Histogram

        return Histogram(name, text, labels, registry=self._registry, buckets=buckets)

    def add_gauge(self, name: str, text: str, read: ReadGauge, labels: Sequence[str] = ()) -> None:
        """Add a gauge; `read` returns its samples and does not wait."""
        self._gauges.append(_Gauge(name, text, labels, read))

    def add_number(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a gauge of one number."""
        self.add_gauge(name, text, lambda: [((), read())])

    async def render(self) -> str:
        """Return everything in the text format of Prometheus."""
        from prometheus_client import generate_latest

        self._samples = [(gauge, list(gauge.read())) for gauge in self._gauges]
        content = await asyncio.to_thread(generate_latest, self._registry)
        return content.decode()

    def collect(self) -> Iterator[Any]:
        """Yield the gauges to the registry, as they were read before."""
        from prometheus_client.core import GaugeMetricFamily

        for gauge, samples in self._samples:
            family = GaugeMetricFamily(gauge.name, gauge.text, labels=gauge.labels)
            for labels, value in samples:
                family.add_metric(labels, value)
            yield family
