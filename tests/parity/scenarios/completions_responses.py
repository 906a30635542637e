"""Chats with a connection of OpenAI's Responses API."""

from parity.steps import Merged, flatten_steps, get, post

_ASK = "/api/chat/completions"
_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
#: What a chat completion has in OpenAI's API, and the reference's conversion leaves out.
_ADDED = (
    "$.created",
    "$.usage.prompt_tokens",
    "$.usage.completion_tokens",
    "$.usage.prompt_tokens_details",
    "$.usage.completion_tokens_details",
)
_WHOLE = {"ignore": _ADDED, "why": "complete for clients of chat completions"}
_STREAM = {"ignore": ("$", "headers.content-type"), "why": "chunks of a chat completion, not events of the other API"}


def _make_request(text: str, **more: object) -> dict[str, object]:
    return {"model": "demo-small", "messages": [{"role": "user", "content": text}], **more}


STEPS = flatten_steps(
    get("ada", "/openai/config", save={"openai": "$"}),
    post(
        "ada",
        "/openai/config/update",
        Merged("${openai}", {"OPENAI_API_CONFIGS": {"0": {"enable": True, "api_type": "responses"}}}),
    ),
    get("ada", "/api/models", query={"refresh": True}),
    post("ada", _ASK, _make_request("[[tokens 3]]"), **_WHOLE),
    post(
        "ada",
        _ASK,
        _make_request("[[tokens 3]]", max_tokens=2),
        ignore=(*_ADDED, "$.choices[0].finish_reason"),
        why="complete for clients of chat completions, and cut short",
    ),
    post("ada", _ASK, _make_request("[[tokens 3]]", stream=True), **_STREAM),
    post("ada", _ASK, _make_request("What is the weather?", tools=[_TOOL]), **_WHOLE),
    post(
        "ada",
        _ASK,
        _make_request("[[tokens 2]]", model="demo-reasoner"),
        ignore=(*_ADDED, "$.choices[0].message.reasoning_content"),
        why="complete for clients of chat completions, with the reasoning",
    ),
    post("ada", "/openai/chat/completions", _make_request("[[tokens 3]]"), **_WHOLE),
    post("ada", _ASK, _make_request("demo-error-429")),
    post("ada", _ASK, _make_request("[[error]]", stream=True), **_STREAM),
    post(
        "ada",
        "/api/v1/messages",
        _make_request("[[tokens 3]]", max_tokens=50),
        ignore=("$.usage.cache_read_input_tokens",),
        why="the server counts them",
    ),
    post(
        "ada",
        "/api/v1/tasks/title/completions",
        _make_request("What is tea?"),
        ignore=("$.usage", "$.created"),
        why="our own prompt",
    ),
)
