"""Lists cost what they show: each statement of each list, on a large installation, visits little more than it returns.

`EXEMPTIONS` are the statements that must visit more, each with its reason and a bound of its own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from conftest import Person, Server, run_server
from fastback.features.chats.search import indexer
from large_installation import ADAS_CHATS, PASSWORD, PEOPLE, Installation
from large_installation_requests import list_requests
from prepared_database import copy_sqlite, postgres_database
from statement_costs import Cost, record_costs


class Bound(NamedTuple):
    """What statements may visit: for each row that they return, and beside that."""

    visited_per_row: float
    visited: int
    pages_per_row: float
    pages: int


#: SQLite takes some steps for each column, join and condition. PostgreSQL scans small tables as a whole.
BOUNDS = {"sqlite": Bound(120, 2_500, 12, 120), "postgres": Bound(5, 700, 14, 250)}
#: Steps of SQLite that the event loop may wait for: some five milliseconds.
MAX_STEPS_ON_LOOP, MAX_PAGES_ON_LOOP = 60_000, 2_500
#: Paths that begin with one of these are tested.
TESTED = ("/api/v1/chats/", "/api/v1/folders/")
#: Searches for words read an index of their own, which is not built here; `bench.search` measures them.
NOT_TESTED = ("?text=garden", "?text=nowhere", "?text=tag:", "/api/v1/search")


class Exemption(NamedTuple):
    """A statement that visits more than it returns: so many entries of an index, and rows elsewhere."""

    reason: str
    entries: int
    rows: int = 0


_SORTED_TITLES = "finds titles, or sorts by them, among all chats of the user; no index contains them in that order"
EXEMPTIONS = {
    "chats.count_unread": Exemption("counts the unread chats, and looks for unfinished answers in each", 600, 600),
    "chats.list": Exemption("a later page skips the chats of the pages before it", ADAS_CHATS),
    "chats.list_many": Exemption(_SORTED_TITLES, ADAS_CHATS),
    "chats.list_archived": Exemption(_SORTED_TITLES, 300),
    "chats.list_of_user": Exemption(_SORTED_TITLES, 1_500),
    "chats.list_tagged": Exemption("tags are in a JSON column of each chat", ADAS_CHATS),
    "search.read_titles": Exemption(
        "filters of a search are tested on each chat of the user or the folder", ADAS_CHATS
    ),
    "stats.list_ids_newest_first": Exemption("a later page skips the chats of the pages before it", ADAS_CHATS),
}
#: What each entry may cost.
PER_ENTRY = {"sqlite": Bound(25, 0, 0.1, 0), "postgres": Bound(3, 0, 0.3, 0)}


@asynccontextmanager
async def run_large_server(database: str, tmp_path: Path) -> AsyncIterator[Server]:
    """Run a server on the large installation."""
    env = {
        "ENABLE_OPENAI_API": "false",
        "ENABLE_OLLAMA_API": "false",
        "ENABLE_CHANNELS": "true",
        "USER_PERMISSIONS_FEATURES_CHANNELS": "true",
    }
    if database == "postgres":
        async with (
            postgres_database(large=True) as url,
            run_server({"DATABASE_URL": url, **env}, tmp_path, database) as server,
        ):
            yield server
    else:
        await copy_sqlite(tmp_path / "webui.db", large=True)
        async with run_server(env, tmp_path, database) as server:
            yield server


async def sign_in(server: Server, name: str) -> Person:
    body = {"email": f"{name}@example.com", "password": PASSWORD}
    account = (await server.stranger().post("/api/v1/auths/signin", body)).ok()
    person = Person(server.url, account["token"], account)
    server.people.append(person)
    return person


def _find_excess(cost: Cost, database: str) -> str | None:
    """Return what a statement visits beyond its bound, or None."""
    bound, exemption = BOUNDS[database], EXEMPTIONS.get(cost.name)
    visited = bound.visited + bound.visited_per_row * cost.returned
    pages = bound.pages + bound.pages_per_row * cost.returned
    if exemption is not None:
        visited += PER_ENTRY[database].visited_per_row * exemption.entries + bound.visited_per_row * exemption.rows
        pages += PER_ENTRY[database].pages_per_row * exemption.entries + bound.pages_per_row * exemption.rows
    if cost.visited > visited or cost.pages > pages:
        visits = f"visits {cost.visited} of {visited:.0f} and {cost.pages} pages of {pages:.0f}"
        return f"{cost.name} returns {cost.returned}, {visits}"
    if cost.on_loop and (cost.visited > MAX_STEPS_ON_LOOP or cost.pages > MAX_PAGES_ON_LOOP):
        return f"{cost.name} visits {cost.visited} and {cost.pages} pages while the event loop waits"
    return None


@pytest.mark.timeout(300)
async def test_lists_visit_what_they_show(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "PAUSE_AT_START", 3600)
    excesses = []
    async with run_large_server(database, tmp_path) as server:
        people = {name[0]: await sign_in(server, name) for name in PEOPLE}
        with record_costs() as costs:
            for request in list_requests(Installation()):
                if not request.path.startswith(TESTED) or any(text in request.path for text in NOT_TESTED):
                    continue
                for person in request.people:
                    costs.clear()
                    body = json.loads(request.body) if request.body else None
                    reply = await people[person].request(request.method, request.path, json=body)
                    assert reply.status == 200, f"{request.name}: {reply.status} {reply.text[:200]}"
                    assert costs, f"{request.name}: no statement was recorded"
                    excesses += [
                        f"{request.name} {person}: {excess}"
                        for cost in costs
                        if (excess := _find_excess(cost, database)) is not None
                    ]
    assert excesses == [], "\n".join(excesses)
