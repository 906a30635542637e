"""`/ollama`: operations of an administrator on the models of a server, and refusals for others."""

from parity.steps import Merged, Step, delete, flatten_steps, get, post, refused_steps

_LLAMA = "llama-demo:latest"
_API = "/ollama/api"


def _request_model_operation(
    method: str, path: str, body: dict[str, object], empty: dict[str, object] | None = None
) -> list[Step]:
    """Request an operation on any server and on the first, with an empty body, and without permission."""
    return [
        Step("ada", method, path, body),
        Step("ada", method, f"{path}/0", body),
        Step("ada", method, path, {} if empty is None else empty),
        *refused_steps("anonymous pending bob", method, path, body),
        *refused_steps("anonymous bob", method, f"{path}/0", body),
    ]


STEPS = flatten_steps(
    get("ada", "/ollama/config", save={"ollama": "$"}),
    post("ada", f"{_API}/pull", {"model": "new"}),
    post("ada", f"{_API}/copy", {"source": _LLAMA, "destination": "mine"}),
    post("ada", "/ollama/config/update", Merged("${ollama}", {"ENABLE_OLLAMA_API": True})),
    get("ada", "/api/models", query={"refresh": True}),
    _request_model_operation("POST", f"{_API}/copy", {"source": _LLAMA, "destination": "mine"}),
    post("ada", f"{_API}/copy", {"source": "nothing", "destination": "mine"}),
    _request_model_operation(
        "POST", f"{_API}/create", {"model": "mine", "from": _LLAMA, "stream": False}, {"model": "mine"}
    ),
    _request_model_operation("DELETE", f"{_API}/push", {"model": _LLAMA}),
    delete("ada", f"{_API}/push", {"model": "nothing"}),
    post("ada", f"{_API}/pull/0", {"model": "newer"}),
    refused_steps("anonymous bob", "POST", f"{_API}/pull/0", {"model": "newer"}),
    post("ada", f"{_API}/pull/0", {"name": "newest", "stream": False}),
    get("ada", "/api/models", query={"refresh": True}),
    delete("ada", f"{_API}/delete/0", {"model": "newer:latest"}),
    delete("ada", f"{_API}/delete/0", {"model": "nothing"}),
    refused_steps("anonymous bob", "DELETE", f"{_API}/delete/0", {"model": "newest:latest"}),
    post("ada", "/ollama/models/download", {"url": "http://127.0.0.1:9/x.gguf"}),
    post("ada", "/ollama/models/download/0", {"url": "ftp://example.org/x"}),
    post("ada", "/ollama/models/download", {}),
    refused_steps("anonymous pending bob", "POST", "/ollama/models/download", {"url": "https://huggingface.co/x"}),
    refused_steps("anonymous bob", "POST", "/ollama/models/upload", {}),
    get("ada", "/ollama/v1/models/0"),
    refused_steps("anonymous bob", "GET", "/ollama/v1/models/0"),
    Step("anonymous", "HEAD", "/ollama/"),
    get("anonymous", "/ollama/"),
)
