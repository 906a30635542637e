"""What a stop of the server does with services that close slowly or fail."""

from __future__ import annotations

import asyncio
import logging

import pytest

from fastback.kit.tasks import Tasks


async def close_slowly() -> None:
    await asyncio.sleep(60)


async def close_badly() -> None:
    raise ValueError("disk")


async def test_a_service_that_closes_slowly_is_cut_short_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tasks = Tasks()
    closed: list[str] = []

    async def close() -> None:
        closed.append("first")

    for work in (close, close_slowly, close_badly):
        tasks.run_at_shutdown(work)
    with caplog.at_level(logging.WARNING):
        await tasks.drain()
    assert closed == ["first"]
    levels = {record.levelno: record for record in caplog.records}
    assert "close_slowly was cut short" in levels[logging.WARNING].getMessage()
    assert levels[logging.WARNING].exc_info is None
    assert levels[logging.ERROR].exc_info is not None
    assert len(caplog.records) == 2
