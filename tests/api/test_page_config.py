"""What the page requests of the server itself: its configuration for each kind of caller, cached files, readiness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Person, Server
from fastback.access.events import GroupsChanged
from fastback.features.server.readiness import ReadinessChecks
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import HttpError

PUBLIC_GRANT = {"principal_type": "user", "principal_id": "*", "permission": "read"}


async def add_group(
    server: Server,
    name: str,
    models: list[str] | None,
    *members: Person,
    parent: str | None = None,
    created_at: int = 1,
) -> str:
    """Insert a group as another program would write it, with its name as its id, and return the id."""
    db = server.services.get(Database)
    data = None if models is None else json.dumps({"config": {"share": True, "default_models": models}})
    await db.execute(
        "test.group",
        """INSERT INTO "group" (id, name, description, data, parent_group_id, created_at, updated_at)
           VALUES (:id, :id, '', :data, :parent, :created_at, :created_at)""",
        id=name,
        data=data,
        parent=parent,
        created_at=created_at,
    )
    for person in members:
        await db.execute(
            "test.member",
            "INSERT INTO group_member (id, group_id, user_id, created_at) VALUES (:id, :group, :user, 1)",
            id=f"{name}-{person.id}",
            group=name,
            user=person.id,
        )
    await server.services.get(Bus).publish(GroupsChanged(()))
    return name


async def get_default_models(person: Person) -> Any:
    """Return the default models that the configuration gives this person."""
    return (await person.get("/api/config")).ok()["default_models"]


async def test_each_caller_receives_the_configuration_meant_for_them(
    server: Server, ada: Person, bob: Person, anonymous: Person
) -> None:
    (await ada.post("/api/v1/configs/import", {"config": {"ui.watermark": "Draft"}})).ok()
    pending = await server.add_user(ada, "Dee", "pending")
    anonymous_config, pending_config, user_config = [
        (await person.get("/api/config")).ok() for person in (anonymous, pending, bob)
    ]
    assert "enable_channels" not in anonymous_config["features"] and "default_models" not in anonymous_config
    assert set(pending_config["ui"]) == {"pending_user_overlay_title", "pending_user_overlay_content"}
    assert user_config["ui"]["response_watermark"] == "Draft" and "onboarding" not in user_config
    invalid_person = Person(server.url, "nonsense")
    server.people.append(invalid_person)
    assert (await invalid_person.get("/api/config")).ok() == anonymous_config


async def test_default_models_come_from_groups_and_are_accessible(server: Server, ada: Person, bob: Person) -> None:
    models = {"DEFAULT_MODELS": "demo-small", "DEFAULT_PINNED_MODELS": None, "MODEL_ORDER_LIST": None}
    (await ada.post("/api/v1/configs/models", models)).ok()
    await add_group(server, "poets", ["demo-large", "gone"], bob)
    assert await get_default_models(bob) == "demo-small"
    (await ada.post("/api/v1/models/model/access/update", {"id": "demo-large", "access_grants": [PUBLIC_GRANT]})).ok()
    assert (await get_default_models(bob), await get_default_models(ada)) == ("demo-large", "demo-small")
    # The deepest group decides; among equally deep ones the oldest; groups without default models are ignored.
    await add_group(server, "elders", ["demo-reasoner", "demo-large"], ada, parent="poets", created_at=9)
    await add_group(server, "others", ["demo-small"], ada, created_at=2)
    await add_group(server, "silent", [], ada, parent="elders")
    await add_group(server, "empty", None, ada, parent="silent")
    assert await get_default_models(ada) == "demo-reasoner,demo-large"
    hidden = {"id": "demo-reasoner", "name": "R", "meta": {"hidden": True}, "params": {}}
    (await ada.post("/api/v1/models/create", hidden)).ok()
    assert await get_default_models(ada) == "demo-large"


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_cycle_of_groups_terminates(server: Server, ada: Person) -> None:
    await add_group(server, "one", ["demo-small"], ada, parent="two")
    await add_group(server, "two", ["demo-large"], parent="one", created_at=2)
    assert await get_default_models(ada) == "demo-small"


@pytest.mark.parametrize("database", ["sqlite"])
class TestOneDrive:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {
            "ENABLE_ONEDRIVE_INTEGRATION": "true",
            "ONEDRIVE_CLIENT_ID": "both",
            "ONEDRIVE_CLIENT_ID_BUSINESS": "firm",
            "ENABLE_ONEDRIVE_PERSONAL": "false",
        }

    async def test_ids_reach_the_page(self, ada: Person) -> None:
        config = (await ada.get("/api/config")).ok()
        ids = (config["onedrive"]["client_id_personal"], config["onedrive"]["client_id_business"])
        assert ids == ("both", "firm")
        features = config["features"]
        assert (features["enable_onedrive_personal"], features["enable_onedrive_business"]) == (False, True)


@pytest.mark.parametrize("database", ["sqlite"])
async def test_files_of_the_cache(server: Server, ada: Person, anonymous: Person) -> None:
    cache: Path = server.data_dir / "cache"
    (cache / "image").mkdir(parents=True)
    (cache / "image" / "a.png").write_bytes(b"\x89PNG")
    (cache / "page.html").write_text("<script>")
    (server.data_dir / "cache_of_others").mkdir()
    (server.data_dir / "cache_of_others" / "a.png").write_bytes(b"secret")
    picture = await ada.get("/cache/image/a.png")
    assert (picture.status, picture.headers["content-type"]) == (200, "image/png")
    assert "content-disposition" not in picture.headers and picture.headers["x-content-type-options"] == "nosniff"
    page = await ada.get("/cache/page.html")
    assert page.headers["content-disposition"].startswith("attachment")
    (await anonymous.get("/cache/image/a.png")).refused(401)
    for path in ("/cache/none.png", "/cache/", "/cache/image", "/cache/..%2fwebui.db"):
        (await ada.get(path)).refused(404, "File not found")
    (await ada.get("/cache/..%2fcache_of_others%2fa.png")).refused(404, "File not found")


@pytest.mark.parametrize("database", ["sqlite"])
class TestUsageIsPrivate:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"ENABLE_PUBLIC_ACTIVE_USERS_COUNT": "false"}

    async def test_administrators_alone_see_it(self, ada: Person, bob: Person) -> None:
        assert (await ada.get("/api/usage")).ok()["model_ids"] == []
        (await bob.get("/api/usage")).refused(403, "Access denied. Only administrators can view usage statistics.")


async def test_readiness_requires_the_database_and_redis(server: Server, anonymous: Person) -> None:
    for path in ("/health", "/health/db", "/ready"):
        assert (await anonymous.get(path)).ok() == {"status": True}

    class Unavailable:
        async def fetch_value(self, *_: Any) -> Any:
            raise OSError("gone")

        async def ping(self) -> bool:
            return False

    unavailable: Any = Unavailable()
    for readiness, detail in (
        (ReadinessChecks(unavailable), "Database not ready"),
        (ReadinessChecks(server.services.get(Database), unavailable), "Redis not ready"),
    ):
        with pytest.raises(HttpError) as raised:
            await readiness.check_all()
        assert (raised.value.status, raised.value.detail) == (503, detail)
