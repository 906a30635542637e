"""What the page asks of the server itself: its configuration for each kind of caller, files, readiness."""

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

EVERYBODY = {"principal_type": "user", "principal_id": "*", "permission": "read"}


async def add_group(
    server: Server, name: str, models: list[str] | None, *members: Person, parent: str | None = None, made: int = 1
) -> str:
    """A group as another program would write it; its id is its name."""
    db = server.services.get(Database)
    data = None if models is None else json.dumps({"config": {"share": True, "default_models": models}})
    await db.execute(
        "test.group",
        """INSERT INTO "group" (id, name, description, data, parent_group_id, created_at, updated_at)
           VALUES (:id, :id, '', :data, :parent, :made, :made)""",
        id=name,
        data=data,
        parent=parent,
        made=made,
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


async def chosen(person: Person) -> Any:
    return (await person.get("/api/config")).ok()["default_models"]


async def test_each_caller_is_told_what_concerns_them(
    server: Server, ada: Person, bob: Person, anonymous: Person
) -> None:
    (await ada.post("/api/v1/configs/import", {"config": {"ui.watermark": "Draft"}})).ok()
    pending = await server.add_user(ada, "Dee", "pending")
    strange, waiting, inside = [(await one.get("/api/config")).ok() for one in (anonymous, pending, bob)]
    assert "enable_channels" not in strange["features"] and "default_models" not in strange
    assert set(waiting["ui"]) == {"pending_user_overlay_title", "pending_user_overlay_content"}
    assert inside["ui"]["response_watermark"] == "Draft" and "onboarding" not in inside
    wrong = Person(server.url, "nonsense")
    server.people.append(wrong)
    assert (await wrong.get("/api/config")).ok() == strange


async def test_a_group_chooses_models_of_those_that_one_may_see(server: Server, ada: Person, bob: Person) -> None:
    models = {"DEFAULT_MODELS": "demo-small", "DEFAULT_PINNED_MODELS": None, "MODEL_ORDER_LIST": None}
    (await ada.post("/api/v1/configs/models", models)).ok()
    await add_group(server, "poets", ["demo-large", "gone"], bob)
    assert await chosen(bob) == "demo-small"
    (await ada.post("/api/v1/models/model/access/update", {"id": "demo-large", "access_grants": [EVERYBODY]})).ok()
    assert (await chosen(bob), await chosen(ada)) == ("demo-large", "demo-small")
    # The deeper group counts; of two as deep the one made first; one that chooses nothing does not.
    await add_group(server, "elders", ["demo-reasoner", "demo-large"], ada, parent="poets", made=9)
    await add_group(server, "others", ["demo-small"], ada, made=2)
    await add_group(server, "silent", [], ada, parent="elders")
    await add_group(server, "empty", None, ada, parent="silent")
    assert await chosen(ada) == "demo-reasoner,demo-large"
    hidden = {"id": "demo-reasoner", "name": "R", "meta": {"hidden": True}, "params": {}}
    (await ada.post("/api/v1/models/create", hidden)).ok()
    assert await chosen(ada) == "demo-large"


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_circle_of_groups_ends(server: Server, ada: Person) -> None:
    await add_group(server, "one", ["demo-small"], ada, parent="two")
    await add_group(server, "two", ["demo-large"], parent="one", made=2)
    assert await chosen(ada) == "demo-small"


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
        found = (await ada.get("/api/config")).ok()
        ids = (found["onedrive"]["client_id_personal"], found["onedrive"]["client_id_business"])
        assert ids == ("both", "firm")
        features = found["features"]
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


async def test_ready_means_that_everything_answers(server: Server, anonymous: Person) -> None:
    for path in ("/health", "/health/db", "/ready"):
        assert (await anonymous.get(path)).ok() == {"status": True}

    class Dead:
        async def fetch_value(self, *_: Any) -> Any:
            raise OSError("gone")

        async def ping(self) -> bool:
            return False

    dead: Any = Dead()
    for readiness, words in (
        (ReadinessChecks(dead), "Database not ready"),
        (ReadinessChecks(server.services.get(Database), dead), "Redis not ready"),
    ):
        with pytest.raises(HttpError) as raised:
            await readiness.check_all()
        assert (raised.value.status, raised.value.detail) == (503, words)
