"""What the process itself costs: lag of the event loop, tasks, worker processes and what waits for them.

Memory, processor time and open files come from prometheus-client's collector of the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from fastback.kit.cluster import Cluster
from fastback.kit.db.database import Database
from fastback.kit.metrics.registry import Labels, Metrics
from fastback.kit.tasks import Tasks
from fastback.kit.workers.pool import list_pools

#: Seconds between two measurements of the event loop.
_INTERVAL_SECONDS = 0.5
_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


def add_process_metrics(metrics: Metrics, *, database: Database, cluster: Cluster, tasks: Tasks) -> None:
    """Add the metrics of this process, and begin to measure its event loop."""
    tasks.run_in_background(_measure_lag(metrics))
    metrics.add_number("fastback_tasks_running", "Turns and other listed tasks in progress.", tasks.count_running)
    metrics.add_number("fastback_background_tasks_running", "Work in the background.", tasks.count_background)
    metrics.add_gauge("fastback_worker_processes", "Running worker processes.", _read_processes, ("pool",))
    metrics.add_gauge("fastback_worker_jobs_waiting", "Jobs that wait for a worker process.", _read_waiting, ("pool",))
    if database.measure_pool() is not None:
        text = "Connections of the pool of PostgreSQL by state; `waiting` are the callers without one."
        metrics.add_gauge("fastback_database_connections", text, lambda: _read_connections(database), ("state",))
    if cluster.spans_processes:
        text = "Messages between processes: `out` wait to be sent to Redis, `in` for what they change here."
        metrics.add_gauge("fastback_cluster_messages_waiting", text, lambda: _read_messages(cluster), ("direction",))


async def _measure_lag(metrics: Metrics) -> None:
    """Measure how much later than due the event loop runs what it has to."""
    lags = metrics.add_histogram(
        "fastback_event_loop_lag_seconds",
        "Seconds by which the event loop is late, measured twice a second.",
        buckets=_LAG_BUCKETS,
    )
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + _INTERVAL_SECONDS
        await asyncio.sleep(_INTERVAL_SECONDS)
        lags.observe(max(clock() - due, 0.0))


def _read_processes() -> Iterator[tuple[Labels, float]]:
    for name, pools in list_pools().items():
        yield (name,), sum(len(pool.process_ids) for pool in pools)


def _read_waiting() -> Iterator[tuple[Labels, float]]:
    for name, pools in list_pools().items():
        yield (name,), sum(pool.waiting_count for pool in pools)


def _read_connections(database: Database) -> Iterator[tuple[Labels, float]]:
    for state, count in (database.measure_pool() or {}).items():
        yield (state,), count


def _read_messages(cluster: Cluster) -> Iterator[tuple[Labels, float]]:
    for direction, count in cluster.measure_waiting().items():
        yield (direction,), count
