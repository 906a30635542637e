"""Conversion between the protocols of Ollama and OpenAI."""

from __future__ import annotations

import json
from typing import Any

from fastback.providers.ollama.completions import OllamaToOpenAI, to_openai_completion
from fastback.providers.ollama.requests import to_ollama

COUNTS = {
    "total_duration": 3_000_000_000,
    "load_duration": 1,
    "prompt_eval_count": 4,
    "prompt_eval_duration": 2_000_000_000,
    "eval_count": 6,
    "eval_duration": 1_000_000_000,
}


def convert_lines(*lines: Any) -> list[Any]:
    """Return the payloads of OpenAI's events that these lines are converted to."""
    converter = OllamaToOpenAI("llama")
    contents = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    payloads = [payload for content in contents for payload in converter.feed(content)]
    return ["[DONE]" if payload == b"[DONE]" else json.loads(payload) for payload in payloads]


def build_message(**message: Any) -> dict[str, Any]:
    return {"model": "llama", "message": {"role": "assistant", **message}, "done": False}


def test_messages_with_pictures_calls_and_thoughts() -> None:
    request = to_ollama(
        {
            "model": "llama",
            "stream": True,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                        {"type": "text", "text": "this?"},
                    ],
                },
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_content": "hm",
                    "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": '{"far": true}'}}],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
            ],
        }
    )
    question, answer, result = request["messages"]
    assert question["images"] == ["QUJD"] and "What is" in question["content"] and "this?" in question["content"]
    assert answer["thinking"] == "hm" and answer["tool_calls"][0]["function"]["arguments"] == {"far": True}
    assert result == {"role": "tool", "content": "a cat", "tool_call_id": "c1"}
    assert request["stream"] is True


def test_parameters_become_options_and_fields() -> None:
    request = to_ollama(
        {
            "model": "llama",
            "messages": [],
            "temperature": 0.5,
            "max_tokens": 9,
            "stop": "end",
            "num_ctx": 4096,
            "think": True,
            "keep_alive": "5m",
            "custom": 1,
            "user": "u",
            "stream_options": {},
            "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
        }
    )
    options = {"temperature": 0.5, "num_predict": 9, "stop": ["end"], "num_ctx": 4096, "custom": 1}
    assert request["options"] == options and "custom" not in request
    assert request["think"] is True and request["keep_alive"] == "5m" and request["format"] == {"type": "object"}
    assert to_ollama({"model": "m", "messages": [], "response_format": {"type": "json_object"}})["format"] == "json"
    assert "options" not in to_ollama({"model": "m", "messages": []})


def test_a_stream_of_content() -> None:
    end = {"model": "llama", "message": {"content": ""}, "done": True, "done_reason": "length", **COUNTS}
    first, second, last, done = convert_lines(build_message(content="Hel"), build_message(content="lo"), end)
    assert first["object"] == "chat.completion.chunk" and first["id"] == second["id"] == last["id"]
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "Hel"}
    assert second["choices"][0]["delta"] == {"content": "lo"}
    assert last["choices"][0] == {"index": 0, "logprobs": None, "finish_reason": "length", "delta": {}}
    usage = last["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (4, 6, 10)
    assert (usage["input_tokens"], usage["output_tokens"], usage["approximate_total"]) == (4, 6, "0h0m3s")
    assert usage["response_token/s"] == 6.0 and usage["prompt_token/s"] == 2.0
    assert done == "[DONE]"


def test_a_stream_of_thoughts_and_calls() -> None:
    call = {"function": {"name": "look", "arguments": {"far": True}}}
    thought, called, last, _ = convert_lines(
        build_message(content="", thinking="hm"),
        build_message(content="", tool_calls=[call, call]),
        {"message": {"content": ""}, "done": True, "done_reason": "stop"},
    )
    assert thought["choices"][0]["delta"]["reasoning_content"] == "hm"
    calls = called["choices"][0]["delta"]["tool_calls"]
    assert [entry["index"] for entry in calls] == [0, 1] and calls[0]["id"] != calls[1]["id"]
    assert json.loads(calls[0]["function"]["arguments"]) == {"far": True}
    assert last["choices"][0]["finish_reason"] == "tool_calls"
    assert last["usage"]["response_token/s"] == "N/A"


def test_calls_of_later_lines_do_not_share_an_index() -> None:
    call = {"function": {"name": "look", "arguments": {}}}
    first, second = convert_lines(
        build_message(content="", tool_calls=[call]), build_message(content="", tool_calls=[call])
    )
    indices = [chunk["choices"][0]["delta"]["tool_calls"][0]["index"] for chunk in (first, second)]
    assert indices == [0, 1]


def test_errors_and_garbage() -> None:
    assert convert_lines({"error": "out of memory"}) == [{"error": {"message": "out of memory"}}]
    assert convert_lines(b"no JSON", b"[]", b"") == []


def test_an_answer_without_streaming() -> None:
    call = {"function": {"name": "look", "arguments": {"far": True}}}
    message = {"role": "assistant", "content": "Hello", "thinking": "hm", "tool_calls": [call]}
    completion = to_openai_completion({"message": message, "done_reason": "stop", **COUNTS}, "llama")
    choice = completion["choices"][0]
    assert completion["object"] == "chat.completion" and choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Hello" and choice["message"]["reasoning_content"] == "hm"
    assert choice["message"]["tool_calls"][0]["type"] == "function"
    assert completion["usage"]["total_tokens"] == 10
    plain = to_openai_completion({"message": {"content": "x"}, "done_reason": "length"}, "llama")
    assert plain["choices"][0]["finish_reason"] == "length" and "tool_calls" not in plain["choices"][0]["message"]
