"""Move a database from Fastback to the reference and back: each program shows what the other wrote.

Needs the reference itself: `FASTBACK_REFERENCE=…/bin/open-webui pytest tests/both_ways`, with its PostgreSQL
drivers (`open-webui[postgres]`) for that database; takes a few minutes. Without the reference,
`tests/api/test_both_ways.py` opens stored databases.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from both_ways.activity import FIRST, READS, SECOND
from both_ways.installation import REFERENCE, SharedInstallation
from conftest import Person, postgres_database
from page_client import open_page
from parity.compare import Comparison
from parity.player import Player
from parity.steps import MissingValue, Step

NOT_BUILT = 501

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not REFERENCE, reason="FASTBACK_REFERENCE is not set"),
]

Answers = dict[str, dict[str, Any]]


async def play_writes(player: Player, steps: Iterable[Step]) -> list[str]:
    """Play steps; return the labels of the steps whose operation is not built. Any other failure ends the test."""
    skipped = []
    for step in steps:
        try:
            answer = await player.play(step)
        except MissingValue:
            skipped.append(step.label)
            continue
        if answer["status"] == NOT_BUILT:
            skipped.append(step.label)
            continue
        assert answer["status"] == 200, f"{step.label}: {answer['status']} {answer.get('body')}"
    return skipped


async def play_reads(player: Player) -> Answers:
    """Read everything twice, and return the second answers: reading a chat changes its read time."""
    answers: Answers = {}
    for _ in range(2):
        answers.clear()
        for step in READS:
            try:
                answers[f"{len(answers)} {step.label}"] = await player.play(step)
            except MissingValue:
                answers[f"{len(answers)} {step.label}"] = {"status": NOT_BUILT}
    return answers


def find_differences(expected: Answers, got: Answers) -> list[str]:
    """Compare the answers of two programs; skip operations that are not built."""
    comparison, differences = Comparison(), []
    for step, (label, answer) in zip(READS, expected.items(), strict=True):
        if NOT_BUILT in (answer["status"], got[label]["status"]):
            continue
        assert answer["status"] < 500, f"{label}: {answer['status']} {answer.get('body')}"
        step_differences = comparison.find_differences(answer, got[label], step.ignore)
        differences += [f"{label} {difference}" for difference in step_differences]
    return differences


async def run_turn(player: Player, name: str) -> None:
    """Ask a model over the page as Bob, and save the chat's id under this name."""
    bob = Person(player.url, player.values["bob.token"])
    try:
        async with open_page(bob) as page:
            completion = await page.ask("Hello [[tokens 12]]")
            player.values[name] = completion["chat_id"]
    finally:
        await bob.close()


@pytest.mark.parametrize(("first", "second"), [("fastback", "reference"), ("reference", "fastback")])
async def test_each_program_shows_what_the_other_wrote(
    first: str, second: str, database: str, upstream: str, tmp_path: Path
) -> None:
    async def run_programs(database_url: str) -> None:
        installation = SharedInstallation(tmp_path, upstream, database_url)
        async with installation.run_program(first, cast=True) as player:
            skipped = await play_writes(player, FIRST)
            await run_turn(player, "turn.one")
            answers = {first: await play_reads(player)}
        async with installation.run_program(second) as player:
            answers[second] = await play_reads(player)
            differences = find_differences(answers["reference"], answers["fastback"])
            skipped += await play_writes(player, SECOND)
            await run_turn(player, "turn.two")
            answers[second] = await play_reads(player)
        async with installation.run_program(first) as player:
            answers[first] = await play_reads(player)
        differences += find_differences(answers["reference"], answers["fastback"])
        compared = sum(answer["status"] != NOT_BUILT for answer in answers["fastback"].values())
        print(f"{first} → {second} → {first} on {database}: {compared} answers compared; not built: {skipped}")
        if differences:
            pytest.fail("\n".join(differences), pytrace=False)

    if database == "postgres":
        async with postgres_database() as address:
            await run_programs(address)
    else:
        await run_programs("")
