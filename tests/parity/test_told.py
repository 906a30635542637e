"""Event webhooks are told here what the reference tells them: the same events after the same steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import serving
from parity import told
from parity.compare import Comparison
from parity.player import SECRET_KEY, variables

pytestmark = pytest.mark.parity


async def test_webhooks_are_told_what_the_reference_tells(upstream: str, tmp_path: Path) -> None:
    expected = json.loads(told.RECORDED.read_text(encoding="utf-8"))
    assert [one["step"] for one in expected] == [step.label for step in told.STEPS], "record it again"
    env = {**variables(upstream), **told.VARIABLES, "WEBUI_SECRET_KEY": SECRET_KEY}
    async with serving(env, tmp_path, "sqlite") as server:
        found = await told.told(server.url, upstream, tmp_path, expected)
    comparison, wrong = Comparison(), []
    for left, right in zip(expected, found, strict=True):
        for one in comparison.of(_answer(left), _answer(right)):
            wrong.append(f"{left['step']}: {one}")
    assert not wrong, "\n".join(wrong)


def _answer(step: dict[str, object]) -> dict[str, object]:
    return {"status": step["status"], "headers": {}, "body": step["events"]}
