"""Connections to model servers: configuring them, verifying them, forwarding requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from conftest import Person, Server

LLAMA = "llama-demo:latest"
EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {"ENABLE_OLLAMA_API": "true", "OLLAMA_BASE_URLS": upstream}


def build_question(text: str = "[[tokens 2]]", **more: Any) -> dict[str, Any]:
    return {"model": LLAMA, "messages": [{"role": "user", "content": f"Hi {text}"}], **more}


class Recorder:
    """A model server that records its requests and gives the responses in `answers`, by path."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        entry = {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": json.loads(body) if body[:1] == b"{" else body,
        }
        self.requests.append(entry)
        answer = self.answers.get(request.path, {"ok": True})
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = {}
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        if isinstance(content, str):
            return web.Response(text=content, status=status)
        return web.json_response(content, status=status)

    def get_last(self, path: str) -> dict[str, Any]:
        return next(request for request in reversed(self.requests) if request["path"] == path)


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    server = Recorder()
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


async def connect(ada: Person, url: str, key: str = "k", **options: Any) -> None:
    """Make `url` the second OpenAI-compatible connection."""
    config = (await ada.get("/openai/config")).ok()
    body = {
        **config,
        "OPENAI_API_BASE_URLS": [config["OPENAI_API_BASE_URLS"][0], url],
        "OPENAI_API_KEYS": [config["OPENAI_API_KEYS"][0], key],
        "OPENAI_API_CONFIGS": {"0": {}, "1": options},
    }
    (await ada.post("/openai/config/update", body)).ok()


async def grant_to_all(ada: Person, *model_ids: str) -> None:
    for model_id in model_ids:
        (await ada.post("/api/v1/models/model/access/update", {"id": model_id, "access_grants": EVERYBODY})).ok()


# -- configuration ------------------------------------------------------------------------------------------------


async def test_the_configuration_is_limited_to_existing_connections(ada: Person, bob: Person, upstream: str) -> None:
    body = {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": [f"{upstream}/v1", "http://127.0.0.1:9/v1"],
        "OPENAI_API_KEYS": ["one"],
        "OPENAI_API_CONFIGS": {"0": {"enable": True}, "1": {"enable": False}, "7": {"enable": True}},
    }
    saved = (await ada.post("/openai/config/update", body)).ok()
    assert saved["OPENAI_API_KEYS"] == ["one", ""] and set(saved["OPENAI_API_CONFIGS"]) == {"0", "1"}
    assert (await ada.get("/openai/config")).ok() == saved
    ollama = {"ENABLE_OLLAMA_API": False, "OLLAMA_BASE_URLS": [upstream], "OLLAMA_API_CONFIGS": {"0": {}, "1": {}}}
    saved = (await ada.post("/ollama/config/update", ollama)).ok()
    assert saved == {**ollama, "OLLAMA_API_CONFIGS": {"0": {}}} and (await ada.get("/ollama/config")).ok() == saved
    for path in ("/openai/config", "/ollama/config"):
        (await bob.get(path)).refused(401, PROHIBITED)
    (await ada.post("/openai/config/update", {})).refused(422)


async def test_prefixes_tags_and_chosen_models(ada: Person, recorder: Recorder) -> None:
    recorder.answers["/v1/models"] = {"data": [{"id": "a", "name": "A"}, {"id": "b"}, {"id": "a"}, {"name": None}]}
    await connect(ada, f"{recorder.url}/v1", prefix_id="alt", tags=[{"name": "lab"}], connection_type="local")
    models = {model["id"]: model for model in (await ada.get("/api/models")).ok()["data"]}
    entry = {
        "id": "alt.a",
        "name": "alt.A",
        "tags": [{"name": "lab"}],
        "connection_type": "local",
        "owned_by": "openai",
        "openai": {"id": "alt.a", "name": "alt.A", "tags": [{"name": "lab"}], "connection_type": "local"},
        "provider": "",
        "urlIdx": 1,
        "actions": [],
        "filters": [],
    }
    assert models["alt.a"] == entry and models["alt.b"]["name"] == "alt.b"
    recorder.answers["/v1/chat/completions"] = {"choices": []}
    question = {"model": "alt.a", "messages": [{"role": "user", "content": "Hi"}], "max_completion_tokens": 5}
    (await ada.post("/openai/chat/completions", question)).ok()
    sent = recorder.get_last("/v1/chat/completions")
    assert sent["body"]["model"] == "a" and sent["body"]["max_tokens"] == 5
    assert sent["headers"]["authorization"] == "Bearer k"

    await connect(ada, f"{recorder.url}/v1", model_ids=["gpt-5-own"])
    models = {model["id"]: model for model in (await ada.get("/api/models")).ok()["data"]}
    assert "alt.a" not in models and models["gpt-5-own"]["openai"]["openai"] == {"id": "gpt-5-own"}
    messages = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hi"}]
    (await ada.post("/openai/chat/completions", {"model": "gpt-5-own", "messages": messages, "max_tokens": 5})).ok()
    sent = recorder.get_last("/v1/chat/completions")["body"]
    assert sent["max_completion_tokens"] == 5 and sent["messages"][0]["role"] == "developer"


async def test_a_slow_connection_hides_no_other_models(ada: Person, recorder: Recorder) -> None:
    recorder.answers["/v1/models"] = 8.0
    await connect(ada, f"{recorder.url}/v1")
    started = asyncio.get_running_loop().time()
    models = (await ada.get("/api/models")).ok()["data"]
    assert asyncio.get_running_loop().time() - started < 6
    assert "demo-small" in {model["id"] for model in models}
    started = asyncio.get_running_loop().time()
    (await ada.get("/api/models")).ok()
    assert asyncio.get_running_loop().time() - started < 1


async def test_the_headers_of_a_connection(ada: Person, recorder: Recorder) -> None:
    recorder.answers["/v1/models"] = {"data": [{"id": "m"}]}
    headers = {"X-Who": "{{USER_NAME}} {{USER_ROLE}} {{NOBODY}}", "Authorization": "Basic {{USER_ID}}", "X-Ü": "ü"}
    await connect(ada, f"{recorder.url}/v1", headers={key: value for key, value in headers.items() if key.isascii()})
    (await ada.post("/openai/responses", {"model": "m", "input": "Hi"})).ok()
    sent = recorder.get_last("/v1/responses")["headers"]
    assert sent["x-who"] == "Ada admin {{NOBODY}}" and sent["authorization"] == f"Basic {ada.id}"
    await connect(ada, f"{recorder.url}/v1", auth_type="none")
    (await ada.post("/openai/responses", {"model": "m", "input": "Hi"})).ok()
    assert "authorization" not in recorder.get_last("/v1/responses")["headers"]
    await connect(ada, f"{recorder.url}/v1", auth_type="session")
    (await ada.post("/openai/responses", {"model": "m", "input": "Hi"})).ok()
    assert recorder.get_last("/v1/responses")["headers"]["authorization"] == f"Bearer {ada.token}"


async def test_azure(ada: Person, recorder: Recorder) -> None:
    options = {"provider": "azure", "api_version": "2024-10-21", "model_ids": ["gpt-4o", "../x"]}
    await connect(ada, recorder.url, **options)
    path = "/openai/deployments/gpt-4o/chat/completions"
    recorder.answers[path] = {"choices": []}
    question = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "top_k": 3, "top_p": 1}
    (await ada.post("/openai/chat/completions", question)).ok()
    sent = recorder.get_last(path)
    assert sent["query"] == {"api-version": "2024-10-21"} and sent["headers"]["api-key"] == "k"
    assert set(sent["body"]) == {"messages", "top_p"}
    (await ada.post("/openai/responses", {"model": "../x", "input": "Hi"})).refused(400)
    assert (await ada.get("/openai/models/1")).ok() == {"data": ["gpt-4o", "../x"], "object": "list"}
    v1 = {"url": f"{recorder.url}/openai/v1", "key": "k", "config": {"provider": "azure"}}
    (await ada.post("/openai/verify", v1)).ok()
    assert recorder.requests[-1]["path"] == "/openai/v1/models"
    (await ada.post("/openai/verify", {**v1, "url": recorder.url})).ok()
    assert recorder.requests[-1]["query"] == {"api-version": "2023-03-15-preview"}


async def test_a_connection_is_verified(ada: Person, bob: Person, upstream: str, recorder: Recorder) -> None:
    models = (await ada.post("/openai/verify", {"url": f"{upstream}/v1", "key": "x"})).ok()
    assert models["object"] == "list"
    recorder.answers["/v1/models"] = (401, {"error": {"message": "wrong key"}})
    reply = await ada.post("/openai/verify", {"url": f"{recorder.url}/v1", "key": "x"})
    assert reply.status == 401 and reply.json == {"error": {"message": "wrong key"}}
    recorder.answers["/v1/models"] = (503, "no JSON")
    reply = await ada.post("/openai/verify", {"url": f"{recorder.url}/v1", "key": "x"})
    assert reply.status == 503 and reply.text == "no JSON"
    dead = "http://127.0.0.1:9"
    (await ada.post("/openai/verify", {"url": dead, "key": ""})).refused(500, "Open WebUI: Server Connection Error")
    assert "version" in (await ada.post("/ollama/verify", {"url": upstream})).ok()
    (await ada.post("/ollama/verify", {"url": dead})).refused(500, "Open WebUI: Server Connection Error")
    recorder.answers["/api/version"] = (403, {"error": "no"})
    (await ada.post("/ollama/verify", {"url": recorder.url})).refused(500, "Unexpected error: External Error: no")
    for path in ("/openai/verify", "/ollama/verify"):
        (await bob.post(path, {"url": upstream, "key": ""})).refused(401, PROHIBITED)
    (await ada.post("/openai/verify", {"url": "x"})).refused(422)


# -- /openai ------------------------------------------------------------------------------------------------------


async def test_the_lists_of_models(ada: Person, bob: Person) -> None:
    all_models = (await ada.get("/openai/models")).ok()
    assert "demo-small" in {model["id"] for model in all_models["data"]} and all(
        "urlIdx" in model for model in all_models["data"]
    )
    raw = (await ada.get("/openai/models/0")).ok()
    assert raw["object"] == "list" and "urlIdx" not in raw["data"][0]
    assert (await bob.get("/openai/models")).ok()["data"] == []
    await grant_to_all(ada, "demo-small")
    assert [model["id"] for model in (await bob.get("/openai/models")).ok()["data"]] == ["demo-small"]
    (await bob.get("/openai/models/0")).refused(401, PROHIBITED)
    (await ada.get("/openai/models/7")).refused(404)
    (await ada.get("/openai/models/x")).refused(422)


async def test_disabled_apis_are_refused(ada: Person) -> None:
    config = (await ada.get("/openai/config")).ok()
    (await ada.post("/openai/config/update", {**config, "ENABLE_OPENAI_API": False})).ok()
    (await ada.get("/openai/models")).refused(503, "OpenAI API is disabled")
    question: dict[str, Any] = {"model": "demo-small", "messages": []}
    (await ada.post("/openai/chat/completions", question)).refused(503, "OpenAI API is disabled")
    config = (await ada.get("/ollama/config")).ok()
    (await ada.post("/ollama/config/update", {**config, "ENABLE_OLLAMA_API": False})).ok()
    disabled = "The Ollama API is disabled. Please enable it to use this feature."
    (await ada.get("/ollama/api/tags")).refused(503, disabled)
    (await ada.post("/ollama/api/chat", question)).refused(503, disabled)
    (await ada.post("/ollama/api/pull", {"model": "x"})).refused(503, disabled)
    assert (await ada.get("/ollama/api/version")).ok() == {"version": False}
    assert (await ada.get("/ollama/api/ps")).ok() == {"models": []}


async def test_the_responses_api(ada: Person, bob: Person) -> None:
    question = {"model": "demo-small", "input": "Hi [[tokens 2]]", "user": None}
    answer = (await ada.post("/openai/responses", question)).ok()
    assert answer["object"] == "response"
    reply = await ada.post("/openai/responses", {**question, "stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream") and "response.completed" in reply.text
    (await bob.post("/openai/responses", question)).refused(403, "Model not found")
    await grant_to_all(ada, "demo-small")
    (await bob.post("/openai/responses", question)).ok()
    (await ada.post("/openai/responses", {"input": "Hi"})).refused(422)


async def test_refusals_keep_their_status_and_body(ada: Person, recorder: Recorder) -> None:
    recorder.answers["/v1/models"] = {"data": [{"id": "m"}]}
    await connect(ada, f"{recorder.url}/v1")
    recorder.answers["/v1/responses"] = (429, {"error": {"message": "slow down"}})
    reply = await ada.post("/openai/responses", {"model": "m", "input": "Hi"})
    assert reply.status == 429 and reply.json == {"error": {"message": "slow down"}}


@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/openai/chat/completions", build_question(model="demo-small", stream=True, text="[[silent 20]]")),
        ("/openai/responses", {"model": "demo-small", "input": "[[slow]]"}),
        ("/ollama/api/chat", build_question(text="[[silent 20]]")),
        ("/ollama/api/chat", build_question(stream=False, text="[[slow]]")),
    ],
)
async def test_a_client_that_hangs_up_ends_the_work(ada: Person, upstream: str, path: str, question: Any) -> None:
    async with aiohttp.ClientSession() as session:
        await session.delete(f"{upstream}/_requests")
        with pytest.raises((TimeoutError, aiohttp.ClientError)):
            async with asyncio.timeout(1), ada.http().post(ada.url + path, json=question) as response:
                await response.read()
        for _ in range(100):
            requests = await (await session.get(f"{upstream}/_requests")).json()
            if requests and requests[-1]["gone"]:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the model server went on working")


async def test_unknown_paths_are_passed_on_only_when_allowed(ada: Person, bob: Person) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        (await ada.request(method, "/openai/fine_tuning/jobs")).refused(
            403, "Direct API passthrough is disabled. Set ENABLE_OPENAI_API_PASSTHROUGH=True to enable."
        )


class TestPassingThrough:
    @pytest.fixture
    def environment(self, upstream: str) -> dict[str, str]:
        return {"ENABLE_OPENAI_API_PASSTHROUGH": "true"}

    async def test_it_is_passed_on(self, ada: Person, recorder: Recorder) -> None:
        recorder.answers["/v1/models"] = {"data": [{"id": "m"}]}
        recorder.answers["/v1/fine_tuning/jobs"] = (201, {"id": "job"})
        await connect(ada, f"{recorder.url}/v1")
        reply = await ada.put("/openai/fine_tuning/jobs", {"model": "m", "x": 1})
        assert reply.status == 201 and reply.json == {"id": "job"}
        sent = recorder.get_last("/v1/fine_tuning/jobs")
        assert sent["method"] == "PUT" and sent["body"] == {"model": "m", "x": 1}


async def test_speech_needs_openai_itself(ada: Person, bob: Person) -> None:
    (await ada.post("/openai/audio/speech", {"input": "Hi"})).refused(401, "OpenAI API was not found")


async def test_models_loaded_on_demand(ada: Person, bob: Person, recorder: Recorder) -> None:
    loaded = {"id": "m", "status": {"value": "loaded"}}
    recorder.answers["/v1/models"] = {"data": [loaded, {"id": "n", "status": {"value": "unloaded"}}]}
    await connect(ada, f"{recorder.url}/v1", provider="llama.cpp", prefix_id="box")
    models = {model["id"]: model for model in (await ada.get("/api/models")).ok()["data"]}
    assert models["box.m"]["loaded"] is True and models["box.n"]["loaded"] is False
    recorder.answers["/models"] = {"data": []}
    assert (await ada.get("/openai/models/1/catalog")).ok() == {"data": []}
    (await ada.post("/openai/models/1/load", {"model": "box.n", "extra": 1, "none": None})).ok()
    assert recorder.get_last("/models/load")["body"] == {"model": "n", "extra": 1}
    (await ada.post("/api/models/unload", {"model": "box.m"})).ok()
    assert recorder.get_last("/models/unload")["body"] == {"model": "m"}
    (await ada.delete("/openai/models/1", model="box.n")).ok()
    assert recorder.get_last("/models")["method"] == "DELETE" and recorder.get_last("/models")["query"] == {
        "model": "n"
    }
    recorder.answers["/models/unload"] = (409, {"error": "busy"})
    (await ada.post("/openai/models/1/unload", {"model": "box.m"})).refused(409, {"error": "busy"})
    (await ada.get("/openai/models/1/download/status/7")).refused(
        400, 'Provider "llama.cpp" does not support download_status'
    )
    (await ada.get("/openai/models/0/catalog")).refused(400, 'Provider "default" does not support model management')
    (await ada.get("/openai/models/9/catalog")).refused(404, "Connection not found")
    (await ada.post("/api/models/unload", {"model": "demo-small"})).refused(
        400, 'Provider "default" does not support model unloading'
    )
    (await ada.post("/api/models/unload", {"model": "nothing"})).refused(404, 'Model "nothing" not found')
    (await bob.get("/openai/models/1/catalog")).refused(401, PROHIBITED)


# -- /ollama ------------------------------------------------------------------------------------------------------


async def test_models_and_versions_of_ollama(server: Server, ada: Person, bob: Person) -> None:
    assert (await server.stranger().get("/ollama")).ok() == {"status": True}
    assert (await server.stranger().request("HEAD", "/ollama/")).status == 200
    (model,) = (await ada.get("/ollama/api/tags")).ok()["models"]
    assert model["model"] == LLAMA and model["urls"] == [0] and model["connection_type"] == "local"
    assert (await ada.get("/ollama/api/tags/0")).ok()["models"][0]["model"] == LLAMA
    (openai_model,) = (await ada.get("/ollama/v1/models")).ok()["data"]
    assert list(openai_model) == ["id", "object", "created", "owned_by"] and openai_model["owned_by"] == "openai"
    assert (await ada.get("/ollama/api/version")).ok() == {"version": "0.5.0"}
    assert (await ada.get("/ollama/api/version/0")).ok() == {"version": "0.5.0"}
    entry = next(candidate for candidate in (await ada.get("/api/models")).ok()["data"] if candidate["id"] == LLAMA)
    assert entry["owned_by"] == "ollama" and entry["ollama"]["urls"] == [0]
    assert (await bob.get("/ollama/api/tags")).ok() == {"models": []}
    (await bob.get("/ollama/api/tags/0")).refused(401, PROHIBITED)
    (await bob.get("/ollama/api/version/0")).refused(401, PROHIBITED)
    (await bob.get("/ollama/api/ps")).refused(401, PROHIBITED)
    (await server.stranger().get("/ollama/api/tags")).refused(401)


async def test_chatting_in_the_format_of_ollama(ada: Person, bob: Person) -> None:
    answer = (await ada.post("/ollama/api/chat", build_question(stream=False))).ok()
    assert answer["message"]["content"] == "word0 word1 " and answer["done"] is True
    reply = await ada.post("/ollama/api/chat", build_question())
    assert reply.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in reply.text.splitlines()]
    assert "".join(line["message"]["content"] for line in lines) == "word0 word1 "
    assert (await ada.post("/ollama/api/chat/0", build_question(stream=False))).ok()["done"] is True
    (await ada.post("/ollama/api/chat", build_question(model="nothing"))).refused(400, "Model 'nothing' was not found")
    (await ada.post("/ollama/api/chat", {"model": LLAMA})).refused(400)
    (await bob.post("/ollama/api/chat", build_question())).refused(403, "Model not found")
    (await bob.post("/ollama/api/chat", build_question(model="nothing"))).refused(403, "Model not found")
    await grant_to_all(ada, LLAMA)
    (await bob.post("/ollama/api/chat", build_question(stream=False))).ok()
    (await bob.post("/ollama/api/chat/3", build_question(stream=False))).refused(403, PROHIBITED)


async def test_a_workspace_model_speaks_through_its_base(ada: Person, upstream: str) -> None:
    form = {
        "id": "pirate",
        "name": "Pirate",
        "base_model_id": LLAMA,
        "meta": {},
        "params": {"system": "Arr {{USER_NAME}}", "temperature": 0.5, "max_tokens": 1, "keep_alive": "5m"},
    }
    (await ada.post("/api/v1/models/create", form)).ok()
    answer = (
        await ada.post("/ollama/api/chat", build_question(model="pirate", stream=False, options={"temperature": 1}))
    ).ok()
    assert answer["message"]["content"] == "word0 "
    async with aiohttp.ClientSession() as session:
        sent = (await (await session.get(f"{upstream}/_requests")).json())[-1]["body"]
    assert sent["model"] == LLAMA and sent["options"] == {"temperature": 1, "num_predict": 1}
    assert sent["keep_alive"] == "5m" and sent["messages"][0] == {"role": "system", "content": "Arr Ada"}


async def test_other_endpoints_of_ollama(ada: Person) -> None:
    generated = (await ada.post("/ollama/api/generate", {"model": LLAMA, "prompt": "Hi", "stream": False})).ok()
    assert generated["done"] is True
    reply = await ada.post("/ollama/api/generate", {"model": LLAMA, "prompt": "Hi [[tokens 2]]"})
    assert [json.loads(line).get("response") for line in reply.text.splitlines()][:2] == ["word0 ", "word1 "]
    vectors = (await ada.post("/ollama/api/embed", {"model": LLAMA, "input": ["a", "b"]})).ok()["embeddings"]
    assert len(vectors) == 2
    assert (await ada.post("/ollama/api/embeddings", {"model": LLAMA, "prompt": "a"})).ok()["embedding"] == vectors[0]
    assert "details" in (await ada.post("/ollama/api/show", {"name": LLAMA})).ok()
    answer = (await ada.post("/ollama/v1/chat/completions", build_question())).ok()
    assert answer["object"] == "chat.completion"
    reply = await ada.post("/ollama/v1/chat/completions/0", build_question(stream=True))
    assert reply.headers["content-type"].startswith("text/event-stream") and "[DONE]" in reply.text
    completion = (await ada.post("/ollama/v1/completions", {"model": LLAMA, "prompt": "Hi [[tokens 1]]"})).ok()
    assert completion["choices"][0]["text"]
    embedded = (await ada.post("/ollama/v1/embeddings", {"model": LLAMA, "input": "a"})).ok()
    assert embedded["object"] == "list"
    assert (await ada.post("/ollama/v1/responses", {"model": LLAMA, "input": "Hi"})).ok()["object"] == "response"
    message = (await ada.post("/ollama/v1/messages", build_question(max_tokens=3))).ok()
    assert message["type"] == "message"
    for path in ("embed", "embeddings", "generate"):
        body = {"model": "nothing", "input": "a", "prompt": "a"}
        (await ada.post(f"/ollama/api/{path}", body)).refused(400, "Model 'nothing' was not found")


async def test_models_in_memory(ada: Person, bob: Person) -> None:
    (await ada.post("/ollama/api/chat", build_question(stream=False))).ok()
    (running,) = (await ada.get("/ollama/api/ps")).ok()["models"]
    assert running["model"] == LLAMA and running["urls"] == [0]
    (await ada.get("/api/models", refresh=True)).ok()
    entry = next(model for model in (await ada.get("/api/models")).ok()["data"] if model["id"] == LLAMA)
    assert entry["loaded"] is True and isinstance(entry["ollama"]["expires_at"], int)
    assert (await ada.post("/ollama/api/unload", {"model": LLAMA})).ok() == {"status": True}
    assert (await ada.get("/ollama/api/ps")).ok() == {"models": []}
    (await ada.post("/ollama/api/unload", {})).refused(400, "Missing name of the model to unload.")
    (await ada.post("/ollama/api/unload", {"model": "x"})).refused(400, "Model 'x' was not found")
    assert (await ada.post("/api/models/unload", {"model": LLAMA})).ok() == {"status": True}
    (await bob.post("/ollama/api/unload", {"model": LLAMA})).refused(401, PROHIBITED)


async def test_fetching_and_deleting_models(ada: Person, bob: Person) -> None:
    reply = await ada.post("/ollama/api/pull/0", {"name": "fresh"})
    assert [json.loads(line)["status"] for line in reply.text.splitlines()][-1] == "success"
    model_ids = {model["id"] for model in (await ada.get("/api/models", refresh=True)).ok()["data"]}
    assert "fresh:latest" in model_ids
    assert (await ada.delete("/ollama/api/delete", {"model": "fresh:latest"})).ok() is True
    (await ada.delete("/ollama/api/delete/0", {"model": "fresh:latest"})).refused(404, "model 'fresh:latest' not found")
    (await ada.delete("/ollama/api/delete", {"model": "unheard-of"})).refused(400, "Model 'unheard-of' was not found")
    (await bob.post("/ollama/api/pull", {"name": "x"})).refused(401, PROHIBITED)
    (await bob.delete("/ollama/api/delete", {"model": LLAMA})).refused(401, PROHIBITED)


async def test_requests_that_manage_models(ada: Person, recorder: Recorder, upstream: str) -> None:
    recorder.answers["/api/tags"] = {"models": [{"name": "m:1", "model": "m:1"}]}
    recorder.answers["/api/ps"] = {"models": []}
    config = {"OLLAMA_BASE_URLS": [recorder.url], "OLLAMA_API_CONFIGS": {"0": {"key": "secret", "prefix_id": "box"}}}
    (await ada.post("/ollama/config/update", {"ENABLE_OLLAMA_API": True, **config})).ok()
    (model,) = (await ada.get("/ollama/api/tags")).ok()["models"]
    assert model["model"] == "box.m:1" and model["name"] == "box.m:1"
    assert recorder.get_last("/api/tags")["headers"]["authorization"] == "Bearer secret"
    assert (await ada.post("/ollama/api/copy/0", {"source": "m:1", "destination": "n"})).ok() is True
    assert recorder.get_last("/api/copy")["body"] == {"source": "m:1", "destination": "n"}
    (await ada.delete("/ollama/api/push", {"model": "box.m:1", "stream": False})).ok()
    assert recorder.get_last("/api/push")["method"] == "POST"
    (await ada.post("/ollama/api/create", {"model": "n", "path": None, "files": {"a": "b"}})).ok()
    assert recorder.get_last("/api/create")["body"] == {"model": "n", "files": {"a": "b"}}
    (await ada.post("/ollama/api/embed", {"model": "box.m:1", "input": "x", "dimensions": 3})).ok()
    assert recorder.get_last("/api/embed")["body"] == {"model": "m:1", "input": "x", "dimensions": 3}
    recorder.answers["/api/embed"] = (400, {"error": "too long"})
    (await ada.post("/ollama/api/embed", {"model": "box.m:1", "input": "x"})).refused(400, "too long")
    recorder.answers["/api/embed"] = (502, "no JSON")
    (await ada.post("/ollama/api/embed", {"model": "box.m:1", "input": "x"})).refused(
        502, "Open WebUI: Server Connection Error"
    )


async def test_a_model_from_a_file(ada: Person, bob: Person, server: Server, recorder: Recorder) -> None:
    config = {"ENABLE_OLLAMA_API": True, "OLLAMA_BASE_URLS": [recorder.url], "OLLAMA_API_CONFIGS": {}}
    (await ada.post("/ollama/config/update", config)).ok()
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", b"weights" * 1000, filename="../tiny.gguf")
    reply = await ada.request("POST", "/ollama/models/upload/0", data=form)
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    assert events[-1]["done"] is True and events[-1]["name"] == "tiny.gguf" and events[-1]["model_created"] == "tiny"
    blob = recorder.get_last(f"/api/blobs/{events[-1]['blob']}")
    assert blob["body"] == b"weights" * 1000
    assert recorder.get_last("/api/create")["body"]["files"] == {"tiny.gguf": events[-1]["blob"]}
    assert not list((server.data_dir / "uploads").glob("*tiny*"))
    recorder.answers["/api/create"] = (500, "no room")
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", b"weights", filename="tiny.gguf")
    reply = await ada.request("POST", "/ollama/models/upload", data=form)
    assert "Failed to create model in Ollama. no room" in reply.text
    (await ada.post("/ollama/models/upload")).refused(422)
    (await ada.post("/ollama/models/download", {"url": "https://elsewhere.example/x.gguf"})).refused(
        400, "Invalid file_url. Only URLs from allowed hosts are permitted."
    )
    (await bob.post("/ollama/models/download", {"url": "x"})).refused(401, PROHIBITED)
