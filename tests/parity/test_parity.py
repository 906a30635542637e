"""Every recorded scenario, replayed here: each answer must be the one that the reference gave.

A step that is not built (501) is skipped and counted, with those that hang on it. `known_differences.json` lists what
is known to differ; anything else fails, and so does nothing that has been mended since: the report names it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conftest import postgres_database, run_server
from parity import recordings
from parity.compare import Comparison, Difference
from parity.player import BETWEEN_ACCOUNTS, CAST, SECRET_KEY, playing, variables
from parity.steps import MissingValue, Scenario, Step, scenarios

NOT_BUILT = 501

pytestmark = pytest.mark.parity


@dataclass
class Outcome:
    """What became of a scenario."""

    differences: list[tuple[Step, Difference]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def report(self, name: str) -> str:
        lines = [f"{name}: {len(self.differences)} differences; {dict(self.counts)}"]
        label = ""
        for step, difference in self.differences:
            if step.label != label:
                label = step.label
                lines.append(f"\n  {label}")
            lines.append(f"    {difference}")
        return "\n".join(lines)


class Clock:
    """The clock of this process, put back by as much as a scenario pauses: a pause then moves it on and need not last.

    It is never ahead of the real one, so that tokens are not from the future.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._seconds, self._nanoseconds = time.time, time.time_ns
        pauses = sum(step.pause for step in scenario.steps)
        self.behind = pauses + (len(CAST) - 1) * BETWEEN_ACCOUNTS

    def time(self) -> float:
        return self._seconds() - self.behind

    def time_ns(self) -> int:
        return self._nanoseconds() - int(self.behind * 1e9)

    async def wait(self, seconds: float) -> None:
        self.behind = max(self.behind - seconds, 0.0)
        await asyncio.sleep(0.01)  # what runs in the background gets its turn


@pytest.fixture
def clock(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(scenario)
    monkeypatch.setattr(time, "time", clock.time)
    monkeypatch.setattr(time, "time_ns", clock.time_ns)
    return clock


async def replayed(scenario: Scenario, url: str, upstream: str, data_dir: Path, clock: Clock) -> Outcome:
    """All steps, each compared with what is recorded."""
    outcome, comparison = Outcome(), Comparison()
    answers = recordings.read_answers(scenario.name)
    known = recordings.known_differences(scenario.name)
    labels = [one["step"] for one in answers]
    assert labels == [step.label for step in scenario.steps], f"{scenario.name} has changed: record it again"
    async with playing(scenario, url, upstream, str(data_dir), wait=clock.wait) as player:
        if scenario.opens:
            player.known.update(recordings.credentials())
        for place, (step, expected) in enumerate(zip(scenario.steps, answers, strict=True)):
            try:
                got = await player.play(step)
            except MissingValue:
                outcome.counts["hangs on another"] += 1
                continue
            if got["status"] == NOT_BUILT != expected["status"]:
                outcome.counts["not built"] += 1
                continue
            found = comparison.of(expected, got, step.ignore)
            excused = known.get(f"{place} {step.label}", [])
            left = [one for one in found if one.path not in excused]
            outcome.counts["known to differ"] += len(found) - len(left)
            outcome.counts["compared"] += 1
            outcome.differences += [(step, one) for one in left]
    return outcome


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda one: one.name)
async def test_answers_are_those_of_the_reference(
    scenario: Scenario, database: str, upstream: str, tmp_path: Path, clock: Clock, record_property: Any
) -> None:
    if not recordings.read_answers(scenario.name):
        pytest.skip("not recorded")
    env = {**variables(upstream), "WEBUI_SECRET_KEY": SECRET_KEY}
    if database == "postgres":
        async with postgres_database() as address:
            env["DATABASE_URL"] = address
            if scenario.opens:
                await recordings.restore_in_postgres(address, upstream)
            async with run_server(env, tmp_path, database) as one:
                outcome = await replayed(scenario, one.url, upstream, tmp_path, clock)
    else:
        if scenario.opens:
            recordings.restore(tmp_path / "webui.db", upstream)
        async with run_server(env, tmp_path, database) as one:
            outcome = await replayed(scenario, one.url, upstream, tmp_path, clock)
    for name, count in outcome.counts.items():
        record_property(name, count)
    print(f"{scenario.name}: {dict(outcome.counts)}")
    if outcome.differences:
        pytest.fail(outcome.report(scenario.name), pytrace=False)
