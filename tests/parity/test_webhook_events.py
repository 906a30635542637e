"""Event webhooks receive the same events after the same steps as from the reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import postgres_database, run_server
from parity import webhook_recording
from parity.compare import Comparison
from parity.player import SECRET_KEY, environment_variables

pytestmark = pytest.mark.parity


async def test_webhooks_receive_the_events_of_the_reference(database: str, upstream: str, tmp_path: Path) -> None:
    expected = json.loads(webhook_recording.RECORDED.read_text(encoding="utf-8"))
    assert [entry["step"] for entry in expected] == [step.label for step in webhook_recording.STEPS], "record it again"
    env = {**environment_variables(upstream), **webhook_recording.VARIABLES, "WEBUI_SECRET_KEY": SECRET_KEY}
    if database == "postgres":
        async with (
            postgres_database() as address,
            run_server({**env, "DATABASE_URL": address}, tmp_path, database) as server,
        ):
            actual_steps = await webhook_recording.record_events(server.url, upstream, tmp_path, expected)
    else:
        async with run_server(env, tmp_path, database) as server:
            actual_steps = await webhook_recording.record_events(server.url, upstream, tmp_path, expected)
    comparison, differences = Comparison(), []
    for recorded, actual in zip(expected, actual_steps, strict=True):
        step_differences = comparison.find_differences(_make_answer(recorded), _make_answer(actual))
        differences += [f"{recorded['step']}: {difference}" for difference in step_differences]
    assert not differences, "\n".join(differences)


def _make_answer(step: dict[str, object]) -> dict[str, object]:
    return {"status": step["status"], "headers": {}, "body": step["events"]}
