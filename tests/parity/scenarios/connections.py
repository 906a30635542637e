"""Model servers: their settings, checks of addresses, and forwarded calls."""

from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_OPENAI = "/openai/config"
_OLLAMA = "/ollama/config"
_HI = {"model": "demo-small", "messages": [{"role": "user", "content": "[[tokens 3]]"}]}

STEPS = flatten_steps(
    get("ada", _OPENAI, save={"openai": "$"}),
    get("ada", _OLLAMA, save={"ollama": "$"}),
    refused_steps("anonymous pending bob", "GET", _OPENAI),
    refused_steps("anonymous pending bob", "GET", _OLLAMA),
    refused_steps("anonymous bob", "POST", f"{_OPENAI}/update", {}),
    refused_steps("anonymous bob", "POST", f"{_OLLAMA}/update", {}),
    post("ada", f"{_OPENAI}/update", {}),
    post("ada", f"{_OLLAMA}/update", {}),
    post("ada", "/openai/verify", {"url": "${upstream}/v1", "key": "upstream-key"}),
    post("ada", "/openai/verify", {"url": "${upstream}/nothing", "key": "upstream-key"}),
    post("ada", "/openai/verify", {"url": "http://127.0.0.1:9/v1", "key": ""}),
    post("ada", "/openai/verify", {}),
    refused_steps("anonymous bob", "POST", "/openai/verify", {"url": "${upstream}/v1", "key": ""}),
    post("ada", "/ollama/verify", {"url": "${upstream}"}),
    post("ada", "/ollama/verify", {"url": "http://127.0.0.1:9"}),
    post("ada", "/ollama/verify", {}),
    refused_steps("anonymous bob", "POST", "/ollama/verify", {"url": "${upstream}"}),
    get("ada", "/openai/models"),
    get("bob", "/openai/models"),
    get("ada", "/openai/models/0"),
    get("ada", "/openai/models/7", ignore=("status",), why="the reference reaches past the end of its list"),
    refused_steps("anonymous pending", "GET", "/openai/models"),
    post("bob", "/openai/chat/completions", _HI),
    post("ada", "/openai/chat/completions", _HI),
    post("ada", "/openai/chat/completions", {**_HI, "stream": True}),
    post("ada", "/openai/chat/completions", {**_HI, "model": "nothing"}),
    post("bob", "/openai/chat/completions", {**_HI, "model": "nothing"}),
    post("ada", "/openai/chat/completions", {}),
    refused_steps("anonymous pending bob", "POST", "/openai/responses", {"model": "demo-small", "input": "x"}),
    post("bob", "/openai/responses", {"model": "nothing", "input": "x"}),
    post("ada", "/openai/responses", {"model": "demo-small", "input": "[[tokens 3]]", "stream": True}),
    refused_steps("anonymous bob", "GET", "/openai/models/0"),
    # Models that a server loads on demand.
    get("ada", "/openai/models/0/catalog"),
    get("ada", "/openai/models/7/catalog"),
    post("ada", "/openai/models/0/load", {"model": "demo-small"}),
    post("ada", "/openai/models/0/unload", {}),
    refused_steps("anonymous bob", "GET", "/openai/models/0/catalog"),
    refused_steps("anonymous bob", "POST", "/openai/models/0/load", {"model": "demo-small"}),
    refused_steps("anonymous pending", "POST", "/openai/chat/completions", _HI),
    post("ada", "/openai/responses", {"model": "demo-small", "input": "[[tokens 3]]"}),
    post("ada", "/openai/responses", {}),
    get("ada", "/openai/nothing/there"),
    refused_steps("anonymous pending", "GET", "/openai/nothing/there"),
    post(
        "ada",
        "/openai/audio/speech",
        {"input": "x"},
        ignore=("status",),
        why="the reference fails on its own way to say that OpenAI is not connected",
    ),
    # Several servers, one of them down, a prefix, selected names.
    post(
        "ada",
        f"{_OPENAI}/update",
        Merged(
            "${openai}",
            {
                "OPENAI_API_BASE_URLS": ["${upstream}/v1", "http://127.0.0.1:9/v1", "${upstream}/v1"],
                "OPENAI_API_KEYS": ["upstream-key"],
                "OPENAI_API_CONFIGS": {
                    "2": {"enable": True, "prefix_id": "two", "model_ids": ["demo-large"], "tags": [{"name": "Far"}]}
                },
            },
        ),
    ),
    get("ada", _OPENAI),
    get("ada", "/api/models", query={"refresh": True}),
    post("ada", "/api/chat/completions", {**_HI, "model": "two.demo-large"}),
    post("ada", f"{_OPENAI}/update", Merged("${openai}", {"ENABLE_OPENAI_API": False})),
    get("ada", "/api/models", query={"refresh": True}),
    get("ada", "/openai/models"),
    # The same server as an Ollama.
    get("ada", "/ollama/api/tags"),
    post("ada", f"{_OLLAMA}/update", Merged("${ollama}", {"ENABLE_OLLAMA_API": True})),
    get("ada", "/api/models", query={"refresh": True}),
    get("ada", "/ollama/api/tags"),
    get("bob", "/ollama/api/tags"),
    get("ada", "/ollama/api/version"),
    get("ada", "/ollama/api/ps"),
    get("ada", "/ollama/"),
    get("ada", "/ollama/v1/models"),
    refused_steps("anonymous pending", "GET", "/ollama/api/tags"),
    refused_steps("anonymous", "GET", "/ollama/api/version"),
    post("ada", f"{_OPENAI}/update", "${openai}"),
    delete("bob", "/ollama/api/delete", {"model": "nothing"}),
)
