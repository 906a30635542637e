"""Event webhooks are told here what the reference tells them: the same events after the same steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import postgres_database, run_server
from parity import webhook_recording
from parity.compare import Comparison
from parity.player import SECRET_KEY, variables

pytestmark = pytest.mark.parity


async def test_webhooks_are_told_what_the_reference_tells(database: str, upstream: str, tmp_path: Path) -> None:
    expected = json.loads(webhook_recording.RECORDED.read_text(encoding="utf-8"))
    assert [one["step"] for one in expected] == [step.label for step in webhook_recording.STEPS], "record it again"
    env = {**variables(upstream), **webhook_recording.VARIABLES, "WEBUI_SECRET_KEY": SECRET_KEY}
    if database == "postgres":
        async with (
            postgres_database() as address,
            run_server({**env, "DATABASE_URL": address}, tmp_path, database) as one,
        ):
            found = await webhook_recording.told(one.url, upstream, tmp_path, expected)
    else:
        async with run_server(env, tmp_path, database) as one:
            found = await webhook_recording.told(one.url, upstream, tmp_path, expected)
    comparison, wrong = Comparison(), []
    for left, right in zip(expected, found, strict=True):
        wrong += [f"{left['step']}: {one}" for one in comparison.of(_answer(left), _answer(right))]
    assert not wrong, "\n".join(wrong)


def _answer(step: dict[str, object]) -> dict[str, object]:
    return {"status": step["status"], "headers": {}, "body": step["events"]}
