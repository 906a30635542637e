"""An installation that both programs open, one after the other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from conftest import run_server
from parity import reference
from parity.normalise import Normaliser
from parity.player import SECRET_KEY, Player, environment_variables, open_player
from parity.steps import Scenario

REFERENCE = os.environ.get("FASTBACK_REFERENCE", "")


class VerbatimNormaliser(Normaliser):
    """Keep ids, times and texts unchanged, as both programs read the same rows; only replace addresses and folders."""

    def normalise_value(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self.normalise_value(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.normalise_value(item, name) for item in value]
        if isinstance(value, str):
            for original, replacement in self.replacements:
                value = value.replace(original, replacement)
        return value


class SharedInstallation:
    """A data directory (and a PostgreSQL database) that both programs open, one after the other.

    `more` holds further variables of both.
    """

    def __init__(self, data_dir: Path, upstream: str, database_url: str, more: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.upstream = upstream
        self._more = {**(more or {}), **({"DATABASE_URL": database_url} if database_url else {})}
        self.values: dict[str, Any] = {}

    @asynccontextmanager
    async def run_program(self, program: str, *, cast: bool = False) -> AsyncIterator[Player]:
        if program == "fastback":
            env = {**environment_variables(self.upstream), "WEBUI_SECRET_KEY": SECRET_KEY, **self._more}
            async with run_server(env, self.data_dir, "") as server, self._open_player(server.url, cast) as player:
                yield player
            return
        manager = reference.run_reference(REFERENCE, self.data_dir, self.upstream, self._more)
        served = await asyncio.to_thread(manager.__enter__)
        try:
            async with self._open_player(served.url, cast) as player:
                yield player
        finally:
            await asyncio.to_thread(manager.__exit__, None, None, None)

    @asynccontextmanager
    async def _open_player(self, url: str, cast: bool) -> AsyncIterator[Player]:
        scenario = Scenario("both_ways", "", (), cast=cast)
        async with open_player(scenario, url, self.upstream, str(self.data_dir)) as player:
            player.values.update(self.values)
            player.normaliser = VerbatimNormaliser(player.normaliser.replacements)
            yield player
            self.values.update(player.values)
