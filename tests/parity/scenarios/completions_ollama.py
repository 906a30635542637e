"""Ollama models in OpenAI's format: completions, tools, embeddings, refusals."""

from parity.steps import Merged, flatten_steps, get, post, refused_steps

_ASK = "/api/chat/completions"
_LLAMA = "llama-demo:latest"
_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def _make_request(text: str, **more: object) -> dict[str, object]:
    return {"model": _LLAMA, "messages": [{"role": "user", "content": text}], **more}


_EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]

STEPS = flatten_steps(
    get("ada", "/ollama/config", save={"ollama": "$"}),
    post("ada", "/ollama/config/update", Merged("${ollama}", {"ENABLE_OLLAMA_API": True})),
    get("ada", "/api/models", query={"refresh": True}),
    post("ada", _ASK, _make_request("[[tokens 3]]")),
    post("ada", _ASK, _make_request("[[tokens 3]]", max_tokens=2, temperature=0.5, stop=["x"], seed=1)),
    post("ada", _ASK, _make_request("[[tokens 3]]", stream=True)),
    post("ada", _ASK, _make_request("What is the weather?", tools=[_TOOL])),
    post("ada", _ASK, _make_request("What is the weather?", tools=[_TOOL], stream=True)),
    refused_steps("anonymous pending bob", "POST", _ASK, _make_request("[[tokens 1]]")),
    post("ada", _ASK, _make_request("demo-error-429")),
    post("ada", _ASK, _make_request("demo-error-500", stream=True)),
    # A workspace model based on it.
    post(
        "ada",
        "/api/v1/models/create",
        {
            "id": "tame",
            "base_model_id": _LLAMA,
            "name": "Tame",
            "meta": {},
            "params": {"system": "Be short.", "temperature": 0, "num_ctx": 512},
            "access_grants": _EVERYBODY,
        },
    ),
    get("ada", "/api/models", query={"refresh": True}),
    post("ada", _ASK, _make_request("[[tokens 2]]", model="tame")),
    post("ada", _ASK, _make_request("[[tokens 2]]", model="tame", stream=True)),
    post(
        "ada",
        "/api/v1/models/create",
        {"id": "deep", "base_model_id": _LLAMA, "name": "Deep", "meta": {}, "params": {"think": True}},
        pause=1.1,
    ),
    get("ada", "/api/models", query={"refresh": True}),
    post("ada", _ASK, _make_request("[[tokens 2]]", model="deep")),
    post("ada", _ASK, _make_request("[[tokens 2]]", model="deep", stream=True)),
    # Anthropic's format.
    post("ada", "/api/v1/messages", _make_request("[[tokens 3]]", max_tokens=50)),
    post("ada", "/api/v1/messages", _make_request("[[tokens 3]]", max_tokens=50, stream=True)),
    post("ada", "/api/v1/messages/count_tokens", _make_request("[[tokens 3]]")),
    # Embeddings.
    post("ada", "/api/embeddings", {"model": _LLAMA, "input": "one"}, ignore=("$.data",), why="long numbers"),
    post("ada", "/api/embeddings", {"model": _LLAMA, "input": ["one", "two"]}, ignore=("$.data",), why="long"),
    # Not available at the OpenAI proxy.
    post("ada", "/openai/chat/completions", _make_request("[[tokens 1]]")),
    # Small tasks.
    post(
        "ada",
        "/api/v1/tasks/title/completions",
        _make_request("What is tea?"),
        ignore=("$.usage",),
        why="our own prompt",
    ),
)
