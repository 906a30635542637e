"""Fixtures of the tests of plugins: a model whose replies tests queue, and a server that uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from queued_model import QueuedModel, run_queued_model


@pytest.fixture
async def model() -> AsyncIterator[QueuedModel]:
    async with run_queued_model() as running:
        yield running


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    """Connect the server under test to the model."""
    return model.env
