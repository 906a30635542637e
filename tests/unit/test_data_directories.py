"""What commands do with a data directory: they make none by mistake, and keep what they make from other users."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_runs import run_command


@pytest.mark.parametrize("command", ["plugins list", "vectors reindex", "mfa reset a@b.c --reason x"])
async def test_a_directory_without_a_database_is_refused_and_left_alone(tmp_path: Path, command: str) -> None:
    (tmp_path / "home").mkdir()
    run = await run_command(tmp_path, *command.split(), "--data-dir", "home")
    run.refused("webui.db: not found", "--data-dir")
    assert not list((tmp_path / "home").iterdir())


async def test_other_users_cannot_read_what_commands_make(tmp_path: Path) -> None:
    assert (await run_command(tmp_path, "vectors", "list", "--data-dir", "home")).code == 0
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0
    assert (await run_command(tmp_path, "vectors", "list", "--data-dir", "open", FASTBACK_UMASK="022")).code == 0
    assert (tmp_path / "open").stat().st_mode & 0o077 == 0o055
