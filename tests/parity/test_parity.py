"""Replay every recorded scenario: each answer must equal the recorded answer of the reference.

A step whose operation is not built (501) is skipped and counted, as are the steps that depend on it.
`known_differences.json` lists the accepted differences; any other difference fails the test and is reported.
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
from ldap_server import LdapServer
from parity import recordings
from parity.compare import Comparison, Difference
from parity.player import BETWEEN_ACCOUNTS, CAST, SECRET_KEY, environment_variables, open_player
from parity.steps import MissingValue, Scenario, Step, list_scenarios

NOT_BUILT = 501

pytestmark = pytest.mark.parity


@dataclass
class Outcome:
    """The result of a scenario: its differences, and counts of its steps."""

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
    """The clock of this process, set back by the sum of a scenario's pauses; a pause advances it without waiting.

    It is never ahead of the real clock, so that no token is issued in the future.
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
        await asyncio.sleep(0.01)  # let background tasks run


@pytest.fixture
def clock(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(scenario)
    monkeypatch.setattr(time, "time", clock.time)
    monkeypatch.setattr(time, "time_ns", clock.time_ns)
    return clock


async def replay_scenario(
    scenario: Scenario, url: str, upstream: str, data_dir: Path, clock: Clock, directory: LdapServer | None
) -> Outcome:
    """Play all steps, and compare each answer with the recorded one."""
    outcome, comparison = Outcome(), Comparison()
    answers = recordings.read_answers(scenario.name)
    known_differences = recordings.read_known_differences(scenario.name)
    labels = [answer["step"] for answer in answers]
    assert labels == [step.label for step in scenario.steps], f"{scenario.name} has changed: record it again"
    async with open_player(scenario, url, upstream, str(data_dir), wait=clock.wait, directory=directory) as player:
        if scenario.opens:
            player.values.update(recordings.read_credentials())
        for index, (step, expected) in enumerate(zip(scenario.steps, answers, strict=True)):
            try:
                got = await player.play(step)
            except MissingValue:
                outcome.counts["depends on a skipped step"] += 1
                continue
            if got["status"] == NOT_BUILT != expected["status"]:
                outcome.counts["not built"] += 1
                continue
            differences = comparison.find_differences(expected, got, step.ignore)
            known_paths = known_differences.get(f"{index} {step.label}", [])
            unexpected = [difference for difference in differences if difference.path not in known_paths]
            outcome.counts["known to differ"] += len(differences) - len(unexpected)
            outcome.counts["compared"] += 1
            outcome.differences += [(step, difference) for difference in unexpected]
    return outcome


@pytest.mark.parametrize("scenario", list_scenarios(), ids=lambda scenario: scenario.name)
async def test_answers_equal_those_of_the_reference(
    scenario: Scenario,
    database: str,
    upstream: str,
    tmp_path: Path,
    clock: Clock,
    record_property: Any,
    request: pytest.FixtureRequest,
) -> None:
    if not recordings.read_answers(scenario.name):
        pytest.skip("not recorded")
    directory = request.getfixturevalue("directory") if scenario.needs_directory else None
    env = {**environment_variables(upstream), "WEBUI_SECRET_KEY": SECRET_KEY, **scenario.environment}
    if database == "postgres":
        async with postgres_database() as address:
            env["DATABASE_URL"] = address
            if scenario.opens:
                await recordings.restore_in_postgres(address, upstream)
            async with run_server(env, tmp_path, database) as server:
                outcome = await replay_scenario(scenario, server.url, upstream, tmp_path, clock, directory)
    else:
        if scenario.opens:
            recordings.restore_database(tmp_path / "webui.db", upstream)
        async with run_server(env, tmp_path, database) as server:
            outcome = await replay_scenario(scenario, server.url, upstream, tmp_path, clock, directory)
    for name, count in outcome.counts.items():
        record_property(name, count)
    print(f"{scenario.name}: {dict(outcome.counts)}")
    if outcome.differences:
        pytest.fail(outcome.report(scenario.name), pytrace=False)
