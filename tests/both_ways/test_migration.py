"""Open WebUI's database goes to the other engine and back by `fastback migrate`, and Open WebUI shows the same.

Needs the reference itself, as `test_reference.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from both_ways.activity import FIRST, SECOND
from both_ways.installation import REFERENCE, SharedInstallation
from both_ways.test_reference import find_differences, play_reads, play_writes, run_turn
from command_runs import read_digests, run_command
from prepared_database import POSTGRES, postgres_database

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (REFERENCE and POSTGRES), reason="FASTBACK_REFERENCE or FASTBACK_TEST_POSTGRES is not set"),
]


async def test_the_reference_runs_on_what_was_moved(upstream: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    file = f"sqlite:///{tmp_path / 'data' / 'webui.db'}"
    first = SharedInstallation(tmp_path / "data", upstream, "")
    async with first.run_program("reference", cast=True) as player:
        await play_writes(player, FIRST)
        await run_turn(player, "turn.one")
        before = await play_reads(player)
    async with postgres_database(empty=True) as address:
        run = await run_command(tmp_path, "migrate", "--from", file, "--to", address, "--json")
        assert {table["name"]: (table["rows"], table["digest"]) for table in run.json["tables"]} == await read_digests(
            file
        )
        second = SharedInstallation(tmp_path / "data", upstream, address)
        second.values = first.values
        async with second.run_program("reference") as player:
            assert find_differences(before, await play_reads(player)) == []
            await play_writes(player, SECOND)
            await run_turn(player, "turn.two")
            after = await play_reads(player)
        (tmp_path / "data" / "webui.db").rename(tmp_path / "data" / "before.db")
        run = await run_command(tmp_path, "migrate", "--from", address, "--to", file, "--json")
        assert run.code == 0, run.errors
    third = SharedInstallation(tmp_path / "data", upstream, "")
    third.values = second.values
    async with third.run_program("reference") as player:
        assert find_differences(after, await play_reads(player)) == []
        await run_turn(player, "turn.three")
