"""What a soak of several nodes reads: the processes, their metrics, Redis and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import aiohttp
import asyncpg
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from bench.process_figures import read_figures

METRICS_TOKEN = "bench-token-of-the-metrics"
#: Name of the reader's own connections to Redis and PostgreSQL, which do not count.
_READER = "bench-soak"
LAG, LATE = "event loop lag, mean (ms)", "event loop more than 0.1 s late (times)"
MEMORY, FILES, THREADS = "resident memory (MB)", "open files", "threads"
#: Gauges of `/metrics`: name, label that has to have a value, and what the report calls them.
_GAUGES = (
    ("fastback_tasks_running", None, "listed tasks"),
    ("fastback_background_tasks_running", None, "background tasks, deliveries to webhooks among them"),
    ("fastback_turns_running", None, "turns"),
    ("fastback_http_requests_running", None, "requests"),
    ("fastback_sockets_open", None, "sockets"),
    ("fastback_user_sockets_open", None, "sockets of users"),
    ("fastback_worker_jobs_waiting", None, "jobs that wait for worker processes"),
    ("fastback_database_connections", ("state", "waiting"), "callers without a connection to the database"),
    ("fastback_cluster_messages_waiting", ("direction", "out"), "messages that wait to be sent to Redis"),
    ("fastback_cluster_messages_waiting", ("direction", "in"), "messages of other processes that wait"),
)


def _name_rows(table: str) -> str:
    return f"rows of `{table}`"


_TABLES = (
    "fastback_node",
    "fastback_background_subagent",
    "fastback_channel_answer",
    "fastback_oauth_state",
    "fastback_plugin_failure",
    "fastback_usage_stale",
)
_COUNTS = {
    "answers that are not done": "SELECT count(*) FROM chat_message WHERE role = 'assistant' AND done = FALSE",
    "files that are being processed": "SELECT count(*) FROM file WHERE data ->> 'status' = 'pending'",
}
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
SESSION_KEYS, TOKEN_KEYS, OTHER_KEYS = "keys of ended sessions", "last tokens of leases", "other keys"
BUFFERS = "output buffers of clients (kB)"
#: What counts as a queue: it has to be empty again when nobody asks for anything.
QUEUES = frozenset((*(text for _, _, text in _GAUGES), *_COUNTS, *map(_name_rows, _TABLES), "subscribed channels"))


class Subject(NamedTuple):
    """What a series of values is about: a process, Redis or PostgreSQL, and what is measured there."""

    place: str
    name: str


#: The values of a moment.
Values = dict[Subject, float]


class Lag(NamedTuple):
    """The histogram of an event loop's lag: sum of seconds, number of measurements, those above 0.1 s."""

    seconds: float = 0.0
    count: float = 0.0
    late: float = 0.0


class Reader:
    """Read the values of an installation.

    `nodes` are the process ids of the nodes by address. `redis_url` names a database that no other client uses, and
    keys begin with `prefix`.
    """

    def __init__(
        self,
        nodes: Mapping[str, int],
        *,
        session: aiohttp.ClientSession,
        redis_url: str,
        prefix: str,
        connection: asyncpg.Connection[Any],
    ) -> None:
        self._nodes = dict(nodes)
        self._session = session
        self._redis = Redis.from_url(redis_url, client_name=_READER)
        self._database_number = str(self._redis.connection_pool.connection_kwargs.get("db", 0))
        self._prefix = prefix
        self._connection = connection
        self._lags: dict[str, Lag] = {}

    async def read(self) -> Values:
        parts = [self._read_node(number, url, pid) for number, (url, pid) in enumerate(self._nodes.items(), 1)]
        values: Values = {}
        for part in await asyncio.gather(*parts, self._read_redis(), self._read_postgres()):
            values |= part
        return values

    async def close(self) -> None:
        await self._redis.aclose()

    async def _read_node(self, number: int, url: str, pid: int) -> Values:
        headers = {"authorization": f"Bearer {METRICS_TOKEN}"}
        async with self._session.get(f"{url}/metrics", headers=headers) as response:
            response.raise_for_status()
            samples = list(_parse_samples(await response.text()))
        workers = sorted({labels["worker"] for _, labels, _ in samples if "worker" in labels})
        values: Values = {}
        for worker in workers or [""]:
            place = f"node {number}, process {worker}" if worker else f"node {number}"
            own_samples = [sample for sample in samples if sample[1].get("worker", "") == worker]
            values |= {Subject(place, name): value for name, value in self._read_process(place, own_samples).items()}
            figures = read_figures(int(worker or pid))
            values |= {
                Subject(place, MEMORY): figures.resident,
                Subject(place, "memory of plugins and worker processes (MB)"): figures.workers,
                Subject(place, FILES): figures.open_files,
                Subject(place, THREADS): figures.threads,
            }
        return values

    def _read_process(self, place: str, samples: list[tuple[str, dict[str, str], float]]) -> dict[str, float]:
        values = {}
        for metric, label, text in _GAUGES:
            values[text] = sum(
                value
                for name, labels, value in samples
                if name == metric and (label is None or labels.get(label[0]) == label[1])
            )
        lag = _read_lag(samples)
        before = self._lags.get(place, lag)
        self._lags[place] = lag
        values[LAG] = (lag.seconds - before.seconds) * 1000 / max(1.0, lag.count - before.count)
        values[LATE] = lag.late
        return values

    async def _read_redis(self) -> Values:
        keys = [key async for key in self._redis.scan_iter(f"{self._prefix}*", count=1000)]
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.type(key)
            pipeline.pttl(key)
            pipeline.memory_usage(key)
        replies = await pipeline.execute() if keys else []
        streams = [key for key, kind in zip(keys, replies[::3], strict=True) if kind == b"stream"]
        clients = [client for client in await self._redis.client_list() if client["name"] != _READER]
        own_clients = [client for client in clients if client["db"] == self._database_number]
        kinds = [_name_kind(key.decode()) for key in keys]
        values = {
            **{kind: float(kinds.count(kind)) for kind in (SESSION_KEYS, TOKEN_KEYS, OTHER_KEYS)},
            "keys without an expiry": sum(milliseconds == -1 for milliseconds in replies[1::3]),
            "memory of the keys (kB)": sum(size or 0 for size in replies[2::3]) / 1024,
            "entries of streams": sum([await self._redis.xlen(key) for key in streams]),
            "clients": len(own_clients),
            BUFFERS: sum(int(client["omem"]) for client in own_clients) / 1024,
            "subscribed channels": sum(int(client["sub"]) for client in own_clients),
        }
        return {Subject("Redis", name): value for name, value in values.items()}

    async def _read_postgres(self) -> Values:
        values = {name: await self._connection.fetchval(statement) for name, statement in _COUNTS.items()}
        for table in _TABLES:
            exists = await self._connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table)
            count = await self._connection.fetchval(f"SELECT count(*) FROM {table}") if exists else 0
            values[_name_rows(table)] = count
        values["connections"] = await self._connection.fetchval(_CONNECTIONS)
        return {Subject("PostgreSQL", name): float(value) for name, value in values.items()}


def _name_kind(key: str) -> str:
    if ":auth:token:" in key:
        return SESSION_KEYS
    return TOKEN_KEYS if key.endswith(":token") else OTHER_KEYS


def _parse_samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def _read_lag(samples: list[tuple[str, dict[str, str], float]]) -> Lag:
    name = "fastback_event_loop_lag_seconds"
    numbers = {(sample, labels.get("le")): value for sample, labels, value in samples if sample.startswith(name)}
    count = numbers.get((f"{name}_count", None), 0.0)
    return Lag(numbers.get((f"{name}_sum", None), 0.0), count, count - numbers.get((f"{name}_bucket", "0.1"), count))
