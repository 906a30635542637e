"""The demo model server over a real socket, with requests of each protocol."""

from __future__ import annotations

import ast
import asyncio
import base64
import math
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from demo_client import TOOL, Client, build_chat, join_deltas
from fastback import demo
from fastback.demo.process import run_demo_server
from fastback.demo.replies import build_example
from fastback.demo.upstream import RunningUpstream, start_upstream


@pytest.fixture
async def upstream() -> AsyncIterator[RunningUpstream]:
    async with await start_upstream() as server:
        yield server


@pytest.fixture
async def client(upstream: RunningUpstream) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(upstream.url, session)


class TestChat:
    PATH = "/v1/chat/completions"

    async def test_models(self, client: Client) -> None:
        models = await client.get("/v1/models")
        names = [model["id"] for model in models["data"]]
        assert names == ["demo-small", "demo-large", "demo-reasoner", "demo-embedding"]
        assert (await client.get("/v1/models/demo-large"))["id"] == "demo-large"
        assert (await client.get("/v1/models/other", 404))["error"]["code"] == "model_not_found"

    async def test_the_same_question_has_the_same_answer_streamed_or_not(self, client: Client) -> None:
        completion = await client.post(self.PATH, build_chat("How do I begin?"))
        text = completion["choices"][0]["message"]["content"]
        assert text.startswith("You asked: *How do I begin?*") and len(text) > 300
        chunks = await client.post_events(self.PATH, build_chat("How do I begin?", stream=True))
        assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert join_deltas(chunks) == text and chunks[-1]["choices"][0]["finish_reason"] == "stop"
        other = await client.post(self.PATH, build_chat("And then?"))
        assert other["choices"][0]["message"]["content"] != text

    async def test_an_answer_has_the_requested_number_of_tokens(self, client: Client) -> None:
        for body in (build_chat("[[tokens 7]]"), build_chat("anything", n_tokens=7)):
            chunks = await client.post_events(self.PATH, {**body, "stream": True})
            texts = [chunk["choices"][0]["delta"].get("content") for chunk in chunks]
            assert [text for text in texts if text] == [f"word{n} " for n in range(7)]
            assert (await client.post(self.PATH, body))["usage"]["completion_tokens"] == 7

    async def test_limits(self, client: Client) -> None:
        for limit in ("max_tokens", "max_completion_tokens"):
            (choice,) = (await client.post(self.PATH, build_chat("[[tokens 9]]", **{limit: 2})))["choices"]
            assert (choice["message"]["content"], choice["finish_reason"]) == ("word0 word1 ", "length")
        (choice,) = (await client.post(self.PATH, build_chat("[[tokens 9]]", stop=["word4", "word3"])))["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("word0 word1 word2 ", "stop")

    async def test_usage_is_sent_on_request(self, client: Client) -> None:
        body = build_chat("one two [[tokens 3]]", stream=True)
        assert all("usage" not in chunk for chunk in await client.post_events(self.PATH, body))
        body["stream_options"] = {"include_usage": True}
        usage = {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}
        last = (await client.post_events(self.PATH, body))[-1]
        assert last["usage"] == usage and last["choices"][0]["finish_reason"] == "stop"
        *_, finish, counted = await client.post_events(self.PATH, {**body, "model": "demo-large"})
        assert finish["choices"][0]["finish_reason"] == "stop" and "usage" not in finish
        assert counted["usage"] == usage and counted["choices"] == []

    async def test_a_reasoner_reasons_first(self, client: Client) -> None:
        chunks = await client.post_events(self.PATH, build_chat("Hm [[tokens 2]]", "demo-reasoner", stream=True))
        assert (
            join_deltas(chunks, "reasoning_content").startswith("First I look")
            and join_deltas(chunks) == "word0 word1 "
        )
        kinds = [next(iter(chunk["choices"][0]["delta"]), "") for chunk in chunks]
        assert kinds.index("reasoning_content") < kinds.index("content")
        completion = await client.post(self.PATH, build_chat("Hm", "demo-reasoner"))
        assert completion["choices"][0]["message"]["reasoning_content"].startswith("First I look")

    async def test_parts_of_a_message_are_read(self, client: Client) -> None:
        parts = [{"type": "text", "text": "Look [[tokens 1]]"}, {"type": "image_url", "image_url": {"url": "data:,x"}}]
        body = {"model": "demo-small", "messages": [{"role": "user", "content": parts}]}
        answer = await client.post(self.PATH, body)
        assert answer["choices"][0]["message"]["content"] == "word0 "
        assert answer["usage"]["prompt_tokens"] == 3

    @pytest.mark.parametrize("key", ["title", "tags", "follow_ups", "queries", "emoji", "text"])
    async def test_generations_get_json(self, client: Client, key: str) -> None:
        prompt = (
            f'Answer in JSON: {{ "{key}": … }}\n<chat_history>USER: [[break]] [[slow]] demo-error-500</chat_history>'
        )
        answer = await client.post(self.PATH, build_chat(prompt, "demo-large"))
        assert msgspec.json.decode(answer["choices"][0]["message"]["content"])[key]

    async def test_malformed_requests_are_refused(self, client: Client) -> None:
        assert (await client.post(self.PATH, ["no object"], 400))["error"]["message"] == "no JSON object"
        for body in (
            {"messages": ["x"]},
            {"messages": 5},
            build_chat("x", max_tokens="many"),
            build_chat("x", tools=[3]),
        ):
            refusal = await client.post(self.PATH, body, 400)
            assert refusal["error"]["type"] == "invalid_request_error", body


class TestTools:
    PATH = "/v1/chat/completions"

    async def test_a_named_tool_is_called_in_fragments(self, client: Client) -> None:
        body = build_chat("Ask weather_at, please", tools=[TOOL], stream=True)
        chunks = await client.post_events(self.PATH, body)
        calls = [
            chunk["choices"][0]["delta"]["tool_calls"][0]
            for chunk in chunks
            if "tool_calls" in str(chunk["choices"][0]["delta"])
        ]
        assert calls[0]["function"]["name"] == "weather_at" and calls[0]["id"] and calls[0]["type"] == "function"
        assert len(calls) == 3
        arguments = "".join(call["function"]["arguments"] for call in calls)
        assert msgspec.json.decode(arguments) == {"place": "demo", "days": 2}
        assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"

        choice = (await client.post(self.PATH, {**body, "stream": False}))["choices"][0]
        assert choice["message"]["content"] is None and choice["finish_reason"] == "tool_calls"
        assert choice["message"]["tool_calls"][0]["function"]["arguments"] == arguments

        result = {"role": "tool", "tool_call_id": calls[0]["id"], "content": "sunny"}
        body["messages"] += [choice["message"], result]
        assert join_deltas(await client.post_events(self.PATH, body)) == "The tool answered: sunny"

    async def test_a_result_without_its_call_is_refused(self, client: Client) -> None:
        body = build_chat("Ask weather_at, please", tools=[TOOL])
        message = (await client.post(self.PATH, body))["choices"][0]["message"]
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "sunny"}
        answer = {"role": "assistant", "content": ""}
        for orphaned in ([result], [answer, result], [message, {**result, "tool_call_id": "another"}]):
            await client.post(self.PATH, {**body, "messages": [*body["messages"], *orphaned]}, status=400)
        assert (await client.post(self.PATH, {**body, "messages": [*body["messages"], message, result]}))["choices"]

    async def test_the_tools_named_in_a_message_are_called(self, client: Client) -> None:
        other = {"type": "function", "function": {"name": "weather", "parameters": {}}}

        async def list_called_tools(text: str, **more: Any) -> list[str]:
            body = build_chat(text, tools=[other, TOOL], **more)
            message = (await client.post(self.PATH, body))["choices"][0]["message"]
            calls = message.get("tool_calls", [])
            assert len({call["id"] for call in calls}) == len(calls)
            return [call["function"]["name"] for call in calls]

        assert await list_called_tools("weather_at") == ["weather_at"]
        assert await list_called_tools("weather and weather_at") == ["weather", "weather_at"]
        assert await list_called_tools("Call the tool!") == ["weather"]
        assert await list_called_tools("Nothing of the kind") == []
        assert await list_called_tools("weather_at", tool_choice="none") == []

    def test_examples_fit_their_schema(self) -> None:
        fields = {
            "name": {"type": "string"},
            "count": {"type": ["integer", "null"]},
            "fast": {"type": "boolean"},
            "kind": {"enum": ["a", "b"]},
            "items": {"type": "array", "items": {"type": "number"}},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "inner": {"type": "object", "properties": {"deep": {"type": "string"}}},
            "given": {"type": "string", "default": "this"},
        }
        assert build_example({"type": "object", "properties": fields}) == {
            "name": "demo",
            "count": 2,
            "fast": True,
            "kind": "a",
            "items": [2],
            "either": "demo",
            "inner": {"deep": "demo"},
            "given": "this",
        }
        assert build_example({}) == {}


class TestTrouble:
    PATH = "/v1/chat/completions"

    @pytest.mark.parametrize("status", [401, 429, 500])
    @pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/completions"])
    async def test_a_model_or_a_word_is_refused(self, client: Client, path: str, status: int) -> None:
        word = f"demo-error-{status}"
        for body in (build_chat("Hi", word), {**build_chat(f"Please {word}"), "input": word, "prompt": word}):
            refusal = await client.post(path, body, status)
            assert refusal["error"]["message"] == f"demo refusal {status}"
        assert word not in str(await client.get("/v1/models"))

    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat"])
    async def test_the_connection_breaks_off(self, client: Client, path: str, stream: bool) -> None:
        text = "[[break]] [[tokens 3]]"
        body = {**build_chat(text, "llama-demo" if "api" in path else "demo-small", stream=stream), "input": text}
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.post(path, body)
        assert (await client.list_requests())[-1]["gone"] is False

    async def test_a_long_answer_breaks_off_after_five_pieces(self, client: Client) -> None:
        content = b""
        with pytest.raises(aiohttp.ClientPayloadError):
            async with client.session.post(
                client.url + self.PATH, json=build_chat("[[break]] [[tokens 50]]", stream=True)
            ) as reply:
                async for part in reply.content.iter_any():
                    content += part
        assert content.count(b"word") == 5

    async def test_a_stream_of_invalid_json(self, client: Client) -> None:
        async with client.session.post(client.url + self.PATH, json=build_chat("[[garbage]]", stream=True)) as reply:
            assert await reply.text() == "this is <no> JSON"

    async def test_an_error_in_the_stream(self, client: Client) -> None:
        lines = await client.post_lines(self.PATH, build_chat("[[error]]", stream=True))
        assert msgspec.json.decode(lines[-1][6:]) == {"error": {"message": "demo failure in the stream"}}
        (*_, failed) = await client.post_events(
            "/v1/responses", {"model": "demo-small", "input": "[[error]]", "stream": True}
        )
        assert failed["type"] == "response.failed" and failed["response"]["status"] == "failed"
        (*_, error) = await client.post_events("/v1/messages", build_chat("[[error]]", stream=True))
        assert error["error"]["message"] == "demo failure in the stream"
        assert b"demo failure" in (await client.post_lines("/api/chat", build_chat("[[error]]", "llama-demo")))[-1]

    async def test_silence_in_the_middle(self, client: Client) -> None:
        started_at = time.monotonic()
        times = []
        body = build_chat("[[silent 0.3]] [[tokens 6]]", stream=True)
        async with client.session.post(client.url + self.PATH, json=body) as reply:
            async for line in reply.content:
                if b"word" in line:
                    times.append(time.monotonic() - started_at)
        assert len(times) == 6 and times[2] < 0.25 and times[3] - times[2] >= 0.25

    async def test_a_slow_answer_notices_a_closed_connection(self, client: Client) -> None:
        with pytest.raises(asyncio.TimeoutError):
            async with asyncio.timeout(0.2):
                await client.post(self.PATH, build_chat("[[slow]]"))
        await wait_until_gone(client)

    async def test_a_stream_notices_a_closed_connection(self, client: Client) -> None:
        async with client.session.post(
            client.url + self.PATH, json=build_chat("[[tokens 500000]]", stream=True)
        ) as reply:
            await reply.content.readany()
            assert (await client.list_requests())[-1]["gone"] is False
            reply.close()
        await wait_until_gone(client)

    async def test_texts_become_silence_and_recordings_a_sentence(self, client: Client) -> None:
        async with client.session.post(client.url + "/v1/audio/speech", json={"input": "Hello there"}) as reply:
            assert reply.content_type == "audio/mpeg" and len(await reply.read()) == 24 * 417
        await client.post("/v1/audio/speech", {}, 400)
        assert await client.post("/v1/audio/transcriptions", {}) == {"text": "This is what the recording says."}
        await client.post("/v1/audio/nothing", {}, 404)
        await client.post("/v1/images/generations", {"prompt": "Hello"}, 501)
        await client.post("/v1/nothing", {}, 404)
        await client.get("/nothing", 404)


async def wait_until_gone(client: Client) -> None:
    for _ in range(100):
        if (await client.list_requests())[-1]["gone"]:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the server did not notice")


class TestOtherProtocols:
    async def test_embeddings(self, client: Client) -> None:
        answer = await client.post("/v1/embeddings", {"model": "demo-embedding", "input": ["a b", "c"]})
        first, second = (entry["embedding"] for entry in answer["data"])
        assert [entry["index"] for entry in answer["data"]] == [0, 1] and first != second
        assert math.isclose(sum(number * number for number in first), 1.0) and answer["usage"]["prompt_tokens"] == 3
        single = await client.post("/v1/embeddings", {"input": "a b", "encoding_format": "base64"})
        packed = base64.b64decode(single["data"][0]["embedding"])
        assert struct.unpack(f"<{len(first)}f", packed) == pytest.approx(first)
        small = await client.post("/v1/embeddings", {"input": [1, 2, 3], "dimensions": 200})
        assert len(small["data"]) == 1 and len(small["data"][0]["embedding"]) == 200

    async def test_older_completions(self, client: Client) -> None:
        body = {"model": "demo-small", "prompt": "[[tokens 3]]", "max_tokens": 2}
        completion = await client.post("/v1/completions", body)
        assert completion["choices"][0] == {
            "index": 0,
            "text": "word0 word1 ",
            "logprobs": None,
            "finish_reason": "length",
        }
        chunks = await client.post_events("/v1/completions", {**body, "stream": True})
        assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "word0 word1 "

    async def test_responses(self, client: Client) -> None:
        body = {"model": "demo-reasoner", "input": "Hm [[tokens 2]]"}
        response = await client.post("/v1/responses", body)
        assert [item["type"] for item in response["output"]] == ["reasoning", "message"]
        assert response["output"][1]["content"][0]["text"] == "word0 word1 " and response["status"] == "completed"
        events = await client.post_events("/v1/responses", {**body, "stream": True})
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        kinds = [event["type"] for event in events]
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        assert events[-1]["response"] == response
        text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
        assert text == "word0 word1 "
        short = await client.post("/v1/responses", {**body, "max_output_tokens": 1})
        assert short["status"] == "incomplete" and short["output"][1]["content"][0]["text"] == "word0 "

    async def test_responses_call_functions(self, client: Client) -> None:
        tool = {"type": "function", **TOOL["function"]}  # type: ignore[dict-item]
        question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "weather_at?"}]}
        body = {"model": "demo-small", "input": [question], "tools": [tool]}
        events = await client.post_events("/v1/responses", {**body, "stream": True})
        (item,) = events[-1]["response"]["output"]
        assert item["type"] == "function_call" and item["name"] == "weather_at"
        parts = [event["delta"] for event in events if event["type"] == "response.function_call_arguments.delta"]
        assert len(parts) == 2 and "".join(parts) == item["arguments"]
        output = {"type": "function_call_output", "call_id": item["call_id"], "output": "sunny"}
        continued = await client.post("/v1/responses", {**body, "input": [question, item, output]})
        assert continued["output"][0]["content"][0]["text"] == "The tool answered: sunny"

    async def test_anthropic(self, client: Client) -> None:
        body = build_chat("Hm [[tokens 3]]", "demo-reasoner", max_tokens=2)
        message = await client.post("/v1/messages", body)
        assert [block["type"] for block in message["content"]] == ["thinking", "text"]
        assert message["content"][1]["text"] == "word0 word1 " and message["stop_reason"] == "max_tokens"
        events = await client.post_events("/v1/messages", {**body, "stream": True})
        assert events[0]["type"] == "message_start" and events[-1]["type"] == "message_stop"
        deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
        assert "".join(delta.get("text", "") for delta in deltas) == "word0 word1 "
        models = await client.get("/v1/models", **{"anthropic-version": "2023-06-01"})
        assert models["data"][0]["type"] == "model"
        assert await client.post("/v1/messages/count_tokens", body) == {"input_tokens": 3}

    async def test_anthropic_uses_tools(self, client: Client) -> None:
        function: Any = TOOL["function"]
        tool = {"name": "weather_at", "input_schema": function["parameters"]}
        body = build_chat("weather_at?", max_tokens=100, tools=[tool])
        message = await client.post("/v1/messages", body)
        (block,) = message["content"]
        assert (block["type"], block["input"]) == ("tool_use", {"place": "demo", "days": 2})
        events = await client.post_events("/v1/messages", {**body, "stream": True})
        parts = [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"]
        assert msgspec.json.decode("".join(parts)) == block["input"]
        result = {"type": "tool_result", "tool_use_id": block["id"], "content": [{"type": "text", "text": "sunny"}]}
        body["messages"] += [{"role": "assistant", "content": [block]}, {"role": "user", "content": [result]}]
        assert (await client.post("/v1/messages", body))["content"][0]["text"] == "The tool answered: sunny"


class TestOllama:
    async def test_chat(self, client: Client) -> None:
        body = build_chat("[[tokens 3]]", "llama-demo:latest", options={"num_predict": 2})
        lines = [msgspec.json.decode(line) for line in await client.post_lines("/api/chat", body)]
        assert "".join(line["message"]["content"] for line in lines) == "word0 word1 "
        assert [line["done"] for line in lines] == [False, False, True]
        assert lines[-1]["done_reason"] == "length" and lines[-1]["eval_count"] == 2
        completion = await client.post("/api/chat", {**body, "stream": False})
        assert completion["message"]["content"] == "word0 word1 " and completion["done"] is True

    async def test_tools_and_thinking(self, client: Client) -> None:
        body = build_chat("weather_at?", "llama-demo", tools=[TOOL], think=True, stream=False)
        message = (await client.post("/api/chat", body))["message"]
        assert message["tool_calls"][0]["function"] == {"name": "weather_at", "arguments": {"place": "demo", "days": 2}}
        assert message["thinking"].startswith("First I look")

    async def test_generate(self, client: Client) -> None:
        body = {"model": "llama-demo", "prompt": "[[tokens 2]]"}
        lines = [msgspec.json.decode(line) for line in await client.post_lines("/api/generate", body)]
        assert "".join(line["response"] for line in lines) == "word0 word1 "

    async def test_models_are_pulled_and_deleted(self, client: Client) -> None:
        async def list_names() -> list[str]:
            return [model["name"] for model in (await client.get("/api/tags"))["models"]]

        assert await list_names() == ["llama-demo:latest"]
        steps = [msgspec.json.decode(line) for line in await client.post_lines("/api/pull", {"model": "tiny"})]
        assert steps[0] == {"status": "pulling manifest"} and steps[-1] == {"status": "success"}
        assert [step["completed"] for step in steps if "completed" in step][-1] == steps[1]["total"]
        assert await list_names() == ["llama-demo:latest", "tiny:latest"]
        assert (await client.post("/api/show", {"model": "tiny"}))["details"]["family"] == "llama"
        await client.post("/api/delete", {"model": "tiny"}, method="DELETE")
        assert await list_names() == ["llama-demo:latest"]
        for path, method in (
            ("/api/show", "POST"),
            ("/api/delete", "DELETE"),
            ("/api/chat", "POST"),
            ("/api/embed", "POST"),
        ):
            refusal = await client.post(path, {"model": "tiny"}, 404, method)
            assert refusal == {"error": "model 'tiny' not found"}
        failed = await client.post_lines("/api/pull", {"model": "missing"})
        assert b"file does not exist" in failed[-1]

    async def test_a_model_is_loaded_and_unloaded(self, client: Client) -> None:
        async def list_loaded_models() -> list[str]:
            return [model["name"] for model in (await client.get("/api/ps"))["models"]]

        assert await list_loaded_models() == []
        await client.post("/api/chat", build_chat("Hi", "llama-demo", stream=False))
        assert await list_loaded_models() == ["llama-demo:latest"]
        answer = await client.post("/api/generate", {"model": "llama-demo", "keep_alive": 0})
        assert answer["done_reason"] == "unload" and await list_loaded_models() == []
        answer = await client.post("/api/chat", {"model": "llama-demo", "messages": []})
        assert answer["done_reason"] == "load" and await list_loaded_models() == ["llama-demo:latest"]

    async def test_embeddings(self, client: Client) -> None:
        both = await client.post("/api/embed", {"model": "llama-demo", "input": ["a", "b"]})
        single = await client.post("/api/embeddings", {"model": "llama-demo", "prompt": "a"})
        assert both["embeddings"][0] == single["embedding"] != both["embeddings"][1]

    async def test_version_and_errors(self, client: Client) -> None:
        assert (await client.get("/api/version"))["version"]
        refusal = await client.post("/api/chat", build_chat("demo-error-500", "llama-demo"), 500)
        assert refusal == {"error": "demo refusal 500"}


class TestServer:
    async def test_it_records_its_requests(self, client: Client) -> None:
        await client.get("/v1/models", authorization="Bearer key")
        await client.post("/v1/chat/completions", build_chat("Hi"))
        (request,) = await client.list_requests()
        assert (request["method"], request["path"], request["gone"]) == ("POST", "/v1/chat/completions", False)
        assert request["body"] == build_chat("Hi") and request["headers"]["content-type"] == "application/json"
        all_requests = await client.get("/_requests?all=true")
        assert [request["path"] for request in all_requests] == ["/v1/models", "/v1/chat/completions"]
        assert all_requests[0]["headers"]["authorization"] == "Bearer key"
        await client.post("/_requests", None, method="DELETE")
        assert await client.list_requests() == []
        for number in range(105):
            await client.post("/v1/nothing", {"number": number}, 404)
        assert [request["body"]["number"] for request in await client.list_requests()] == list(range(5, 105))

    async def test_tokens_are_sent_at_the_configured_rate(self) -> None:
        async with await start_upstream(tokens_per_second=100) as slow, aiohttp.ClientSession() as session:
            started_at = time.monotonic()
            await Client(slow.url, session).post_lines("/v1/chat/completions", build_chat("[[tokens 40]]", stream=True))
            assert 0.35 <= time.monotonic() - started_at < 1.5

    async def test_streams_side_by_side_share_the_time(self, client: Client) -> None:
        """Check that a short answer does not wait for the end of a long one."""
        long_stream = asyncio.create_task(
            client.post_lines("/v1/chat/completions", build_chat("[[tokens 30000]]", stream=True))
        )
        await asyncio.sleep(0.05)
        await client.post_lines("/v1/chat/completions", build_chat("[[tokens 20]]", stream=True))
        assert not long_stream.done()
        assert len(await long_stream) == 30_000 + 3

    async def test_stopping_breaks_open_streams_off(self) -> None:
        server = await start_upstream(tokens_per_second=20)
        async with aiohttp.ClientSession() as session:
            body = build_chat("[[tokens 1000]]", stream=True)
            async with session.post(server.url + "/v1/chat/completions", json=body) as reply:
                await reply.content.readany()
                async with asyncio.timeout(5):
                    await server.stop()
                with pytest.raises(aiohttp.ClientError):
                    await reply.read()

    def test_in_a_process_of_its_own(self) -> None:
        async def list_models(url: str) -> Any:
            async with aiohttp.ClientSession() as session:
                return await Client(url, session).get("/v1/models")

        with run_demo_server(rate=50) as url:
            assert asyncio.run(list_models(url))["object"] == "list"

    def test_it_imports_nothing_else_of_the_program(self) -> None:
        for path in Path(demo.__file__).parent.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [str(node.module)]
                for name in names:
                    assert name.split(".")[0] != "fastback" or name.startswith("fastback.demo"), f"{path.name}: {name}"
