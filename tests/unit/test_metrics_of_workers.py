"""Metrics of several workers in one text, and bounded labels."""

from __future__ import annotations

import os
from pathlib import Path

from fastback.kit.metrics import LabelLimit, Metrics
from fastback.kit.metrics.worker_exchange import WorkerExchange
from metric_samples import parse_samples


def test_the_values_of_a_label_are_bounded() -> None:
    limit = LabelLimit(2)
    assert [limit.bound(value) for value in ("a", "b", "c", "a", "d", "b")] == ["a", "b", "other", "a", "other", "b"]


def make_metrics(count: int) -> Metrics:
    metrics = Metrics()
    metrics.add_counter("requests", "Requests.", ("route",)).labels('/a{id} "x"').inc(count)
    metrics.add_histogram("seconds", "Seconds.", buckets=(1.0,)).observe(count)
    metrics.add_number("open", "Open.", lambda: count)
    return metrics


async def test_any_worker_shows_the_metrics_of_all(tmp_path: Path) -> None:
    directory = tmp_path / "workers"
    first, second = (WorkerExchange(make_metrics(count), directory=directory, worker=str(count)) for count in (1, 2))
    await first.start()
    await second.start()
    try:
        (directory / "gone.sock").touch()
        texts = [await first.render(), await second.render()]
        for text in texts:
            samples = parse_samples(text)
            for count in (1, 2):
                worker = ("worker", str(count))
                assert samples["requests_total", frozenset({worker, ("route", '/a{id} "x"')})] == count
                assert samples["open", frozenset({worker})] == count
                assert samples["seconds_sum", frozenset({worker})] == count
        assert os.stat(directory).st_mode & 0o777 == 0o700
        await second.close()
        assert ("open", frozenset({("worker", "2")})) not in parse_samples(await first.render())
    finally:
        await first.close()
        await second.close()
    assert list(directory.glob("*.sock")) == [], "the socket of a worker that has ended is removed"
