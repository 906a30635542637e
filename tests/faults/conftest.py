"""Fixtures of the tests of faults. Ordinary runs leave the long ones out; `make test-faults` names their marker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fastback.demo.process import run_demo_server


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "faults" in (config.option.markexpr or ""):
        return
    long_items = [item for item in items if item.get_closest_marker("faults")]
    items[:] = [item for item in items if not item.get_closest_marker("faults")]
    config.hook.pytest_deselected(items=long_items)


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    """Run a model server that sends twenty tokens a second."""
    with run_demo_server(rate=20) as url:
        yield url


@pytest.fixture
def env(model_url: str) -> dict[str, str]:
    return {"OPENAI_API_BASE_URLS": f"{model_url}/v1", "OPENAI_API_KEYS": "k"}
