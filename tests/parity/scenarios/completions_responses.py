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
    post("ada", _ASK, _make_request("[[tokens 3]]")),
    post("ada", _ASK, _make_request("[[tokens 3]]", max_tokens=2)),
    post("ada", _ASK, _make_request("[[tokens 3]]", stream=True)),
    post("ada", _ASK, _make_request("What is the weather?", tools=[_TOOL])),
    post("ada", _ASK, _make_request("[[tokens 2]]", model="demo-reasoner")),
    post("ada", "/openai/chat/completions", _make_request("[[tokens 3]]")),
    post("ada", _ASK, _make_request("demo-error-429")),
    post("ada", _ASK, _make_request("[[error]]", stream=True)),
    post("ada", "/api/v1/messages", _make_request("[[tokens 3]]", max_tokens=50)),
    post(
        "ada",
        "/api/v1/tasks/title/completions",
        _make_request("What is tea?"),
        ignore=("$.usage",),
        why="our own prompt",
    ),
)
