"""`/metrics`: who may read it, and what it counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from conftest import Person, Server
from fastback.settings import SettingsError
from metric_samples import TOKEN, fetch_metrics, read_sample, read_samples
from page_client import open_page
from redis_server import MISSING, run_redis
from sample_chats import build_chat, create_chat
from scripted_model import MODEL_ID, ScriptedModel, run_scripted_model
from waiting import wait_until

_MESSAGES = "fastback_cluster_messages_waiting"


class TestCounting:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"FASTBACK_METRICS_TOKEN": TOKEN}

    async def test_only_the_token_reads_metrics(self, server: Server, ada: Person) -> None:
        for reply in (
            await server.stranger().get("/metrics"),
            await fetch_metrics(server, "other"),
            await fetch_metrics(server, ""),
            await ada.get("/metrics"),
        ):
            reply.refused(401)
            assert reply.headers["www-authenticate"] == "Bearer"
        reply = await fetch_metrics(server)
        assert reply.status == 200
        assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"

    async def test_requests_count_by_operation_and_status(self, server: Server, ada: Person, bob: Person) -> None:
        chat_ids = [await create_chat(ada, build_chat()) for _ in range(2)]
        for chat_id in chat_ids:
            (await ada.get(f"/api/v1/chats/{chat_id}")).ok()
            assert (await bob.get(f"/api/v1/chats/{chat_id}")).status == 401
        await ada.request("PROPFIND", "/api/v1/chats/")
        await ada.get("/some/page/of/the/frontend")
        name, route = "fastback_http_requests_total", "/api/v1/chats/{chat_id}"
        samples = await read_samples(server)
        assert samples[name, frozenset({("method", "GET"), ("route", route), ("status", "200")})] == 2
        assert samples[name, frozenset({("method", "GET"), ("route", route), ("status", "401")})] == 2
        seconds = "fastback_http_request_duration_seconds_count"
        assert samples[seconds, frozenset({("method", "GET"), ("route", route)})] == 4
        labels = [dict(labels) for sample_name, labels in samples if sample_name == name]
        assert {entry["method"] for entry in labels} >= {"GET", "POST", "other"}
        assert {entry["route"] for entry in labels} >= {"frontend", "/api/v1/chats/new"}
        assert not any(chat_id in str(entry) for chat_id in chat_ids for entry in labels)
        assert samples["fastback_http_requests_running", frozenset()] == 1, "the request for the metrics"

    @pytest.mark.parametrize("stream", [True, False])
    async def test_tokens_and_turns_over_the_api(
        self, server: Server, ada: Person, upstream: str, stream: bool
    ) -> None:
        body = {
            "model": "demo-small",
            "stream": stream,
            "stream_options": {"include_usage": True},
            "messages": [{"role": "user", "content": "Hi [[tokens 7]]"}],
        }
        reply = await ada.post("/api/chat/completions", body)
        assert reply.status == 200
        tokens = {
            kind: await read_sample(server, "fastback_tokens_total", model="demo-small", kind=kind)
            for kind in ("input", "output")
        }
        text = reply.text if not stream else reply.text.split("data: ")[-2]
        usage = json.loads(text)["usage"]
        assert tokens == {"input": usage["prompt_tokens"], "output": usage["completion_tokens"]}
        first = await read_sample(server, "fastback_time_to_first_token_seconds_count", model="demo-small")
        assert first == int(stream)
        assert await read_sample(server, "fastback_turns_total", outcome="completed") == 1
        host = urlsplit(upstream).netloc
        assert await read_sample(server, "fastback_model_server_requests_total", server=host, status="200") == 1

    async def test_turns_of_the_page_and_failures(self, server: Server, ada: Person, open_models: None) -> None:
        async with open_page(ada) as page:
            await page.ask("Hi [[tokens 5]]")
            assert await read_sample(server, "fastback_user_sockets_open") == 1
            await page.ask("demo-error-500")
            await page.ask("Hi [[break]]")
        assert await read_sample(server, "fastback_turns_total", outcome="completed") == 1
        await wait_until(lambda: _count_failed_turns(server, 2))
        (await ada.post("/api/chat/completions", {"model": "none", "messages": []})).refused(400)
        assert await read_sample(server, "fastback_turns_total", outcome="refused") == 1
        samples = await read_samples(server)
        assert (
            sum(value for (name, _), value in samples.items() if name == "fastback_model_server_broken_responses_total")
            == 1
        )
        output = samples["fastback_tokens_total", frozenset({("model", "demo-small"), ("kind", "output")})]
        assert output >= 5

    async def test_the_process_is_measured(self, server: Server, ada: Person) -> None:
        await wait_until(lambda: _has_lag(server))
        samples = await read_samples(server)
        assert samples["process_resident_memory_bytes", frozenset()] > 10_000_000
        assert ("fastback_worker_processes", frozenset({("pool", "extraction")})) in samples
        assert ("fastback_worker_jobs_waiting", frozenset({("pool", "extraction")})) in samples
        connections = {dict(labels)["state"] for name, labels in samples if name == "fastback_database_connections"}
        assert connections == ({"used", "idle", "waiting"} if server.database == "postgres" else set())
        assert not any(name == _MESSAGES for name, _ in samples), "a process without Redis sends none"


async def _count_failed_turns(server: Server, count: int) -> bool:
    return await read_sample(server, "fastback_turns_total", outcome="failed") == count


async def _has_lag(server: Server) -> bool:
    return await read_sample(server, "fastback_event_loop_lag_seconds_count") > 0


@pytest.mark.parametrize("database", ["sqlite"])
class TestRunning:
    @pytest.fixture
    async def model(self) -> AsyncIterator[ScriptedModel]:
        async with run_scripted_model() as model:
            yield model

    @pytest.fixture
    def environment(self, model: ScriptedModel) -> dict[str, str]:
        return {"FASTBACK_METRICS_TOKEN": TOKEN, **model.env}

    async def test_a_turn_runs_until_its_stream_has_ended(
        self, server: Server, ada: Person, model: ScriptedModel
    ) -> None:
        body = {"model": MODEL_ID, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        asking = asyncio.create_task(ada.post("/api/chat/completions", body))
        await model.wait_until_asked()
        model.say("Hello")
        assert await read_sample(server, "fastback_turns_running") == 1
        model.end()
        assert (await asking).status == 200
        assert await read_sample(server, "fastback_turns_running") == 0

    async def test_a_turn_whose_client_leaves_has_ended(
        self, server: Server, ada: Person, model: ScriptedModel
    ) -> None:
        body = {"model": MODEL_ID, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        response = await ada.http().post(f"{server.url}/api/chat/completions", json=body)
        model.say("Hello")
        await response.content.readany()
        assert await read_sample(server, "fastback_turns_running") == 1
        response.close()
        await wait_until(lambda: _has_no_turn(server))


async def test_a_server_that_cannot_be_reached(start_server: Any) -> None:
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(run_scripted_model())
        async with start_server(FASTBACK_METRICS_TOKEN=TOKEN, **model.env) as server:
            ada = await server.sign_up("Ada")
            await wait_until(lambda: _has_models(ada))
            await stack.aclose()
            body = {"model": MODEL_ID, "messages": [{"role": "user", "content": "Hi"}]}
            assert (await ada.post("/api/chat/completions", body)).status == 500
            labels = {"server": urlsplit(model.url).netloc, "status": "unreachable"}
            assert await read_sample(server, "fastback_model_server_requests_total", **labels) == 1


async def _has_models(person: Person) -> Any:
    return (await person.get("/api/models")).ok()["data"]


async def _has_no_turn(server: Server) -> bool:
    return await read_sample(server, "fastback_turns_running") == 0


@pytest.mark.parametrize("database", ["sqlite"])
class TestAddresses:
    @pytest.fixture
    def environment(self, request: pytest.FixtureRequest) -> dict[str, str]:
        return dict(request.param)

    @pytest.mark.parametrize("environment", [{}], indirect=True)
    async def test_without_settings_there_are_no_metrics(self, server: Server, ada: Person) -> None:
        for person in (ada, server.stranger()):
            (await person.get("/metrics")).refused(404, "Not Found")

    @pytest.mark.parametrize("environment", [{"FASTBACK_METRICS_ALLOW": "10.0.0.0/8, 127.0.0.1"}], indirect=True)
    async def test_addresses_may_read_metrics_unless_a_proxy_names_them(self, server: Server) -> None:
        anyone = server.stranger()
        assert (await anyone.get("/metrics")).status == 200
        for header in ("X-Forwarded-For", "Forwarded"):
            (await anyone.get("/metrics", headers={header: "127.0.0.1"})).refused(403)

    @pytest.mark.parametrize("environment", [{"FASTBACK_METRICS_ALLOW": "10.0.0.0/8,::1"}], indirect=True)
    async def test_other_addresses_are_refused(self, server: Server) -> None:
        anyone = server.stranger()
        (await anyone.get("/metrics")).refused(403)
        (await anyone.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"})).refused(403)

    @pytest.mark.parametrize(
        "environment",
        [{"FASTBACK_METRICS_ALLOW": "127.0.0.1", "FASTBACK_METRICS_TOKEN": TOKEN}],
        indirect=True,
    )
    async def test_address_and_token_are_required_together(self, server: Server) -> None:
        (await server.stranger().get("/metrics")).refused(401)
        (await fetch_metrics(server, **{"x-forwarded-for": "127.0.0.1"})).refused(403)
        assert (await fetch_metrics(server)).status == 200


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
async def test_messages_between_processes_are_measured(start_server: Any, tmp_path: Path) -> None:
    """Both numbers are 0 where nothing waits; `tests/unit/test_cluster_outages.py` has the others."""
    with run_redis(tmp_path) as redis:
        async with start_server(FASTBACK_METRICS_TOKEN=TOKEN, REDIS_URL=redis.url) as server:
            samples = await read_samples(server)
            waiting = {
                dict(labels)["direction"]: value for (name, labels), value in samples.items() if name == _MESSAGES
            }
            assert waiting == {"out": 0, "in": 0}


async def test_an_invalid_address_stops_the_start(start_server: Any) -> None:
    with pytest.raises(SettingsError, match=r"FASTBACK_METRICS_ALLOW: '10\.0\.0' is neither an address nor a network"):
        async with start_server(FASTBACK_METRICS_ALLOW="10.0.0"):
            pass
