"""`/ollama`: questions passed on in Ollama's words and in those of others, and work on its models."""

from parity.steps import Merged, Step, delete, flat, get, post, refused

_LLAMA = "llama-demo:latest"
_LONG = "long numbers"


def _says(text: str = "[[tokens 2]]", **more: object) -> dict[str, object]:
    return {"model": _LLAMA, "messages": [{"role": "user", "content": text}], **more}


def _door(path: str, body: dict[str, object], **more: object) -> list[Step]:
    """A question asked well, by those who may not, for a model that nobody has, and with nothing in it."""
    return [
        post("ada", path, body, **more),
        post("ada", f"{path}/0", body, **more),
        *refused("anonymous pending bob", "POST", path, body),
        post("ada", path, {**body, "model": "nothing"}),
    ]


STEPS = flat(
    get("ada", "/ollama/config", save={"ollama": "$"}),
    post("ada", "/ollama/api/chat", _says(stream=False)),
    post("ada", "/ollama/config/update", Merged("${ollama}", {"ENABLE_OLLAMA_API": True})),
    get(
        "ada",
        "/api/models",
        query={"refresh": True},
        ignore=("$.data[4].loaded", "$.data[4].ollama.expires_at"),
        why="another scenario may have loaded it",
    ),
    _door("/ollama/api/chat", _says(stream=False)),
    post("ada", "/ollama/api/chat", _says()),
    post("ada", "/ollama/api/chat", _says("demo-error-429", stream=False)),
    _door("/ollama/api/generate", {"model": _LLAMA, "prompt": "[[tokens 2]]", "stream": False}),
    post("ada", "/ollama/api/generate", {"model": _LLAMA, "prompt": "[[tokens 2]]"}),
    _door("/ollama/api/embed", {"model": _LLAMA, "input": ["a", "b"]}, ignore=("$.embeddings",), why=_LONG),
    _door("/ollama/api/embeddings", {"model": _LLAMA, "prompt": "a"}, ignore=("$.embedding",), why=_LONG),
    _door("/ollama/v1/chat/completions", _says()),
    post("ada", "/ollama/v1/chat/completions", _says(stream=True)),
    post("ada", "/ollama/v1/chat/completions", _says("demo-error-500")),
    _door("/ollama/v1/completions", {"model": _LLAMA, "prompt": "[[tokens 2]]"}),
    _door("/ollama/v1/embeddings", {"model": _LLAMA, "input": "a"}, ignore=("$.data",), why=_LONG),
    _door("/ollama/v1/messages", _says(max_tokens=50)),
    _door("/ollama/v1/responses", {"model": _LLAMA, "input": "[[tokens 2]]"}),
    # Work on models.
    post("ada", "/ollama/api/show", {"model": _LLAMA}),
    post("ada", "/ollama/api/show", {"model": "nothing"}),
    post("bob", "/ollama/api/show", {"model": _LLAMA}),
    post("ada", "/ollama/api/pull", {"model": "new"}),
    post("ada", "/ollama/api/pull", {"model": "missing", "stream": False}),
    refused("anonymous pending bob", "POST", "/ollama/api/pull", {"model": "new"}),
    get("ada", "/api/models", query={"refresh": True}),
    delete("ada", "/ollama/api/delete", {"model": "new:latest"}),
    delete("ada", "/ollama/api/delete", {"model": "nothing"}),
    post("ada", "/ollama/api/unload", {"model": _LLAMA}),
    post("ada", "/ollama/api/unload", {"model": "nothing"}),
    post("ada", "/ollama/api/unload", {}),
    post("ada", "/api/models/unload", {"model": _LLAMA}),
    post("ada", "/api/models/unload", {"model": "demo-small"}),
    post("ada", "/api/models/unload", {"model": "nothing"}),
    refused("anonymous bob", "POST", "/api/models/unload", {"model": _LLAMA}),
    get("ada", "/ollama/api/tags/0"),
    refused("anonymous bob", "GET", "/ollama/api/tags/0"),
    get("ada", "/ollama/api/version/0"),
    get("bob", "/ollama/api/version"),
    refused("anonymous bob", "GET", "/ollama/api/ps"),
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
