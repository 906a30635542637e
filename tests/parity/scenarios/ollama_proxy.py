"""`/ollama`: chat requests in Ollama's and other formats, and operations on its models."""

from parity.steps import Merged, Step, delete, flatten_steps, get, post, refused_steps

_LLAMA = "llama-demo:latest"
_LONG = "long numbers"


def _make_request(text: str = "[[tokens 2]]", **more: object) -> dict[str, object]:
    return {"model": _LLAMA, "messages": [{"role": "user", "content": text}], **more}


def _request_proxy(path: str, body: dict[str, object], **more: object) -> list[Step]:
    """Send a valid request, requests without permission, and a request for an unknown model."""
    return [
        post("ada", path, body, **more),
        post("ada", f"{path}/0", body, **more),
        *refused_steps("anonymous pending bob", "POST", path, body),
        post("ada", path, {**body, "model": "nothing"}),
    ]


STEPS = flatten_steps(
    get("ada", "/ollama/config", save={"ollama": "$"}),
    post("ada", "/ollama/api/chat", _make_request(stream=False)),
    post("ada", "/ollama/config/update", Merged("${ollama}", {"ENABLE_OLLAMA_API": True})),
    get(
        "ada",
        "/api/models",
        query={"refresh": True},
        ignore=("$.data[4].loaded", "$.data[4].ollama.expires_at"),
        why="another scenario may have loaded it",
    ),
    _request_proxy("/ollama/api/chat", _make_request(stream=False)),
    post("ada", "/ollama/api/chat", _make_request()),
    post("ada", "/ollama/api/chat", _make_request("demo-error-429", stream=False)),
    _request_proxy("/ollama/api/generate", {"model": _LLAMA, "prompt": "[[tokens 2]]", "stream": False}),
    post("ada", "/ollama/api/generate", {"model": _LLAMA, "prompt": "[[tokens 2]]"}),
    _request_proxy("/ollama/api/embed", {"model": _LLAMA, "input": ["a", "b"]}, ignore=("$.embeddings",), why=_LONG),
    _request_proxy("/ollama/api/embeddings", {"model": _LLAMA, "prompt": "a"}, ignore=("$.embedding",), why=_LONG),
    _request_proxy("/ollama/v1/chat/completions", _make_request()),
    post("ada", "/ollama/v1/chat/completions", _make_request(stream=True)),
    post("ada", "/ollama/v1/chat/completions", _make_request("demo-error-500")),
    _request_proxy("/ollama/v1/completions", {"model": _LLAMA, "prompt": "[[tokens 2]]"}),
    _request_proxy("/ollama/v1/embeddings", {"model": _LLAMA, "input": "a"}, ignore=("$.data",), why=_LONG),
    _request_proxy("/ollama/v1/messages", _make_request(max_tokens=50)),
    _request_proxy("/ollama/v1/responses", {"model": _LLAMA, "input": "[[tokens 2]]"}),
    # Operations on models.
    post("ada", "/ollama/api/show", {"model": _LLAMA}),
    post("ada", "/ollama/api/show", {"model": "nothing"}),
    post("bob", "/ollama/api/show", {"model": _LLAMA}),
    post("ada", "/ollama/api/pull", {"model": "new"}),
    post("ada", "/ollama/api/pull", {"model": "missing", "stream": False}),
    refused_steps("anonymous pending bob", "POST", "/ollama/api/pull", {"model": "new"}),
    get("ada", "/api/models", query={"refresh": True}),
    delete("ada", "/ollama/api/delete", {"model": "new:latest"}),
    delete("ada", "/ollama/api/delete", {"model": "nothing"}),
    post("ada", "/ollama/api/unload", {"model": _LLAMA}),
    post("ada", "/ollama/api/unload", {"model": "nothing"}),
    post("ada", "/ollama/api/unload", {}),
    post("ada", "/api/models/unload", {"model": _LLAMA}),
    post("ada", "/api/models/unload", {"model": "demo-small"}),
    post("ada", "/api/models/unload", {"model": "nothing"}),
    refused_steps("anonymous bob", "POST", "/api/models/unload", {"model": _LLAMA}),
    get("ada", "/ollama/api/tags/0"),
    refused_steps("anonymous bob", "GET", "/ollama/api/tags/0"),
    get("ada", "/ollama/api/version/0"),
    get("bob", "/ollama/api/version"),
    refused_steps("anonymous bob", "GET", "/ollama/api/ps"),
    # A server that is down.
    post(
        "ada",
        "/ollama/config/update",
        Merged("${ollama}", {"ENABLE_OLLAMA_API": True, "OLLAMA_BASE_URLS": ["http://127.0.0.1:9"]}),
    ),
    get("ada", "/ollama/api/version"),
    get("ada", "/ollama/api/ps"),
    get("ada", "/ollama/api/tags"),
    get("ada", "/ollama/api/tags/0"),
    post("ada", "/ollama/api/pull", {"model": "new"}),
)
