"""Odd models: what a model server, a row or a setting says about one model never takes the others away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from conftest import Person, Server
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.providers.registry import ModelsChanged
from stub_server import serve_handler

CHAT = "/api/chat/completions"
_DEEP: Any = []
for _ in range(300):
    _DEEP = [_DEEP]

#: What a server says about a model, beside its id.
ODD_FIELDS: list[dict[str, Any]] = [
    {"info": "text"},
    {"info": ["list"]},
    {"info": 5},
    {"info": {"meta": "text", "params": []}},
    {"info": {"meta": {"capabilities": 1, "tags": "text", "access_grants": 7, "description": ["x"]}}},
    {"info": {"meta": {"tags": [1, {"name": 5}, {"title": "x"}, "fine"]}, "params": {"model_controls": {"a": 1}}}},
    {"name": None},
    {"name": 5},
    {"name": {"en": "x"}},
    {"name": "n" * 4_000_000},
    {"tags": "text"},
    {"tags": {"a": 1}},
    {"status": {"value": ["loaded"]}},
    {"state": {}, "loaded_instances": 5},
    {"ollama": "text", "arena": "text", "preset": [], "pipeline": "text", "urlIdx": "x", "openai": 1, "actions": 1},
    {"object": 5, "created": "yesterday", "owned_by": [], "connection_type": 5, "provider": {}},
    {"nested": _DEEP},
    {"info": {"meta": {"nested": _DEEP}}},
    {"created": 10**400, "x\0": "\0"},
]
#: Entries that name no model.
NO_MODELS: list[Any] = [None, 5, "text", [], {}, {"id": 5}, {"id": None}, {"id": ["x"]}, {"id": ""}, {"id": "i" * 2000}]


class OddServer:
    """A model server whose list is `models`, or that answers `body` instead."""

    def __init__(self) -> None:
        self.models: list[Any] = []
        self.body: bytes | None = None
        self.running: Any = {"models": []}

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            message = {"role": "assistant", "content": f"I am {(await request.json())['model']}"}
            if request.path.endswith("/api/chat"):
                return web.json_response({"model": "x", "message": message, "done": True})
            return web.json_response({"id": "c", "object": "chat.completion", "choices": [{"message": message}]})
        if request.path == "/api/ps":
            return web.json_response(self.running)
        key = "models" if request.path == "/api/tags" else "data"
        body = self.body if self.body is not None else msgspec.json.encode({"object": "list", key: self.models})
        return web.Response(body=body, content_type="application/json")


@pytest.fixture
async def odd() -> AsyncIterator[tuple[OddServer, str]]:
    server = OddServer()
    async with serve_handler(server.respond) as url:
        yield server, url


async def _connect(ada: Person, upstream: str, odd_url: str, *, ollama: bool = False) -> None:
    """Add the odd server to the fine one, which makes the server ask both for their models."""
    urls = [f"{upstream}/v1"] if ollama else [f"{upstream}/v1", f"{odd_url}/v1"]
    form = {"ENABLE_OPENAI_API": True, "OPENAI_API_BASE_URLS": urls, "OPENAI_API_KEYS": ["k", "k"]}
    (await ada.post("/openai/config/update", {**form, "OPENAI_API_CONFIGS": {}})).ok()
    if ollama:
        form = {"ENABLE_OLLAMA_API": True, "OLLAMA_BASE_URLS": [odd_url], "OLLAMA_API_CONFIGS": {}}
        (await ada.post("/ollama/config/update", form)).ok()


async def _list_models(ada: Person) -> dict[str, Any]:
    return {model["id"]: model for model in (await ada.get("/api/models", refresh=True)).ok()["data"]}


async def _ask(person: Person, model: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": "Who are you? [[tokens 1]]"}]}
    content: str = (await person.post(CHAT, body)).ok()["choices"][0]["message"]["content"]
    return content


@pytest.mark.parametrize("kind", ["openai", "ollama"])
async def test_odd_parts_of_a_list_are_left_out(
    ada: Person, upstream: str, odd: tuple[OddServer, str], kind: str
) -> None:
    server, url = odd
    key = "id" if kind == "openai" else "model"
    names = [f"odd-{number}" for number in range(len(ODD_FIELDS))]
    odd_models = [{key: name, **fields} for name, fields in zip(names, ODD_FIELDS, strict=True)]
    no_models = [{key: model["id"]} if isinstance(model, dict) and "id" in model else model for model in NO_MODELS]
    server.models = [*no_models, *odd_models, odd_models[0]]
    server.running = {
        "models": [5, {"model": "odd-1", "expires_at": 5}, {"model": "odd-0", "expires_at": "2030-01-01"}]
    }
    await _connect(ada, upstream, url, ollama=kind == "ollama")
    models = await _list_models(ada)
    assert {model for model in models if "demo" not in model and model != "arena-model"} == set(names)
    assert all(isinstance(models[name]["name"], str) and len(models[name]["name"]) < 100 for name in names)
    assert models["odd-5"]["tags"] == ([{"name": "fine"}] if kind == "openai" else [])
    assert len((await ada.get("/api/models")).body) < 200_000
    for name in names:
        assert await _ask(ada, name) == f"I am {name}"
    await _ask(ada, "demo-small")
    for path in ("/openai/models", "/api/models/base", "/ollama/api/tags", "/ollama/api/ps", "/ollama/v1/models"):
        reply = await ada.get(path)
        assert reply.status in (200, 503), f"{path}: {reply.text[:200]}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"5",
        b"[",
        b"[" * 100_000,
        b'{"data": {"a": 1}, "models": "text"}',
        b'{"data": null, "models": null}',
        b'{"error": "no"}',
        b'\xef\xbb\xbf{"data": [{"id": "\xff", "model": "\xff"}, 5], "models": [5]}',
    ],
)
async def test_an_odd_list_leaves_other_servers_alone(
    ada: Person, upstream: str, odd: tuple[OddServer, str], body: bytes
) -> None:
    server, url = odd
    server.body = body
    await _connect(ada, upstream, url)
    await _connect(ada, upstream, url, ollama=True)
    assert "demo-small" in await _list_models(ada)
    assert await _ask(ada, "demo-small")
    for path in ("/ollama/api/tags", "/ollama/api/tags/0", "/ollama/api/ps", "/ollama/v1/models/0"):
        assert (await ada.get(path)).status == 200, path


#: JSON of the columns `params` and `meta` of workspace models.
ODD_ROWS: list[tuple[Any, Any]] = [
    ({"system": 5}, {"capabilities": 5, "description": {}}),
    ({"system": ["x"], "model_controls": {"a": 5, "b": {"options": 5}, "c": {"options": {"d": 5}}}}, {"tags": "text"}),
    ({"model_controls": []}, {"tags": [5, None, {"name": []}], "knowledge": "text", "toolIds": 7, "filterIds": {}}),
    ({"stop": {}, "custom_params": 5, "function_calling": []}, {"knowledge": [5, {"id": 5}]}),
    (None, {"access_grants": 5, "model_ids": 5, "suggestion_prompts": 1, "profile_image_url": 5, "i18n": []}),
    ({"deep": _DEEP}, {"deep": _DEEP, "actionIds": "x", "builtinTools": 5, "defaultFeatureIds": 5, "voice": []}),
    ({}, None),
]


async def test_odd_parts_of_workspace_models_are_left_out(server: Server, ada: Person) -> None:
    db = server.services.get(Database)
    insert = """INSERT INTO model (id, user_id, base_model_id, name, params, meta, is_active, updated_at, created_at)
        VALUES (:id, :user_id, 'demo-small', :id, :params, :meta, TRUE, 1, 1)"""
    names = [f"row-{number}" for number in range(len(ODD_ROWS))]
    for name, (params, meta) in zip(names, ODD_ROWS, strict=True):
        encoded = {"params": msgspec.json.encode(params).decode(), "meta": msgspec.json.encode(meta).decode()}
        await db.execute("test.insert", insert, id=name, user_id=ada.id, **encoded)
    await db.execute("test.insert", insert, id="list", user_id=ada.id, params="[]", meta="[]")
    await server.services.get(Bus).publish(ModelsChanged())
    models = await _list_models(ada)
    assert set(names) <= set(models) and "demo-small" in models
    for name in names:
        assert models[name]["name"] == name
        assert await _ask(ada, name)
    for path in ("/api/v1/models/list", "/api/v1/models/tags", "/api/v1/models/export", "/api/v1/models/base"):
        assert (await ada.get(path)).status == 200, path
    for name in names:
        (await ada.get("/api/v1/models/model", id=name)).ok()


async def test_odd_settings_of_models_are_left_out(ada: Person) -> None:
    arenas = [
        5,
        {"name": "No id"},
        {"id": 5, "name": "Number"},
        {"id": "plain"},
        {"id": "odd", "name": ["x"], "meta": "text"},
        {"id": "odder", "name": "Odder", "meta": {"model_ids": [{}, "demo-small"], "access_grants": 5, "deep": _DEEP}},
    ]
    config = {
        "evaluation.arena.enable": True,
        "evaluation.arena.models": arenas,
        "ui.model_order_list": [{}, ["x"], 5, "demo-large"],
        "models.default_metadata": {"capabilities": 5, "tags": "text", "description": []},
        "models.default_params": {"compact_token_threshold": [], "custom_params": 5},
    }
    (await ada.post("/api/v1/configs/import", {"config": config})).ok()
    models = await _list_models(ada)
    assert {name: models[name]["name"] for name in ("plain", "odd", "odder")} == {
        "plain": "plain",
        "odd": "odd",
        "odder": "Odder",
    }
    assert next(iter(models)) == "demo-large"
    assert await _ask(ada, "odder") and await _ask(ada, "odd") and await _ask(ada, "demo-small")
