"""Workspace models: creation, sharing, changes, revisions, export and import."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from conftest import Person, Server

MODELS = "/api/v1/models"
PUBLIC_GRANTS = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
PIXEL = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode()


def make_form(model_id: str = "pirate", **more: Any) -> dict[str, Any]:
    defaults = {"id": model_id, "name": model_id.title(), "base_model_id": "demo-small", "meta": {}, "params": {}}
    return {**defaults, **more}


def make_grant(person: Person, permission: str) -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def set_default_permissions(ada: Person, bob: Person, **permissions: bool) -> None:
    """Change the default workspace permissions of users."""
    tree = (await ada.get("/api/v1/users/default/permissions")).ok()
    tree["workspace"] |= permissions
    (await ada.post("/api/v1/users/default/permissions", tree)).ok()


async def test_a_new_model_is_returned_and_listed(ada: Person) -> None:
    meta = {"profile_image_url": PIXEL, "tags": ["sea", {"name": " ship "}], "suggestion_prompts": None}
    created = (await ada.post(f"{MODELS}/create", make_form(meta=meta, params={"system": "Arr"}))).ok()
    assert list(created) == [
        "version_id",
        "id",
        "user_id",
        "base_model_id",
        "name",
        "params",
        "meta",
        "access_grants",
        "is_active",
        "updated_at",
        "created_at",
    ]
    assert created["meta"]["tags"] == [{"name": "sea"}, {"name": "ship"}]
    assert list(created["meta"])[:3] == ["profile_image_url", "background_image_url", "description"]
    assert created["meta"]["suggestion_prompts"] is None and created["meta"]["voice"] is None
    page = (await ada.get(f"{MODELS}/list")).ok()
    assert page["total"] == 1
    (item,) = page["items"]
    assert item["user"] == {"id": ada.id, "name": "Ada", "role": "admin", "email": "ada@example.com"}
    assert item["write_access"] is True and "profile_image_url" not in item["meta"]
    models = (await ada.get("/api/models")).ok()["data"]
    listed_model = next(model for model in models if model["id"] == "pirate")
    assert listed_model["preset"] is True and listed_model["tags"] == [{"name": "sea"}, {"name": "ship"}]
    assert listed_model["info"]["params"] == {}
    assert (await ada.get(f"{MODELS}/tags")).ok() == ["sea", "ship"]


async def test_ids_are_checked(ada: Person) -> None:
    problems = (await ada.post(f"{MODELS}/create", make_form("two words"))).refused(422)
    assert problems[0]["type"] == "string_pattern_mismatch" and problems[0]["loc"] == ["body", "id"]
    (await ada.post(f"{MODELS}/create", make_form("x" * 257))).refused(400)
    (await ada.post(f"{MODELS}/create", make_form())).ok()
    (await ada.post(f"{MODELS}/create", make_form())).refused(
        401, "Uh-oh! This model id is already registered. Please choose another model id string."
    )
    own_base = (await ada.post(f"{MODELS}/create", make_form("self", base_model_id="self"))).ok()
    assert own_base["base_model_id"] is None


@pytest.mark.parametrize(
    ("meta", "params"),
    [
        ({"background_image_url": "https://elsewhere.example/x.png"}, {}),
        ({"voice": {"voice": "two words"}}, {}),
        ({"voice_avatar": {"file_id": "no-uuid"}}, {}),
        ({"knowledge": "all"}, {}),
        ({}, {"model_controls": {"mode": {"label": "Mode", "options": {}}}}),
        ({}, {"model_controls": {"1": {"label": "Mode", "options": {"a": {"label": "A", "params": {}}}}}}),
        (
            {},
            {
                "model_controls": {
                    "mode": {"label": "M", "default": "b", "options": {"a": {"label": "A", "params": {}}}}
                }
            },
        ),
    ],
)
async def test_invalid_meta_and_parameters_are_refused(ada: Person, meta: Any, params: Any) -> None:
    (await ada.post(f"{MODELS}/create", make_form(meta=meta, params=params))).refused(422)


async def test_unsafe_profile_images_are_dropped(ada: Person) -> None:
    for url in ("javascript:alert(1)", "data:image/svg+xml;base64,AAAA", "//elsewhere.example/x", "/api/v1/chats"):
        created = (
            await ada.post(f"{MODELS}/create", make_form(f"m{abs(hash(url))}", meta={"profile_image_url": url}))
        ).ok()
        assert created["meta"]["profile_image_url"] is None


async def test_model_controls_reach_the_page_without_their_parameters(ada: Person) -> None:
    controls = {"mode": {"label": "Mode", "display": "menu", "options": {"a": {"label": "A", "params": {"top_p": 1}}}}}
    created = (
        await ada.post(f"{MODELS}/create", make_form(params={"model_controls": controls, "temperature": 1}))
    ).ok()
    stored_control = {"label": "Mode", "options": {"a": {"label": "A", "params": {"top_p": 1}}}}
    assert created["params"] == {"model_controls": {"mode": stored_control}, "temperature": 1}
    models = (await ada.get("/api/models")).ok()["data"]
    listed_model = next(model for model in models if model["id"] == "pirate")
    assert listed_model["info"]["params"] == {
        "model_controls": {"mode": {"label": "Mode", "options": {"a": {"label": "A"}}}}
    }
    # A form without controls keeps the stored ones; an empty object removes them.
    updated = (await ada.post(f"{MODELS}/model/update", make_form(params={"top_k": 3}))).ok()
    assert updated["params"]["model_controls"] == {"mode": stored_control}
    cleared = (await ada.post(f"{MODELS}/model/update", make_form(params={"model_controls": {}}))).ok()
    assert cleared["params"] == {}


async def test_the_variables_of_a_prompt_become_a_form(ada: Person) -> None:
    system = 'Speak {{ chat.variables.tongue | select:options=["en","de"]:required }} to {{chat.variables.name}}'
    (await ada.post(f"{MODELS}/create", make_form(params={"system": system}))).ok()
    schema = {
        "fields": [
            {"key": "tongue", "options": ["en", "de"], "required": True, "type": "select"},
            {"key": "name", "type": "text", "required": False},
        ]
    }
    assert (await ada.get(f"{MODELS}/model", id="pirate")).ok()["meta"]["chat_variables_schema"] == schema
    models = (await ada.get("/api/models")).ok()["data"]
    listed_model = next(model for model in models if model["id"] == "pirate")
    assert listed_model["info"]["meta"]["chat_variables_schema"] == schema


async def test_creating_models_needs_a_permission(server: Server, ada: Person, bob: Person) -> None:
    (await server.stranger().post(f"{MODELS}/create", make_form())).refused(401)
    (await bob.post(f"{MODELS}/create", make_form())).refused(401, "401 Unauthorized")
    await set_default_permissions(ada, bob, models=True)
    (await bob.post(f"{MODELS}/create", make_form(base_model_id=None))).refused(401, "401 Unauthorized")
    (await bob.post(f"{MODELS}/create", make_form("demo-large"))).refused(
        401, "Uh-oh! This model id is already registered. Please choose another model id string."
    )
    created = (await bob.post(f"{MODELS}/create", make_form(access_grants=PUBLIC_GRANTS))).ok()
    assert created["access_grants"] == []
    (await bob.post(f"{MODELS}/model/update", make_form(base_model_id=None))).refused(401, "401 Unauthorized")
    assert (await bob.post(f"{MODELS}/model/update", make_form(name="Mine"))).ok()["name"] == "Mine"


async def test_readers_see_no_parameters_and_change_nothing(ada: Person, bob: Person, cy: Person) -> None:
    shared = make_form(params={"system": "secret"}, access_grants=[make_grant(bob, "read")])
    (await ada.post(f"{MODELS}/create", shared)).ok()
    model = (await bob.get(f"{MODELS}/model", id="pirate")).ok()
    assert model["params"] == {} and model["write_access"] is False
    (item,) = (await bob.get(f"{MODELS}/list")).ok()["items"]
    assert item["params"] == {} and item["write_access"] is False
    assert (await bob.get(f"{MODELS}/list", view_option="created")).ok()["total"] == 0
    assert (await bob.get(f"{MODELS}/list", view_option="shared")).ok()["total"] == 1
    assert (await cy.get(f"{MODELS}/list")).ok() == {"items": [], "total": 0}
    prohibited = "You do not have permission to access this resource. Please contact your administrator for assistance."
    (await cy.get(f"{MODELS}/model", id="pirate")).refused(401, prohibited)
    (await cy.get(f"{MODELS}/model", id="nothing")).refused(404)
    (await bob.post(f"{MODELS}/model/update", make_form())).refused(400, prohibited)
    (await bob.post(f"{MODELS}/model/toggle", id="pirate")).refused(401, "401 Unauthorized")
    (await bob.post(f"{MODELS}/model/delete", {"id": "pirate"})).refused(401, "401 Unauthorized")
    (await bob.post(f"{MODELS}/model/access/update", {"id": "new", "access_grants": []})).refused(403, prohibited)
    (await bob.post(f"{MODELS}/model/access/update", {"id": "pirate", "access_grants": []})).refused(400, prohibited)
    for path in ("base", "all", "base/tags"):
        (await bob.get(f"{MODELS}/{path}")).refused(401, prohibited)
    (await bob.delete(f"{MODELS}/delete/all")).refused(401, prohibited)


async def test_a_preset_with_an_inaccessible_base_is_listed_but_does_not_answer(ada: Person, bob: Person) -> None:
    (await ada.post(f"{MODELS}/create", make_form(access_grants=PUBLIC_GRANTS))).ok()
    assert [model["id"] for model in (await bob.get("/api/models")).ok()["data"]] == ["pirate"]
    question = {"model": "pirate", "messages": [{"role": "user", "content": "Hi [[tokens 1]]"}]}
    (await bob.post("/api/chat/completions", question)).refused(400, "Model not found")
    (await ada.post(f"{MODELS}/model/access/update", {"id": "demo-small", "access_grants": PUBLIC_GRANTS})).ok()
    (await bob.post("/api/chat/completions", question)).ok()


async def test_base_models_are_named_and_hidden(ada: Person) -> None:
    override = make_form("demo-large", base_model_id=None, name="Big", meta={"tags": ["best"]})
    (await ada.post(f"{MODELS}/create", override)).ok()
    models_by_id = {model["id"]: model for model in (await ada.get("/api/models")).ok()["data"]}
    assert models_by_id["demo-large"]["name"] == "Big" and models_by_id["demo-large"]["urlIdx"] == 0
    assert [model["id"] for model in (await ada.get(f"{MODELS}/base", tag="best")).ok()] == ["demo-large"]
    assert (await ada.get(f"{MODELS}/base", tag="worst")).ok() == []
    assert (await ada.get(f"{MODELS}/base/tags")).ok() == ["best"]
    assert (await ada.post(f"{MODELS}/model/toggle", id="demo-large")).ok()["is_active"] is False
    assert "demo-large" not in {model["id"] for model in (await ada.get("/api/models")).ok()["data"]}
    assert "demo-large" in {model["id"] for model in (await ada.get("/api/models/base")).ok()["data"]}
    # A field that the form omits is not changed.
    assert (await ada.post(f"{MODELS}/model/update", override)).ok()["is_active"] is False


async def test_search_order_and_pages(ada: Person) -> None:
    for number in range(32):
        (
            await ada.post(f"{MODELS}/create", make_form(f"m{number:02}", meta={"tags": ["Ünï_1" if number else "x"]}))
        ).ok()
    first = (await ada.get(f"{MODELS}/list", order_by="name", direction="asc")).ok()
    assert first["total"] == 32 and [model["id"] for model in first["items"]] == [f"m{n:02}" for n in range(30)]
    second = (await ada.get(f"{MODELS}/list", order_by="name", direction="asc", page=2)).ok()
    assert [model["id"] for model in second["items"]] == ["m30", "m31"]
    assert (await ada.get(f"{MODELS}/list", query="M1")).ok()["total"] == 10
    assert (await ada.get(f"{MODELS}/list", query="ADA@example")).ok()["total"] == 32
    assert (await ada.get(f"{MODELS}/list", tag="Ünï_1")).ok()["total"] == 31
    assert (await ada.get(f"{MODELS}/list", tag="Ünï%1")).ok()["total"] == 0


async def test_revisions_are_listed_restored_and_deleted(ada: Person, bob: Person) -> None:
    created = (await ada.post(f"{MODELS}/create", make_form(params={"system": "one"}, commit_message="first"))).ok()
    first = created["version_id"]
    unchanged = (
        await ada.post(f"{MODELS}/model/update", make_form(params={"system": "one"}, meta={"hidden": True}))
    ).ok()
    assert unchanged["version_id"] == first and unchanged["meta"]["hidden"] is True
    changed = (await ada.post(f"{MODELS}/model/update", make_form(name="Two", params={"system": "two"}))).ok()
    second = changed["version_id"]
    (
        await ada.post(f"{MODELS}/model/update", make_form(name="Two", params={"system": "two"}, meta={"hidden": True}))
    ).ok()
    history = (await ada.get(f"{MODELS}/model/history", id="pirate")).ok()
    assert {revision["id"]: revision["parent_id"] for revision in history} == {second: first, first: None}
    by_id = {revision["id"]: revision for revision in history}
    assert list(by_id[first]) == ["id", "model_id", "parent_id", "user_id", "commit_message", "created_at", "user"]
    assert by_id[first]["commit_message"] == "first" and by_id[first]["user"] == {"name": "Ada"}
    entry = (await ada.get(f"{MODELS}/model/history/{first}", id="pirate")).ok()
    assert entry["snapshot"]["params"] == {"system": "one"} and "hidden" not in entry["snapshot"]["meta"]
    assert list(entry["snapshot"]) == ["name", "base_model_id", "params", "meta"]

    restored = (await ada.post(f"{MODELS}/model/update/version", {"version_id": first}, id="pirate")).ok()
    assert restored["version_id"] == first and restored["params"] == {"system": "one"} and restored["name"] == "Pirate"
    assert restored["meta"]["hidden"] is True
    assert len((await ada.get(f"{MODELS}/model/history", id="pirate")).ok()) == 2

    (await ada.delete(f"{MODELS}/model/history/{first}", id="pirate")).refused(400, "Cannot delete the current version")
    assert (await ada.delete(f"{MODELS}/model/history/{second}", id="pirate")).ok() is True
    (await ada.delete(f"{MODELS}/model/history/{second}", id="pirate")).refused(404, "Model version not found")
    (await ada.get(f"{MODELS}/model/history/{second}", id="pirate")).refused(404, "Model version not found")
    (await ada.post(f"{MODELS}/model/update/version", {"version_id": second}, id="pirate")).refused(404)
    (await bob.get(f"{MODELS}/model/history", id="pirate")).refused(403)
    (await ada.get(f"{MODELS}/model/history", id="nothing")).refused(404)
    (await ada.get(f"{MODELS}/model/history")).refused(422)


async def test_a_revision_with_an_unavailable_base_model_is_not_restored(ada: Person) -> None:
    first = (await ada.post(f"{MODELS}/create", make_form(base_model_id="gone"))).ok()["version_id"]
    (await ada.post(f"{MODELS}/model/update", make_form())).ok()
    (await ada.post(f"{MODELS}/model/update/version", {"version_id": first}, id="pirate")).refused(
        400, "The base model is unavailable."
    )


async def test_export_and_import(ada: Person, bob: Person, cy: Person) -> None:
    (await ada.post(f"{MODELS}/create", make_form(params={"system": "Arr"}, meta={"description": "old"}))).ok()
    (await ada.post(f"{MODELS}/create", make_form("parrot"))).ok()
    exported = (await ada.get(f"{MODELS}/export", ids="pirate")).ok()
    assert [model["id"] for model in exported] == ["pirate"] and exported[0]["background_image_data"] is None
    (await ada.get(f"{MODELS}/export", ids="nothing")).refused(403)
    (await bob.get(f"{MODELS}/export")).refused(401, "401 Unauthorized")

    (await ada.post(f"{MODELS}/model/delete", {"id": "pirate"})).ok()
    assert (await ada.post(f"{MODELS}/import", {"models": exported})).ok() is True
    imported = (await ada.get(f"{MODELS}/model", id="pirate")).ok()
    assert imported["params"] == {"system": "Arr"} and imported["version_id"] != exported[0]["version_id"]
    # Importing over an existing model merges meta and replaces parameters.
    (await ada.post(f"{MODELS}/import", {"models": [{"id": "pirate", "meta": {"x": 1}}]})).ok()
    merged = (await ada.get(f"{MODELS}/model", id="pirate")).ok()
    assert merged["meta"]["description"] == "old" and merged["meta"]["x"] == 1 and merged["params"] == {}
    (await ada.post(f"{MODELS}/import", {"models": [{"id": "new"}]})).refused(400)
    (await ada.post(f"{MODELS}/import", {"models": [{"id": "has space", "name": "x"}, {"name": "x"}]})).ok()

    (await bob.post(f"{MODELS}/import", {"models": []})).refused(401, "401 Unauthorized")
    await set_default_permissions(ada, bob, models_import=True, models_export=True)
    id_taken = "Uh-oh! This model id is already registered. Please choose another model id string."
    (await bob.post(f"{MODELS}/import", {"models": exported})).refused(401, id_taken)
    (await bob.post(f"{MODELS}/import", {"models": [make_form("demo-large")]})).refused(401, id_taken)
    (await bob.post(f"{MODELS}/import", {"models": [make_form("mine"), make_form("none", base_model_id=None)]})).ok()
    assert [model["id"] for model in (await bob.get(f"{MODELS}/export")).ok()] == ["mine"]
    (await bob.get(f"{MODELS}/model", id="none")).refused(404)


async def test_sync_replaces_everything(ada: Person, bob: Person) -> None:
    existing = (await ada.post(f"{MODELS}/create", make_form(access_grants=[make_grant(bob, "read")]))).ok()
    (await ada.post(f"{MODELS}/create", make_form("parrot"))).ok()
    new_model = {
        **existing,
        "id": "captain",
        "name": "Captain",
        "user_id": "somebody",
        "is_active": False,
        "access_grants": [],
    }
    synced = (await ada.post(f"{MODELS}/sync", {"models": [new_model, {**existing, "name": "Renamed"}]})).ok()
    assert [model["id"] for model in synced] == ["captain", "pirate"]
    assert synced[0]["user_id"] == ada.id and synced[0]["is_active"] is False
    assert synced[1]["name"] == "Renamed" and len(synced[1]["access_grants"]) == 1
    assert {model["id"] for model in (await ada.get(f"{MODELS}/all")).ok()} == {"captain", "pirate"}
    (await bob.post(f"{MODELS}/sync", {"models": []})).refused(401)
    assert (await ada.delete(f"{MODELS}/delete/all")).ok() is True
    assert (await ada.get(f"{MODELS}/all")).ok() == []


async def test_the_profile_image_of_a_model(server: Server, ada: Person, bob: Person) -> None:
    path = f"{MODELS}/model/profile/image"
    (await ada.post(f"{MODELS}/create", make_form(meta={"profile_image_url": PIXEL}))).ok()
    (await ada.post(f"{MODELS}/create", make_form("static", meta={"profile_image_url": "/favicon.png"}))).ok()
    reply = await ada.get(path, id="pirate", lang="en-US")
    assert reply.status == 200 and reply.headers["content-type"] == "image/png"
    assert reply.headers["etag"].strip('"').isdigit() and reply.headers["x-content-type-options"] == "nosniff"
    for person, model_id in ((ada, "undefined"), (ada, "static"), (bob, "pirate")):
        reply = await person.get(path, id=model_id)
        assert reply.status == 302 and reply.headers["location"] == "/static/favicon.png"
    (await server.stranger().get(path, id="pirate")).refused(401)
    (await ada.get(path)).refused(422)


async def test_a_model_is_created_at_the_collection_and_read_by_its_path(ada: Person) -> None:
    (await ada.post(MODELS, make_form("org/pirate:7b"))).ok()
    assert (await ada.get(f"{MODELS}/org/pirate:7b")).ok()["id"] == "org/pirate:7b"
    (await ada.get(f"{MODELS}/org/nothing")).refused(404)


async def test_a_model_refers_only_to_accessible_files(ada: Person, bob: Person) -> None:
    await set_default_permissions(ada, bob, models=True)
    knowledge = [{"type": "file", "id": "no-such-file"}]
    (await bob.post(f"{MODELS}/create", make_form(meta={"knowledge": knowledge}))).refused(403)
    background = "/api/v1/files/00000000-0000-4000-8000-000000000000/content"
    (await ada.post(f"{MODELS}/create", make_form(meta={"background_image_url": background}))).refused(
        403, "Background image is not accessible."
    )


async def test_api_clients_create_and_read_models_by_path(ada: Person, bob: Person) -> None:
    form = {"id": "shop/helper", "base_model_id": "demo-small", "name": "Helper", "params": {}, "meta": {}}
    created = (await ada.post(MODELS, form)).ok()
    assert created["id"] == "shop/helper" and created["user_id"] == ada.id
    (await ada.post(MODELS, form)).refused(401)
    (await bob.post(MODELS, {**form, "id": "mine"})).refused(401)
    (await ada.post(MODELS, {"id": "half"})).refused(422)
    for path in ("shop/helper", "shop%2Fhelper"):
        assert (await ada.get(f"{MODELS}/{path}")).ok()["name"] == "Helper"
        (await bob.get(f"{MODELS}/{path}")).refused(401)
    (await ada.get(f"{MODELS}/nothing")).refused(404)
    base_model = (await ada.get(f"{MODELS}/demo-small")).ok()
    assert base_model["owned_by"] == "openai" and base_model in (await ada.get("/api/models")).ok()["data"]
    (await bob.get(f"{MODELS}/demo-small")).refused(404)
    # Fixed paths go before ids.
    assert "items" in (await ada.get(f"{MODELS}/list")).ok()
