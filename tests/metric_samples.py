"""The metrics of a server under test, read as a collector reads them."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from conftest import Reply, Server

TOKEN = "metrics-token"


async def fetch_metrics(server: Server, token: str = TOKEN, **headers: str) -> Reply:
    """Request the metrics with a token."""
    return await server.stranger().get("/metrics", headers={"authorization": f"Bearer {token}", **headers})


async def read_samples(server: Server) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return all samples by name and labels."""
    reply = await fetch_metrics(server)
    assert reply.status == 200
    return parse_samples(reply.text)


def parse_samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the samples of a text by name and labels; fail where a metric or sample is there twice."""
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    names: set[str] = set()
    for family in text_string_to_metric_families(text):
        assert family.name not in names
        names.add(family.name)
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples
            samples[key] = sample.value
    return samples


async def read_sample(server: Server, name: str, /, **labels: Any) -> float:
    """Return one sample; 0 where there is none yet."""
    return (await read_samples(server)).get((name, frozenset(labels.items())), 0.0)
