"""An Ollama server with a prefix, selected models and labels, beside the same server without, and a disabled one."""

from parity.steps import Merged, flatten_steps, get, post

_LLAMA = "llama-demo:latest"
_NEAR = f"near.{_LLAMA}"


def _make_request(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "[[tokens 2]]"}], **more}


STEPS = flatten_steps(
    get("ada", "/ollama/config", save={"ollama": "$"}),
    post(
        "ada",
        "/ollama/config/update",
        Merged(
            "${ollama}",
            {
                "ENABLE_OLLAMA_API": True,
                "OLLAMA_BASE_URLS": ["${upstream}", "${upstream}", "${upstream}"],
                "OLLAMA_API_CONFIGS": {
                    "0": {
                        "enable": True,
                        "prefix_id": "near",
                        "model_ids": [_LLAMA],
                        "tags": [{"name": "Near"}],
                        "connection_type": "external",
                    },
                    "1": {"enable": True, "model_ids": ["another"]},
                    "2": {"enable": False},
                },
            },
        ),
    ),
    get("ada", "/api/models", query={"refresh": True}),
    get("ada", "/ollama/api/tags"),
    get("ada", "/ollama/api/tags/0"),
    get("ada", "/ollama/api/version"),
    post("ada", "/api/chat/completions", _make_request(_NEAR)),
    post("ada", "/api/chat/completions", _make_request(_NEAR, stream=True)),
    post("ada", "/api/chat/completions", _make_request(_LLAMA)),
    post("ada", "/ollama/api/chat", _make_request(_NEAR, stream=False)),
    post("ada", "/ollama/api/chat", _make_request(_LLAMA, stream=False)),
    post("ada", "/ollama/api/generate", {"model": _NEAR, "prompt": "[[tokens 2]]", "stream": False}),
    post("ada", "/ollama/v1/chat/completions", _make_request(_NEAR)),
    post("ada", "/api/embeddings", {"model": _NEAR, "input": "one"}, ignore=("$.data",), why="long numbers"),
    post("ada", "/ollama/api/show", {"model": _NEAR}),
    get("ada", "/ollama/api/ps"),
    post("ada", "/ollama/api/unload", {"model": _NEAR}),
)
