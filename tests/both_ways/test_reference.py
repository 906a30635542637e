"""A database goes from Fastback to the reference and back: each shows what the other wrote.

Needs the reference itself: `FASTBACK_REFERENCE=…/bin/open-webui pytest tests/both_ways`, with its drivers of PostgreSQL
(`open-webui[postgres]`) for that database; takes some minutes. Without it `tests/api/test_both_ways.py` opens databases
that were kept.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from both_ways.activity import FIRST, READS, SECOND
from conftest import Person, postgres_database, run_server
from page_client import open_page
from parity import reference
from parity.compare import Comparison
from parity.normalise import Normaliser
from parity.player import SECRET_KEY, Player, playing, variables
from parity.steps import MissingValue, Scenario, Step

REFERENCE = os.environ.get("FASTBACK_REFERENCE", "")
NOT_BUILT = 501

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not REFERENCE, reason="FASTBACK_REFERENCE names no reference"),
]

Answers = dict[str, dict[str, Any]]


class AsTheyAre(Normaliser):
    """Answers with ids, times and texts as they are: both programs read the same rows. Only places are replaced."""

    def value(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self.value(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, name) for one in value]
        if isinstance(value, str):
            for found, word in self.places:
                value = value.replace(found, word)
        return value


class House:
    """A data directory (and a database of PostgreSQL) that either program opens, one after the other."""

    def __init__(self, data_dir: Path, upstream: str, database_url: str) -> None:
        self.data_dir = data_dir
        self.upstream = upstream
        self._more = {"DATABASE_URL": database_url} if database_url else {}
        self.known: dict[str, Any] = {}

    @asynccontextmanager
    async def opened_by(self, program: str, *, cast: bool = False) -> AsyncIterator[Player]:
        if program == "fastback":
            env = {**variables(self.upstream), "WEBUI_SECRET_KEY": SECRET_KEY, **self._more}
            async with run_server(env, self.data_dir, "") as server, self._player(server.url, cast) as player:
                yield player
            return
        manager = reference.running(REFERENCE, self.data_dir, self.upstream, self._more)
        served = await asyncio.to_thread(manager.__enter__)
        try:
            async with self._player(served.url, cast) as player:
                yield player
        finally:
            await asyncio.to_thread(manager.__exit__, None, None, None)

    @asynccontextmanager
    async def _player(self, url: str, cast: bool) -> AsyncIterator[Player]:
        scenario = Scenario("both_ways", "", (), cast=cast)
        async with playing(scenario, url, self.upstream, str(self.data_dir)) as player:
            player.known.update(self.known)
            player.normaliser = AsTheyAre(player.normaliser.places)
            yield player
            self.known.update(player.known)


async def write(player: Player, steps: Iterable[Step]) -> list[str]:
    """Play steps; those that are not built here. Any other that fails ends the test."""
    left_out = []
    for step in steps:
        try:
            answer = await player.play(step)
        except MissingValue:
            left_out.append(step.label)
            continue
        if answer["status"] == NOT_BUILT:
            left_out.append(step.label)
            continue
        assert answer["status"] == 200, f"{step.label}: {answer['status']} {answer.get('body')}"
    return left_out


async def read(player: Player) -> Answers:
    """Everything, twice: a look at a chat is kept with it, so the second one counts."""
    found: Answers = {}
    for _ in range(2):
        found.clear()
        for step in READS:
            try:
                found[f"{len(found)} {step.label}"] = await player.play(step)
            except MissingValue:
                found[f"{len(found)} {step.label}"] = {"status": NOT_BUILT}
    return found


def differences(expected: Answers, got: Answers) -> list[str]:
    """Every difference of two programs' answers; what is not built here is passed over."""
    comparison, found = Comparison(), []
    for step, (label, answer) in zip(READS, expected.items(), strict=True):
        if NOT_BUILT in (answer["status"], got[label]["status"]):
            continue
        assert answer["status"] < 500, f"{label}: {answer['status']} {answer.get('body')}"
        found += [f"{label} {one}" for one in comparison.of(answer, got[label], step.ignore)]
    return found


async def turn(player: Player, name: str) -> None:
    """Bob asks a model over the page, and its answer is kept."""
    bob = Person(player.url, player.known["bob.token"])
    try:
        async with open_page(bob) as page:
            done = await page.ask("Hello [[tokens 12]]")
            player.known[name] = done["chat_id"]
    finally:
        await bob.close()


@pytest.mark.parametrize(("first", "second"), [("fastback", "reference"), ("reference", "fastback")])
async def test_each_sees_what_the_other_wrote(
    first: str, second: str, database: str, upstream: str, tmp_path: Path
) -> None:
    async def both(database_url: str) -> None:
        house = House(tmp_path, upstream, database_url)
        async with house.opened_by(first, cast=True) as player:
            left_out = await write(player, FIRST)
            await turn(player, "turn.one")
            seen = {first: await read(player)}
        async with house.opened_by(second) as player:
            seen[second] = await read(player)
            found = differences(seen["reference"], seen["fastback"])
            left_out += await write(player, SECOND)
            await turn(player, "turn.two")
            seen[second] = await read(player)
        async with house.opened_by(first) as player:
            seen[first] = await read(player)
        found += differences(seen["reference"], seen["fastback"])
        compared = sum(one["status"] != NOT_BUILT for one in seen["fastback"].values())
        print(f"{first} → {second} → {first} on {database}: {compared} answers compared; not built: {left_out}")
        if found:
            pytest.fail("\n".join(found), pytrace=False)

    if database == "postgres":
        async with postgres_database() as address:
            await both(address)
    else:
        await both("")
