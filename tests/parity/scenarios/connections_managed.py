"""Servers that load models on demand, and unknown paths below `/openai`."""

from parity.steps import Merged, Step, delete, flatten_steps, get, post, refused_steps

_MODELS = "/openai/models/0"
_NAME = {"model": "demo-small"}


def _request_provider(name: str) -> list[Step]:
    """Request every operation on a server of this provider; the model server of the tests supports none of them."""
    configs = {"0": {"enable": True, "provider": name, "prefix_id": "near"}}
    return [
        post("ada", "/openai/config/update", Merged("${openai}", {"OPENAI_API_CONFIGS": configs})),
        get("ada", "/api/models", query={"refresh": True}),
        get("ada", f"{_MODELS}/catalog"),
        post("ada", f"{_MODELS}/download", {"model": "near.new"}),
        get("ada", f"{_MODELS}/download/status/7"),
        post("ada", f"{_MODELS}/load", {"model": "near.demo-small"}),
        post("ada", f"{_MODELS}/unload", {"model": "near.demo-small"}),
        get("ada", f"{_MODELS}/sse"),
        delete("ada", _MODELS, query={"model": "near.demo-small"}),
        post("ada", "/api/models/unload", {"model": "near.demo-small"}),
    ]


STEPS = flatten_steps(
    get("ada", "/openai/config", save={"openai": "$"}),
    get("ada", "/api/models"),
    *(
        refused_steps("anonymous pending bob", "GET", f"{_MODELS}/{name}")
        for name in ("catalog", "sse", "download/status/7")
    ),
    *(refused_steps("anonymous bob", "POST", f"{_MODELS}/{name}", _NAME) for name in ("download", "load", "unload")),
    refused_steps("anonymous bob", "DELETE", f"{_MODELS}?model=demo-small"),
    *(post("ada", f"{_MODELS}/{name}", {}) for name in ("download", "load")),
    delete("ada", _MODELS),
    get("ada", "/openai/models/x/catalog"),
    *(Step("ada", method, "/openai/nothing", {"model": "demo-small"}) for method in ("PUT", "DELETE", "POST")),
    *(Step("anonymous", method, "/openai/nothing", {}) for method in ("PUT", "DELETE", "POST")),
    _request_provider("llama.cpp"),
    _request_provider("lmstudio"),
    _request_provider("unheard of"),
)
