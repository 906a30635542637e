"""Lists cost what they show: each statement of each list, on a large installation, visits little more than it returns.

`EXEMPTIONS` are the statements that must visit more, each with its reason and a bound of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from conftest import Person, Server, run_server
from fastback.features.analytics.usage import UsageStatistics
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
BOUNDS = {"sqlite": Bound(120, 2_600, 12, 250), "postgres": Bound(5, 1_000, 14, 300)}
#: What an entry of an index may cost that is skipped, sorted or summed up, and a row that is looked up.
PER_ENTRY = {"sqlite": Bound(60, 0, 0.15, 0), "postgres": Bound(3, 0, 1, 0)}
PER_LOOKUP = {"sqlite": Bound(30, 0, 5, 0), "postgres": Bound(3, 0, 5, 0)}
#: Steps of SQLite that the event loop may wait for: some five milliseconds.
MAX_STEPS_ON_LOOP, MAX_PAGES_ON_LOOP = 60_000, 2_500
#: Searches for words read an index of their own, which is not built here; `bench.search` measures them.
NOT_TESTED = ("?text=garden", "?text=nowhere", "?text=tag:", "/api/v1/search")
#: Statements of work that runs beside the requests.
BACKGROUND = ("search.compare", "indexes.", "files.unfinished", "answers.list_abandoned")


class Exemption(NamedTuple):
    """A statement that visits more than it returns: so many entries of an index, and rows that it looks up."""

    reason: str
    entries: int = 0
    lookups: int = 0


_LATER_PAGE = "a later page skips the chats of the pages before it"
_SORTED_TITLES = "finds titles, or sorts by them, among all chats of the user; no index contains them in that order"
_COUNTED = "sorts and counts all records that the user may see; a search reads their texts"
_SUMMED_UP = "sums up all answers of two years"
EXEMPTIONS = {
    "chats.count_unread": Exemption("counts the unread chats, and looks for unfinished answers in each", 600, 600),
    "chats.list": Exemption(_LATER_PAGE, ADAS_CHATS),
    "chats.list_many": Exemption(_SORTED_TITLES, ADAS_CHATS),
    "chats.list_archived": Exemption(_SORTED_TITLES, 300),
    "chats.list_of_user": Exemption(_SORTED_TITLES, 1_500),
    "chats.list_tagged": Exemption("tags are in a JSON column of each chat", ADAS_CHATS),
    "stats.list_ids_newest_first": Exemption(_LATER_PAGE, ADAS_CHATS),
    "notes.list_chats": Exemption("tests the few internal chats of the user", 70, 70),
    "search.read_titles": Exemption(
        "filters of a search are tested on each chat of the user or the folder", ADAS_CHATS
    ),
    "records.list_page_ids": Exemption(_COUNTED, 2_000, 700),
    "records.list": Exemption(_COUNTED, 700, 400),
    "models.page_ids": Exemption(_COUNTED, 200, 200),
    "users.list_page_ids": Exemption(_COUNTED, 500, 500),
    "users.list_memberships": Exemption("the memberships of thirty users", 1_500),
    "knowledge.page": Exemption("sorts and counts the files of the knowledge", 5_700, 5_700),
    "files.page": Exemption("finds names among all files of the user", 8_000, 1_900),
    "channels.list_joined": Exemption("counts the unread messages of each channel", 10_000),
    "feedback.list_page_ids": Exemption("sorts and counts all feedback, and tests its authors", 3_000, 500),
    "feedback.list_verdicts": Exemption("tests all feedback", 3_000),
    "feedback.list_model_ids": Exemption("tests all feedback", 3_000),
    "feedback.join_ratings": Exemption("reads all feedback", 3_000, 3_000),
    "automations.list_last_runs": Exemption("PostgreSQL may read all of a few runs", 2_000),
    "groups.list": Exemption("counts the members of all groups", 1_500),
    "groups.list_members": Exemption("scans the members of all groups", 1_500, 500),
    "groups.count_members": Exemption("scans the members of all groups", 1_500, 500),
    "groups.count_effective": Exemption("scans the members of all groups", 1_500),
    "groups.list_memberships": Exemption("scans the members of all groups", 1_500),
    "analytics.list_members": Exemption("scans the members of all groups", 1_500),
    "usage.join_slots": Exemption("sums up all messages of the user", 20_000, 20_000),
    "usage.sum_lifetime": Exemption("sums up all messages of the user", 20_000, 20_000),
    "usage.measure_chats": Exemption("measures the time between all messages of the user", 30_000, 5_000),
    "usage.list_tool_messages": Exemption("tests all messages of the user", 20_000, 20_000),
    "usage.get_counts": Exemption("counts all messages, and those of each chat", 130_000),
    "usage.count_stale": Exemption("reads what the last transaction deleted", 1_000),
    "usage.get_summary": Exemption(_SUMMED_UP, 30_000),
    "usage.list_models": Exemption(_SUMMED_UP, 30_000),
    "usage.list_users": Exemption(_SUMMED_UP, 30_000),
    "usage.list_users_by_tokens": Exemption(_SUMMED_UP, 30_000),
    "usage.list_tokens": Exemption(_SUMMED_UP, 30_000),
    "usage.list_values_over_time": Exemption(_SUMMED_UP, 30_000),
    "analytics.get_summary": Exemption("sums up the answers of a week", 600),
    "analytics.list_models": Exemption("sums up the answers of a week", 600),
    "analytics.list_users": Exemption("sums up the answers of a week", 600),
    "analytics.list_tokens": Exemption("sums up the answers of a week", 600),
    "analytics.list_values_over_time": Exemption("sums up the answers of a week", 600),
    "analytics.list_messages_of_model": Exemption("messages of a model are in the order of time", 50, 50),
    "analytics.count_chats_of_model": Exemption("PostgreSQL may scan all chats for those of a model", 8_000, 1_200),
    "analytics.list_chats_of_model": Exemption("PostgreSQL may scan all chats for those of a model", 8_000, 1_200),
    "analytics.list_tags": Exemption("a model's chats are those of its messages", 2_400, 1_200),
}


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


async def build_usage_buckets(server: Server) -> None:
    """Wait until sums over long times are read from buckets."""
    rollup = server.services.get(UsageStatistics)._rollup
    assert rollup is not None
    while await rollup.find_tables() is None:  # noqa: ASYNC110 (the build tells nobody of its end)
        await asyncio.sleep(0.05)


def _find_excess(cost: Cost, database: str) -> str | None:
    """Return what a statement visits beyond its bound, or None."""
    bound, exemption = BOUNDS[database], EXEMPTIONS.get(cost.name)
    visited = bound.visited + bound.visited_per_row * cost.returned
    pages = bound.pages + bound.pages_per_row * cost.returned
    if exemption is not None:
        entry, lookup = PER_ENTRY[database], PER_LOOKUP[database]
        visited += entry.visited_per_row * exemption.entries + lookup.visited_per_row * exemption.lookups
        pages += entry.pages_per_row * exemption.entries + lookup.pages_per_row * exemption.lookups
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
        await build_usage_buckets(server)
        with record_costs() as costs:
            for request in list_requests(Installation()):
                if any(text in request.path for text in NOT_TESTED):
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
                        if not cost.name.startswith(BACKGROUND) and (excess := _find_excess(cost, database)) is not None
                    ]
    assert excesses == [], "\n".join(excesses)
