"""Sign-ins at a provider in an installation: several processes, many users, and rows of other programs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from conftest import Server, run_server
from fastback.features.users import oauth_store
from fastback.kit.db import Database
from fastback.kit.db.indexes import ensure_indexes
from oidc_provider import Browser, FakeProvider, build_environment, read_error, serve_provider, sign_in_as_person
from prepared_database import postgres_database

INSERT_USERS = """
    INSERT INTO "user" (id, name, email, role, profile_image_url, oauth, created_at, updated_at, last_active_at)
    VALUES (:id, :id, :id, 'user', :picture, :oauth, 1, 1, 1)"""


class PlanStep(msgspec.Struct):
    """A step of SQLite's plan of a statement."""

    id: int
    parent: int
    unused: int
    detail: str


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with serve_provider() as running:
        yield running


@pytest.fixture
def environment(provider: FakeProvider) -> dict[str, str]:
    return build_environment(provider)


async def test_any_process_completes_a_sign_in_and_only_once(
    provider: FakeProvider, database: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        env = build_environment(provider, OPENID_REDIRECT_URI="http://chat.example.com/oauth/oidc/callback")
        if database == "postgres":
            env["DATABASE_URL"] = await stack.enter_async_context(postgres_database())
        servers = [await stack.enter_async_context(run_server(env, tmp_path, database)) for _ in range(2)]
        browsers = [Browser(server.url) for server in servers]
        back = (await browsers[0].begin()).partition("?")[2]
        browsers[1].cookies = dict(browsers[0].cookies)
        reply = await browsers[1].get(f"/oauth/oidc/callback?{back}")
        assert reply.headers["location"] == f"{servers[1].url}/auth"
        assert "identity provider failed" in read_error(await browsers[0].get(f"/oauth/oidc/callback?{back}"))
        assert len(provider.list_requests("/token")) == 1


async def test_a_subject_is_found_by_an_index_whatever_rows_contain(server: Server, provider: FakeProvider) -> None:
    database = server.services.get(Database)
    odd = ["null", "[1]", '"x"', "7", "{}", '{"oidc": null}', '{"oidc": []}', '{"oidc": {"sub": null}}']
    odd.append('{"oidc": {"sub": "a\\u0000b"}, "x": "\\u0000"}')
    documents = [None, *odd, *(f'{{"oidc": {{"sub": "subject-{number}"}}}}' for number in range(3000))]
    rows = [
        {"id": f"user-{number}", "oauth": document, "picture": "data:" + "x" * 200}
        for number, document in enumerate([*documents, '{"github": {"sub": 4711}}'])
    ]
    await ensure_indexes(database, oauth_store.INDEXES)
    async with database.transaction(long=True) as tx:
        await tx.execute_many("test", INSERT_USERS, rows)
    assert await oauth_store.find_id_by_subject(database, "oidc", "subject-2999") == f"user-{len(documents) - 1}"
    assert await oauth_store.find_id_by_subject(database, "github", "4711") == f"user-{len(documents)}"
    assert await oauth_store.find_id_by_subject(database, "oidc", "nobody") is None
    if database.dialect == "sqlite":
        plan = "EXPLAIN QUERY PLAN " + oauth_store.FIND_ID_BY_SUBJECT["oidc"]
        steps = await database.fetch_all(PlanStep, "test", plan, subject="x")
        assert any("USING INDEX fastback_user_oidc" in step.detail for step in steps)
    else:
        await database.run_script('ANALYZE "user"')
        plan = "EXPLAIN " + oauth_store.FIND_ID_BY_SUBJECT["oidc"].replace(":subject", "'x'")
        assert any("fastback_user_oidc" in step for step in await database.fetch_all(str, "test", plan))
    # A number that Open WebUI once stored becomes a text with the next sign-in.
    await database.execute("test", 'UPDATE "user" SET oauth = \'{"oidc": {"sub": 77, "x": 1}}\' WHERE id = \'user-20\'')
    async with database.transaction() as tx:
        assert await oauth_store.set_subject(tx, "user-20", "oidc", "77") is True
        assert await oauth_store.set_subject(tx, "user-20", "oidc", "77") is False
    assert await oauth_store.find_id_by_subject(database, "oidc", "77") == "user-20"


async def test_users_are_linked_by_provider(server: Server, provider: FakeProvider) -> None:
    ada = await sign_in_as_person(server, Browser(server.url))
    database = server.services.get(Database)
    assert await oauth_store.find_id_by_subject(database, "google", "ada-1") is None
    async with database.transaction() as tx:
        await oauth_store.set_subject(tx, ada.id, "google", "g-1")
    assert await oauth_store.find_id_by_subject(database, "google", "g-1") == ada.id
    assert await oauth_store.find_id_by_subject(database, "oidc", "ada-1") == ada.id
