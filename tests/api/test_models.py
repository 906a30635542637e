"""Workspace models: making, sharing, changing, going back, carrying elsewhere."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from conftest import Person, Server

MODELS = "/api/v1/models"
EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
PIXEL = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode()


def form(model_id: str = "pirate", **more: Any) -> dict[str, Any]:
    found = {"id": model_id, "name": model_id.title(), "base_model_id": "demo-small", "meta": {}, "params": {}}
    return {**found, **more}


def grant(person: Person, permission: str) -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def allow(ada: Person, bob: Person, **permissions: bool) -> None:
    tree = (await ada.get("/api/v1/users/default/permissions")).ok()
    tree["workspace"] |= permissions
    (await ada.post("/api/v1/users/default/permissions", tree)).ok()


async def test_a_new_model_is_shown_and_listed(ada: Person) -> None:
    meta = {"profile_image_url": PIXEL, "tags": ["sea", {"name": " ship "}], "suggestion_prompts": None}
    made = (await ada.post(f"{MODELS}/create", form(meta=meta, params={"system": "Arr"}))).ok()
    assert list(made) == [
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
    assert made["meta"]["tags"] == [{"name": "sea"}, {"name": "ship"}]
    assert list(made["meta"])[:3] == ["profile_image_url", "background_image_url", "description"]
    assert made["meta"]["suggestion_prompts"] is None and made["meta"]["voice"] is None
    page = (await ada.get(f"{MODELS}/list")).ok()
    assert page["total"] == 1
    (item,) = page["items"]
    assert item["user"] == {"id": ada.id, "name": "Ada", "role": "admin", "email": "ada@example.com"}
    assert item["write_access"] is True and "profile_image_url" not in item["meta"]
    listed = (await ada.get("/api/models")).ok()["data"]
    shown = next(one for one in listed if one["id"] == "pirate")
    assert shown["preset"] is True and shown["tags"] == [{"name": "sea"}, {"name": "ship"}]
    assert shown["info"]["params"] == {}
    assert (await ada.get(f"{MODELS}/tags")).ok() == ["sea", "ship"]


async def test_ids_are_checked(ada: Person) -> None:
    problems = (await ada.post(f"{MODELS}/create", form("two words"))).refused(422)
    assert problems[0]["type"] == "string_pattern_mismatch" and problems[0]["loc"] == ["body", "id"]
    (await ada.post(f"{MODELS}/create", form("x" * 257))).refused(400)
    (await ada.post(f"{MODELS}/create", form())).ok()
    (await ada.post(f"{MODELS}/create", form())).refused(
        401, "Uh-oh! This model id is already registered. Please choose another model id string."
    )
    own_base = (await ada.post(f"{MODELS}/create", form("self", base_model_id="self"))).ok()
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
async def test_what_no_page_could_show_is_refused(ada: Person, meta: Any, params: Any) -> None:
    (await ada.post(f"{MODELS}/create", form(meta=meta, params=params))).refused(422)


async def test_pictures_nobody_should_load_are_dropped(ada: Person) -> None:
    for url in ("javascript:alert(1)", "data:image/svg+xml;base64,AAAA", "//elsewhere.example/x", "/api/v1/chats"):
        made = (await ada.post(f"{MODELS}/create", form(f"m{abs(hash(url))}", meta={"profile_image_url": url}))).ok()
        assert made["meta"]["profile_image_url"] is None


async def test_controls_reach_the_page_without_what_they_set(ada: Person) -> None:
    controls = {"mode": {"label": "Mode", "display": "menu", "options": {"a": {"label": "A", "params": {"top_p": 1}}}}}
    made = (await ada.post(f"{MODELS}/create", form(params={"model_controls": controls, "temperature": 1}))).ok()
    kept = {"label": "Mode", "options": {"a": {"label": "A", "params": {"top_p": 1}}}}
    assert made["params"] == {"model_controls": {"mode": kept}, "temperature": 1}
    listed = (await ada.get("/api/models")).ok()["data"]
    shown = next(one for one in listed if one["id"] == "pirate")
    assert shown["info"]["params"] == {"model_controls": {"mode": {"label": "Mode", "options": {"a": {"label": "A"}}}}}
    # A form that does not mention them keeps them; one that names none takes them away.
    kept_on = (await ada.post(f"{MODELS}/model/update", form(params={"top_k": 3}))).ok()
    assert kept_on["params"]["model_controls"] == {"mode": kept}
    gone = (await ada.post(f"{MODELS}/model/update", form(params={"model_controls": {}}))).ok()
    assert gone["params"] == {}


async def test_the_variables_of_a_prompt_become_a_form(ada: Person) -> None:
    system = 'Speak {{ chat.variables.tongue | select:options=["en","de"]:required }} to {{chat.variables.name}}'
    (await ada.post(f"{MODELS}/create", form(params={"system": system}))).ok()
    wanted = {
        "fields": [
            {"key": "tongue", "options": ["en", "de"], "required": True, "type": "select"},
            {"key": "name", "type": "text", "required": False},
        ]
    }
    assert (await ada.get(f"{MODELS}/model", id="pirate")).ok()["meta"]["chat_variables_schema"] == wanted
    listed = (await ada.get("/api/models")).ok()["data"]
    shown = next(one for one in listed if one["id"] == "pirate")
    assert shown["info"]["meta"]["chat_variables_schema"] == wanted


async def test_who_may_make_models(server: Server, ada: Person, bob: Person) -> None:
    (await server.stranger().post(f"{MODELS}/create", form())).refused(401)
    (await bob.post(f"{MODELS}/create", form())).refused(401, "401 Unauthorized")
    await allow(ada, bob, models=True)
    (await bob.post(f"{MODELS}/create", form(base_model_id=None))).refused(401, "401 Unauthorized")
    (await bob.post(f"{MODELS}/create", form("demo-large"))).refused(
        401, "Uh-oh! This model id is already registered. Please choose another model id string."
    )
    made = (await bob.post(f"{MODELS}/create", form(access_grants=EVERYBODY))).ok()
    assert made["access_grants"] == []
    (await bob.post(f"{MODELS}/model/update", form(base_model_id=None))).refused(401, "401 Unauthorized")
    assert (await bob.post(f"{MODELS}/model/update", form(name="Mine"))).ok()["name"] == "Mine"


async def test_readers_see_no_parameters_and_change_nothing(ada: Person, bob: Person, cy: Person) -> None:
    shared = form(params={"system": "secret"}, access_grants=[grant(bob, "read")])
    (await ada.post(f"{MODELS}/create", shared)).ok()
    seen = (await bob.get(f"{MODELS}/model", id="pirate")).ok()
    assert seen["params"] == {} and seen["write_access"] is False
    (item,) = (await bob.get(f"{MODELS}/list")).ok()["items"]
    assert item["params"] == {} and item["write_access"] is False
    assert (await bob.get(f"{MODELS}/list", view_option="created")).ok()["total"] == 0
    assert (await bob.get(f"{MODELS}/list", view_option="shared")).ok()["total"] == 1
    assert (await cy.get(f"{MODELS}/list")).ok() == {"items": [], "total": 0}
    prohibited = "You do not have permission to access this resource. Please contact your administrator for assistance."
    (await cy.get(f"{MODELS}/model", id="pirate")).refused(401, prohibited)
    (await cy.get(f"{MODELS}/model", id="nothing")).refused(404)
    (await bob.post(f"{MODELS}/model/update", form())).refused(400, prohibited)
    (await bob.post(f"{MODELS}/model/toggle", id="pirate")).refused(401, "401 Unauthorized")
    (await bob.post(f"{MODELS}/model/delete", {"id": "pirate"})).refused(401, "401 Unauthorized")
    (await bob.post(f"{MODELS}/model/access/update", {"id": "new", "access_grants": []})).refused(403, prohibited)
    (await bob.post(f"{MODELS}/model/access/update", {"id": "pirate", "access_grants": []})).refused(400, prohibited)
    for path in ("base", "all", "base/tags"):
        (await bob.get(f"{MODELS}/{path}")).refused(401, prohibited)
    (await bob.delete(f"{MODELS}/delete/all")).refused(401, prohibited)


async def test_a_preset_is_listed_though_its_base_is_closed_but_does_not_answer(ada: Person, bob: Person) -> None:
    (await ada.post(f"{MODELS}/create", form(access_grants=EVERYBODY))).ok()
    assert [one["id"] for one in (await bob.get("/api/models")).ok()["data"]] == ["pirate"]
    question = {"model": "pirate", "messages": [{"role": "user", "content": "Hi [[tokens 1]]"}]}
    (await bob.post("/api/chat/completions", question)).refused(400, "Model not found")
    (await ada.post(f"{MODELS}/model/access/update", {"id": "demo-small", "access_grants": EVERYBODY})).ok()
    (await bob.post("/api/chat/completions", question)).ok()


async def test_base_models_are_named_and_hidden(ada: Person) -> None:
    said = form("demo-large", base_model_id=None, name="Big", meta={"tags": ["best"]})
    (await ada.post(f"{MODELS}/create", said)).ok()
    listed = {one["id"]: one for one in (await ada.get("/api/models")).ok()["data"]}
    assert listed["demo-large"]["name"] == "Big" and listed["demo-large"]["urlIdx"] == 0
    assert [one["id"] for one in (await ada.get(f"{MODELS}/base", tag="best")).ok()] == ["demo-large"]
    assert (await ada.get(f"{MODELS}/base", tag="worst")).ok() == []
    assert (await ada.get(f"{MODELS}/base/tags")).ok() == ["best"]
    assert (await ada.post(f"{MODELS}/model/toggle", id="demo-large")).ok()["is_active"] is False
    assert "demo-large" not in {one["id"] for one in (await ada.get("/api/models")).ok()["data"]}
    assert "demo-large" in {one["id"] for one in (await ada.get("/api/models/base")).ok()["data"]}
    # What a form does not say stays as it is.
    assert (await ada.post(f"{MODELS}/model/update", said)).ok()["is_active"] is False


async def test_search_order_and_pages(ada: Person) -> None:
    for number in range(32):
        (await ada.post(f"{MODELS}/create", form(f"m{number:02}", meta={"tags": ["Ünï_1" if number else "x"]}))).ok()
    first = (await ada.get(f"{MODELS}/list", order_by="name", direction="asc")).ok()
    assert first["total"] == 32 and [one["id"] for one in first["items"]] == [f"m{n:02}" for n in range(30)]
    second = (await ada.get(f"{MODELS}/list", order_by="name", direction="asc", page=2)).ok()
    assert [one["id"] for one in second["items"]] == ["m30", "m31"]
    assert (await ada.get(f"{MODELS}/list", query="M1")).ok()["total"] == 10
    assert (await ada.get(f"{MODELS}/list", query="ADA@example")).ok()["total"] == 32
    assert (await ada.get(f"{MODELS}/list", tag="Ünï_1")).ok()["total"] == 31
    assert (await ada.get(f"{MODELS}/list", tag="Ünï%1")).ok()["total"] == 0


async def test_versions(ada: Person, bob: Person) -> None:
    made = (await ada.post(f"{MODELS}/create", form(params={"system": "one"}, commit_message="first"))).ok()
    first = made["version_id"]
    same = (await ada.post(f"{MODELS}/model/update", form(params={"system": "one"}, meta={"hidden": True}))).ok()
    assert same["version_id"] == first and same["meta"]["hidden"] is True
    changed = (await ada.post(f"{MODELS}/model/update", form(name="Two", params={"system": "two"}))).ok()
    second = changed["version_id"]
    (await ada.post(f"{MODELS}/model/update", form(name="Two", params={"system": "two"}, meta={"hidden": True}))).ok()
    listed = (await ada.get(f"{MODELS}/model/history", id="pirate")).ok()
    assert {one["id"]: one["parent_id"] for one in listed} == {second: first, first: None}
    by_id = {one["id"]: one for one in listed}
    assert list(by_id[first]) == ["id", "model_id", "parent_id", "user_id", "commit_message", "created_at", "user"]
    assert by_id[first]["commit_message"] == "first" and by_id[first]["user"] == {"name": "Ada"}
    entry = (await ada.get(f"{MODELS}/model/history/{first}", id="pirate")).ok()
    assert entry["snapshot"]["params"] == {"system": "one"} and "hidden" not in entry["snapshot"]["meta"]
    assert list(entry["snapshot"]) == ["name", "base_model_id", "params", "meta"]

    back = (await ada.post(f"{MODELS}/model/update/version", {"version_id": first}, id="pirate")).ok()
    assert back["version_id"] == first and back["params"] == {"system": "one"} and back["name"] == "Pirate"
    assert back["meta"]["hidden"] is True
    assert len((await ada.get(f"{MODELS}/model/history", id="pirate")).ok()) == 2

    (await ada.delete(f"{MODELS}/model/history/{first}", id="pirate")).refused(400, "Cannot delete the current version")
    assert (await ada.delete(f"{MODELS}/model/history/{second}", id="pirate")).ok() is True
    (await ada.delete(f"{MODELS}/model/history/{second}", id="pirate")).refused(404, "Model version not found")
    (await ada.get(f"{MODELS}/model/history/{second}", id="pirate")).refused(404, "Model version not found")
    (await ada.post(f"{MODELS}/model/update/version", {"version_id": second}, id="pirate")).refused(404)
    (await bob.get(f"{MODELS}/model/history", id="pirate")).refused(403)
    (await ada.get(f"{MODELS}/model/history", id="nothing")).refused(404)
    (await ada.get(f"{MODELS}/model/history")).refused(422)


async def test_a_version_whose_base_is_gone_is_not_gone_back_to(ada: Person) -> None:
    first = (await ada.post(f"{MODELS}/create", form(base_model_id="gone"))).ok()["version_id"]
    (await ada.post(f"{MODELS}/model/update", form())).ok()
    (await ada.post(f"{MODELS}/model/update/version", {"version_id": first}, id="pirate")).refused(
        400, "The base model is unavailable."
    )


async def test_export_and_import(ada: Person, bob: Person, cy: Person) -> None:
    (await ada.post(f"{MODELS}/create", form(params={"system": "Arr"}, meta={"description": "old"}))).ok()
    (await ada.post(f"{MODELS}/create", form("parrot"))).ok()
    exported = (await ada.get(f"{MODELS}/export", ids="pirate")).ok()
    assert [one["id"] for one in exported] == ["pirate"] and exported[0]["background_image_data"] is None
    (await ada.get(f"{MODELS}/export", ids="nothing")).refused(403)
    (await bob.get(f"{MODELS}/export")).refused(401, "401 Unauthorized")

    (await ada.post(f"{MODELS}/model/delete", {"id": "pirate"})).ok()
    assert (await ada.post(f"{MODELS}/import", {"models": exported})).ok() is True
    again = (await ada.get(f"{MODELS}/model", id="pirate")).ok()
    assert again["params"] == {"system": "Arr"} and again["version_id"] != exported[0]["version_id"]
    # Over an existing one: meta is laid over, parameters are replaced.
    (await ada.post(f"{MODELS}/import", {"models": [{"id": "pirate", "meta": {"x": 1}}]})).ok()
    over = (await ada.get(f"{MODELS}/model", id="pirate")).ok()
    assert over["meta"]["description"] == "old" and over["meta"]["x"] == 1 and over["params"] == {}
    (await ada.post(f"{MODELS}/import", {"models": [{"id": "new"}]})).refused(400)
    (await ada.post(f"{MODELS}/import", {"models": [{"id": "has space", "name": "x"}, {"name": "x"}]})).ok()

    (await bob.post(f"{MODELS}/import", {"models": []})).refused(401, "401 Unauthorized")
    await allow(ada, bob, models_import=True, models_export=True)
    taken = "Uh-oh! This model id is already registered. Please choose another model id string."
    (await bob.post(f"{MODELS}/import", {"models": exported})).refused(401, taken)
    (await bob.post(f"{MODELS}/import", {"models": [form("demo-large")]})).refused(401, taken)
    (await bob.post(f"{MODELS}/import", {"models": [form("mine"), form("none", base_model_id=None)]})).ok()
    assert [one["id"] for one in (await bob.get(f"{MODELS}/export")).ok()] == ["mine"]
    (await bob.get(f"{MODELS}/model", id="none")).refused(404)


async def test_sync_replaces_everything(ada: Person, bob: Person) -> None:
    kept = (await ada.post(f"{MODELS}/create", form(access_grants=[grant(bob, "read")]))).ok()
    (await ada.post(f"{MODELS}/create", form("parrot"))).ok()
    new = {**kept, "id": "captain", "name": "Captain", "user_id": "somebody", "is_active": False, "access_grants": []}
    answer = (await ada.post(f"{MODELS}/sync", {"models": [new, {**kept, "name": "Renamed"}]})).ok()
    assert [one["id"] for one in answer] == ["captain", "pirate"]
    assert answer[0]["user_id"] == ada.id and answer[0]["is_active"] is False
    assert answer[1]["name"] == "Renamed" and len(answer[1]["access_grants"]) == 1
    assert {one["id"] for one in (await ada.get(f"{MODELS}/all")).ok()} == {"captain", "pirate"}
    (await bob.post(f"{MODELS}/sync", {"models": []})).refused(401)
    assert (await ada.delete(f"{MODELS}/delete/all")).ok() is True
    assert (await ada.get(f"{MODELS}/all")).ok() == []


async def test_the_picture_of_a_model(server: Server, ada: Person, bob: Person) -> None:
    path = f"{MODELS}/model/profile/image"
    (await ada.post(f"{MODELS}/create", form(meta={"profile_image_url": PIXEL}))).ok()
    (await ada.post(f"{MODELS}/create", form("static", meta={"profile_image_url": "/favicon.png"}))).ok()
    reply = await ada.get(path, id="pirate", lang="en-US")
    assert reply.status == 200 and reply.headers["content-type"] == "image/png"
    assert reply.headers["etag"].strip('"').isdigit() and reply.headers["x-content-type-options"] == "nosniff"
    for person, model_id in ((ada, "undefined"), (ada, "static"), (bob, "pirate")):
        reply = await person.get(path, id=model_id)
        assert reply.status == 302 and reply.headers["location"] == "/static/favicon.png"
    (await server.stranger().get(path, id="pirate")).refused(401)
    (await ada.get(path)).refused(422)


async def test_a_model_by_its_path_and_made_at_the_collection(ada: Person) -> None:
    (await ada.post(MODELS, form("org/pirate:7b"))).ok()
    assert (await ada.get(f"{MODELS}/org/pirate:7b")).ok()["id"] == "org/pirate:7b"
    (await ada.get(f"{MODELS}/org/nothing")).refused(404)


async def test_files_of_others_stay_theirs(ada: Person, bob: Person) -> None:
    await allow(ada, bob, models=True)
    knowledge = [{"type": "file", "id": "no-such-file"}]
    (await bob.post(f"{MODELS}/create", form(meta={"knowledge": knowledge}))).refused(403)
    background = "/api/v1/files/00000000-0000-4000-8000-000000000000/content"
    (await ada.post(f"{MODELS}/create", form(meta={"background_image_url": background}))).refused(
        403, "Background image is not accessible."
    )


async def test_clients_of_the_api_make_and_read_models_by_their_path(ada: Person, bob: Person) -> None:
    form = {"id": "shop/helper", "base_model_id": "demo-small", "name": "Helper", "params": {}, "meta": {}}
    made = (await ada.post(MODELS, form)).ok()
    assert made["id"] == "shop/helper" and made["user_id"] == ada.id
    (await ada.post(MODELS, form)).refused(401)
    (await bob.post(MODELS, {**form, "id": "mine"})).refused(401)
    (await ada.post(MODELS, {"id": "half"})).refused(422)
    for path in ("shop/helper", "shop%2Fhelper"):
        assert (await ada.get(f"{MODELS}/{path}")).ok()["name"] == "Helper"
        (await bob.get(f"{MODELS}/{path}")).refused(401)
    (await ada.get(f"{MODELS}/nothing")).refused(404)
    # Fixed paths go before ids.
    assert "items" in (await ada.get(f"{MODELS}/list")).ok()
