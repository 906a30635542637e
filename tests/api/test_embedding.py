"""Embedding by servers: the requests they get, their order and number, and failures."""

from __future__ import annotations

import array
import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import embedding_models
from conftest import Server
from fastback.access.identity import User
from fastback.config import Config
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Embedder, RetrievalError

Answer = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


def _build_vector(text: str) -> list[float]:
    return [float(len(text)), 1.0]


def _encode_vectors(*texts: str) -> list[bytes]:
    return [array.array("f", _build_vector(text)).tobytes() for text in texts]


async def _answer_like_openai(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    return web.json_response({"data": [{"embedding": _build_vector(text)} for text in body["input"]]})


class Engine:
    """An embedding server; `requests` holds the path with its query, the headers and the body of each request."""

    def __init__(self) -> None:
        self.answer: Answer = _answer_like_openai
        self.requests: list[tuple[str, Any, dict[str, Any]]] = []
        self.url = ""

    @property
    def inputs(self) -> list[list[str]]:
        return [body["input"] for _, _, body in self.requests]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.requests.append((request.path_qs, request.headers, body))
        return await self.answer(request, body)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    server = Engine()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    yield server
    await runner.cleanup()


@asynccontextmanager
async def _run_embedder(start_server: Callable[..., Any], engine: Engine, **env: str) -> AsyncIterator[Embedder]:
    variables = {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_EMBEDDING_MODEL": "some-model",
        "RAG_OPENAI_API_BASE_URL": engine.url,
        "RAG_OPENAI_API_KEY": "the-key",
        **env,
    }
    async with start_server(**variables) as server:
        yield server.services.get(Embedder)


async def test_openai_in_batches(start_server: Callable[..., Any], engine: Engine) -> None:
    async with _run_embedder(start_server, engine, RAG_EMBEDDING_BATCH_SIZE="2") as embedder:
        assert await embedder.embed_content(["a", "bb", "ccc"]) == _encode_vectors("a", "bb", "ccc")
        assert await embedder.embed_content([]) == []
        assert embedder.signature == {"engine": "openai", "model": "some-model"}
    assert sorted(engine.inputs) == [["a", "bb"], ["ccc"]]
    path, headers, body = engine.requests[0]
    assert (path, headers["authorization"], body["model"]) == ("/embeddings", "Bearer the-key", "some-model")
    assert "X-OpenWebUI-User-Id" not in headers


async def test_headers_name_the_user_where_enabled(start_server: Callable[..., Any], engine: Engine) -> None:
    user = User(id="u", name="Ada", email="ada@example.com", role="user")
    async with _run_embedder(start_server, engine, ENABLE_FORWARD_USER_INFO_HEADERS="true") as embedder:
        await embedder.embed_queries(["a"], ctx=RequestContext(user=user))
        await embedder.embed_content(["b"])
    assert engine.requests[0][1]["X-OpenWebUI-User-Email"] == "ada@example.com"
    assert "X-OpenWebUI-User-Email" not in engine.requests[1][1]


async def test_azure(start_server: Callable[..., Any], engine: Engine) -> None:
    env = {
        "RAG_EMBEDDING_ENGINE": "azure_openai",
        "RAG_AZURE_OPENAI_BASE_URL": f"{engine.url}/",
        "RAG_AZURE_OPENAI_API_KEY": "azure-key",
        "RAG_AZURE_OPENAI_API_VERSION": "2024-02-01",
    }
    async with _run_embedder(start_server, engine, **env) as embedder:
        assert await embedder.embed_content(["a"]) == _encode_vectors("a")
    path, headers, body = engine.requests[0]
    assert path == "/openai/deployments/some-model/embeddings?api-version=2024-02-01"
    assert headers["api-key"] == "azure-key"
    assert "authorization" not in headers
    assert body == {"input": ["a"]}


async def test_ollama(start_server: Callable[..., Any], engine: Engine) -> None:
    async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.json_response({"embeddings": [_build_vector(text) for text in body["input"]]})

    engine.answer = answer
    env = {"RAG_EMBEDDING_ENGINE": "ollama", "RAG_OLLAMA_BASE_URL": engine.url, "RAG_OLLAMA_API_KEY": "o"}
    async with _run_embedder(start_server, engine, **env) as embedder:
        assert await embedder.embed_content(["a"]) == _encode_vectors("a")
    path, headers, body = engine.requests[0]
    assert (path, headers["authorization"]) == ("/api/embed", "Bearer o")
    assert body == {"input": ["a"], "model": "some-model", "truncate": True}


async def test_prefixes(start_server: Callable[..., Any], engine: Engine) -> None:
    env = {"RAG_EMBEDDING_QUERY_PREFIX": "query: ", "RAG_EMBEDDING_CONTENT_PREFIX": "passage: "}
    async with _run_embedder(start_server, engine, **env) as embedder:
        await embedder.embed_queries(["a"])
        await embedder.embed_content(["b"])
    assert engine.inputs == [["query: a"], ["passage: b"]]
    engine.requests.clear()
    async with _run_embedder(start_server, engine, **env, RAG_EMBEDDING_PREFIX_FIELD_NAME="input_type") as embedder:
        await embedder.embed_queries(["c"])
        await embedder.embed_content(["d"])
    assert [(body["input"], body["input_type"]) for _, _, body in engine.requests] == [
        (["c"], "query: "),
        (["d"], "passage: "),
    ]


async def test_questions_go_before_chunks(start_server: Callable[..., Any], engine: Engine) -> None:
    requested, released = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        requested.set()
        await released.wait()
        return await _answer_like_openai(request, body)

    engine.answer = answer
    async with _run_embedder(start_server, engine, RAG_EMBEDDING_CONCURRENT_REQUESTS="1") as embedder:
        chunks = asyncio.create_task(embedder.embed_content(["a", "b", "c"]))
        await requested.wait()
        question = asyncio.create_task(embedder.embed_queries(["q"]))
        await asyncio.sleep(0.05)
        assert engine.inputs == [["a"]]
        released.set()
        await asyncio.gather(chunks, question)
    assert engine.inputs == [["a"], ["q"], ["b"], ["c"]]


async def test_repeated_questions_are_remembered(start_server: Callable[..., Any], engine: Engine) -> None:
    async with _run_embedder(start_server, engine) as embedder:
        assert await embedder.embed_queries(["a", "a", "bb"]) == _encode_vectors("a", "a", "bb")
        assert await embedder.embed_queries(["bb", "a"]) == _encode_vectors("bb", "a")
    assert sorted(engine.inputs) == [["a"], ["bb"]]


async def test_questions_that_are_evicted_meanwhile(start_server: Callable[..., Any], engine: Engine) -> None:
    async with _run_embedder(start_server, engine, RAG_EMBEDDING_CONCURRENT_REQUESTS="100") as embedder:
        await embedder.embed_queries(["a"])
        released = asyncio.Event()

        async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            if body["input"] == ["slow"]:
                await released.wait()
            return await _answer_like_openai(request, body)

        engine.answer = answer
        pending = asyncio.create_task(embedder.embed_queries(["a", "slow"]))
        await asyncio.sleep(0)
        await embedder.embed_queries([f"other {n}" for n in range(100)])
        released.set()
        assert await pending == _encode_vectors("a", "slow")


async def test_another_model_under_the_same_name(start_server: Callable[..., Any], engine: Engine) -> None:
    async with _run_embedder(start_server, engine) as embedder:
        await embedder.embed_content(["a", "bb"])

        async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            return web.json_response({"data": [{"embedding": [*_build_vector(text), 7]} for text in body["input"]]})

        engine.answer = answer
        expected = [vector + array.array("f", [7]).tobytes() for vector in _encode_vectors("a", "bb", "ccc")]
        assert await embedder.embed_content(["a", "bb", "ccc"]) == expected
        engine.requests.clear()
        assert await embedder.embed_content(["a", "bb", "ccc"]) == expected
        assert engine.requests == []


async def test_prefixes_in_another_field_give_other_vectors(start_server: Callable[..., Any], engine: Engine) -> None:
    env = {"RAG_EMBEDDING_CONTENT_PREFIX": "passage: "}
    async with _run_embedder(start_server, engine, **env) as embedder:
        await embedder.embed_content(["a"])
    async with _run_embedder(start_server, engine, **env, RAG_EMBEDDING_PREFIX_FIELD_NAME="input_type") as embedder:
        await embedder.embed_content(["a"])
    assert engine.inputs == [["passage: a"], ["a"]]


async def test_requests_are_repeated_after_too_many_requests(start_server: Callable[..., Any], engine: Engine) -> None:
    async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if len(engine.requests) < 3:
            return web.json_response({"error": "slow down"}, status=429, headers={"retry-after": "0"})
        return await _answer_like_openai(request, body)

    engine.answer = answer
    async with _run_embedder(start_server, engine) as embedder:
        assert await embedder.embed_content(["a"]) == _encode_vectors("a")
        assert len(engine.requests) == 3

        async def refuse(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "0"})

        engine.answer = refuse
        with pytest.raises(RetrievalError, match="answered 429: slow down"):
            await embedder.embed_content(["b"])
        assert len(engine.requests) == 8


async def test_vectors_in_base64_are_decoded(start_server: Callable[..., Any], engine: Engine) -> None:
    async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        entries = [{"embedding": base64.b64encode(_encode_vectors(text)[0]).decode()} for text in body["input"]]
        return web.json_response({"data": entries})

    engine.answer = answer
    async with _run_embedder(start_server, engine) as embedder:
        assert await embedder.embed_content(["abc"]) == _encode_vectors("abc")


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (500, b"broken", "answered 500: broken"),
        (400, b'{"error": {"message": "no such model"}}', "answered 400: no such model"),
        (404, b'{"error": "model not found"}', "answered 404: model not found"),
        (200, b"<html>", "sent no embeddings"),
        (200, b'{"data": "x"}', "sent no embeddings"),
        (200, b'{"data": [{"embedding": ["x"]}]}', "sent no embeddings"),
        (200, b'{"data": [{"embedding": "?"}]}', "sent no embeddings"),
        (200, b'{"data": [{"embedding": "YWJj"}]}', "sent no embeddings"),
        (200, b'{"data": [{"embedding": []}]}', "sent no embeddings"),
        (200, b'{"data": []}', "sent 0 vectors for 1 texts"),
    ],
)
async def test_failures_are_reported(
    start_server: Callable[..., Any], engine: Engine, status: int, content: bytes, message: str
) -> None:
    async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=status, body=content)

    engine.answer = answer
    async with _run_embedder(start_server, engine) as embedder:
        with pytest.raises(RetrievalError, match=message):
            await embedder.embed_content(["a"])
        engine.answer = _answer_like_openai
        assert await embedder.embed_content(["a"]) == _encode_vectors("a")


@pytest.mark.parametrize("kind", ["openai", "azure_openai"])
async def test_vectors_are_ordered_by_their_index(start_server: Callable[..., Any], engine: Engine, kind: str) -> None:
    indexes: list[Any] = [2, 0, 1]

    async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        entries = [{"embedding": _build_vector(f"{'x' * (index or 0)}"), "index": index} for index in indexes]
        return web.json_response({"data": entries})

    engine.answer = answer
    address = {"RAG_AZURE_OPENAI_BASE_URL": engine.url, "RAG_EMBEDDING_ENGINE": kind, "RAG_EMBEDDING_BATCH_SIZE": "9"}
    async with _run_embedder(start_server, engine, **address) as embedder:
        assert await embedder.embed_content(["a", "b", "c"]) == _encode_vectors("", "x", "xx")
        for invalid in ([0, 1, 1], [0, 1, 3], [0, None, 2], [0, 1, 2, 3], [0, 1]):
            indexes[:] = invalid
            with pytest.raises(RetrievalError, match="The embedding server sent"):
                await embedder.embed_content(["d", "e", "f"])


async def test_an_unreachable_server(start_server: Callable[..., Any], engine: Engine) -> None:
    async with start_server(RAG_EMBEDDING_ENGINE="openai", RAG_OPENAI_API_BASE_URL="http://127.0.0.1:9") as server:
        embedder = server.services.get(Embedder)
        with pytest.raises(RetrievalError, match="cannot be reached"):
            await embedder.embed_queries(["a"])
        await server.services.get(Config).set("rag.embedding_engine", "azure_openai")
        with pytest.raises(RetrievalError, match="No address"):
            await embedder.embed_content(["a"])


async def test_a_changed_configuration_applies_to_the_next_request(
    start_server: Callable[..., Any], engine: Engine
) -> None:
    async with start_server(RAG_EMBEDDING_ENGINE="openai", RAG_OPENAI_API_BASE_URL=engine.url) as running:
        server: Server = running
        embedder = server.services.get(Embedder)
        config = server.services.get(Config)
        await embedder.embed_content(["a"])
        await config.set_many({"rag.embedding_model": "another", "rag.embedding_engine": "unheard-of"})
        with pytest.raises(RetrievalError, match="Unknown embedding engine: unheard-of"):
            await embedder.embed_content(["a"])
        await config.set("rag.embedding_engine", "openai")
        await embedder.embed_content(["b"])
        assert engine.requests[-1][2]["model"] == "another"


async def test_chunks_are_embedded_once(start_server: Callable[..., Any], engine: Engine) -> None:
    async with _run_embedder(start_server, engine) as embedder:
        assert await embedder.embed_content(["a", "bb", "a"]) == _encode_vectors("a", "bb", "a")
        assert await embedder.embed_content(["bb", "ccc"]) == _encode_vectors("bb", "ccc")
    assert sorted(engine.inputs) == [["a"], ["bb"], ["ccc"]]
    async with _run_embedder(start_server, engine) as embedder:  # vectors are remembered over a restart
        await embedder.embed_content(["a", "bb", "ccc"])
        assert len(engine.requests) == 3
        await embedder.embed_queries(["a"])  # queries are embedded apart from content
    assert len(engine.requests) == 4


async def test_a_model_on_this_machine(start_server: Callable[..., Any], tmp_path: Path) -> None:
    embedding_models.make_model("bert-mean", tmp_path / "model")
    async with start_server(RAG_EMBEDDING_MODEL=str(tmp_path / "model")) as server:
        embedder = server.services.get(Embedder)
        assert embedder.signature == {"engine": "", "model": str(tmp_path / "model")}
        (vector,) = await embedder.embed_queries(["The Fox."])
        assert len(vector) == 4 * embedding_models.WIDTH
        assert await embedder.embed_content(["The Fox."]) == [vector]


async def test_other_weights_at_the_same_path(start_server: Callable[..., Any], tmp_path: Path) -> None:
    model_path = tmp_path / "model"
    embedding_models.make_model("bert-mean", model_path)
    async with start_server(RAG_EMBEDDING_MODEL=str(model_path)) as server:
        embedder = server.services.get(Embedder)
        before = await embedder.embed_content(["The Fox."])
        shutil.rmtree(model_path)
        embedding_models.make_model("bert-cls", model_path)
        after = await embedder.embed_content(["The Fox."])
        assert after != before
        assert await embedder.embed_queries(["The Fox."]) == after
